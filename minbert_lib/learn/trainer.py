"""The training loop: batches in, better weights out.

Notable choices:
- One loop for every system: what differs between them is the plan of tasks, the model, the optimiser's groups and the two
  penalties, all handed in.
- The loop can stop at any update and go on bit for bit: the plan of an epoch and the batches of a feed are functions of the seed and of
  a few counters, and everything else that changes is in `state_dict`.
- The best epoch is the one whose dev scores have the highest mean, one epoch for all tasks; its weights are kept.
- Large batches may be cut into micro-batches with the same gradient: each part counts by its share of the examples. On a GPU that runs
  out of memory the parts are halved and the update is taken again. An update that fails leaves everything as it was before it.
"""

import itertools
import math
import random
import time
import warnings

import numpy as np
import torch

from ..model.fast import keep_memory
from ..model.multitask import of_task
from ..text.tasks import TASKS
from . import groups, state
from .compare import NotFinite, has_dropout, random_state, without_dropout
from .metrics import Means, selection_score, share_right, task_loss
from .precision import autocast, is_final
from .sampling import Feed, epoch_plan
from .stops import KNOB, OutOfMemory, out_of_memory, unbroken
from .surgery import joined

POINTS = 200  # points on a loss curve of one run


class Trainer:
    def __init__(
        self,
        model,
        train_sets,
        optimizer,
        evaluate,
        epochs=3,
        batch_size=32,
        sampling="shuffled",
        epoch_of=None,
        schedule="linear",
        warmup=0.0,
        task_weights=1.0,
        surgery="none",
        smart=None,
        bregman=None,
        unfreeze_per_epoch=0,
        clip=0.0,
        precision="float32",
        micro_batch=None,
        pool=50,
        seed=0,
        device="cpu",
        planner=epoch_plan,
    ):
        keep_memory()
        self.model, self.optimizer, self.evaluate = model, optimizer, evaluate
        self.epochs, self.sampling, self.epoch_of = epochs, sampling, epoch_of
        self.schedule, self.warmup, self.task_weights = schedule, warmup, task_weights
        self.surgery, self.smart, self.bregman, self.clip = surgery, smart, bregman, clip
        self.unfreeze_per_epoch, self.precision, self.micro_batch = unfreeze_per_epoch, precision, micro_batch
        self.seed, self.device = seed, torch.device(device)
        self.feeds = {task: Feed(data, of_task(batch_size, task, 32), seed, pool) for task, data in train_sets.items()}
        self.trained = [(name, p) for name, p in model.named_parameters() if p.requires_grad]
        self.layers = max((groups.depth_of(name, 0) or 0) for name, _ in model.named_parameters())
        self.base_rates = [group["lr"] for group in optimizer.param_groups]
        self.scaler = self._scaler()
        self.plans = [self._plan(planner, epoch) for epoch in range(1, epochs + 1)]
        self.total = sum(map(len, self.plans))
        self.epoch, self.position, self.step, self.seconds, self.tokens = 1, 0, 0, 0.0, 0
        self.curve, self.history, self.best, self.best_weights = [], [], None, None
        self.window, self.running = Means(), Means()  # since the last point of the curve; since the epoch began

    def run(self, on_update=None, on_epoch=None):
        """Train to the end (or on from where a loaded state stands). The hooks are called with the trainer."""
        while self.epoch <= self.epochs:
            plan = self.plans[self.epoch - 1]
            if self.unfreeze_per_epoch:
                groups.unfreeze(self.trained, self.epoch, self.layers, self.unfreeze_per_epoch)
            self.model.train()
            while self.position < len(plan):
                started = time.perf_counter()
                with unbroken():
                    self.update(plan[self.position])
                    self.position += 1
                    self.seconds += time.perf_counter() - started
                if on_update:
                    on_update(self)
            scores, losses, _ = self.evaluate(self.model)
            with unbroken():
                self._end_of_epoch(scores, losses)
                self.epoch, self.position = self.epoch + 1, 0
            if on_epoch:
                on_epoch(self)

    def update(self, tasks):
        """One step of the optimiser on one batch of each task in `tasks`."""
        factor = groups.schedule(self.schedule, self.step, self.total, self.warmup)
        for group, rate in zip(self.optimizer.param_groups, self.base_rates):
            group["lr"] = rate * factor
        before = state.moment(self)
        batches = [self.feeds[task].next() for task in tasks]
        try:
            losses = self._gradients(batches)
            self.scaler.unscale_(self.optimizer)
            norm = self._check(losses, batches)
        except Exception as error:
            self.optimizer.zero_grad(set_to_none=True)
            state.return_to(self, before)
            if not out_of_memory(error):
                raise
            self._halve(batches, error)
            batches, scale = None, self.scaler.state_dict()
            self.scaler = self._scaler()  # the old one remembers what it has already unscaled
            self.scaler.load_state_dict(scale)
        if batches is None:  # outside of `except`, where the error still holds on to the memory
            return self.update(tasks)
        self.scaler.step(self.optimizer)
        self.scaler.update()
        if self.bregman is not None:
            self.bregman.update()
        self.step += 1
        self.tokens += sum(batch.tokens for batch in batches)
        self._note(losses, norm, factor)

    def _scaler(self):
        return torch.amp.GradScaler(self.device.type, enabled=self.precision == "float16")

    def _gradients(self, batches):
        """Fill .grad from one batch of each task; → {task: loss}."""
        self.optimizer.zero_grad(set_to_none=True)
        if self.surgery == "none" or len(batches) == 1:
            return {batch.task: self._backward(batch) for batch in batches}
        losses, gradients = {}, []
        for batch in batches:
            losses[batch.task] = self._backward(batch)
            gradients.append([p.grad for _, p in self.trained])
            self.optimizer.zero_grad(set_to_none=True)
        rng = random.Random(self.seed * 1_000_003 + self.step)
        combined, cosines = joined(gradients, self.surgery, rng)
        for (_, p), gradient in zip(self.trained, combined):
            p.grad = gradient
        names = [batch.task for batch in batches]
        for j, i in itertools.combinations(range(len(names)), 2):
            if not math.isnan(cosines[i, j]):
                self.window.add(f"cos {names[j]}·{names[i]}", float(cosines[i, j]))
        return losses

    def _backward(self, batch):
        """Gradients of one batch, in micro-batches where it is too large; → its mean task loss."""
        size = self.micro_batch or len(batch)
        mean = 0.0
        for start in range(0, len(batch), size):
            part = (batch if size >= len(batch) else batch.part(start, start + size)).to(self.device)
            share = len(part) / len(batch)
            loss, total = self._losses(part, share)
            self.scaler.scale(total * share).backward()
            mean += loss.item() * share
        return mean

    def _losses(self, batch, share=1.0):
        """(the task's loss, the loss with weight and penalties); the batch may be a share of the whole."""
        smart, bregman = (0.0 if part is None else of_task(part.weight, batch.task, 0.0) for part in (self.smart, self.bregman))
        if smart and self.smart.reduction == "sum":  # a sum over parts is a sum, where a mean of means wants their shares
            smart /= share
        with autocast(self.device, self.precision):
            embedded = self.model.embed(batch)
            rng = random_state(self.device) if smart and self.smart.dropout == "same" else None
            outputs = self.model.predict_from(embedded, batch)
            loss = task_loss(outputs, batch)
            total = loss * of_task(self.task_weights, batch.task, 1.0)
            if TASKS[batch.task].kind != "score":
                self.running.add(f"accuracy {batch.task}", share_right(outputs.detach(), batch.labels), len(batch))
            clean = (
                bool(smart and bregman) and self.smart.dropout is False and not self.bregman.dropout and has_dropout(self.model)
            )
            if clean:  # both penalties compare with a pass free of dropout: one more serves the two
                with without_dropout(self.model):
                    embedded = self.model.embed(batch)
                    outputs = self.model.predict_from(embedded, batch)
            try:
                if smart:
                    total = total + smart * self.smart(batch, embedded, outputs, rng, clean)
                if bregman:
                    total = total + bregman * self.bregman(batch, outputs, clean)
            except NotFinite as error:
                raise NotFinite(f"{error} {self._place([batch])}") from None
        return loss, total

    def _check(self, losses, batches):
        """The norm of the gradient; a loss or a gradient that is not finite stops the run and says where."""
        gradients = [p.grad for _, p in self.trained if p.grad is not None]
        norm = torch.nn.utils.get_total_norm(gradients).item() if gradients else 0.0
        bad = [task for task, loss in losses.items() if not math.isfinite(loss)]
        if bad or is_final(self.scaler) and not math.isfinite(norm):
            raise NotFinite(f"the {f'loss of {bad[0]}' if bad else 'gradient'} is not finite {self._place(batches)}")
        if self.clip and norm > self.clip:
            torch._foreach_mul_(gradients, self.clip / norm)
        return norm

    def _place(self, batches):
        rows = ", ".join(f"{batch.task} {batch.index[:4].tolist()}…" for batch in batches)
        why = "most likely the learning rate is too high or the precision too low"
        return f"at step {self.step + 1} (epoch {self.epoch}; examples {rows}): {why}"

    def _halve(self, batches, error):
        size = min(self.micro_batch or math.inf, max(map(len, batches)))
        if not isinstance(error, torch.OutOfMemoryError):  # the machine's own memory: what else runs here matters, so she chooses
            raise OutOfMemory(f"out of memory at step {self.step + 1}, with {size} examples at a time: {KNOB}") from error
        if size == 1:
            raise OutOfMemory("out of GPU memory with one example at a time: lower max_length or choose a smaller scale")
        self.micro_batch = size // 2
        warnings.warn(f"out of GPU memory: going on with {self.micro_batch} examples at a time, same batch size", stacklevel=2)
        torch.cuda.empty_cache()

    def _end_of_epoch(self, scores, losses):
        for _, p in self.trained:
            p.requires_grad_(True)
        entry = {"epoch": self.epoch, "step": self.step, "seconds": self.seconds, "scores": scores, "dev_loss": losses}
        entry["train"] = self.running.taken()
        self.history.append(entry)
        if self.best is None or selection_score(scores) > selection_score(self.best["scores"]):
            self.best = entry
            self.best_weights = {name: value.detach().cpu().clone() for name, value in self.model.state_dict().items()}

    def _plan(self, planner, epoch):
        rng = np.random.default_rng([self.seed, 1, epoch])
        counts = {task: feed.batches for task, feed in self.feeds.items()}
        return planner(counts, self.sampling, rng, epoch, self.epochs, self.epoch_of)

    def _note(self, losses, norm, factor):
        """Collect for the curve; a point is the mean since the last one."""
        for task, loss in losses.items():
            self.window.add(task, loss)
            self.running.add(f"loss {task}", loss)
        if math.isfinite(norm):
            self.window.add("norm", norm)
        every = max(1, self.total // POINTS)
        if self.step % every == 0 or self.step == self.total:
            self.curve.append({"step": self.step, "epoch": self.epoch, "rate": factor, **self.window.taken()})

    def state_dict(self):
        """Everything that changes over a run."""
        return state.of(self)

    def load_state_dict(self, saved):
        state.restore(self, saved)

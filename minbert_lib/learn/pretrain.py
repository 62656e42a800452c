"""Masked-language pre-training: text in, a better (or another) encoder out.

Notable choices:
- Step n is a function of the seed and n alone: which lines, which words are hidden, which units are dropped. So a run resumes
  bit for bit on a CPU, and, as the rate is constant after the warm-up, a run of 500 steps is the beginning of every longer one.
- The weights are kept at chosen steps: one pre-training run serves a whole curve of accuracy against steps.
- A fresh head may learn alone for its first `head_steps`, so that its ignorance does not shake the encoder.
- Weights that are kept say beside them what they cost, for whoever finds them there and trains nothing.
"""

import contextlib
import json
import math
import sys
import time
from pathlib import Path

import torch

from ..errors import MinbertError
from ..files import write_atomic
from ..model.fast import keep_memory
from ..model.mlm import mlm_loss
from ..text.masking import IGNORE, continuing, mask_tokens, never_hidden
from . import checkpoint
from .adamw import AdamW
from .compare import NotFinite
from .groups import parameter_groups
from .precision import autocast, is_final
from .state import FOREIGN
from .stops import unbroken

HEAD_RATE = 1e-3  # of a head that learns alone
CHECKPOINT_SECONDS = 120
COST = "cost.json"


class Pretrainer:
    """A MaskedLM on its way: `run(steps)` takes it to that step, from wherever it stands."""

    def __init__(
        self,
        model,
        text,
        lr=2e-5,
        batch_size=32,
        masking="tokens",
        share=0.15,
        replace="80/10/10",
        warmup=0,
        weight_decay=0.0,
        layer_decay=1.0,
        head_lr=1.0,
        head_steps=0,
        seed=0,
        precision="float32",
        device="cpu",
    ):
        keep_memory()
        self.model, self.text, self.batch_size, self.warmup = model.to(device), text, batch_size, warmup
        self.masking, self.share, self.replace = masking, share, replace
        self.seed, self.precision, self.device = seed, precision, torch.device(device)
        self.head_steps = head_steps
        named = [item for item in model.named_parameters() if not item[0].startswith("bert.pooler.")]  # no loss reads it
        parts = parameter_groups(named, lr, len(model.bert.layers), weight_decay, layer_decay, head_lr=head_lr)
        self.optimizer = AdamW(parts, lr=lr, fused=True)
        self.rates = [group["lr"] for group in self.optimizer.param_groups]
        self.scaler = torch.amp.GradScaler(self.device.type, enabled=precision == "float16")
        self.continues = continuing(text.tokenizer)
        self.step, self.seconds, self.curve, self._sum, self._parts = 0, 0.0, [], 0.0, 0

    def run(self, steps, folder=None, keep=(), on_step=None):
        """To step `steps`; with a folder resumable, and the weights stand in folder/step-N for N in `keep` and at the end."""
        keep = {int(number) for number in keep} | {steps}
        if folder and self.step == 0:
            self.resume(folder, steps)
        self._learn_head()
        if folder and self.step == 0 and 0 in keep:
            self.save(folder)
        try:
            self._walk(steps, folder, keep, on_step)
        except (KeyboardInterrupt, NotFinite):
            if folder and self.step:
                checkpoint.save(folder, self.state_dict())
                print(
                    f"\npre-training stands at step {self.step:,} of {steps:,}; the same command goes on from there",
                    file=sys.stderr,
                )
            raise
        return self.curve

    def _walk(self, steps, folder, keep, on_step):
        saved = time.monotonic()
        while self.step < steps:
            with unbroken():
                self.update()
            if on_step:
                on_step(self)
            if folder and self.step in keep:
                self.save(folder)
            if folder and (self.step == steps or time.monotonic() - saved > CHECKPOINT_SECONDS):
                checkpoint.save(folder, self.state_dict())
                saved = time.monotonic()

    def update(self):
        """One step of the optimiser."""
        started = time.perf_counter()
        factor = min(1.0, (self.step + 1) / self.warmup) if self.warmup else 1.0
        for group, rate in zip(self.optimizer.param_groups, self.rates):
            group["lr"] = rate * factor
        loss = self._loss(self.step)
        self.optimizer.zero_grad(set_to_none=True)
        self.scaler.scale(loss).backward()
        self.scaler.unscale_(self.optimizer)
        loss = loss.item()
        norm = torch.nn.utils.get_total_norm([p.grad for p in self.model.parameters() if p.grad is not None]).item()
        if not math.isfinite(loss) or is_final(self.scaler) and not math.isfinite(norm):
            rows = self.text.index(self.step, self.batch_size, self.seed)[:4].tolist()
            raise NotFinite(
                f"pre-training: the {'gradient' if math.isfinite(loss) else 'loss'} is not finite at step {self.step + 1} "
                f"(lines {rows}…): most likely its lr is too high"
            )
        self.scaler.step(self.optimizer)
        self.scaler.update()
        self.step += 1
        self.seconds += time.perf_counter() - started
        self._sum, self._parts = self._sum + loss, self._parts + 1
        if self._parts == 25 or self.step == 1:  # a point is the mean since the last one
            self.curve.append({"step": self.step, "loss": self._sum / self._parts})
            self._sum, self._parts = 0.0, 0

    def _loss(self, step, head_only=False):
        ids, mask, types = self.text.batch(step, self.batch_size, self.seed)
        masked, labels = self.mask(ids, mask, step)
        labels[:, 0] = self.text.relation[self.text.index(step, self.batch_size, self.seed)]
        masked, mask, types, labels = (tensor.to(self.device) for tensor in (masked, mask, types, labels))
        self.model.train()
        with self._dropout_of(step), autocast(self.device, self.precision):
            with torch.no_grad() if head_only else contextlib.nullcontext():
                hidden = self.model.hidden(masked, mask, types)
            return mlm_loss(self.model.head, hidden, labels)

    def mask(self, ids, mask, step):
        """What step n hides: other words each time a line comes by."""
        generator = torch.Generator().manual_seed(self.seed * 1_000_003 + step)
        tokenizer = self.text.tokenizer
        special, size = never_hidden(tokenizer), len(tokenizer)
        return mask_tokens(
            ids, mask, special, tokenizer.mask_id, size, self.share, self.masking, self.replace, self.continues, generator
        )

    @contextlib.contextmanager
    def _dropout_of(self, step):
        """Dropout draws the same in step n whatever came before, and leaves the random numbers of others alone."""
        with torch.random.fork_rng([self.device] if self.device.type == "cuda" else []):
            torch.manual_seed(self.seed * 1_000_003 + step)
            yield

    def _learn_head(self):
        """Before step 0: the head alone, with the tied embeddings left as they are."""
        if self.step or not self.head_steps:
            return
        started, tied = time.perf_counter(), self.model.head.decoder.weight
        own = [p for p in self.model.head.parameters() if p is not tied]
        optimizer = AdamW(own, lr=HEAD_RATE, fused=True)
        for step in range(self.head_steps):
            loss = self._loss(step, head_only=True)
            gradients = torch.autograd.grad(loss, own)
            for p, gradient in zip(own, gradients):
                p.grad = gradient
            optimizer.step()
        self.head_steps = 0
        self.seconds += time.perf_counter() - started

    def save(self, folder):
        """The weights as they stand, the losses on the way and what it took, in folder/step-N."""
        place = at_step(folder, self.step)
        write_atomic(place / "loss.csv", self.losses())
        write_atomic(place / COST, json.dumps({"steps": self.step, "seconds": round(self.seconds, 3)}) + "\n")
        self.text.tokenizer.save(place)
        self.model.save_pretrained(place)

    def losses(self):
        """The curve as CSV: each loss is the mean since the line before."""
        return "\n".join(["step,loss", *(f"{point['step']},{point['loss']:.5f}" for point in self.curve)]) + "\n"

    def resume(self, folder, steps):
        """Go on from folder's checkpoint, unless it stands beyond `steps`."""
        state, damaged = checkpoint.load(folder)
        for reason in damaged:
            print(f"minbert: {reason}; going on from the checkpoint before it", file=sys.stderr)
        try:
            if state is not None and state["counters"]["step"] <= steps:
                self.load_state_dict(state)
        except FOREIGN as error:
            raise MinbertError(f"{folder} holds the checkpoint of something else ({type(error).__name__}): remove it") from error

    COUNTERS = ("step", "seconds", "curve", "_sum", "_parts", "head_steps")

    def state_dict(self):
        counters = {name: getattr(self, name) for name in self.COUNTERS}
        scale = {"scaler": self.scaler.state_dict()} if self.scaler.is_enabled() else {}
        return {"counters": counters, "model": self.model.own_tensors(), "optimizer": self.optimizer.state_dict(), **scale}

    def load_state_dict(self, state):
        for name in self.COUNTERS:
            setattr(self, name, state["counters"][name])
        self.model.load_state_dict(state["model"], strict=False)  # the tied decoder is saved once
        self.optimizer.load_state_dict(state["optimizer"])
        if self.scaler.is_enabled() and "scaler" in state:
            self.scaler.load_state_dict(state["scaler"])


def at_step(folder, step):
    return Path(folder) / f"step-{step:06d}"


@torch.no_grad()
def masked_score(model, text, seed=1234, batches=8, batch_size=64):
    """(loss, share of hidden words guessed right) on text the model did not learn from; the same words hidden each time."""
    device = model.head.bias.device
    probe = Pretrainer(model, text, batch_size=batch_size, seed=seed, device=device)
    model.eval()
    loss, right, count = 0.0, 0, 0
    for step in range(min(batches, math.ceil(len(text) / batch_size))):
        ids, mask, types = text.batch(step, batch_size, seed)
        masked, labels = probe.mask(ids, mask, step)
        masked, mask, types, labels = (tensor.to(device) for tensor in (masked, mask, types, labels))
        asked = labels != IGNORE
        logits = model.head(model.hidden(masked, mask, types)[asked])
        loss += torch.nn.functional.cross_entropy(logits, labels[asked], reduction="sum").item()
        right, count = right + int((logits.argmax(-1) == labels[asked]).sum()), count + int(asked.sum())
    return loss / max(count, 1), right / max(count, 1)

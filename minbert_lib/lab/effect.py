"""What does SMART's noise do to a model that has learned SST: how strong is it, and does it follow the gradient or chance?

    python -m minbert_lib.lab.effect SCALE     fine-tunes C2 for one epoch, measures on dev, writes data/effect/SCALE.json

Notable choices
- σ = ε and η = 100 ε, the ratios of Algorithm 1, so that a form is told by ε alone; the public form has the numbers that its users have.
- Every form has a twin without ascent: a random corner of the same ball (σ = 10 ε, then clamped), or the public form with its gradient taken
  away. So the twin is as large as the attack, and what is left between the two is what the gradient knows.
- All passes are free of dropout, but for the one measurement that is about dropout.
"""

import copy

import torch

from ..home import scale
from ..learn import SmartRegularizer
from ..learn.compare import divergence
from ..learn.metrics import task_loss
from .build import prepare
from .measured import main
from .systems import PAPER_SMART, PUBLIC_SMART, system

SIZES = (1e-5, 1e-4, 1e-3, 1e-2, 1e-1)
PUBLIC = "public"  # δ / (‖δ‖ + ε), as the borrowed code does


def options(form, ascent=True):
    """SmartRegularizer's switches for a form, an ε or PUBLIC, with its ascent or as random noise of the same size."""
    if form == PUBLIC:
        return {**PUBLIC_SMART, "direction": "pass" if ascent else "random"}
    if ascent:
        return {**PAPER_SMART, "eps": form, "sigma": form, "step_size": 100 * form}
    return {**PAPER_SMART, "eps": form, "sigma": 10 * form, "direction": "random"}


def trained(name, epochs=1, **changes):
    """(model after C2's fine-tuning, its dev set, its score there): the ground of all that follows, which runs on the CPU."""
    made = prepare(system("C2", name, epochs=epochs, precision="float32", **changes))
    made.trainer.run()
    return made.model.eval().cpu(), made.dev["sst"], made.trainer.best["scores"]["sst"]


def batches_of(data, limit, size=32):
    """About `limit` sentences, in batches of like length; taken at equal distances, since SST's files have the praise first."""
    chosen = sorted(range(0, len(data), max(1, len(data) // limit)), key=lambda i: data.lengths[i])
    return [data.batch(chosen[start : start + size]) for start in range(0, len(chosen), size)]


def measure(model, batches, **switches):
    """Means over batches: R, the noise's size, its two cosines, and the share of predictions that it turns over."""
    smart, rows = SmartRegularizer(model, **switches), []
    for batch in batches:
        with torch.no_grad():
            embedded = model.embed(batch)
            clean = model.predict_from(embedded, batch)
            smart(batch, embedded, clean)
            moved = model.predict_from(embedded + smart.last["noise"], batch)
        changed = (moved.argmax(-1) != clean.argmax(-1)).float().mean().item()
        rows.append((len(batch), {**smart.attack_size(), "changed": changed}))
    total = sum(count for count, _ in rows)
    return {key: sum(count * row[key] for count, row in rows) / total for key in rows[0][1]}


def gradients(model, value):
    """One vector of all parameters' gradients."""
    wanted = [p for p in model.parameters() if p.requires_grad]
    parts = torch.autograd.grad(value, wanted, retain_graph=True, materialize_grads=True)
    return torch.cat([part.flatten() for part in parts])


def losses(model, batch, **switches):
    """(the task's loss, R), each with its graph."""
    embedded = model.embed(batch)
    outputs = model.predict_from(embedded, batch)
    return task_loss(outputs, batch), SmartRegularizer(model, **switches)(batch, embedded, outputs)


def smart_loss(model, batch, weight, eps, sigma, step_size, steps=1, seed=0):
    """The task's loss + weight · R. The search for the noise is `SmartRegularizer`'s `_attack`, and its comparison `__call__`."""
    task, penalty = losses(model, batch, eps=eps, sigma=sigma, step_size=step_size, steps=steps, seed=seed)
    return task + weight * penalty


def pull(model, batch, **switches):
    """(the penalty's gradient on the weights, the task's own gradient)."""
    task, penalty = losses(model, batch, **switches)
    return gradients(model, penalty), gradients(model, task)


def cosine(a, b):
    return torch.cosine_similarity(a.double(), b.double(), dim=0).item()


def forms(model, batches):
    """A row for each form and its random twin."""
    rows = []
    for form in (*SIZES, PUBLIC):
        for ascent in (True, False):
            switches = options(form, ascent)
            pulls = [pull(model, batch, **switches) for batch in batches[::4]]
            strength = sum((of_r.norm() / of_task.norm()).item() for of_r, of_task in pulls) / len(pulls)
            rows.append({"form": form, "ascent": ascent, **measure(model, batches, **switches), "pull": strength})
    return rows


def switched(model, batch, eps=1e-2):
    """What each switch does to the penalty's gradient: its direction beside the paper's, and its length over the paper's."""
    base, _ = pull(model, batch, **options(eps))
    found = {}
    for change in ({"detach": "clean"}, {"detach": "targets"}, {"attach": True}, {"reduction": "sum"}, {"reduction": "elements"},
                   {"steps": 2}, {"steps": 5}, {"direction": "clean"}, {"norm": "l2"}, {"perturb_padding": True}):  # fmt: skip
        other, _ = pull(model, batch, **{**options(eps), **change})
        found[" ".join(f"{key}={value}" for key, value in change.items())] = {
            "cosine": cosine(base, other), "length": (other.norm() / base.norm()).item(),
        }  # fmt: skip
    return found


@torch.no_grad()
def without_noise(model, batches):
    """The penalty of two passes over the same sentence, with no noise at all: what dropout and a second embedding layer make of it."""
    found = {"dropout": [], "embedded twice": []}
    for batch in batches:
        clean = model.predict_from(model.embed(batch), batch)
        found["embedded twice"].append(
            divergence(model.predict_from(embedded_twice(model, batch), batch), clean, "classes").item()
        )
        model.train()
        first, second = (model.predict_from(model.embed(batch), batch) for _ in range(2))
        model.eval()
        found["dropout"].append(divergence(first, second, "classes").item())
    return {name: sum(values) / len(values) for name, values in found.items()}


def embedded_twice(model, batch):
    """mt-dnn's slip: the embedding layer's output goes where word vectors belong, so positions and LayerNorm come on top once more."""
    table, words = model.bert.embeddings, model.embed(batch)
    length = batch.input_ids.size(1)
    return table.LayerNorm(words + table.position_embeddings.weight[:length] + table.token_type_embeddings(batch.token_type_ids))


def in_16_bits(model, batch, sizes=(1e-5, 1e-3, 1e-2)):
    """{arithmetic: {σ: cosine of the ascent's gradient with that of float64}}."""
    wide = copy.deepcopy(model).double()
    found = {}
    for kind in ("float32", "bfloat16"):
        found[kind] = {}
        for size in sizes:
            noise = size * torch.randn(
                *batch.input_ids.shape, model.embed(batch).size(-1), generator=torch.Generator().manual_seed(0)
            )
            exact = _inner(wide, batch, noise.double())
            with torch.autocast("cpu", torch.bfloat16, enabled=kind == "bfloat16"):
                found[kind][f"{size:g}"] = cosine(_inner(model, batch, noise), exact)
    return found


def _inner(model, batch, noise):
    with torch.no_grad():
        embedded = model.embed(batch)
        clean = model.predict_from(embedded, batch)
    noise = noise.clone().requires_grad_()
    loss = divergence(model.predict_from(embedded.to(noise.dtype) + noise, batch), clean, "classes")
    return (torch.autograd.grad(loss, noise)[0] * batch.attention_mask[..., None]).flatten()


def everything(name, limit=320):
    model, data, accuracy = trained(name)
    batches = batches_of(data, limit)
    return {
        "scale": name, "title": scale(name).title, "trained": "C2, one epoch, seed 0", "accuracy": accuracy,
        "sentences": sum(map(len, batches)), "forms": forms(model, batches), "switches": switched(model, batches[len(batches) // 2]),
        "without_noise": without_noise(model, batches), "precision": in_16_bits(model, batches[len(batches) // 2]),
    }  # fmt: skip


if __name__ == "__main__":
    main("effect/", everything)

"""Pictures that explain rather than report: the path of a sentence, a walk down a surface, schedules, what eps does.

Notable choices: they are functions of their settings alone, so that the notebook's slider and the committed picture are one and the same function.
"""

import torch
from matplotlib.figure import Figure

from ...learn import AdamW
from ...learn.groups import SCHEDULES, schedule
from ..surfaces import START, SURFACES, descend
from . import style

STATIONS = (  # name, what it holds, its shape, the notebook
    ("sentence", "not exactly dull .", "text", "00"),
    ("tokens", "[CLS] not exactly\ndull . [SEP]", "(L,)", "02"),
    ("embeddings", "which word, where,\nwhich sentence", "(L, D)", "02"),
    ("layers × N", "attention, then a\nsmall network", "(L, D)", "01, 02"),
    ("[CLS]", "one vector for\nthe sentence", "(D,)", "04"),
    ("head", "dropout, linear", "(5,)", "04"),
    ("answer", "3 of 0 … 4", "a class", "04"),
)


def the_path():
    """From a sentence to an answer, and back from the loss to better weights."""
    figure = Figure(figsize=(9.2, 2.9), layout="constrained")
    axes = figure.subplots()
    axes.set(xlim=(-0.55, len(STATIONS) - 0.45), ylim=(-1.35, 1.0))
    axes.axis("off")
    for x, (name, inside, shape, notebook) in enumerate(STATIONS):
        learned = name in ("embeddings", "layers × N", "head")
        box = dict(
            boxstyle="round,pad=0.35", fc="#DCEBF7" if learned else "white", ec=style.BLUE if learned else "#666666", lw=1.3
        )
        axes.text(x, 0.42, name, ha="center", va="center", fontsize=10, weight="bold", bbox=box)
        axes.text(x, 0.02, inside, ha="center", va="center", fontsize=7.8)
        axes.text(x, -0.32, f"{shape}\nnotebook {notebook}", ha="center", va="center", fontsize=7.3, color="#555555")
        if x:
            axes.annotate("", (x - 0.4, 0.42), (x - 0.6, 0.42), arrowprops=dict(arrowstyle="-|>", color="#444444", lw=1.2))
    arrow = dict(arrowstyle="-|>", color=style.RED, lw=1.6, connectionstyle="arc3,rad=-0.12")
    axes.annotate("", (2, -0.55), (6, -0.55), arrowprops=arrow)
    text = "loss: how wrong is the answer?   gradient: which way does each weight lower it?   AdamW: how far to go (notebook 03)"
    axes.text(4, -1.2, text, ha="center", va="center", fontsize=8.3, color=style.RED)
    axes.set_title("The path of one sentence (shaded: what learns) and the way back")
    return figure


def walk(
    optimizer=AdamW,
    surface="valley",
    steps=100,
    lr=0.1,
    beta1=0.9,
    beta2=0.999,
    correct_bias=True,
    decay=0.0,
    decay_as="decoupled",
    noise=0.0,
):
    """An optimiser's path over a surface, and the loss along it."""
    settings = dict(
        lr=lr, betas=(beta1, beta2), correct_bias=correct_bias, weight_decay=decay if decay_as == "decoupled" else 0.0
    )
    l2 = decay if decay_as == "L2" else 0.0
    path = descend(lambda params: optimizer(params, **settings), surface, steps, noise, l2)
    figure = Figure(figsize=(8.2, 3.1), layout="none")  # a layout engine would take longer than all the rest
    left, right = figure.subplots(1, 2, width_ratios=(1.5, 1))
    figure.subplots_adjust(left=0.06, right=0.99, bottom=0.16, top=0.91, wspace=0.28)
    x, y = torch.meshgrid(torch.linspace(-5, 5, 61), torch.linspace(-3, 3, 41), indexing="xy")
    height = SURFACES[surface](torch.stack([x, y], -1))
    left.contourf(x, y, height.clamp(min=1e-3).log(), levels=14, cmap="Greys_r", alpha=0.75)
    left.plot(*path.T, "-", color=style.RED, lw=1.4)
    left.scatter(*path[::5].T, s=11, color=style.RED, zorder=3, label="every fifth step")
    left.plot(*START, "o", color=style.BLUE, ms=7, label="start")
    left.plot(*path[-1], "s", color=style.ORANGE, ms=7, mec="black", mew=0.6, label=f"after {steps} steps")
    left.set(xlim=(-5, 5), ylim=(-3, 3), xlabel="first weight", ylabel="second weight", title=f"{surface} (dark is low)")
    left.grid(False)
    left.legend(loc="lower right", fontsize=7, frameon=True, framealpha=0.85)
    loss = SURFACES[surface](path)
    right.plot(loss.clamp(min=1e-9), color=style.RED)
    right.set(yscale="log", xlabel="step", ylabel="loss", title=f"loss at the end: {loss[-1]:.2g}")
    style.plain_log(right.yaxis)
    return figure


def schedules(total=1000, warmup=0.1, shown=SCHEDULES):
    """The factor on the learning rate over a run."""
    figure = Figure(figsize=(6.4, 2.7), layout="constrained")
    axes = figure.subplots()
    for kind, line in zip(SCHEDULES, ("-", "--", "-.", ":")):
        if kind in shown:
            axes.plot([schedule(kind, step, total, warmup) for step in range(total)], line, label=kind)
    axes.axvspan(0, total * warmup, color="#EEEEEE", zorder=0)
    axes.set(
        xlabel="step", ylabel="factor on the rate", ylim=(-0.03, 1.08), title=f"Schedules with a warm-up of {warmup:.0%} (shaded)"
    )
    axes.legend(loc="center left", bbox_to_anchor=(1.0, 0.5))
    return figure


def eps_effect(eps=1e-6, betas=(0.9, 0.999), steps=3000):
    """The share of a full step that small constant gradients get, in the course's form and in PyTorch's."""
    t = torch.arange(1, steps + 1, dtype=torch.float64)
    root = (1 - betas[1] ** t).sqrt()  # √(1 − β₂ᵗ)
    figure = Figure(figsize=(8.2, 3.0), layout="constrained")
    left, right = figure.subplots(1, 2)
    left.plot(t, 1 / root, color=style.BLUE, label="the course's form")
    left.plot(t, torch.ones_like(t), "--", color=style.ORANGE, label="PyTorch's")
    left.set(xscale="log", yscale="log", xlabel="step t", ylabel="eps in effect / eps", title="eps against a corrected √v")
    left.legend()
    for size, line in ((1e-4, "-"), (1e-5, "--"), (1e-6, ":")):
        right.plot(t, size / (size + eps / root), line, color=style.BLUE)
        right.plot(t, torch.full_like(t, size / (size + eps)), line, color=style.ORANGE)
        right.plot([], [], line, color="#666666", label=f"|g| = {size:g}")
    right.set(
        xscale="log",
        ylim=(-0.02, 1.05),
        xlabel="step t",
        ylabel="share of a full step",
        title=f"A constant gradient g, eps = {eps:g}",
    )
    right.legend(loc="lower right", bbox_to_anchor=(1.0, 0.03), fontsize=7.5)
    return figure

"""The reports' diagrams (EKJ's and SMARTCS' Figure 1, Siamese's 1 to 3, SerBERTus' 8), drawn from our table of systems.

Notable choices: nothing is drawn by hand. `floors` reads a system's switches and lists, from the words up, what each task passes
through; so any system has its diagram, and two diagrams differ exactly where two lines of the table do.
"""

import textwrap

from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch

from ...text.tasks import TASKS
from ..systems import SYSTEMS, TITLES
from . import style

SHOWN = ("E2", "S10-2", "S10-triple", "P1", "P3", "M8")
LAYERS = 12  # of BERT-base, which the reports drew


def floors(config):
    """[[(first task's place, number of tasks, words), …], …]: boxes side by side, floor upon floor."""
    tasks, pairs = config.tasks, [task for task in config.tasks if TASKS[task].is_pair]
    each = lambda words: [(x, 1, words(task)) for x, task in enumerate(tasks) if words(task)]
    found = [each(lambda task: _input(config, task)), *_encoder(config, each)]
    found.append(each(lambda task: _vector(config, task)))
    if config.shared_pair:
        found.append([(tasks.index(pairs[0]), len(pairs), "one layer for both pair tasks")])
    found.append(each(lambda task: _features_beside(config, task)))
    found.append(each(lambda task: _hidden(config, task)))
    return [floor for floor in (*found, each(lambda task: _output(config, task))) if floor]


def _input(config, task):
    if not TASKS[task].is_pair:
        return "[CLS] sentence"
    return "[CLS] u [SEP] v" if config.pair == "cross" else "[CLS] u\n[CLS] v"


def _encoder(config, each):
    state = "" if config.train_encoder else ", frozen"
    if config.own_layers == "all":
        return [each(lambda task: f"BERT for\n{task.upper()}{state}")]
    whole = [(0, len(config.tasks), f"BERT for all: {LAYERS - config.own_layers} layers{state}")]
    return [whole, each(lambda task: f"{config.own_layers} layers\nof its own")] if config.own_layers else [whole]


def _vector(config, task):
    if not TASKS[task].is_pair or config.pair == "cross":
        return "[CLS]"
    return ", ".join(config.of(task, "features")) or "u, v"


def _features_beside(config, task):
    """Features of u and v beside a pair read as one sequence (M8)."""
    beside = TASKS[task].is_pair and config.pair == "cross" and config.of(task, "features")
    return "beside it:\n" + ", ".join(beside) if beside else ""


def _hidden(config, task):
    count = config.of(task, "hidden_layers")
    act = {"gelu": "GELU", "relu": "ReLU"}.get(config.of(task, "activation"), config.of(task, "activation"))
    return f"{count} × hidden\n({act})" if count else ""


def _output(config, task):
    if task != "sts":
        return f"linear → {TASKS[task].outputs}"
    return {"linear": "linear → 1", "sigmoid": "5 · sigmoid", "cosine": "cosine"}[config.sts_output]


def panel(axes, name, height):
    """One system: tasks side by side, from the words at the bottom to the answers on top."""
    config = SYSTEMS[name]
    stack = floors(config)
    for y, floor in enumerate(stack):
        for x, wide, words in floor:
            shared = wide > 1
            colour = style.GREY if shared or words.startswith("[CLS]") else style.TASK_COLOUR[config.tasks[x]]
            corners = dict(boxstyle="round,pad=0,rounding_size=0.08", fc=colour, alpha=0.28, ec="#555555", lw=0.7)
            axes.add_patch(FancyBboxPatch((x + 0.06, y + 0.12), wide - 0.12, 0.7, **corners))
            axes.text(x + wide / 2, y + 0.47, words, ha="center", va="center", fontsize=6.2)
    for x, task in enumerate(config.tasks):
        axes.text(x + 0.5, len(stack) + 0.05, task.upper(), ha="center", va="bottom", fontsize=7.5, weight="bold")
    axes.set(xlim=(0, len(config.tasks)), ylim=(0, height + 0.5))
    axes.set_title(textwrap.fill(f"{name}: {TITLES[name]}", 34), fontsize=8.5)
    axes.axis("off")


def drawn(names=SHOWN):
    """EKJ's and SMARTCS' Figure 1, SerBERTus' Figure 8, Siamese's Figures 1 to 3: who shares what."""
    rows = -(-len(names) // 3)
    figure = Figure(figsize=(style.WIDE, 2.9 * rows + 0.3), layout="constrained")
    height = max(len(floors(SYSTEMS[name])) for name in names)
    for axes, name in zip(figure.subplots(rows, 3, squeeze=False).flat, names):
        panel(axes, name, height)
    note = "Read from the table of systems (`minbert systems`), for BERT-base. Grey: words, [CLS], what is shared; colour: a task's own."
    style.caption(figure, note)
    return figure


FIGURES = {"09_8_drawn": drawn}

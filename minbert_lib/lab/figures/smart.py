"""Figures of notebook 06: what SMART smooths, what everyone ran in its name, its weight, and what it costs.

Notable choices: the toy's picture is a function of its settings alone, so the slider and the committed picture are the same. What a
form of SMART does to a trained model is read from data/effect, measured by `lab/effect.py`; scores are read from records.
"""

import json
from collections import Counter
from functools import cache
from itertools import cycle

import numpy as np
from matplotlib.collections import PolyCollection
from matplotlib.figure import Figure

from .. import effect, measured, price, published, records, toy
from ..board import main_group
from ..systems import FELT_SMART, SMART_FORMS
from . import Missing, style
from .vary import categories, command, data_note, dev_score, either, family, panel, printed, relative, said, seeds_of, told

REACH = 2.2  # the toy's picture goes from -REACH to REACH
UPDATES, RATE = 60, 0.06  # of the toy's training: few enough to run under a slider


def _seen(model, points, labels):
    """What is drawn of a model: its landscape, and words for the title."""
    right = (model.net(points).argmax(-1) == labels).float().mean()
    return toy.landscape(model, REACH, 33), f"{right:.0%} of labels learned, slope {toy.slope(model):.2f}"


@cache
def _plain():
    points, labels = toy.noisy_points()
    return _seen(toy.fit(points, labels, 0.0, UPDATES, RATE), points, labels)


def boundary(eps=0.3, weight=5.0, K=1):
    """The toy's landscape without the penalty and with it, and the ball around every point."""
    points, labels = toy.noisy_points()
    smooth = toy.fit(points, labels, weight, UPDATES, RATE, eps=eps, sigma=eps / 3, step_size=eps, steps=K)
    figure = Figure(figsize=(7.2, 3.6), layout="none")  # a layout engine would take longer than all the rest
    figure.subplots_adjust(left=0.085, right=0.99, bottom=0.13, top=0.91, wspace=0.1)
    for axes, (p, seen), λ in zip(figure.subplots(1, 2, sharey=True), (_plain(), _seen(smooth, points, labels)), (0.0, weight)):
        axes.imshow(
            p,
            extent=[-REACH, REACH] * 2,
            origin="lower",
            cmap="PuOr",
            vmin=-0.5,
            vmax=1.5,
            interpolation="bilinear",
            aspect="auto",
        )
        axes.contour(p, levels=[0.5], extent=[-REACH, REACH] * 2, colors="k", linewidths=1.4)
        _points(axes, points, labels, eps if λ else 0.0)
        axes.set_title(f"λ = {λ:.3g}: {seen}", fontsize=9.5)
    return figure


def _points(axes, points, labels, eps):
    """Every point, and the square that the noise may move it in."""
    for value, colour, mark in ((0, style.ORANGE, "o"), (1, style.PURPLE, "s")):
        mine = points[labels == value]
        axes.plot(*mine.T, mark, color=colour, mec="k", mew=0.5, ms=4.5)
        if eps:
            corners = [[(x - eps, y - eps), (x + eps, y - eps), (x + eps, y + eps), (x - eps, y + eps)] for x, y in mine.tolist()]
            axes.add_collection(PolyCollection(corners, facecolors="none", edgecolors="#333333", linewidths=0.4, alpha=0.6))
    axes.set(xlim=(-REACH, REACH), ylim=(-REACH, REACH), xlabel="first feature", ylabel="second feature" if eps == 0 else None)
    axes.grid(False)


def name_of(form):
    return "public code" if form == effect.PUBLIC else f"ε = {form:g}"


def what_everyone_ran(scale="mini"):
    """Each form of SMART and its twin without ascent on a model that has learned SST: R, cosines, predictions turned over."""
    found = measured.recorded(f"effect/{scale}")
    if not found:
        raise Missing(f"run `python -m minbert_lib.lab.effect {scale}`")
    return detective(found)


def detective(found):
    """The same from any measurement that `effect` has made."""
    rows = found["forms"]
    forms = list(dict.fromkeys(row["form"] for row in rows))
    figure = Figure(figsize=(style.WIDE, 6.4), layout="constrained")
    (a, b), (c, d) = figure.subplots(2, 2)
    for ascent, colour, mark, label in (
        (True, style.RED, "o", "with its ascent step"),
        (False, style.BLUE, "s", "random noise of that size"),
    ):
        mine = {row["form"]: row for row in rows if row["ascent"] == ascent}
        pick = lambda key, mine=mine: [mine[form][key] for form in forms]
        shift = -0.08 if ascent else 0.08
        x = np.arange(len(forms)) + shift
        a.plot(x, pick("penalty"), mark, color=colour, label=label)
        d.plot(x, pick("pull"), mark, color=colour)
        c.bar(x * 1.0 + 2 * shift, [100 * v for v in pick("changed")], 0.32, color=colour)
        if ascent:
            b.plot(x, pick("cosine_gradient"), "^", color=style.GREEN, ms=6, label="with the gradient")
            b.plot(x, pick("cosine_start"), "v", color=style.ORANGE, ms=6, label="with the noise it began from")
    a.set(yscale="log", ylabel="R, symmetric KL", title="How strong is the penalty?")
    a.legend(fontsize=7.5, loc="lower right")
    b.set(ylim=(-0.05, 1.1), ylabel="cosine of the noise", title="Which way does the noise point?")
    b.legend(fontsize=7.5)
    c.set(ylabel="% of predictions", title="How many predictions does it turn over?")
    d.set(yscale="log", ylabel="‖∇R‖ / ‖∇ task loss‖", title="How hard does R pull, at λ = 1?")
    d.axhline(1, color=style.GREY, ls=":", lw=1)
    for axes in (a, b, c, d):
        axes.set_xticks(
            range(len(forms)),
            [name_of(form).replace(" ", "\n", 1) if form == effect.PUBLIC else f"{form:g}" for form in forms],
            fontsize=8,
        )
        axes.set_xlabel("ε, with σ = ε and η = 100 ε")
    style.caption(
        figure,
        f"{found['title']}, {found['trained']} (dev {found['accuracy']:.3f}); {found['sentences']} dev sentences of SST, K = 1, no dropout.",
    )
    return figure


def weight(scale="mini"):
    """S8, SerBERTus' Figure 4: the weight of SMART on SST, and the epoch that was best."""
    runs = family("S8", ("smart",), scale)
    figure = Figure(figsize=(style.WIDE, 3.5), layout="constrained")
    left, right = figure.subplots(1, 2, width_ratios=(1.35, 1))
    peaks = published.table("said")
    peaks = peaks[(peaks["row"] == "S8") & peaks["quantity"].str.startswith("best epoch")]
    peaks = {float(line.quantity.split()[-1]): (float(line.low), float(line.high)) for line in peaks.itertuples()}
    place = categories(left, [run["config"]["smart"] for run in runs])
    categories(right, place)
    panel(left, runs, "smart", dev_score("sst"), place=place.get)
    low, high = said("S8", "good weight")
    shaded = [at for value, at in place.items() if low <= value <= high]
    if shaded:
        left.axvspan(min(shaded) - 0.3, max(shaded) + 0.3, color="#EEEEEE", zorder=0, label="good, says SerBERTus (BERT-base)")
    panel(right, runs, "smart", lambda run: run["best_epoch"], style.GREEN, place=place.get)
    for (label, more), colour in zip(_beside(runs, place, scale).items(), cycle((style.ORANGE, style.PURPLE, style.RED))):
        x = np.array([place[run["config"]["smart"]] for run in more])
        left.plot(x, [run["scores"]["sst"] for run in more], "x", color=colour, label=label)
        right.plot(x + 0.15, [run["best_epoch"] for run in more], "x", color=colour, label=label)
    at = [value for value in peaks if value in place]
    right.vlines([place[v] for v in at], [peaks[v][0] for v in at], [peaks[v][1] for v in at], color=style.BLACK, lw=0.8)
    printed(right, [place[v] for v in at], [sum(peaks[v]) / 2 for v in at], label="SerBERTus (BERT-base)")
    right.axhline(runs[0]["config"]["epochs"], color=style.GREY, ls=":", lw=1, label="epochs of own runs")
    left.set(xlabel="λ, the weight of SMART", ylabel=style.TASK_NAME["sst"], title="Best epoch's dev score")
    right.set(xlabel="λ", ylabel="best epoch", yscale="log", title="When it was reached")
    right.set_yticks([1, 2, 3, 5, 10, 20, 44], ["1", "2", "3", "5", "10", "20", "44"])
    right.minorticks_off()
    for axes in (left, right):
        axes.legend(fontsize=7.5)
    one = "An interval of one run alone is ± .03. Public form (divide by the norm)."
    style.caption(
        figure, told(runs, "S8", ("smart",), scale) + f" {one}\nDiamonds: SerBERTus, section 4.3.5; it prints no scores."
    )
    return figure


def _beside(runs, place, scale):
    """S8's other runs at these weights, on another part of SST or for other epochs: {what they have in common, in words: runs}."""
    drawn, groups = {run["key"] for run in runs}, {}
    for run in records.load_all(scale=scale, name="S8"):
        if run["key"] not in drawn and run["config"]["smart"] in place and "data" in run:
            groups.setdefault((run["data"]["train/sst"]["rows"], run["config"]["epochs"]), []).append(run)
    named = {}
    for (rows, epochs), more in sorted(groups.items()):
        named[f"{rows:,} sentences, {epochs} epochs, {seeds_of(more, ('smart',))}"] = more
    return named


def _form_runs(scale):
    """W-smart's runs on the part of SST that most of them learned from."""
    own = records.load_all(scale=scale, name="W-smart")
    if not own:
        raise Missing(f"run `{command('W-smart', scale)}`")
    limits = Counter(json.dumps(run["config"]["limit"], sort_keys=True) for run in own)
    limit = json.loads(limits.most_common(1)[0][0])
    runs = family("W-smart", ("smart", "smart_options"), scale, limit=limit)
    return [run for run in runs if run["name"] == "W-smart"]  # not S8's


def scores_by_way(scale="mini", weights=(1.0, 10.0)):
    """What the exact attack, its cheaper forms and no SMART at all are worth: {way of `price`: {weight, in words: dev score}}."""
    runs, found = either(lambda: _form_runs(scale))[0] or [], {}
    asked = {_way(options) for options in SMART_FORMS}
    for way, (switches, *_) in price.WITH_DROPOUT.items():
        found[way] = {}
        for weight in weights:
            plain, form = switches is None, _way({**FELT_SMART, **(switches or {})})
            mine = [run for run in runs if run["config"]["smart"] == (0 if plain else weight)]
            mine = [run["scores"]["sst"] for run in mine if plain or _way(run["config"]["smart_options"]) == form]
            spread = f" ± {np.std(mine, ddof=1):.3f}" if len(mine) > 1 else ""
            absent = "not recorded yet" if plain or form in asked else "–"
            found[way][f"SST, λ = {weight:g}"] = f"{np.mean(mine):.3f}{spread} ({len(mine)})" if mine else absent
    return found


def forms(scale="mini"):
    """W-smart: dev score of the paper's form, scaled forms, the public form and pure noise, by weight."""
    runs = _form_runs(scale)
    plain = [run["scores"]["sst"] for run in runs if not run["config"]["smart"]]
    runs = [run for run in runs if run["config"]["smart"]]
    ways = sorted({_way(run["config"]["smart_options"]) for run in runs})
    figure = Figure(figsize=(style.WIDE, 0.45 * len(ways) + 1.9), layout="constrained")
    axes = figure.subplots()
    weights = sorted({run["config"]["smart"] for run in runs})
    for shift, (value, colour) in enumerate(zip(weights, style.COLOURS)):
        mine = [run for run in runs if run["config"]["smart"] == value]
        y = [ways.index(_way(run["config"]["smart_options"])) + 0.16 * (shift - (len(weights) - 1) / 2) for run in mine]
        scores = np.array([run["scores"]["sst"] for run in mine])
        axes.plot(scores, y, "o", color=colour, alpha=0.45, ms=4)
        for at in sorted(set(y)):
            axes.plot(
                scores[np.equal(y, at)].mean(), at, "d", color=colour, label=f"λ = {value:g}, mean" if at == min(y) else None
            )
    if plain:
        axes.axvspan(
            min(plain), max(plain), color="#E4E4E4", zorder=0, label=f"no SMART, {len(plain)} seed{'s' * (len(plain) > 1)}"
        )
        axes.axvline(np.mean(plain), color=style.GREY, lw=1)
    every = [*plain, *(run["scores"]["sst"] for run in runs)]
    room = max(0.005, 0.03 - np.ptp(every) / 2)  # never wider drawn than the interval of one run
    axes.set_xlim(min(every) - room, max(every) + room)
    axes.set_yticks(range(len(ways)), [text for _, text in ways], fontsize=8)
    axes.set(xlabel=style.TASK_NAME["sst"], title="What each form is worth", ylim=(len(ways) - 0.5, -0.5))
    axes.legend(fontsize=7.5)
    style.caption(figure, told(runs, "W-smart", ("smart", "smart_options"), scale) + " One run's interval is ± .03.")
    return figure


def _way(options):
    """(its place, its name) of a form, from its switches."""
    noise = options.get("direction") == "random"
    if options.get("projection") == "divide":
        return (2, float(noise)), "public code" + (", no ascent" if noise else "")
    clean, share = options.get("direction") == "clean", options.get("share", 1.0)
    cheap = ", the clean pass's direction" * clean + f", on {share:g} of a batch" * (share < 1)
    cheap += ", the task's own masks" * (options.get("dropout") == "same")
    return (1 if noise else 0, options["eps"], cheap), (
        "random noise" if noise else "attack"
    ) + f", ε = {options['eps']:g}" + cheap


def updates_a_second(scale="mini"):
    """B5: what SBRRT's "it/s" column says, and ours, relative to B1: machines differ."""
    names, known = ("B1", "B2", "B3", "B4"), records.load_all(scale=scale)
    groups = {name: main_group(name, scale, [run for run in known if run["name"] == name])[0] for name in names}
    if absent := [name for name in names if not groups[name]]:
        raise Missing(f"run `{command(absent[0], scale)}`")
    table = published.scores()
    table = (
        table[(table["report"] == "SBRRT") & (table["split"] == "dev") & table["run"].isin(names)]
        .set_index("run")
        .loc[list(names)]
    )
    figure = Figure(figsize=(style.WIDE, 3.2), layout="constrained")
    left, right = figure.subplots(1, 2)
    pace = lambda run: run["steps_per_second"]
    for place, name in enumerate(names):
        mine = relative(groups[name], groups["B1"], pace)
        words = [run["tokens_per_second"] for run in groups[name]]
        left.plot(
            [place - 0.12] * len(mine),
            mine,
            "o",
            color=style.BLUE,
            alpha=0.7,
            label=None if place else "own runs",
        )
        right.plot([place] * len(words), words, "o", color=style.BLUE, alpha=0.7)
    printed(left, np.arange(len(names)) + 0.12, table["time"] / table["time"].iloc[0], label="SBRRT (BERT-base, GPU)")
    left.set(ylabel="updates a second / B1's", ylim=(0, None), title="SBRRT's column, relative to B1")
    right.set(ylabel="tokens a second", ylim=(0, None), title="The same in tokens")
    for axes in (left, right):
        axes.set_xticks(range(len(names)), ["B1\nSST only", "B2\n+ SMART,\nBregman", "B3\nround robin", "B4\nall"], fontsize=8)
    left.legend(fontsize=7.5, loc="right", frameon=True)
    about = f"{groups['B1'][0]['model']}, {groups['B1'][0]['device']}; runs: {', '.join(f'{name} {len(groups[name])}' for name in names)}"
    about += ", each relative to B1 of its seed." + data_note(sum(groups.values(), []))
    there, here = table["time"].iloc[0], np.mean([pace(run) for run in groups["B1"]])
    style.caption(figure, f"{about}\nDiamonds: SBRRT's it/s; B1 has {there:g} there, {here:.2f} here.")
    return figure


FIGURES = {
    "06_1_two_features": boundary,
    "06_2_what_everyone_ran": what_everyone_ran,
    "06_3_weight": weight,
    "06_4_forms": forms,
    "06_5_updates_a_second": updates_a_second,
}

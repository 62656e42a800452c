"""Figures of notebook 10: what each further member gives, how the choice flatters itself, and Table 7's picture of score and cost.

Notable choices: every choice made on dev is drawn twice, as it scores where it was made and as it scores on folds it was not made
on. All of it comes from stored predictions: no model is run. Own and published points share an axis only in the picture of cost,
where their shapes tell them apart.
"""

from collections import Counter

import numpy as np
from matplotlib.figure import Figure

from .. import cost, members, published, records
from ..config import THREE
from ..ensemble import cross_validated_greedy, greedy_curve, greedy_ensemble, score_of
from ..systems import SYSTEMS
from . import Missing, style
from .tasks import largest
from .vary import command

LEAST = 3  # candidates, for a picture of choosing
HEADLINES = {"EKJ": "E3", "SBRRT": "B4", "Siamese": "P6", "SMARTCS": "M6"}  # the other four reports' own best
TABLE7 = ("multi", "2 own layers", "3 own layers", "best per task", "big ensemble")  # its lines
WAYS = {
    "single model": (style.BLUE, "o"),
    "shared lower layers": (style.GREEN, "s"),
    "best per task": (style.ORANGE, "^"),
    "ensemble": (style.RED, "P"),
    "ensemble, cross-validated": (style.RED, "X"),
}


def pools(scale=None, tasks=THREE, least=LEAST):
    """{task: its candidates} at the largest scale that has enough of them for one task at least."""

    def find(scale):
        known = records.load_all(scale=scale)
        found = {task: members.pool(task, known) for task in tasks}
        enough = {task: pool for task, pool in found.items() if pool and len(pool.runs) >= least}
        if not enough:
            raise Missing(f"run `{command('S8', scale)}`")
        return enough

    return largest(find, scale)[0]


def more_members(scale=None):
    """Score against the number of members: chosen greedily, the same honestly, and drawn at random."""
    found = pools(scale)
    figure = Figure(figsize=(style.WIDE, 3.7), layout="constrained")
    panels = np.atleast_1d(figure.subplots(1, len(found)))
    for axes, (task, pool) in zip(panels, found.items()):
        score = score_of(task)
        usual, honest = greedy_curve(pool.predictions, pool.labels, score)
        stop = len(greedy_ensemble(pool.predictions, pool.labels, score).chosen)
        k = np.arange(1, len(usual) + 1)
        axes.plot(k, usual, color=style.ORANGE, label="greedy, scored where it was chosen")
        axes.plot(k, honest, color=style.BLUE, label="greedy, scored where it was not")
        axes.plot(k, at_random(pool), color=style.GREY, ls="--", label="drawn at random, mean of 20 draws")
        own = np.sort([pool.score([i]) for i in range(len(k))])
        axes.plot([1] * len(k), own, "o", color=style.BLACK, alpha=0.25, label="each by itself")
        low, high = own[len(own) // 4], max(usual)  # a collapsed run would leave the lines no room
        axes.set_ylim(low - 0.07 * (high - low), high + 0.07 * (high - low))
        axes.axvline(stop, color=style.ORANGE, lw=0.9, ls=":")
        axes.annotate(
            "greedy\nstops", (stop, axes.get_ylim()[0]), (3, 3), textcoords="offset points", fontsize=7.5, color="#8a5f00"
        )
        axes.set(xlabel="members averaged", ylabel=style.TASK_NAME[task], xscale="log")
        ticks = k if len(k) < 10 else [many for many in (1, 3, 10, 30, 100, 300, 1000) if many <= len(k)]
        axes.set_xticks(ticks, ticks)
        axes.set_xticks([], minor=True)
    figure.legend(*panels[0].get_legend_handles_labels(), fontsize=7.5, loc="outside upper left", ncols=2)
    style.caption(
        figure, f"{_told(found)} Cross-validated on 5 folds of dev. Of many members the weakest quarter lies below the picture."
    )
    return figure


def at_random(pool, draws=20):
    """The mean score of 1, 2, … members drawn at random: averaging without choosing."""
    rng, score, found = np.random.default_rng(0), score_of(pool.task), []
    for _ in range(draws):
        totals = np.cumsum([pool.predictions[i] for i in rng.permutation(len(pool.runs))], axis=0, dtype=float)
        found.append([score(total / k, pool.labels) for k, total in enumerate(totals, start=1)])
    return np.mean(found, axis=0)


def optimism(scale=None, draws=12):
    """What the greedy way says of itself and what is true, against the number of candidates that it may choose from."""
    pool = fine_tuned(pools(scale, ("sst",))["sst"])
    sizes = sorted({size for size in (2, 3, 4, 6, 8, 12, 16, 24) if size < len(pool.runs)} | {len(pool.runs)})
    rng, rows = np.random.default_rng(0), []
    for size in sizes:
        # of all there is one set only, so dev is cut anew in its place
        sets, cuts = (draws, 1) if size < len(pool.runs) else (1, draws)
        for _ in range(sets):
            drawn = [pool.predictions[i] for i in rng.permutation(len(pool.runs))[:size]]
            found = cross_validated_greedy(drawn, pool.labels, score_of(pool.task), seed=int(rng.integers(99)), cuts=cuts)
            rows += [(size, found.usual, honest) for honest in found.each]
    size, usual, honest = np.array(rows).T
    figure = Figure(figsize=(6.4, 3.1), layout="constrained")
    axes = figure.subplots()
    mean = lambda values: [values[size == s].mean() for s in sizes]
    for values, colour, label in (
        (usual, style.ORANGE, "scored where it was chosen"),
        (honest, style.BLUE, "scored where it was not"),
    ):
        axes.plot(size, values, "o", color=colour, alpha=0.25)
        axes.plot(sizes, mean(values), color=colour, label=label)
    axes.fill_between(sizes, mean(honest), mean(usual), color=style.ORANGE, alpha=0.12, lw=0)
    axes.set(xlabel="candidates to choose from", ylabel=style.TASK_NAME["sst"], xscale="log", title="The choice flatters itself")
    axes.set_xticks(sizes, sizes)
    axes.set_xticks([], minor=True)
    axes.legend(fontsize=8)
    style.caption(
        figure,
        f"{_told({'sst': pool})} Fine-tuned ones. A dot is a random set of candidates (at the right end, where there is one set, "
        "another way to cut dev); a line their mean; greedy addition, 5 folds.",
    )
    return figure


class Picker:
    """Members to tick: what the team reaches, what it would reach with each one added or taken out, and the way so far."""

    def __init__(self, pool):
        self.pool, self.names, self.history = pool, labels(pool.runs), []
        self.own = np.array([pool.score([y]) for y in range(len(pool.runs))])
        self.greedy = greedy_ensemble(pool.predictions, pool.labels, score_of(pool.task)).path

    def __call__(self, **ticked):
        chosen = [i for i, name in enumerate(self.names) if ticked.get(name)]
        if not self.history or self.history[-1][0] != chosen:
            self.history.append((chosen, self.pool.score(chosen) if chosen else np.nan))
        return self.draw(chosen)

    def draw(self, chosen):
        high = 0.19 * len(self.names) + 1.5
        figure = Figure(figsize=(8.4, high), layout="none")  # a layout engine would take longer than all the rest
        left, right = figure.subplots(1, 2, width_ratios=(1.5, 1))
        figure.subplots_adjust(left=0.16, right=0.99, bottom=0.5 / high, top=1 - 0.3 / high, wspace=0.2)
        rows = np.arange(len(self.names))
        inside = np.isin(rows, chosen)
        left.plot(self.own[inside], rows[inside], "o", color=style.BLUE)
        left.plot(self.own[~inside], rows[~inside], "o", color=style.GREY, mfc="white")
        if chosen:
            now = self.pool.score(chosen)
            others = [sorted({*chosen} ^ {y}) for y in rows]
            changed = np.array([self.pool.score(other) if other else now for other in others])
            for part, colour in ((changed >= now, style.GREEN), (changed < now, style.RED)):
                left.hlines(rows[part], now, changed[part], colors=colour, lw=5, alpha=0.45)
            left.axvline(now, color=style.BLACK, lw=1)
        left.set_yticks(rows, self.names, fontsize=7.5)
        left.invert_yaxis()
        left.locator_params(axis="x", nbins=5)
        left.set_xlabel(style.TASK_NAME[self.pool.task])
        left.set_title("dot: by itself · bar: the team with this one added or out", fontsize=8.5)
        self._way(right)
        return figure

    def _way(self, axes):
        axes.plot(range(1, len(self.greedy) + 1), self.greedy, ":", color=style.ORANGE, label="the greedy way")
        steps = [(len(chosen), value) for chosen, value in self.history if chosen]
        if steps:
            axes.plot(*zip(*steps), "-", color=style.BLACK, lw=0.8, alpha=0.5)
            axes.plot(*zip(*steps), "o", color=style.BLUE, alpha=0.5)
        if steps and self.history[-1][0]:
            axes.plot(*steps[-1], "o", color=style.BLUE, ms=8, label=f"now {steps[-1][1]:.4f}")
        axes.set(xlabel="members", title="your way")
        axes.xaxis.get_major_locator().set_params(integer=True)
        axes.legend(fontsize=8)


def labels(runs):
    """Short names that tell these runs apart."""
    found = []
    for run in runs:
        config = run["config"]
        penalty = f" λ {config['smart']:g}" if isinstance(config["smart"], float) and config["smart"] else ""
        found.append(f"{run['name']}{penalty} seed {config['seed']}")
    return [name if found.count(name) == 1 else f"{name} {run['key'][:4]}" for name, run in zip(found, runs)]


def picker(scale=None, size=14):
    """The picker as it stands after the greedy way's first steps."""
    pool = few(pools(scale, ("sst",))["sst"], size)
    twin = Picker(pool)
    chosen = greedy_ensemble(pool.predictions, pool.labels, score_of(pool.task), limit=4, stop=False).chosen
    for k in range(1, len(chosen) + 1):
        twin.history.append((list(chosen[:k]), pool.score(chosen[:k])))
    figure = twin.draw(list(chosen))
    figure.set_layout_engine("constrained")  # makes room for the caption
    style.caption(figure, f"{_told({'sst': pool})} Filled: chosen.")
    return figure


def fine_tuned(pool):
    """A pool without its frozen probes, which are no rivals."""
    return only(pool, [i for i, run in enumerate(pool.runs) if run["config"]["train_encoder"]])


def only(pool, keep):
    return members.Pool(pool.task, [pool.runs[i] for i in keep], [pool.predictions[i] for i in keep], pool.labels)


def few(pool, size=14):
    """At most `size` of a pool's candidates, from the best down: of each system its best run, and only then its others."""
    from_best = sorted(range(len(pool.runs)), key=lambda i: -pool.score([i]))
    before, seen = {}, Counter()  # how many better runs its own system has
    for i in from_best:
        before[i] = seen[pool.runs[i]["name"]]
        seen[pool.runs[i]["name"]] += 1
    kept = sorted(from_best, key=before.get)[:size]
    return only(pool, [i for i in from_best if i in kept])


def score_and_cost(scale=None):
    """Table 7's picture: the mean of three scores against parameters and, for own runs, against minutes of training."""
    figure = Figure(figsize=(style.WIDE, 4.2), layout="constrained")
    left, right = figure.subplots(1, 2, sharey=True, width_ratios=(1.7, 1))
    try:
        rows, told = largest(_own, scale)[0]
    except Missing as reason:
        rows, told = {}, f"Own runs not recorded yet: {reason}."
    for name, row in rows.items():
        colour, marker = WAYS[name]
        for axes, x in ((left, row["parameters"] / 1e6), (right, row["seconds"] / 60)):
            axes.plot(
                x,
                row["mean"],
                marker,
                color=colour,
                ms=9,
                mfc=colour if marker != "s" else "none",
                label=f"{name} ({row['models']})",
            )
    printed = _published()
    floor = sorted([mean for _, _, mean in printed] + [row["mean"] for row in rows.values()])[1] - 0.012  # one lies far below
    points = [("", row["parameters"] / 1e6, row["mean"]) for row in rows.values()]  # nothing is written over them
    for name, size, mean in printed:
        left.plot(size / 1e6, max(mean, floor), **style.PUBLISHED | ({} if mean > floor else {"marker": "v"}))
        points.append((name if mean > floor else f"{name}, far below: {mean:.3f}", size / 1e6, max(mean, floor)))
    ticks = [30, 100, 300, 1000, 3000]
    left.set(xscale="log", xlabel="parameters, millions", ylabel="mean of the three dev scores (r as it is)")
    left.set_xticks(ticks, map(str, ticks))
    left.set_xticks([], minor=True)
    left.set_title("Own runs, and the reports (diamonds)")
    right.set(xlabel="minutes of training, all members", title="own runs")
    if rows:
        right.legend(fontsize=7, title="own (models)", title_fontsize=7)
    note = "Diamonds: the five reports (BERT-base), means recomputed; SerBERTus' Table 7 with its own sizes, the others' by arithmetic; EKJ on test."
    style.caption(figure, f"{told}\n{note}")
    style.name_points(left, *zip(*points), radius=4)
    return figure


def _own(scale):
    """(the ways and their cost, the caption's line) at a scale; Missing where a task has no run."""
    known = members.taught(records.load_all(scale=scale), epochs=2)
    if not all(members.pool(task, known) for task in THREE):
        raise Missing(f"run `{command('S10-multi', scale)}`")
    teams = members.choose(known)
    rows = members.ways(teams)
    told = f"{_told({task: team.pool for task, team in teams.items()})} Of two epochs at least. {members.lacking(rows, scale)}"
    return rows, told.rstrip()


def _published():
    """(name, parameters, mean): every report's best single system, and SerBERTus' Table 7."""
    table = published.table("serbertus_table7_ensembles")
    found = [
        (f"SerBERTus, {name}", float(line.parameters), (line.sst + line.qqp + line.sts) / 3)
        for name, line in zip(TABLE7, table[table["split"] == "dev"].itertuples())
    ]
    for report, name in HEADLINES.items():
        found.append((f"{report} {name}", cost.parameters(SYSTEMS[name]), published.headline(name)["mean"]))
    return found


def _told(found):
    runs = next(iter(found.values())).runs
    sizes = ", ".join(f"{task.upper()} {len(pool.runs)} on {len(pool.labels):,} dev examples" for task, pool in found.items())
    return f"{runs[0]['model']}. Recorded runs: {sizes}."


FIGURES = {
    "10_1_more_members": more_members,
    "10_2_picker": picker,
    "10_3_optimism": optimism,
    "10_4_score_and_cost": score_and_cost,
}

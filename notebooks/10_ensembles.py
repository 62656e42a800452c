# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # 10 · Ensembles
#
# Three runs of the same program, the same data, the same settings; only the seed differs. Each gets 49 % of the sentences right. Average what they say, and
# it is 50 %, for nothing but arithmetic. The highest score in all five reports is made like this, from seven to nine models for each task, 2.6 billion
# parameters in all. How far does it go, when does one more stop paying, and how much of the gain is only our own choosing?
#
# **You will be able to** average models and say why it helps, choose members greedily, tell a gain from the luck of choosing it, and put several models' knowledge back into one.
#
# **You need** notebooks 01 to 04, and 08 for intervals. **It takes** an hour and a half to do, about a minute to run at tiny scale.

# %%
# Set-up: the same cell in every notebook, on Colab, in JupyterLab and anywhere else; safe to run twice.
import importlib.util
import pathlib
import subprocess
import sys

ADDRESS = "https://github.com/OWNER/minbert-workbook"  # your copy; `minbert badges` fills it in
if importlib.util.find_spec("minbert_lib") is None:
    here = pathlib.Path.cwd().resolve()
    near = (folder for folder in (here, *here.parents) if (folder / "minbert_lib").is_dir())
    root = next(near, here / "minbert")
    if not root.is_dir():
        subprocess.run(["git", "clone", "--quiet", "--depth", "1", ADDRESS, str(root)], check=True)
    sys.path.insert(0, str(root))

from minbert_lib.workbook import check, hint, start

scale = start("10")

# %%
import matplotlib.pyplot as plt
from IPython.display import display
import numpy as np
import pandas as pd

from minbert_lib.cli import main
from minbert_lib.lab import ensemble, figures, members, predict, records, run, stats, system
from minbert_lib.lab.board import main_group
from minbert_lib.lab.figures import style
from minbert_lib.lab.figures.ensembles import Picker, few, pools
from minbert_lib.learn.metrics import decide
from minbert_lib.text import read_rows
from minbert_lib.workbook.widgets import explore

pd.set_option("display.max_colwidth", 70)

# %% [markdown]
# ## The candidates
#
# Every recorded run keeps its predictions for dev and test, unrounded: five probabilities for each SST sentence, one probability for each QQP pair, a number from 0 to 5 for STS.
# That is all an ensemble needs. No model is loaded in the first half of this notebook, and so it can use the real runs at any scale: here are all
# recorded ones that learned from at least three tenths of SST's sentences, at the largest scale.

# %%
pool = pools(tasks=("sst",))["sst"]
score = ensemble.score_of("sst")  # accuracy of the likeliest class
predictions, labels = pool.predictions, pool.labels  # a list of (n, 5), and (n,)
own = np.array([score(p, labels) for p in predictions])
every = pd.DataFrame({
    "run": [members.named(r) for r in pool.runs], "accuracy": own,
    "minutes": [r["seconds"] / 60 for r in pool.runs],
})
print(f"{pool.runs[0]['model']}: {len(own)} runs, {len(labels):,} dev sentences")
every.sort_values("accuracy", ascending=False).head(12).round(3)

# %% [markdown]
# Take the three seeds of C2. They are equally good. Are they good at the same sentences?

# %%
of_c2 = [run for run in pool.runs if run["name"] == "C2"]
seeds, _ = main_group("C2", pool.runs[0]["config"]["scale"], of_c2)  # one setting, its seeds
three = [pool.runs.index(run) for run in seeds[:3]]
right = np.array([decide(predictions[i], "sst") == labels for i in three])  # (3, n)
counts = pd.Series(right.sum(0)).value_counts().sort_index().to_frame("sentences")
counts.rename_axis("how many of the three are right")

# %% [markdown]
# Mostly, but not always: for about one sentence in four it depends on the seed whether the answer is right. That is where there is something to win. What the
# seed decides is noise, and noise averages out.
#
# ## Your turn: the average
#
# `predictions` is a list of $M$ arrays of one shape, `(n, classes)` or `(n,)`. Give their unweighted mean, in the same shape:
#
# $$\bar p = \frac1M \sum_{i=1}^{M} p_i$$
#
# Think of what *not* to do. Rounding first and voting throw away how sure each member was. Averaging logits is another rule, in which one member that is sure
# of No outvotes the others.
#
# Difficulty ●○○○○ · 5 minutes.

# %%
def average_predictions(predictions):
    ...  # your code here


# %%
average_predictions = check("average_predictions")

# %% [markdown]
# **What does the average of the three give, and would a vote have done as well?** The interval compares with the best of the three, sentence by sentence.

# %%
some = [predictions[i] for i in three]
votes = [np.eye(5)[decide(p, "sst")] for p in some]
best = max(some, key=lambda p: score(p, labels))
ways = {
    "the best of the three": best, "vote": average_predictions(votes),
    "average": average_predictions(some),
}
gain = lambda p: stats.paired_bootstrap(decide(p, "sst"), decide(best, "sst"), labels)
pd.DataFrame({
    name: {"accuracy": f"{score(p, labels):.4f}", "more than the best": str(gain(p))}
    for name, p in ways.items()
}).T

# %% [markdown]
# A point, and an interval that holds zero: on 1,101 sentences one cannot *prove* a gain of this size over the best of the three. What can be proved is less, and
# always holds.
#
# ## Why it must help
#
# Take the squared distance between the predicted probabilities and the truth $y$ (1 for the right class, 0 for the others; Brier's score). Then for every single sentence
#
# $$\underbrace{\|\bar p - y\|^2}_{\text{the ensemble's error}} \;=\; \underbrace{\frac1M\sum_i \|p_i - y\|^2}_{\text{members' mean error}} \;-\;
# \underbrace{\frac1M\sum_i \|p_i - \bar p\|^2}_{\text{how far members disagree}}$$
#
# This is algebra (Krogh and Vedelsby, 1995), it holds to the last digit, and the last term cannot be negative. So an average is *never worse* than its
# members are on average, and it is the better the more they differ, as long as they are equally good. Does it hold here?

# %%
truth = np.eye(5)[labels.astype(int)]
squared = lambda a, b: ((a - b) ** 2).sum(-1).mean()
mean = average_predictions(some)
left, error = squared(mean, truth), np.mean([squared(p, truth) for p in some])
spread = np.mean([squared(p, mean) for p in some])
print(f"ensemble {left:.6f}")
print(f"members {error:.6f} − disagreement {spread:.6f} = {error - spread:.6f}")

# %% [markdown]
# For accuracy there is no such law, since deciding is a step; a team of three poor ones and a good one may fall behind the good one. So: whom to take?
#
# ## Your turn: the greedy way
#
# SerBERTus' rule: begin with the best member. Then try each of those left, and add the one with which the *average* scores best, as long as the score does not fall. Give the
# positions of the chosen members, in the order of choice.
#
# $$i^* = \arg\max_{i \notin chosen}\ score\Big(\tfrac{1}{|chosen| + 1}\big(p_i + \sum_{j \in chosen} p_j\big),\ labels\Big)$$
#
# Each `members[i]` is what `average_predictions` averages; `score(predictions, labels)` gives a number, higher is better. A tie between members goes to the
# earlier one; a score that stays the same is no fall.
#
# Difficulty ●●●○○ · 25 minutes.

# %%
def greedy_ensemble(members, labels, score):
    ...  # your code here


# %%
greedy_ensemble = check("greedy_ensemble")

# %%
found = greedy_ensemble(predictions, labels, score)
chosen = list(getattr(found, "chosen", found))
path = [
    score(average_predictions([predictions[i] for i in chosen[: k + 1]]), labels)
    for k in range(len(chosen))
]
pd.DataFrame({
    "added": [members.named(pool.runs[i]) for i in chosen], "alone": own[chosen],
    "the team": path,
}).round(4)

# %% [markdown]
# Now do it by hand. **Whom do you take next, and when do you stop?** Tick and untick. A dot is what a run scores by itself; the bar beside the black line
# says what the team would score if you added that one, or took it out. Is the best candidate always the best addition? Can you beat the greedy way?

# %%
picker = Picker(few(pool))
ticks = {name: k == 0 for k, name in enumerate(picker.names)}
explore(
    picker,
    alt="Each run's own score, what it adds to the team or takes from it, and the way so far.",
    **ticks,
)

# %% [markdown]
# The same, standing still, after four steps of the greedy way, two of them past its stop:
#
# ![Members' own scores, and what each would add to a team of four](../figures/10_2_picker.png)
#
# ## Where one more stops paying
#
# The greedy way stops by itself. But go on, past the stop, until all are in; and beside it draw members at random, which needs no choosing at all.

# %%
figures.draw("10_1_more_members")

# %% [markdown]
# ![Score against the number of averaged members: greedy where it was chosen, greedy where it was not, and at random](../figures/10_1_more_members.png)
#
# On the orange line the first few members give most of it: the rule stops after three, at .511, and from four to forty members the score wavers between .510 and
# .523. The blue line, the honest one (how it is made comes next), says otherwise on SST: one member has .491, three and ten have .490; with twenty-six it touches
# .50 and falls back. So at its stop the greedy way has gained nothing here. Both lines meet at the right end, where all are taken and nothing is chosen. (On QQP
# the third is a hair worse, so the rule stops at two, and never sees that four are best, on either line.) The grey line chooses nothing and rises too: averaging pays by itself. What choosing adds is to keep out the
# bad ones: heads on frozen encoders (C1, P1 to P5), S4 with half of its numbers dropped, E4 and E5, whose heads are too deep for one epoch.
#
# So the stop is a rule of thumb: look past it before you believe it. A member that is best by luck may find no partner that helps. Here the first has .504, and
# its settings gave .489 and .478 with two other seeds. On STS the rule takes in four collapsed runs, whose own $r$ is .15, .10, −.41 and −.61 (notebook 09). Their
# answers hardly differ from pair to pair, so they hardly move the mean, and a score that rises by a hair or stays the same is no fall.
#
# **Members of different builds.** Six of our runs learned all pairs of QQP. Three read both questions as one text (S10-multi .875, S10-2 .872, and again with soft
# labels .875), three read each by itself and compare the two means (S11-cosine .875, `siamese-qqp` .872 in two epochs, .870 in four). Two of one kind disagree on
# one pair in 17 to 20, and their average gains +.002 at most, which proves nothing. The best two of different kinds disagree on one in eleven and have .883
# together: +.008, from +.005 to +.011. With all six it is .882. What a member is worth is how *differently* it errs.
#
# ## How the choice flatters itself
#
# The orange line is what SerBERTus, and nearly everybody, reports: the ensemble chosen on dev has such a score on dev. Here is what is wrong with that.
# Twenty-five members who know *nothing*, random probabilities, 200 sentences with random labels. The truth is 20 %, for any of them and for any mean of them.

# %%
rng = np.random.default_rng(5)
# 25 × (n, 5)
fools, said = list(rng.dirichlet(np.ones(5), size=(25, 2200))), rng.integers(0, 5, 2200)
dev, test = np.arange(200), np.arange(200, 2200)
team = greedy_ensemble([fool[dev] for fool in fools], said[dev], score)
team = list(getattr(team, "chosen", team))
for name, where in (("dev, where they were chosen", dev), ("2,000 other sentences", test)):
    together = average_predictions([fools[i][where] for i in team])
    print(f"{len(team)} of 25 fools on {name}: {score(together, said[where]):.3f}")

# %% [markdown]
# Twelve points out of nothing: the best of 25 is lucky on these 200 sentences, each addition was *chosen* for being lucky on them too, and elsewhere nothing
# is left. The remedy is as old as testing: choose on some sentences, score on others.
#
# ### Your turn: who has a say
#
# Cut dev into five parts, *folds*. Each in turn is `test`, the other four are `dev`, both given as arrays of positions; the course's test file has no part in
# this. Choose the members with your greedy way by what they say on `dev`, and give the chosen members' average on `test`, in the order of `test`. The labels
# of `test` must have no say. (You may use `greedy_ensemble` and `average_predictions` from above. Where the library's `greedy_ensemble` stands in, the
# positions are its answer's `.chosen`.)
#
# Difficulty ●●○○○ · 10 minutes.

# %%
def held_out_predictions(members, labels, score, dev, test):
    ...  # your code here


# %%
held_out_predictions = check("held_out_predictions")

# %% [markdown]
# With five folds every sentence is once in `test`, and once only: together they make an honest score of the *procedure* "choose greedily", on all of dev.

# %%
honest = np.empty_like(predictions[0])
for dev, test in ensemble.folds_of(len(labels), 5):
    honest[test] = held_out_predictions(predictions, labels, score, dev, test)
fair = score(honest, labels)
print(f"best single {max(own):.4f}; greedy on dev {path[-1]:.4f}, honestly {fair:.4f}")
print(f"flattery {path[-1] - fair:+.4f}")

# %% [markdown]
# **Does the flattery grow with the number of candidates?** It should: the more one may choose from, the more luck there is to be found.

# %%
figures.draw("10_3_optimism")

# %% [markdown]
# ![Greedy score where it was chosen and where it was not, against the number of candidates](../figures/10_3_optimism.png)
#
# The gap is what the choice says too much: half a point for a handful of candidates, about a point from a dozen on, two at the right end; as large as many a gain that
# the reports tell of. The honest line rises too: choosing from more *is* better, only not by as much as it says. But *good* ones, not
# many: the 43 runs that read their data twice at least give the rule .491 honestly, all 333 no more, .487; what is left out by such a rule, made before anybody
# looks at dev, cannot flatter. One way to cut dev into folds may be lucky by a point (the dots at the right end are twelve), so such a number is the mean of ten.
#
# The "best single" is flattered in the same way, being the best of several; and so is the "best epoch" of each run. SerBERTus' Table 7 can be read that way: the
# big ensemble gains .0082 on the best models of each task on dev (.7908, .7826), and .0016 on test (.7861, .7845). But QQP and STS keep their whole gain (+.007
# and +.005 on both sets). What is lost is SST's, +.013 on dev and −.007 on test, and chance alone can do that on so few sentences.
#
# ## Score and cost
#
# Four ways to make one answer for three tasks: a single model; one that shares its lower layers and has top layers of its own for each task; the best model
# for each task; an ensemble for each task. None is worse on dev than the one before, and none is smaller. (A way that no recorded run goes is left out.)

# %%
known = members.taught(records.load_all(scale=pool.runs[0]["config"]["scale"]), epochs=2)
teams = members.choose(known)
table = pd.DataFrame(members.ways(teams)).T
cost = {"million": table.pop("parameters") / 1e6, "minutes": table.pop("seconds") / 60}
display(table.assign(**cost).round(4))
figures.draw("10_4_score_and_cost")

# %% [markdown]
# ![Mean score against parameters, own runs and the five reports, and against minutes of training](../figures/10_4_score_and_cost.png)
#
# Runs of one epoch are left out here: most are points of a sweep. The square, one MiniLM with two top layers of its own for each task, has .751 with 30 million
# parameters; SMARTCS' best, one BERT-base, has .750 with 110. (Both were chosen on dev, and MiniLM saw Quora pairs in its first training.) Per parameter ensembles
# do badly: SerBERTus' step from "best per task" to "big ensemble" takes seven times the parameters for .0082 on dev and .0016 on test; ours takes twice as many for
# .007 on dev. Scored honestly our ensemble (cross, .754) stands level with the triangle (.754), which was itself chosen on dev: nothing is proved for that step. The
# circle is S10-multi, three epochs of all the data here: .731, where the report has .757 with BERT-base. The square differs from it in more than its own layers: it
# reads each text of a pair by itself, as this checkpoint was first trained to do, averages over words in place of [CLS], compares by cosine for STS, and its
# lower layers learned slower, for four epochs. One seed each.
#
# ## What did each ingredient give?
#
# The systems at the top have many: SMART, more pre-training, layers of their own, both orders of a pair averaged, slower lower layers, other tasks first, a
# teacher. Two systems that differ in five things say nothing of any one. So look for pairs among all recorded runs: the same settings, seed and data, and
# *one* switch apart, with their predictions for the same sentences side by side.

# %%
figures.draw("10_5_ingredients")

# %% [markdown]
# ![Score with each ingredient less score without it, seed by seed, with intervals](../figures/10_5_ingredients.png)
#
# The bars redraw sentences and know nothing of other seeds (notebook 08); the dots show how far seeds differ.
#
# * **Soft labels** (probabilities of two models in place of SST's labels; how, at the end of this notebook): +.020, +.015, +.019, mean +.018 (+.005 to +.032),
#   for a student of one epoch. A second epoch with true labels gives more (.489, the student .475), and the two teachers were chosen of three on this dev set.
#   On pairs they cost a little: QQP −.010 (−.020 to +.001), STS −.005 (−.008 to −.002), one epoch; with all data and three epochs +.002 and .000 (grey, one seed).
# * **Own top layers** (CerBERTus, two of six): +.027, +.043, +.096 on SST, mean +.055 (+.035 to +.076): all seeds agree on the sign, not on the size. −.008 on
#   STS (−.012 to −.004), +.009 on QQP (−.001 to +.018). Here too a second epoch of the shared encoder gives more (SST .388 → .465, notebook 09).
# * **SMART**, weight 1: −.001, −.002, +.009, mean +.002 (−.010 to +.014). Grey settings go from −.065, where it is heavy, to +.047 in M5, whose rate is too
#   high without it (notebook 08). On all three tasks, one epoch: QQP −.001, STS +.003 (−.000 to +.007; two seeds).
# * **Further pre-training on a task's own text** depends on what it is compared with. At a rate that suits: SST −.011 (−.025 to +.003), QQP −.02, STS −.01 to
#   −.03 (grey, one seed each). Beside M1, whose rate is too high, it gains: QQP +.016 to +.070, STS +.022 to +.096, SST +.05 to +.19 (M7, three seeds).
# * **Other tasks first**: STS after QQP loses, in all three seeds, −.012 (−.019 to −.004): this checkpoint's first training suits STS better than what QQP makes
#   of it. QQP after STS has +.001 (−.004 to +.006), SST −.007 (−.025 to +.007; one seed).
# * **Slower lower layers**: SST −.003 (−.008 to +.003), QQP −.004 (−.008 to +.001), STS −.004 (−.007 to −.001); one epoch, in which they get less far.
# * **Critics' text** and **both orders averaged** stay within a point of 0.
#
# Where "no pair yet" stands nothing has been shown, whatever the score of a system that
# has the ingredient. Your own pairs count at once, also at tiny scale: `figures.draw("10_5_ingredients", scale="tiny")`.
#
# ## A cheap rival: averaging the weights
#
# An ensemble of $M$ models costs $M$ times the work at every prediction. Could one average the *weights*, and have one model? $\frac1M\sum_i \theta_i$ costs
# nothing. From here on models are needed; three small ones are trained now. Between the first two, and between two epochs of one and the same run, we walk on
# a straight line, $(1-\alpha)\,\theta_a + \alpha\,\theta_b$.

# %%
PART = {"limit": {"sst": 960}, "epochs": 4} if scale.name == "tiny" else {}
pupils = [run(system("C2", scale.name, seed, **PART), keep_epochs=True) for seed in range(3)]
places = [predict.locate(pupil["key"]) for pupil in pupils]
trained = [predict.Trained(place) for place in places]
numbers = [entry["epoch"] for entry in pupils[0]["epochs"]]
epochs = [predict.Trained(places[0] / f"epoch-{n}").model.state_dict() for n in numbers]
rows = read_rows("sst", "dev", scale.data)
said = np.array([int(example.label) for example in rows.examples])
# as above: lower is better, and steadier than accuracy on few sentences
brier = lambda p: squared(p, np.eye(5)[said])
walker = predict.Trained(places[0])


def says(weights):
    """What the model says with these weights, (n, 5)."""
    walker.model.load_state_dict(weights)
    return walker.predict("sst", rows.examples)


def walk(a, b, steps=9):
    """The error on the straight line between two models' weights."""
    found = []
    for alpha in np.linspace(0, 1, steps):
        floats = [name for name in a if a[name].is_floating_point()]
        mixed = a | {name: (1 - alpha) * a[name] + alpha * b[name] for name in floats}
        found.append(brier(says(mixed)))
    return found


# %%
seeds = [one.model.state_dict() for one in trained[:2]]
lines = {"two epochs of one run": walk(epochs[-2], epochs[-1]), "two seeds": walk(*seeds)}
outputs = [one.predict("sst", rows.examples) for one in trained]
figure, axes = plt.subplots(figsize=(6.2, 2.9))
for (name, line), colour in zip(lines.items(), style.COLOURS):
    axes.plot(np.linspace(0, 1, len(line)), line, "o-", color=colour, label=f"weights: {name}")
mixed = [
    brier((1 - alpha) * outputs[0] + alpha * outputs[1]) for alpha in np.linspace(0, 1, 9)
]
axes.plot(np.linspace(0, 1, 9), mixed, "--", color=style.GREEN, label="predictions: two seeds")
axes.set(
    xlabel="α: from the first model to the second", ylabel="squared error on dev",
    title="Between two models (lower is better)",
)
axes.legend(fontsize=7.5, loc="upper left", bbox_to_anchor=(1.01, 1))
plt.show()
rivals = {f"epoch {n}": (1, says(weights)) for n, weights in zip(numbers, epochs)}
rivals |= {
    f"weights of the last {k} epochs, averaged": (1, says(ensemble.average_weights(epochs[-k:])))
    for k in range(2, len(epochs) + 1)
}
rivals["predictions of three seeds, averaged"] = (3, average_predictions(outputs))
pd.DataFrame({
    name: {"models to ask": many, "accuracy": score(p, said), "squared error": brier(p)}
    for name, (many, p) in rivals.items()
}).T.round(4)

# %% [markdown]
# Two epochs of one run lie in one valley: the way between them has no bump, and its middle is as good as one may hope. Two seeds lie in two valleys with a
# ridge between: their mean, as weights, is worse than either. Their mean as *predictions* (green) is better than the two are on average, as the law above
# promises: the line sags. The seeds began at the same BERT, but their heads were drawn at random, and at the high rate that a tiny model needs they went far.
# Averaging weights is for checkpoints that are near each other. Even there it need not help: at tiny scale this run gets better with every epoch (squared
# error .70, .65, .63, .60), and a mean with what it knew earlier takes it back, to .61 with one earlier epoch and .63 with all. It pays where training no
# longer gets better and only wanders about in its valley; a rate that falls to zero, like ours, brings it to rest there by itself. And the average of three
# seeds' predictions (.61) is better than its members' mean, as it must be, but the first of them alone has .60: nobody can choose that one beforehand. From a
# terminal: `minbert train NAME --out FOLDER --keep-epochs`, then `minbert ensemble FOLDER/epoch-2 FOLDER/epoch-3 --average MEAN`; the same command averages
# two seeds' folders.
#
# With MiniLM on SST (C2, three seeds, these two commands): epochs 2 and 3 averaged have .482, .490 and .488, where the better of the two epochs has .482, .487
# and .492: nothing gained, nothing lost. Three seeds' *weights* averaged have .470, less than each of them (.482, .487, .492); their *predictions* averaged
# have .496, more than each.
#
# ## One student of many teachers
#
# The other way to one model: let the team *teach*. Ask it for every training sentence, and have a new model learn from those probabilities in place of the
# labels: distillation (Hinton and others, 2015). With the team's $q$ and the student's $p$, the loss of a sentence is
#
# $$\ell = -\sum_c q_c \log p_c$$
#
# which is cross-entropy as ever, only that the label is no longer one class. What does the team say that a label does not?

# %%
teacher = "-".join(["sst", *(pupil["key"][:4] for pupil in pupils)])
folder = predict.teach({"sst": [pupil["key"] for pupil in pupils]}, teacher)
soft = np.load(folder / "sst-train.npy")  # (n, 5)
train = read_rows("sst", "train", scale.data)
shown = [970, 980, 990]
pd.DataFrame(
    [[train.examples[i].texts[0], train.examples[i].label, *soft[i].round(2)] for i in shown],
    columns=["sentence", "label", *range(5)],
)

# %% [markdown]
# "1, or perhaps 3" says more than "1": the team tells what it is torn between. And there is a second gift: a teacher needs no labels. At tiny scale the
# pupils learned from 960 sentences; the team has an opinion on the other 1,040 as well. So three students, two seeds each, all of them single models: with
# labels; with the team's opinion on the same sentences; with its opinion on all.

# %%
lessons = {
    "labels": PART,
    "soft labels": {**PART, "soft_labels": teacher},
    "soft labels, all sentences": {**PART, "limit": {}, "soft_labels": teacher},
}
students = {
    name: [run(system("C2", scale.name, seed, **how)) for seed in (3, 4)]
    for name, how in lessons.items()
}
figure, panels = plt.subplots(1, 2, figsize=(7.2, 2.4), sharey=True)
for axes, measure, name in zip(
    panels, (lambda p: score(p, said), brier), ("SST accuracy (dev)", "squared error (dev)")
):
    for y, runs in enumerate(students.values()):
        values = [measure(records.predictions(one)["dev"]["sst"]) for one in runs]
        axes.plot(values, [y] * len(runs), "o", color=style.BLUE)
        axes.plot(np.mean(values), y, "|", color=style.BLUE, ms=18)
    axes.axvline(
        measure(average_predictions(outputs)), color=style.GREEN, ls="--",
        label="the team of three",
    )
    axes.set(xlabel=name, ylim=(-0.6, len(students) - 0.4))
panels[0].set_yticks(range(len(students)), list(students))
panels[0].legend(fontsize=8, loc="lower left");

# %% [markdown]
# (On MiniLM and all of SST it gave two points, as figure 10_5 has it: `minbert ensemble RUN RUN --task sst --scale mini --teach team-mini`, of runs whose
# weights were kept with `--out`, and then `minbert sweep W-distilled --scale mini --seeds 0,1,2 --set epochs=1` beside the same of C2. For three tasks at once, on
# all data and for three epochs, it gave nothing: .480, .875 and .871, where the same S10-2 has .489, .872 and .871 with labels.) At tiny scale the
# lesson costs more than it gives: teachers that are right half the time, after so little reading, are worse company than the labels themselves. But look at
# the top row. Those students have never seen a true label, only opinions, on twice as many sentences; and they come within a point or so of those who had the
# labels. That is the use of it: the big ensemble reads text that nobody has labelled, and one small model keeps what it said. (Two seeds each, 400 dev
# sentences: a difference below three points means little here.)
#
# ## From the command line
#
# All of this is one command: `minbert ensemble` chooses from recorded runs, says what the choice gives honestly, and with `--out` writes the course's six
# files, checked line by line. `--replacement` lets a member come in twice, `--teach NAME` writes soft labels, `--average FOLDER` averages weights; `minbert
# predict` runs a finished run or such an ensemble over any file.

# %%
main([
    "ensemble", "C2", "--task", "sst", "--scale", pool.runs[0]["config"]["scale"],
    "--replacement",
]);

# %% [markdown]
# ## What you have shown
#
# By squared error an average is never worse than its members on average, and better by as much as they disagree; choosing members greedily takes a few of
# many; the score on which one chose is too high, and five folds say by how much; and a team can be put back into one model, by its weights if they lie close,
# or by its lessons.
#
# **Three questions**
#
# <details><summary>1. You have five copies of one model, and one other that is a little worse. What does the average of all six do?</summary>
#
# Nearly what the copies say: they disagree with nobody. Members are worth what they add in *difference*; five copies are one member with five votes. Greedy
# choice would not take the second copy for any gain (it would, though, for a tie).
# </details>
#
# <details><summary>2. The report chose its big ensemble on dev and then scored it once on test. Is its test score flattered too?</summary>
#
# No: nothing was chosen on test, and so .7861 is honest. It would be flattered if several ensembles had been handed in and the best score been told. Dev lost
# its honesty when it was used for choosing; any set does.
# </details>
#
# <details><summary>3. Why may two epochs of one run be averaged by weights, and two BERTs that were pre-trained from different random numbers not?</summary>
#
# The hidden numbers of two such BERTs are in another order: number 17 of one does the work of number 203 of the other, and the mean of the two does
# neither's. Fine-tuned from one start the order is the same, so a mean of weights can make sense. It is no promise: the two seeds above began at one BERT, went
# far at a high rate, and their mean was worse than either.
# </details>
#
# **Next:** [11 · Analysis](11_analysis.ipynb) asks what all these models still get wrong.

# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # 08 · Sweeps
#
# Which learning rate is best? Two of the five reports tried several, and each found another answer: 1e-5 and 3e-5. This notebook asks the
# question again, and then a harder one: how would you know that you are not looking at luck?
#
# **You will be able to** plan a sweep, run it and look behind its points; put an interval on a score; compare two systems on the same
# sentences; say how many seeds a difference needs; and read a table of results with that in mind.
#
# **You need** notebook 04. **It takes** an hour to do; its own 22 small runs take a minute or two on a laptop, and none the second time.

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

scale = start("08")

# %%
import matplotlib.pyplot as plt
from IPython.display import display
import numpy as np
import pandas as pd

from minbert_lib.lab import figures, published, records, stats, system
from minbert_lib.lab.facts import facts
from minbert_lib.lab.figures import explorer
from minbert_lib.lab.planning import plan_text
from minbert_lib.lab.sweep import grid, of_row, run_all
from minbert_lib.learn.metrics import decide
from minbert_lib.workbook.widgets import explore

# %% [markdown]
# ## Three lists before the first run
#
# A sweep answers one question only if it is clear what else may move. Write three lists before you start:
#
# * **varied**: the one thing the question is about;
# * **tuned away**: what has to be chosen anew at each setting, or else the comparison is unfair (the epoch with the best dev score, for one);
# * **fixed**: everything else, seeds aside; a conclusion holds for these values and perhaps for no others.
#
# Ours: *varied* the learning rate, four values a factor of about three apart; *tuned away* the best epoch of three; *fixed* C2, the same 640
# sentences, batches of 32, a linear schedule. And every setting with three seeds, which change the head's first weights, the order of sentences and dropout.

# %%
rates = [float(f"{system('C2', scale.name).lr * factor:.1g}") for factor in (0.3, 1, 3, 10)]
small = {"limit": {"sst": 640}}
configs = grid("C2", {"lr": rates}, seeds=(0, 1, 2), scale=scale.name, **small)
print(plan_text(configs))

# %% [markdown]
# That is a list of settings, and what it would take, from records of like runs. Nothing has been started. The next cell runs what is not
# recorded yet. (`minbert sweep C2 --grid lr=… --seeds 0,1,2 --workers 2` is the same from a terminal; `--ray ADDRESS` runs it on a cluster.)

# %%
runs = run_all(configs)
by_rate = {rate: [run for run in runs if run["config"]["lr"] == rate] for rate in rates}
figure, axes = plt.subplots(figsize=(6.4, 3.0))
axes.plot(
    rates, [np.mean([run["scores"]["sst"] for run in by_rate[rate]]) for rate in rates],
    label="mean over seeds",
)
axes.plot(
    [run["config"]["lr"] for run in runs], [run["scores"]["sst"] for run in runs], "o",
    alpha=0.6, label="one run",
)
axes.set(
    xscale="log", xlabel="learning rate", ylabel="SST dev accuracy",
    title="Four rates, three seeds each",
)
axes.legend();

# %% [markdown]
# How large is the step from one rate to the next, and how far apart are three runs that differ in their seed only? Where the first is much
# larger than the second, you need no statistics. Where it is not, you do.

# %%
pd.DataFrame({
    f"{rate:g}": vars(stats.spread([run["scores"]["sst"] for run in by_rate[rate]]))
    for rate in rates
}).T.round(3)

# %% [markdown]
# At tiny scale the first step gains some eleven points and the last one loses fifteen. The outer rates scatter much, by ten points and more between seeds, and
# yet each run of the two middle rates lies above each run of the outer ones: no statistics needed (`low` and `high` are the worst and the best of the three, not
# an interval). The step between the two best gains one point, and there a seed decides. The best rate lies inside the list, and that is worth a look each time: a
# sweep whose best is at its edge is not over.
#
# ## Two reasons why a score is not a number
#
# * **Other sentences.** Dev is a sample. With $n$ sentences and accuracy $a$ the standard error is $\sqrt{a(1-a)/n}$; the 95 % interval reaches about
#   twice that to either side. For SST's 1,101 sentences this is ± 3 points. No number of seeds makes it smaller.
# * **Another seed.** The same recipe, run again, gives another model. This spread one can see, by running again, and average away.

# %%
def interval_by_size(accuracy, sentences):
    figure, axes = plt.subplots(figsize=(6.4, 2.6))
    sizes = np.unique(np.geomspace(50, 40_000, 60).astype(int))
    found = [stats.wilson(round(accuracy * n), int(n)) for n in sizes]
    axes.fill_between(
        sizes, [i.low for i in found], [i.high for i in found], alpha=0.25,
        label="95 % interval",
    )
    chosen = stats.wilson(round(accuracy * sentences), sentences)
    axes.errorbar(
        sentences, accuracy, [[accuracy - chosen.low], [chosen.high - accuracy]], fmt="o",
        color="#D55E00", capsize=4,
    )
    title = f"{sentences:,} sentences: {chosen.low:.3f} to {chosen.high:.3f}"
    axes.set(xscale="log", xlabel="sentences in the dev set", ylabel="accuracy", title=title)
    axes.legend()
    plt.close(figure)
    return figure


explore(
    interval_by_size,
    alt="The interval of an accuracy narrows with the root of the number of sentences.",
    accuracy=(0.05, 0.95, 0.52), sentences=(100, 20_000, 1101),
)

# %% [markdown]
# ![The band of the 95 % interval around .52 narrows with the number of sentences; at 1,101 it is three points to either side.](../figures/widgets/08_interval_by_size.png)
#
# SST has 1,101 dev sentences, STS 863 pairs, QQP 20,212. A difference of one point means nothing on the first and a good deal on the last.
#
# ## Your turn: the paired bootstrap
#
# Two systems are scored on the *same* sentences. Many are hard for both or easy for both; that part of the luck they share, and it cancels in
# the difference. So do not lay two intervals side by side: ask for the interval of the difference.
#
# Draw $n$ positions with replacement, take both systems' predictions `a`, `b` and the `labels` *at these positions*, and note the difference in score.
# Do it `resamples` times, with `np.random.default_rng(seed)`, so that one seed gives one interval:
#
# $$d^{(r)} = metric(a_{i_1 \dots i_n}) - metric(b_{i_1 \dots i_n}),\qquad [low, high] = \text{quantiles of } d \text{ at } \tfrac{1 - confidence}{2} \text{ and } \tfrac{1 + confidence}{2}$$
#
# and $p = 2\min\big(P(d \le 0),\, P(d \ge 0)\big)$, at most 1: twice the share of draws that point the other way. `a`, `b` and `labels` are numpy arrays `(n,)`.
# `METRICS[metric](predictions, labels)` is a score. Return a `Comparison(a, b, difference, low, high, p)`, where `a` and `b` are the two systems' scores and
# `difference` is theirs, all three on all examples.
#
# Difficulty ●●●○○ · 25 minutes. `hint("paired_bootstrap")` helps.

# %%
from minbert_lib.lab.stats import METRICS, Comparison


def paired_bootstrap(a, b, labels, metric="accuracy", resamples=2000, confidence=0.95, seed=0):
    ...  # your code here


# %%
paired_bootstrap = check("paired_bootstrap")

# %% [markdown]
# ## A difference, and none
#
# The first comparison: the best and the worst rate of the sweep. The second: weight decay .01 against none, a setting over which pages have been
# written. *Varied*: the decay. *Fixed*: all else, at the best rate above.

# %%
best = max(rates, key=lambda rate: np.mean([run["scores"]["sst"] for run in by_rate[rate]]))
worst = min(rates, key=lambda rate: np.mean([run["scores"]["sst"] for run in by_rate[rate]]))
decayed = run_all(
    grid(
        "C2", {"weight_decay": [0.01]}, seeds=(0, 1, 2), scale=scale.name, lr=best,
        **small,
    )
)


def answers(run):
    return decide(records.predictions(run)["dev"]["sst"], "sst")


labels = facts(runs[0], "sst")["labels"].astype(int)
rows = {f"rate {best:g} against {worst:g}, seed 0": (by_rate[best][0], by_rate[worst][0])}
rows |= {
    f"decay .01 against none, seed {seed}": (decayed[seed], by_rate[best][seed])
    for seed in range(3)
}
rows["seed 1 against seed 0, nothing else"] = (by_rate[best][1], by_rate[best][0])
pd.DataFrame({
    name: vars(paired_bootstrap(answers(one), answers(other), labels))
    for name, (one, other) in rows.items()
}).T.round(3)

# %% [markdown]
# Look at the last row first: two runs of one and the same recipe. Whatever difference it shows is what seeds alone do (at tiny scale three points, more than any
# weight decay above it). A change of recipe that moves
# the score by no more than that has shown nothing yet, whatever its $p$; for the bootstrap knows of other sentences, and nothing of other seeds.
#
# ## How many seeds?
#
# If runs of one recipe scatter with standard deviation $sd$, a true difference $\delta$ between two recipes is found (at the 5 % level) in 8 of 10 experiments
# only with about $n = 2\,(2.8\,sd / \delta)^2 + 1$ runs of *each*. (2.8 is 1.96 for the level and .84 for the 8 of 10; the one is there because $sd$ itself has to
# be estimated from the runs.) Move the sliders: how many for half a point?

# %%
def seeds(sd, difference):
    figure, axes = plt.subplots(figsize=(6.4, 2.6))
    grid_of = np.linspace(0.002, 0.04, 60)
    axes.plot(
        100 * grid_of, [stats.seeds_needed(sd, one) for one in grid_of],
        label=f"runs scatter by {100 * sd:.2g} points",
    )
    needed = stats.seeds_needed(sd, difference)
    axes.plot(100 * difference, needed, "o", color="#D55E00")
    axes.set(
        yscale="log", xlabel="true difference, points", ylabel="runs of each",
        title=f"{100 * difference:.2g} points: {needed} runs of each",
    )
    axes.legend()
    plt.close(figure)
    return figure


explore(
    seeds, alt="Runs needed against the size of a difference, falling with its square.",
    sd=(0.001, 0.02, 0.005), difference=(0.002, 0.04, 0.005),
)

# %% [markdown]
# ![Runs needed against the difference, for runs that scatter by half a point: seventeen of each for half a point.](../figures/widgets/08_seeds.png)
#
# ## Look behind the points
#
# The explorer draws every recorded run at this scale along any setting that moves. A line joins runs that differ in nothing else, and the
# list names them. Your own sweeps appear here as soon as they are recorded.

# %%
known = records.load_all(scale=scale.name)


def sweep_explorer(axis, score):
    return explorer.explore_runs(known, axis, score)


explore(
    sweep_explorer, alt="Scores of all recorded runs along one setting.",
    axis=explorer.axes_of(known), score=["sst", "qqp", "sts", "mean"],
)

# %% [markdown]
# ![Scores of recorded runs along one setting, lines joining means over seeds; beside them the best runs by name.](../figures/08_16_explorer.png)
#
# ## The reports' sweeps, run again
#
# A row of the table of systems may be a sweep: `of_row` gives the runs that it stands for. Choose one of `pictures` and run it here, on few sentences and
# with one seed. (The diamonds are the reports': another model on other sentences, and no mark for these runs to reach. S2 is missing: its hundred epochs take
# too long here.)

# %%
chosen, seeds_of_it = "S4", (0,)
pictures = {
    "S1": "08_1_learning_rate", "S3": "08_3_head_dropout", "S4": "08_4_hidden_dropout",
    "S5": "08_5_own_adamw", "S6": "08_6_weight_decay", "S7": "08_7_layer_rates",
    "S9": "08_10_static", "M10": "08_8_learning_rate_two_tasks 08_9_batch_sizes",
}
few = {"limit": dict.fromkeys(("sst", "qqp", "sts"), 640), "epochs": 3}
run_all([  # C2: what some rows compare with
    config for name in ("C2", chosen) for config in of_row(name, seeds_of_it, scale.name, **few)
])
for name in pictures[chosen].split():
    display(figures.draw(name, scale=scale.name))

# %% [markdown]
# How much of this line is the setting, and how much the seed? At tiny scale S4 falls by nine points to the right, and three epochs are too few for so much
# dropout. To the left it moves by three and a half, about as much as seeds did above. Make it `seeds_of_it = (0, 1, 2)` and see what stays.
#
# From here on pictures have published points (diamonds, BERT-base) where a report prints numbers, and runs of the mini scale (dots, the model that the
# caption names) where they are recorded; an empty one says which command makes its runs. (A letter names the report: S SerBERTus, M SMARTCS, B SBRRT, E EKJ,
# P the Siamese one.)
#
# **S1, the learning rate.** *Varied*: half, once and twice the usual rate. *Tuned away*: the best epoch. *Fixed*: SST alone, batches of 32. SerBERTus
# found 1e-5 best for BERT-base; half of it did not quite converge. Smaller models want higher rates: five times as high for MiniLM.

# %%
figures.draw("08_1_learning_rate")

# %% [markdown]
# ![Accuracy by epoch for several learning rates, and the best of each run.](../figures/08_1_learning_rate.png)
#  With MiniLM, three epochs and three seeds, 5e-5 has .487, half and twice as much .480 each: less than a point, and these runs cannot tell it from nothing
# (the intervals go from −.006 to +.020). A step of ten is another matter: 5e-6 stands at .416, 5e-4 at .450. (Outer rates are notebook 04's runs.)
#
# **S2, a hundred epochs.** Some networks get worse, then better again when trained for very long ("double descent"). *Varied*: nothing but time.

# %%
figures.draw("08_2_hundred_epochs")

# %% [markdown]
# ![Accuracy and loss on train and dev over a hundred epochs.](../figures/08_2_hundred_epochs.png)
#  With MiniLM and all of SST (three seeds) dev peaks at .490, .485 and .481, in epochs 7, 6 and 5, where train stands at .72, .65 and .60; the lowest loss on dev
# is epoch 4's each time. By epoch 20 train is all but learnt by heart (.98), and dev wanders between .42 and .475 for the other eighty epochs: neither a second
# descent nor a ruin. What does go on rising is dev's loss, from 1.2 to 3.8: the answers are hardly worse than before, and ever surer of themselves.
#
# **S3, dropout before the head**, none to 90 %. *Tuned away*: the best of ten epochs; much dropout needs more of them. SerBERTus' means for SST lie between .514 and .517:
# all seven settings within three sentences in a thousand.
#
# **S4, dropout inside the encoder.** *Varied*: 10 to 50 %. *Fixed*: three epochs, which is unkind to 50 %; the report gave high values thirty.

# %%
display(figures.draw("08_3_head_dropout"), figures.draw("08_4_hidden_dropout"))

# %% [markdown]
# ![Head dropout against SST and STS scores.](../figures/08_3_head_dropout.png)
#  After one epoch MiniLM's SST falls with every step: .462 without dropout, .457 at 10 %, .447 at half, .438 at 70 %, .388 at 90 %. Up to 70 % each step is
# less than seeds scatter; the last one, and the way from end to end, is not. STS falls too, by less: .820 without, .818 at 10 %, .814 at half, .792 at 90 %. With
# ten epochs the report's seven settings came out alike: dropout before the head costs time more than it costs score.
# ![Hidden dropout against SST accuracy.](../figures/08_4_hidden_dropout.png)
#  Inside the encoder, after one epoch: .457 at 10 %, .456 at 15 %, then down, .445, .433, .414, and at 50 % .346, less than a head on a frozen encoder (.384). The report's 10 to 15 % are ours too; what many epochs would mend, one epoch cannot say.
#
# **S5, whose AdamW?** *Varied*: the implementation, and with it where eps stands (notebook 03). Published: 52.6 and 52.7 per cent, 1,174 and 1,149 seconds.
# One tenth of a point is one sentence.

# %%
figures.draw("08_5_own_adamw")

# %% [markdown]
# ![Own AdamW and PyTorch's: accuracy and time.](../figures/08_5_own_adamw.png)
#
# **S6, weight decay.** *Varied*: 1e-5 to 1e-2, on SST alone and on three tasks. On three tasks the report's lowest mean is that of one run whose STS
# fell to .787, and one run is what it is.

# %%
figures.draw("08_6_weight_decay")

# %% [markdown]
# ![Weight decay against the SST score and against the mean of three tasks.](../figures/08_6_weight_decay.png)
#  With MiniLM 0, 1e-5 and 1e-4 give the same predictions, to the last bit. A step multiplies a weight by 1 − rate × decay, here 1 − 5e-5 × 1e-4 = 1 − 5e-9, and in
# float32 that number is 1: below about 3e-8 there is nothing that could be taken off. From 1e-3 on something happens, if little: .457 for the three, .456 at 1e-3 and at 1e-2, three seeds each. Did the
# report's 1e-5, at a rate of 1e-5, do anything? On three tasks (one epoch, 3,000 pairs of QQP) the means run .658, .657, .657, .657, .658 from none to 1e-2, and the five
# points of a seed lie within about a thousandth, where the seeds themselves have .642 to .671.
#
# **S7, another rate for one part**: embeddings stopped or slowed, lower layers slowed by .95 or .9 a layer, the head faster. *Fixed*: the rate of all else.

# %%
figures.draw("08_7_layer_rates")

# %% [markdown]
# ![SST accuracy with another learning rate for one part.](../figures/08_7_layer_rates.png)
#
# The published means span .506 to .524, less than two points, and the lines up to the best seed overlap nearly everywhere. The one that stands apart
# is a head a hundred times faster than the rest: the lowest.
#
# With MiniLM after one epoch the same head is the highest, .468, where one rate for all has .457: a head begins at random, and one epoch gives it little time.
# It is not proved: +.011, from −.002 to +.023. All else lies within a point. Heads: × 1.5 .457, × 2 .456, × 10 .459. Embeddings: × 0.5 .456, × 0 .454. Lower
# layers: × .95 .454, × .9 .450 (−.007, from −.016 to +.001). Over half of MiniLM's weights are embeddings, and stopping them all costs .003 (from −.007 to +.001).
#
# **M10, SMARTCS' rate and batch sizes.** *Varied*: the rate on SST and STS; then the three batch sizes. *Tuned away*: nothing. Each diamond is one run of ten epochs.

# %%
display(figures.draw("08_8_learning_rate_two_tasks"), figures.draw("08_9_batch_sizes"))

# %% [markdown]
# ![SMARTCS' learning rates on SST and STS.](../figures/08_8_learning_rate_two_tasks.png)
# ![SMARTCS' batch sizes: three scores and their mean.](../figures/08_9_batch_sizes.png)
#
# At 2e-5 SST is .459, at 3e-5 .498, at 4e-5 .489: it jumps between neighbours and follows no curve, which is what noise looks like. At 32/4/3 all three tasks
# collapsed; no batch size explains that, a run that diverged does.
#
# With MiniLM (one epoch, three seeds, batches of six and four) there is a curve: SST .278, .337, .400, .438 and .397 from 1e-5 to 5e-5, STS .813 to .849 and
# down to .838. At 4e-5 the seeds lie within 1.2 points; at 5e-5 one of three drops to .319, and at 1e-4 both tasks collapse: one answer for nearly all examples
# (one seed: .253 and .027). So the best rate stands just below those that break training.
#
# Batches with MiniLM (one epoch of SST in full and as many batches of the others, all 95,953 pairs of QQP to draw from, rate 3e-5, three seeds): at 32/4/3, where
# the report collapsed, SST .434, QQP .807, STS .855; at 40/6/4 .434, .801, .853; at 40/8/6 .421, .793, .850. Nothing collapses, so it was not the batch size. And all
# three tasks fall as batches grow, for a simple reason: larger batches are fewer updates, 2,136 rounds of three, 1,424 and 1,068. Is 32/4/3 better? On SST its
# seeds have .403, .444 and .455, the widest scatter of the three, and the mean of the middle setting.
#
# **S9, a frozen encoder beside; B1–B4; SMARTCS' table and times.** The reports' result tables as pictures.

# %%
for name in ("08_10_static", "08_11_round_robin", "08_12_smartcs", "08_13_smartcs_times"):
    display(figures.draw(name))

# %% [markdown]
# ![A static encoder beside.](../figures/08_10_static.png) ![SBRRT's systems.](../figures/08_11_round_robin.png)
# ![SMARTCS' systems.](../figures/08_12_smartcs.png) ![The time of an epoch.](../figures/08_13_smartcs_times.png)
#
# A static encoder beside gives MiniLM nothing in one epoch either: SST .455 against .462, STS .813 against .820 (three seeds each). By arithmetic it costs a
# third more (notebook 09); measured, these runs took nearly twice as long on SST and more than that on STS, so arithmetic is not the whole bill.
#
# SBRRT's with MiniLM (one epoch; B1 and B3 three seeds, B2 and B4 one): B1 learned SST alone, so its answers for pairs are accidents (QQP .47 to .61, STS about 0).
# Taking turns (B3) costs SST four points (.479 to .437) and gives QQP .698 and STS .361; a head on $(u, v)$ gets no further (notebook 05). B4's STS of .84 is
# the cosine's, which MiniLM brings with it; its other scores cannot be compared, for it read 1,510 rows of each task.
#
# SMARTCS' with MiniLM (one epoch, 3,060 pairs of QQP, batches of 28, 10 and 20 that read each task once, the report's rate lifted fivefold), the mean with $r$
# as $(r + 1)/2$:
#
# | | seed 0 | seed 1 | seed 2 |
# |---|---|---|---|
# | M1 | .668 | .655 | .592 |
# | M2: head dropout | .664 | .682 | .614 |
# | M8: cosine beside | .664 | .667 | .588 |
# | M3: two epochs, the first of QQP alone | .656 | .655 | .647 |
# | M7: after MLM | .705 | .681 | .694 |
# | M7 + M8 | .698 | .635 | .703 |
# | M5: SMART on SST | .693 | | |
# | M6: the same, with Bregman | .689 | | |
#
# At this rate runs break: in M1's seed 2 all but four sentences of SST get one answer. Where one run in three breaks, three seeds cannot rank systems. After MLM
# none breaks on SST (.426 on average, M1's .326), though M7 + M8's seed 1 has one answer for all of QQP. Does SMART gain two and a half points (M5, beside .668 of
# M1 with its seed), where notebook 06 found nothing? Look at that seed's SST: .365 in M1, .412 with SMART, but .423 in plain S10-multi at a third of the rate. A
# brake helps whoever drives too fast. M10's rates, above, say the same.
#
# And the times: with SMART on SST an epoch takes 2.9 times M1's, in the report 1.1 times. Its batches hold 6 sentences of SST among 50 examples, ours 28 among
# 58. What a penalty costs is what it is laid on.
#
# ## The reports, read again
#
# Two checks need no GPU. The first is a sum: does the printed mean follow from the printed parts, allowing for rounding?

# %%
figures.draw("08_14_means_recomputed")

# %% [markdown]
# ![Published means that do not follow from their parts.](../figures/08_14_means_recomputed.png)
#
# SMARTCS' baseline is .769 and not .764. Its SMART rows reach .759 to .770: what was told as a gain is almost all in that slip. The second check is a look into
# the same table: sentences that the report's own numbers contradict.

# %%
published.claims()[["report", "row", "words", "stated", "tables_give", "source"]]

# %%
display(figures.draw("08_15_intervals"))
figures.draw("08_17_dev_and_test")

# %% [markdown]
# ![Published SST scores with their intervals.](../figures/08_15_intervals.png)
# ![Published test scores minus dev scores, each with its interval; zero lies in all of them.](../figures/08_17_dev_and_test.png)
#
# Within a report, frozen encoders lie clear of fine-tuned ones. Among the 33 fine-tuned, 516 of 528 pairs of intervals overlap. Overlap is no test: even
# unpaired, 84 of the pairs differ by more than chance at 5 %. But in 80 of these the two systems come from different reports. Within one report, where the claims
# are made, it is 4 pairs of 167, no more than chance alone would give. A paired comparison would see more, and nobody printed what it needs. And what did choosing on dev cost? The
# second picture: seven systems have a published test score too, and every interval of the difference holds zero. After a choice among some ten systems, dev
# flattered by less than these test sets can show.
#
# ## What you have shown
#
# A score has two kinds of luck in it, and seeds remove only one. Compare on the same sentences; ask what a seed alone does before believing a
# recipe; write down what is varied, tuned away and fixed; add up the sums of others.
#
# **Three questions**
#
# <details><summary>1. Three seeds of A are all above three seeds of B. How often does that happen if A and B are equal?</summary>
#
# In one of twenty cases: of the 20 ways to pick which three of six runs are A's, one puts all of A on top. And you would have been as glad of the other way round: one in ten.
# </details>
#
# <details><summary>2. Ten settings, one run each, and the best is reported. What is wrong with its score?</summary>
#
# It is the best of ten draws, and dev chose it, so part of it is luck that will not come again. With a seed spread of half a point the best of ten equal settings
# lies about three quarters of a point above their mean.
# </details>
#
# <details><summary>3. The bootstrap says p = .01. Is recipe A better than recipe B?</summary>
#
# *This model* is better than *that model* on sentences like these. For the recipes you need several seeds of each.
# </details>
#
# **Next:** [09 · Architectures](09_architectures.ipynb).

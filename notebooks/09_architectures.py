# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # 09 · Architectures, and what they cost
#
# One encoder for three tasks, or three encoders, or something between? Two sentences read together, or apart? Five reports built at least twenty such models, and
# each found one of its own best. Here they are one model with a few switches, so that they can be compared as one compares anything: with all else equal, and with the
# bill beside the result.
#
# **You will be able to** count a model's parameters and its work without building it, compare architectures at equal compute and say exactly what was equal, and read a
# difference of half a point for what it is.
#
# **You need** notebook 05. **It takes** three quarters of an hour to do, under a minute to run at tiny scale.

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

from minbert_lib.workbook import start

scale = start("09")

# %%
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import torch

from minbert_lib.lab import cost, figures, run, system
from minbert_lib.lab.board import board
from minbert_lib.lab.figures import style
from minbert_lib.lab.stats import wilson
from minbert_lib.model import BertConfig, BertModel
from minbert_lib.model.multitask import MultitaskModel
from minbert_lib.text import Dataset, Tokenizer, read_rows
from minbert_lib.workbook.widgets import explore

THREE = ("sst", "qqp", "sts")

# %% [markdown]
# ## Sharing is a number and a word
#
# Let every task have its own copy of the top $k$ of $N$ layers, over lower ones that all share. $k = 0$ is one BERT for all ("multi"), all layers is one BERT
# per task ("triple"), and what SerBERTus calls CerBERTus, after the dog with three heads, lies between. The word is `beside`: a second encoder next to the
# first, whose vector is joined to the first one's. `"shared"` with $k$ = all is SerBERTus' "multi + triple"; `"frozen"` is a static copy that never learns
# (S9).
#
# Below are six of the reports' systems, each drawn from its line in the table of systems: where two lines differ, so do their drawings.

# %%
figures.draw("09_8_drawn")

# %% [markdown]
# ![Six systems drawn from the words up: shared parts and [CLS] grey, a task's own in its colour.](../figures/09_8_drawn.png)
#
# Here are all ways of sharing at width 8, where counting by hand is possible. With $W$ parameters in a layer, $E$ in the embeddings and the pooler, and $T$ tasks,
#
# $$P(k) = E + (N - k)\,W + T\,k\,W + \text{heads} \qquad (0 \le k < N)$$
#
# At $k = N$ (triple) nothing is shared any more, so embeddings and pooler are copied too: $T\,(E + N\,W) + \text{heads}$.

# %%
small = BertConfig(
    vocab_size=100, hidden_size=8, num_hidden_layers=4, num_attention_heads=2,
    intermediate_size=32, max_position_embeddings=16,
)


def count(**sharing):
    return MultitaskModel(BertModel(small), THREE, **sharing).parameter_count()


bert = BertModel(small)
layer = sum(p.numel() for p in bert.layers[0].parameters())  # W
whole = sum(p.numel() for p in bert.parameters())  # E + N W
heads = count() - whole
by_formula = [whole + (3 - 1) * k * layer + heads for k in range(4)]
by_count = [count(own_layers=k) for k in range(4)]
print(f"W = {layer}; P(0 … 3) by formula {by_formula}, counted {by_count}")
print(f"triple {count(own_layers='all')}, static beside {count(beside='frozen')}")
print(f"multi + triple {count(own_layers='all', beside='shared')}")

# %% [markdown]
# **How large does BERT-base become?** Move $k$.

# %%
base = dict(zip(("all", "layer"), (cost.parameters(system("S10-multi", "base")), 0)))
# two layers, two more copies of each
base["layer"] = (cost.parameters(system("S10-2", "base")) - base["all"]) // 4


def growth(k, tasks):
    ks = np.arange(12)
    figure, axes = plt.subplots(figsize=(6.2, 2.5))
    axes.plot(ks, (base["all"] + (tasks - 1) * ks * base["layer"]) / 1e6, color=style.BLUE)
    here = (base["all"] + (tasks - 1) * k * base["layer"]) / 1e6
    axes.plot(k, here, "o", color=style.RED, ms=8)
    axes.set(
        xlabel="own layers k", ylabel="million parameters", ylim=(0, 600),
        title=f"BERT-base, {tasks} tasks, k = {k}: {here:.1f} million",
    )
    plt.close(figure)
    return figure


explore(
    growth, alt="Parameters of BERT-base against the number of own layers.", k=(0, 11, 2),
    tasks=(2, 5, 3),
)

# %% [markdown]
# ![A rising line: BERT-base for three tasks, 138 million parameters with two own layers.](../figures/widgets/09_growth.png)
#
# And against what SerBERTus prints:

# %%
figures.draw("09_1_sizes")

# %% [markdown]
# ![Parameters of BERT-base's architectures: 109.5, 137.8, 152.0, 166.2, 194.5, 328.5, 437.9 million, beside the printed 110, 138, 153 and 386](../figures/09_1_sizes.png)
#
# 110 and 138 million agree to the rounding. Three own layers are 152.0 million, not 153: the report seems to have rounded a layer up. 386 is the sum of three models that are
# never in memory at once: two CerBERTus of 138 and one plain BERT of 110.
#
# ## Equal compute
#
# Parameters cost memory. Time is another matter: whatever $k$ is, one sentence goes through $N$ layers once. So all of $k = 0$ … all have the *same work per step*. Two
# encoders side by side have twice as much; a frozen one beside has a third more, because a backward pass costs about two forward ones and it has none.
#
# In *passes*, forward and backward through a whole encoder, a step of each costs:

# %%
rows = {
    "S10-multi": {}, "S10-2": {}, "S10-triple": {}, "static beside": {"beside": "frozen"},
    "S10-multi+triple": {},
}
systems = {
    name: system(name if name.startswith("S10") else "S10-multi", scale.name, **changes)
    for name, changes in rows.items()
}
passes = {name: cost.passes(config) for name, config in systems.items()}
pd.Series(passes, name="passes a step").round(2)

# %% [markdown]
# So at equal compute, where multi takes 4 epochs, static beside takes 3 and multi + triple 2. What is equal then, exactly: the data, their order of tasks,
# the batch size, the peak learning rate, the schedule over each run's own length, and the passes (number of steps × passes a step). What is not: the number
# of steps, the parameters, the memory. *Guess the ranking, then run.*

# %%
few = {"limit": dict.fromkeys(THREE, 640)}
records = {
    name: run(config.with_(epochs=round(4 / passes[name]), **few))
    for name, config in systems.items()
}


def bill(record, name):
    tokens = record["tokens_per_second"] * record["seconds"]
    shown = {
        "epochs": record["config"]["epochs"],
        "parameters": f"{record['parameters'] / 1e6:.2f} M",
        "seconds": round(record["seconds"]),
    }
    shown |= {
        "tokens read": f"{tokens:,.0f}", "passes × tokens": f"{tokens * passes[name]:,.0f}"
    }
    return shown | {
        score: round(record["scores"][score], 3) for score in (*THREE, "mean", "mean_norm")
    }


pd.DataFrame({name: bill(record, name) for name, record in records.items()}).T

# %% [markdown]
# The bill: passes × tokens come out nearly equal, as they were meant to, while parameters differ by a factor of four. The scores need a warning. QQP and STS
# are alike in every row: the tiny BERT was asked about pairs in its own schooling, and here no architecture adds to that. SST is still climbing, so a part of
# what looks like a ranking of architectures is one of epochs: four, four, four, three, two. Another part, from .40 to .49, lies among the three that had
# four: there layers of its own seem to help SST (one seed, few sentences, a lead to follow and no finding). At tiny scale this table compares costs, not
# talents. For those, see the published column below.
#
# How much of a difference is luck? SST dev has so many sentences that a score has this interval by its size alone:

# %%
n = len(read_rows("sst", "dev", scale.data))
right = wilson(round(records["S10-multi"]["scores"]["sst"] * n), n)
print(f"SST {right.value:.3f} on {n} sentences: 95 % {right.low:.3f} … {right.high:.3f}")

# %% [markdown]
# Two models whose scores lie well within that interval cannot be told apart by their scores alone; a paired comparison (notebook 08) sees more, and the
# reports do not print what it needs. The five SerBERTus models that share anything differ by less than a point in their mean; only triple is clearly behind,
# and only on STS, the smallest task: alone with 6,040 pairs, it misses what QQP would have taught its encoder.

# %%
figures.draw("09_2_sharing")

# %% [markdown]
# ![Mean score against parameters and minutes for own runs, and against parameters for SerBERTus' published ones](../figures/09_2_sharing.png)
#
# Our own runs on real data (MiniLM, one epoch, three seeds) tell the report's story again: SST gains by standing apart, and STS, the smallest task, loses.
#
# | | SST (its seeds) | STS | mean |
# |---|---|---|---|
# | one for all | .388 (.350 to .423) | .841 | .658 |
# | two own layers | .444 (.434 to .451) | .833 | .676 |
# | four own layers | .452 (.445 to .458) | .826 | .678 |
# | one per task (triple) | .454 (.445 to .462) | .817 | .670 |
# | multi + triple | .452 (.448 to .455) | .842 | .683 |
# | one for all, two epochs | .465 (.460 to .469) | .860 | .696 |
#
# The last two take twice the time of the others; for that price a second epoch of the plain model buys more than a second encoder.
#
# ## Two sentences: together or apart
#
# Read together, every word of $u$ can look at every word of $v$, in every layer. Read apart, each becomes one vector first, and comparison comes too late for
# details. Apart has one great advantage that no score shows: a thousand sentences need a thousand passes, while reading all their pairs together needs half a
# million. What do they cost in training?

# %%
tokenizer = Tokenizer(scale.weights)
lengths = {}
for pair in ("cross", "separate"):
    data = Dataset(read_rows("sts", "train", scale.data, 2000), tokenizer, 128, pair=pair)
    batch = data.batch(range(len(data)))
    real = batch.attention_mask.sum(1)  # tokens of each sequence
    lengths[pair] = {
        "sequences": len(real), "tokens": int(real.sum()),
        "scores in a head": int((real**2).sum()),
    }
pd.DataFrame(lengths).T

# %% [markdown]
# About the same number of tokens (apart has one [CLS] more a pair), and attention scores about half as many, which hardly matters for sentences this short.
# So compute is equal enough, and scores may be compared.
#
# And the order? *Is A a paraphrase of B* should not depend on who comes first, but a cross-encoder that always saw the pairs as given may have learned that
# it does. Three remedies: random order in training (S11), both orders averaged when predicting (twice the cost, then), or features that are symmetric
# ($|u-v|$, $u*v$, cosine).

# %%
figures.draw("09_3_pairs")

# %% [markdown]
# ![QQP and STS scores of ways to read a pair, and their minutes of training](../figures/09_3_pairs.png)
#
# With MiniLM (three seeds, one epoch, 3,000 pairs of QQP) random order and then both orders bring STS .005 and .003, and each of the three seeds says so; on QQP
# they go .002 up and .003 down. They remedy nothing large. Apart, all hangs on the features: STS has .33 with $(u, v)$ and .855 with the cosine, more than the
# .841 of pairs read together, for these vectors were schooled to be compared. QQP's fresh head over two vectors has hardly left the commonest answer after its
# 94 batches (.62 and .64); the cross-encoder has .74.
#
# ## Heads
#
# EKJ put 0 to 4 hidden layers into each head (E1–E5) and found two best, on one run each.

# %%
figures.draw("09_4_heads")

# %% [markdown]
# ![Scores of heads with 0 to 4 hidden layers, with SMART, and with routing for SST](../figures/09_4_heads.png)
#
# With MiniLM (one epoch, three seeds) every layer costs SST: .468 without, then .458, .427, .270, and with four .254, one answer for nearly every sentence. Fresh
# layers at the encoder's rate learn slowly, and 534 steps are few. QQP hardly ever says yes, at any depth. And STS goes the other way: .10, .10, .81, .84, .84.
#
# **Why is STS near nothing with the simplest head?** It reads one number, the cosine, and draws a line through it; before any training its $r$ is .78 (`evaluate` of `prepare(system("E1", "mini"))`). The
# records have the answer: 85 and 72 % of the dev predictions of two seeds are one and the same number, and of the third all are, so that it has no $r$. The line begins (seed 0) as
# $.29 \cos + .41$, and AdamW at 5e-5 moves neither number by more than .03 in 534 steps, while the labels' mean is 2.6. So what can move does: the encoder turns every cosine to 1,
# which is as near to 2.6 as this line can come. One layer more does not help; from two on the head can stretch, and the cosine may stay what it was. (A larger `head_lr` would be the
# cheaper remedy.)
#
# **Does the order of the three tasks in a step matter?** EKJ left that open; E8 is E2 with the order turned round. The three batches make one sum, and a sum has no order, so only other
# random numbers in dropout can tell the two apart: SST .443 and .458, QQP .639 and .636, and STS collapses in both (three seeds each). Two sets of three seeds
# differ by this much when nothing but chance differs.
#
# Then EKJ replaced the SST head by routing (E7): every word votes for output vectors, and gives more of itself to the outputs that predict it well. It stayed near chance, and
# the report could not say why. With MiniLM it does not fail: .437, .457 and .439 on SST, with SMART on all tasks, beside E2's .447, .462 and .466. (Its STS is as lost as E2's: .30, −.61 and .43.)
#
# **Why did routing fail?** Two suspects. The head may be unable to learn the task. Or it learns too slowly: it is a deep network with fresh weights (three
# routings, two iterations each) and got the rate of 1e-5 that suits a *trained* encoder. Both can be tried with one switch, `head_lr`, a factor on the rate
# of heads alone. SST only, the same steps, two heads at two rates:

# %%
sst = {"limit": {"sst": 960}, "epochs": 3, "tasks": ("sst",)}
# brings the heads, and them alone, to EKJ's rate
slow = {"head_lr": system("E7", "base").lr / system("C2", scale.name).lr}
tries = {
    "linear": {},
    "routing": {"sst_head": "routing"},
    "linear, head at 1e-5": slow,
    "routing, head at 1e-5": {"sst_head": "routing", **slow},
}
sizes, reached = {}, {}
for label, changes in tries.items():
    record = run(system("C2", scale.name, **sst, **changes))
    curve = [(point["step"], point["sst"]) for point in record["curve"]]
    reached[label] = record["scores"]["sst"], np.array(curve)
    sizes[label] = record["parameters"]
figure, axes = plt.subplots(figsize=(8.6, 2.6))
for (label, (accuracy, curve)), colour in zip(reached.items(), style.COLOURS):
    smooth = np.convolve(curve[:, 1], np.ones(8) / 8, "valid")
    axes.plot(
        curve[7:, 0], smooth, color=colour,
        label=f"{label}: dev {accuracy:.3f}, {sizes[label] / 1e6:.2f} M parameters",
    )
axes.axhline(np.log(5), color=style.GREY, ls=":", label="knows nothing: log 5")
axes.set(
    xlabel="step", ylabel="training loss (mean of 8)",
    title="Two heads on SST, each at two rates",
)
axes.legend(fontsize=7.5, loc="upper left", bbox_to_anchor=(1.01, 1));

# %% [markdown]
# Neither suspicion holds here. At either rate routing's loss falls below the linear head's, and on dev it is no worse (one seed, 400 sentences, an interval of ±
# .05: no victory either, and 17 % more parameters at this width). So this head can learn this task, and fast enough, in our small models; for EKJ's BERT-base
# both suspicions are weaker now, not disproved. SMART alone is not enough either: our E7 has it too. What still differs is padding, which the method's published
# code counts as words and ours leaves out, or a slip in one program.
#
# ## Which vector speaks for the sentence
#
# [CLS], the mean of the words, the largest value of each coordinate, or the checkpoint's own pooler (a layer trained on next-sentence prediction, which
# MiniLM and our tiny BERT never had: there it is random).

# %%
figures.draw("09_5_pooling")

# %% [markdown]
# ![SST accuracy with four ways of pooling](../figures/09_5_pooling.png)
#
# With MiniLM (one epoch, three seeds) [CLS] and the mean of the words both have .457, the largest value .447, and the pooler, one more fresh layer to be taught, .444.
# The pooler comes last with each seed; between the first two no seed decides.
#
# ## Which task is next
#
# Five samplings, all else as in S10-multi. `together` has fewer steps, each on three batches; the caption counts them, because the minutes alone would not tell.

# %%
figures.draw("09_6_samplings")

# %% [markdown]
# ![Scores and minutes of five ways to choose the next task](../figures/09_6_samplings.png)
#
# With MiniLM (one epoch, three seeds) the mean is .658 shuffled (from .642 to .671), .652 drawn by √size and .654 drawn by size (annealed is its twin, for in one
# epoch annealing does not begin). The order of tasks is worth less than the seed. One batch of each a step has .641 after half as many updates, 267, and surgery on top of it .650
# (W-surgery): +.007, +.012 and +.009 with three seeds, SST .342 → .364, QQP .746 → .751, STS no more than .001 either way.
#
# ## All of them, with the bill
#
# **Does more cost buy more score?** Every recorded system of three tasks. Up and to the left is better; a dot that has another above and to its left should
# not be bought. Mind the caption: these runs did not all read equally much, so it is a picture of the method and no price list yet. S10-multi at the far right read all data three times, as the
# reports did; after one epoch of 3,000 pairs of QQP it has .658 (three seeds), and stands among the others.

# %%
figures.draw("09_7_score_and_cost")

# %% [markdown]
# ![Mean score of every recorded system against its minutes of training](../figures/09_7_score_and_cost.png)
#
# The same as a table, with what the reports published for BERT-base. Two means, and they are not to be mixed: `mean` takes STS's $r$ as it is, `mean_norm` takes $(r + 1)/2$.

# %%
table = board("mini").set_index("system")
shown = table[table.index.str.match("S10|S11|E[1-8]|M[138]$|B3|P6|W-(surg|tog|sqrt|ann|prop)")]
pd.DataFrame({
    "what": shown["title"],
    "published": shown["published_mean"], "mean": shown["mean"],
    "published, norm": shown["published_mean_norm"], "mean_norm": shown["mean_norm"],
    "million": shown["parameters"] / 1e6, "minutes": shown["seconds"] / 60, "seeds": shown["seeds"],
}).round(3).map(lambda value: "" if pd.isna(value) else value)

# %% [markdown]
# ## What you have shown
#
# Own layers cost memory and no time; a second encoder costs time. 110, 138 and 386 million follow by arithmetic, 153 does not. Between models that share
# anything the published means differ by less than a point, and SST's ± 3 points alone move a mean of three by ± 1. And "it failed" is a question: two likely
# answers were tried here, and neither held for our models.
#
# **Three questions**
#
# <details><summary>1. Triple has three times multi's parameters. Why is a step not slower?</summary>
#
# Each batch belongs to one task and goes through that task's encoder only. The optimiser touches only what has a gradient. Only memory is tripled, weights and AdamW's two means.
# </details>
#
# <details><summary>2. You give multi + triple half the epochs for equal compute, and it loses. Is it worse?</summary>
#
# It is worse at this budget. With a budget at which multi no longer gains from more epochs, the answer may turn. A comparison at equal compute holds for that compute; say which.
# </details>
#
# <details><summary>3. Of ten architectures you report the best on dev. What should its test score be?</summary>
#
# Lower, on average, even if all ten are equally good: you have chosen the luckiest. With ten equal models and a standard error of 1.5 points the best looks
# up to 2.3 points better than it is: so much if their errors have nothing in common, less by as much as they err on the same sentences.
# </details>
#
# **Next:** [10 · Ensembles](10_ensembles.ipynb) stops choosing and takes them all.

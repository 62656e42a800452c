# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # 05 · Three tasks, one encoder
#
# Is this sentence happy? Do these two questions ask the same? How alike are these two sentences? Three tasks, and one BERT for all of them.
# They may help each other, and they may quarrel: every step is a compromise. At the end there is a case to solve: a report whose sentiment score stayed
# at .411 while everything around it changed.
#
# **You will be able to** turn two sentence vectors into features that can be compared, put a head on them, say exactly what an "epoch" of three tasks is
# and write its plan, measure how much tasks conflict, and find out why a number stands still.
#
# **You need** notebooks 01 to 04. **It takes** two hours to do, under a minute to run at tiny scale.

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

from minbert_lib.workbook import check, hint, made_with, start

scale = start("05")

# %%
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import torch
import torch.nn.functional as F
from torch import nn

from minbert_lib.lab import cost, figures, published, run, system
from minbert_lib.lab.build import prepare
from minbert_lib.lab.figures import style
from minbert_lib.lab.figures.tasks import two_tasks
from minbert_lib.learn.metrics import score
from minbert_lib.model import BertModel
from minbert_lib.model.heads import pool
from minbert_lib.text import TASKS, Dataset, Tokenizer, read_rows
from minbert_lib.workbook.widgets import explore

THREE = ("sst", "qqp", "sts")
torch.manual_seed(0)
pd.set_option("display.max_colwidth", 70)

# %% [markdown]
# ## The three
#
# SST asks for one of five classes, QQP for yes or no, STS for a number from 0 to 5. So their losses differ too:
#
# | task | head gives | loss |
# |---|---|---|
# | SST | 5 logits | cross-entropy |
# | QQP | 1 logit | binary cross-entropy |
# | STS | 1 number | squared error, on the scale from 0 to 5 |
#
# A *logit* is a number before softmax or sigmoid makes a probability of it. Binary cross-entropy is cross-entropy for yes or no: the sigmoid of the logit,
# $1/(1+e^{-z})$, is the probability of yes.
#
# SST and QQP are judged by accuracy, STS by Pearson's $r$: how closely predictions and labels follow one straight line, 1 for perfectly, 0 for not at all.
# The tasks also differ in size. In the course's files QQP has 17 times as many rows as SST and 23 times as many as STS. Here are some rows of yours.

# %%
rows = {task: read_rows(task, "train", scale.data) for task in THREE}
some = [
    (TASKS[t].title, len(rows[t]), " | ".join(e.texts), f"{e.label:g}")
    for t in THREE
    for e in rows[t].examples[:2]
]
pd.DataFrame(some, columns=["task", "training rows", "text", "label"])

# %% [markdown]
# ## Two sentences, one answer
#
# A pair can be read in two ways. **Cross**: as one sequence, `[CLS] u [SEP] v [SEP]`; attention compares the words, and [CLS] holds the outcome. **Separate**: each
# sentence alone, giving vectors $u$ and $v$ of width $D$; then something must be made of the two. The Siamese report (P1) gave the head $u$ and $v$ side by side,
# and nothing else. Later it added $|u-v|$. Sentence-BERT found in 2019 that this makes all the difference. We shall see why.
#
# ### Your turn: pair features
#
# `features` names what is wanted, some of `"u"`, `"v"`, `"|u-v|"`, `"u*v"`, `"cos"`, in any order; `u` and `v` are `(B, D)`; the answer has them side by side, in the
# order of the names: `(B, …)`. The products are number by number; the cosine is one number a pair,
#
# $$\cos(u, v) = \frac{u \cdot v}{\|u\|\,\|v\|}$$
#
# Difficulty ●○○○○ · 10 minutes.

# %%
def pair_features(u, v, features):
    ...  # your code here


# %%
pair_features = check("pair_features")

# %% [markdown]
# **Which features can tell how alike two sentences are?** The encoder stays as it is; every sentence becomes the mean of its word vectors, and a *linear* model (ridge
# regression) is fitted on STS. Guess first: what will $(u, v)$ reach?

# %%
tokenizer, bert = Tokenizer(scale.weights), BertModel.from_pretrained(scale.weights).eval()


@torch.no_grad()
def vectors(split, limit=1500):
    """u (n, D), v (n, D) and labels of STS pairs, by an encoder that nobody trains."""
    data = Dataset(read_rows("sts", split, scale.data, limit), tokenizer, 128, pair="separate")
    u, v = torch.empty(2, len(data), bert.config.hidden_size)
    for index in data.in_order(64):
        batch = data.batch(index)
        hidden = bert(batch.input_ids, batch.attention_mask).last_hidden_state  # (2B, L, D)
        u[index], v[index] = pool(hidden, batch.attention_mask, "mean").chunk(2)
    return u, v, data.labels


def standard(features):
    """The features of train and dev pairs, each with mean 0 and spread 1 on train; train labels."""
    x, x_dev = (pair_features(u, v, features) for u, v, _ in (train, dev))
    # MiniLM has a dimension that never changes
    mean, spread = x.mean(0), x.std(0).clamp(min=1e-6)
    y = torch.tensor(train[2], dtype=torch.float32)
    return (x - mean) / spread, (x_dev - mean) / spread, y


def linear(features, strength=10.0):
    """Pearson's r on dev of a ridge regression."""
    x, x_dev, y = standard(features)
    weights = torch.linalg.solve(
        x.T @ x + strength * torch.eye(x.size(1)), x.T @ (y - y.mean())
    )
    return score((x_dev @ weights).numpy(), dev[2], "sts")


train, dev = vectors("train"), vectors("dev")
choices = [
    ("u", "v"), ("|u-v|",), ("u*v",), ("cos",), ("u", "v", "|u-v|"),
    ("u", "v", "|u-v|", "u*v", "cos"),
]
found = [linear(features) for features in choices]
figure, axes = plt.subplots(figsize=(6.4, 2.6))
axes.barh([", ".join(names) for names in choices], found, color=style.TASK_COLOUR["sts"])
for y, r in enumerate(found):
    axes.text(max(r, 0) + 0.01, y, f"{r:.2f}", va="center", fontsize=8)
axes.set(
    xlabel="Pearson's r on STS dev", title="A linear model on an untouched encoder",
    xlim=(min(0, *found) - 0.02, 0.1 + max(found)),
)
axes.invert_yaxis();

# %% [markdown]
# $(u, v)$ is worth nothing at tiny scale, and no amount of data will help: a linear model of $u$ and $v$ is $a \cdot u + b \cdot v$, one score for each
# sentence, added. It cannot ask whether they are *alike*, because that needs a number of $u$ times the same number of $v$, or the *size* of their difference.
# (The difference itself will not do: it is only $a = -b$.) $|u-v|$, $u*v$ and the cosine are such questions. A hidden layer can learn to ask them, in
# principle. Let us give it the chance.
#
# ### Your turn: the head
#
# A head turns features into an answer: `layers` hidden layers of `width` numbers, each a linear map (`nn.Linear`), an activation (`"gelu"`, `"relu"` or
# `"tanh"`) and dropout; then a last linear map to `outputs` numbers, and nothing after it, for the losses take logits. `(B, width_in)` becomes `(B,
# outputs)`. Without hidden layers dropout comes before the one linear map. In the five reports every head that learns is of this kind, but one (notebook 09).
#
# $$h_0 = features,\qquad h_k = \mathrm{dropout}\big(\mathrm{activation}(W_k\,h_{k-1} + b_k)\big),\qquad out = W\,h_{layers} + b$$
#
# Difficulty ●●○○○ · 15 minutes.

# %%
class Head(nn.Module):
    def __init__(self, width_in, width, outputs, layers=0, activation="gelu", dropout=0.1):
        super().__init__()
        ...  # your code here

    def forward(self, features):
        ...  # your code here


# %%
Head = check("Head")

# %% [markdown]
# The same frozen vectors, the same features, and the head in the place of the linear model: 200 steps on all training pairs at once. Guess: will a hidden layer find in
# $(u, v)$ what $|u-v|$ shows at once?

# %%
def learned(features, layers):
    """Pearson's r on train and dev of a head that learns on frozen vectors."""
    x, x_dev, y = standard(features)
    torch.manual_seed(0)
    head = Head(x.size(1), bert.config.hidden_size, 1, layers, "relu", 0.1)
    optimizer = torch.optim.AdamW(head.parameters(), lr=1e-3)
    for _ in range(200):
        loss = F.mse_loss(head.train()(x).squeeze(-1), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    with torch.no_grad():
        says = [head.eval()(part).squeeze(-1).numpy() for part in (x, x_dev)]
    return [score(said, labels, "sts") for said, labels in zip(says, (train[2], dev[2]))]


tries = [(names, layers) for names in (("u", "v"), ("|u-v|",)) for layers in (0, 1, 2)]
pd.DataFrame(
    [(", ".join(names), layers, *learned(names, layers)) for names, layers in tries],
    columns=["features", "hidden layers", "r on train", "r on dev"],
).round(2)

# %% [markdown]
# In part. At tiny scale one hidden layer takes $(u, v)$ from nothing to .49 on dev, and a second makes it worse. On train both have .86: much of what they
# know is these pairs by heart. $|u-v|$ has .68 without any hidden layer. What a network could learn is not what it does learn: a feature that asks the
# question is worth more than a layer that may find it. The report's head did not get far: its QQP accuracy of .375 is what one gets by saying yes every time
# (37.5 % of the dev pairs are duplicates).
#
# ## What is an epoch?
#
# With one task an epoch is one pass over its data. With three of unlike size the word means whatever the code does. Written down, where `batches` says how
# many each task has in one pass:
#
# | `how` | one epoch is |
# |---|---|
# | `"round_robin"` | one batch of each task in turn, as many rounds as the task `epoch_of` has batches (`None`: the task that has the fewest); a task with fewer batches begins anew |
# | `"together"` | the same rounds, but the batches of a round make *one* update: their gradients are added |
# | `"largest_first"` | in the first half of the epochs (rounded up) as many updates as in round robin, but all of the largest task; then round robin. A single epoch is round robin |
# | `"shuffled"` | every batch of every task once, in random order |
# | `"proportional"`, `"sqrt"`, `"annealed"` | as many updates as shuffled, each one's task drawn by chance |
#
# The chances go by powers of the sizes, which here are numbers of batches. Epochs count from 1; as they pass, annealed leans less and less towards the large
# tasks. With a single epoch α is 1:
#
# $$p_{task} = \frac{size_{task}^{\,\alpha}}{\sum_t size_t^{\,\alpha}},\qquad \alpha = 1,\ \tfrac12,\ \text{ or } 1 - 0.8\,\frac{epoch - 1}{epochs - 1}$$
#
# ### Your turn: the sampler
#
# Write the plan of an epoch: a list of updates (the optimiser's steps), each a tuple of the tasks whose batches it takes, `("sst",)` or `("sst", "qqp",
# "sts")`. `batches` is a dictionary from task to its number of batches, and its order is the order of a round. `rng` is a generator of numpy's
# (`rng.permutation`, `rng.choice`, …), and the only source of chance, so that a run can be had again.
#
# Difficulty ●●●○○ · 25 minutes.

# %%
def epoch_plan(batches, how, rng, epoch=1, epochs=1, epoch_of=None):
    ...  # your code here


# %%
epoch_plan = check("epoch_plan")

# %% [markdown]
# **Who is read when, and how often?** Three tasks of 8, 40 and 6 batches; each mark is one batch. Choose `annealed` or `largest_first` and move `epoch`;
# choose `round_robin` or `together` and change `epoch_of`.

# %%
def plan(how, epoch, epoch_of):
    batches = {"sst": 8, "qqp": 40, "sts": 6}
    rounds = None if epoch_of == "the fewest" else epoch_of
    updates = epoch_plan(batches, how, np.random.default_rng(epoch), epoch, 10, rounds)
    figure, axes = plt.subplots(figsize=(8.2, 1.9))
    for y, task in enumerate(THREE):
        at = [x for x, tasks in enumerate(updates) if task in tasks]
        axes.plot(at, [y] * len(at), "|", ms=20, mew=2.5, color=style.TASK_COLOUR[task])
        passes = f"{len(at) / batches[task]:.2f} passes"
        axes.text(1.01, y, passes, va="center", transform=axes.get_yaxis_transform())
    axes.set(xlim=(-1, len(updates)), ylim=(2.6, -0.6), xlabel="update", yticks=range(3))
    axes.set(yticklabels=THREE, title=f"{how}, epoch {epoch} of 10: {len(updates)} updates")
    plt.close(figure)
    return figure


explore(
    plan, alt="The tasks of an epoch's updates, and how often each task's data are read.",
    how=["round_robin", "together", "largest_first", "shuffled", "proportional", "sqrt", "annealed"],
    epoch=(1, 10, 1), epoch_of=["the fewest", "sst", "qqp"],
)

# %% [markdown]
# ![An epoch of round robin, an update a mark: the three tasks in turn, six rounds; STS is read once, SST .75 times, QQP .15 times](../figures/widgets/05_plan.png)
#
# **And how much is really read?** Nothing is so easily miscounted. The table counts examples of *your* data, in one epoch of six systems; `1.00` is
# everything once. (S12 shuffles; W-sqrt and W-annealed draw; E2 goes together for as long as SST lasts; B3 and M1 take turns, for as long as STS and QQP
# last. `minbert systems` explains every name.)

# %%
sizes = cost.sizes_of(scale)
names = ("S12", "W-sqrt", "W-annealed", "E2", "B3", "M1")
read = {name: cost.read_in_an_epoch(system(name, scale.name), sizes) for name in names}
pd.DataFrame({
    name: {task: share for task, (_, share) in tasks.items()} for name, tasks in read.items()
}).round(2)

# %% [markdown]
# The same count for the course's files, from each report's own batch sizes:

# %%
figures.draw("05_1_an_epoch")

# %% [markdown]
# ![Times that each task's data are read in one epoch of six systems; from 0.04 for QQP under B3 to 3.7 for STS under square-root sampling](../figures/05_1_an_epoch.png)
#
# Ten epochs of B3, which is what SBRRT ran, read 43 % of QQP; ten of M1 (which fits the times that SMARTCS prints) read it ten times, and STS 23 times.
# When you compare, compare examples or steps, never epochs.
#
# A detail that matters: a task that is visited in part goes on next epoch where it stopped. If each epoch began anew at the first batch of a fixed order, ten
# epochs of B3 would read the same 4 % of QQP ten times.
#
# ## Three tasks pull on one encoder
#
# Each task $i$ has its gradient $g_i$ on the weights that all share. Two of them pull together or apart, and the angle says how much:
#
# $$\cos(g_i, g_j) = \frac{g_i \cdot g_j}{\|g_i\|\,\|g_j\|}$$
#
# Below 0 a small step down task $i$'s loss, along $-g_i$, makes task $j$ worse. `surgery="watch"` takes one batch of each task in every step, notes the three
# cosines and changes nothing.

# %%
few = {"limit": dict.fromkeys(THREE, 960)}
watched = run(system("W-together", scale.name, surgery="watch", epochs=3, **few))
for pair in ("cos sst·qqp", "cos sst·sts", "cos qqp·sts"):
    found = np.array([point[pair] for point in watched["curve"] if point.get(pair) is not None])
    below = np.mean(found < 0)
    print(f"{pair}: mean {found.mean():+.3f}, spread {found.std():.3f}, below 0 {below:.0%}")
figures.draw("05_3_angles")

# %% [markdown]
# ![Cosines between the gradients of three tasks over training, and how often they lie below zero](../figures/05_3_angles.png)
#
# At tiny scale (printed above) the mean of each pair lies within .02 of 0; SST's two pairs are below 0 in about half of the steps, QQP and STS in three of
# five. On average the tasks neither help nor hinder each other. Yet single steps are not indifferent: two random directions in a million dimensions have a cosine
# of about .001, and these scatter fifty times as much. They agree in one step and quarrel in the next. The figure is MiniLM's, on real data, three seeds: means
# within .011 of 0, 45 to 50 % below it, scattered by .07 (SST and QQP) to .15 (QQP and STS). QQP and STS, which sound so alike, help each other no more than
# the others do.
#
# ## Gradient surgery
#
# PCGrad (Yu and others, 2020) takes the quarrel out: where $g_i \cdot g_j < 0$, task $i$ gives up the part of its gradient that hurts task $j$,
#
# $$g_i \leftarrow g_i - \frac{g_i \cdot g_j}{\|g_j\|^2}\, g_j$$
#
# for every other $j$ in random order, and the results are added. **What does that do, and what does it cost?** Below are two tasks with two weights. Each has its own
# best place (star). Make task B louder, and start elsewhere.

# %%
explore(
    two_tasks,
    alt="Two tasks' contours, the path of plain descent on the sum, and that with surgery.",
    louder=(1.0, 20.0, 8.0),
    start_x=(-2.5, 2.5, -0.5),
    start_y=(-1.5, 2.2, 1.8),
    surgery=True,
)

# %% [markdown]
# ![Plain descent goes towards the louder task's best place; surgery stops between the two](../figures/05_2_two_tasks.png)
#
# While the gradients agree, both paths are one. Then the plain sum makes task A *worse* to please the louder B. Surgery does not: it stops where the two gradients point
# in opposite directions, for there is nothing that one could give without taking from the other. Such places are many, a whole curve
# between the stars; surgery stops at the first that it meets, wherever that is. So it keeps a step from hurting either task, and seeks neither the lowest
# sum nor an even split.
#
# ## The case of the score that would not move
#
# The Siamese report built its model in steps, and wrote down the dev scores after each. Read the SST column from top to bottom. One encoder is
# shared by all three tasks. *What is odd?*

# %%
printed = published.scores()
printed = printed[(printed["report"] == "Siamese") & (printed["split"] == "dev")]
printed = printed[printed["row"].isin(["P1", "P2", "P3", "P4", "P5"])]  # P6 solves the case
printed[["row", "system", "sst", "qqp", "sts"]].set_index("row")

# %% [markdown]
# QQP training went from useless to .69, STS doubled, four times the STS pairs were added; and SST stayed at .411, to the third digit, four times. Were the encoder
# learning from QQP and STS, the vectors that SST reads would change, and its score with them, for better or worse. Unless …
#
# Let us not guess. Here is the suspect, P1 as the report describes it, and its training, with your features, heads and plan where they are right. Three losses,
# each on its own scale. They hardly fall. Is the rate too low, are the steps too few, or is something broken? The curves do not say.

# %%
parts = {"pair_features": pair_features, "Head": Head, "epoch_plan": epoch_plan}
own = {name: part for name, part in parts.items() if name in made_with()}
suspect = prepare(system("P1", scale.name, epochs=2, batch_size=32, **few), yours=own)
trainer = suspect.trainer
for tasks in trainer.plans[0]:
    trainer.update(tasks)
figure, axes = plt.subplots(figsize=(6.4, 2.4))
for task in THREE:
    steps, losses = np.array([
        (point["step"], point[task]) for point in trainer.curve if task in point
    ]).T
    axes.plot(
        steps[9:], np.convolve(losses, np.ones(10) / 10, "valid"),
        color=style.TASK_COLOUR[task], label=task.upper(),
    )
axes.set(xlabel="step", ylabel="training loss (mean of 10)", title="The suspect's losses")
axes.set_ylim(0, 1.25 * axes.get_ylim()[1])
axes.legend(ncols=3, loc="upper right");

# %% [markdown]
# ### Your turn: what moves?
#
# Write the detective's tool. `step()` takes one training step of `model`. Give the names of the parameters whose values it changed, as a list in the order of
# `model.named_parameters()`.
#
# Difficulty ●○○○○ · 10 minutes, and it will save you days.

# %%
def what_moves(model, step):
    ...  # your code here


# %%
what_moves = check("what_moves")

# %% [markdown]
# Now ask. One step of each task:

# %%
moved = what_moves(suspect.model, lambda: [trainer.update((task,)) for task in THREE])
every = dict(suspect.model.named_parameters())
print(f"{len(moved)} of {len(every)} parameters moved:", *moved, sep="\n  ")
inside = [p for name, p in every.items() if name.startswith("bert.")]
asked, graded = sum(p.requires_grad for p in inside), sum(p.grad is not None for p in inside)
print(f"encoder: {len(inside)} parameters, {asked} ask for a gradient, {graded} have one")

# %% [markdown]
# Only the heads. The encoder's `requires_grad` is off (the report found a bug in its code that always set it so), so
# its gradients are `None` and no optimiser touches it. Heads can learn something from fixed vectors, given more steps than these, so slow losses prove
# nothing. P1 to P5 are five ways of reading the same frozen vectors; P6 is the report's own discovery of this, near the end, and worth more than all the
# steps before: SST .493, QQP .853, STS .817.
#
# **What would P1 have been with the encoder awake?** The same, but for that one switch and the rate that suits it (P7). At tiny scale, on a part of the sample:

# %%
frozen, awake = (
    run(system(name, scale.name, epochs=4, batch_size=32, **few), yours=own)
    for name in ("P1", "P7")
)
print("made with your", ", ".join(frozen["made_with"]) or "… nothing yet: the library's parts")
both = pd.DataFrame({record["name"]: record["scores"] for record in (frozen, awake)}).T
both.assign(
    trained_parameters=[frozen["trained_parameters"], awake["trained_parameters"]],
    seconds=[frozen["seconds"], awake["seconds"]],
).round(3)

# %% [markdown]
# Scores are those of the best epoch, and that is *one* epoch for all three tasks: the one with the highest mean of the three dev scores, in which $r$ counts
# as $(r + 1) / 2$, so that all go from 0 to 1 (`mean_norm`). SST rises from .318 to .455. QQP stays at its commonest answer and STS at nothing for both:
# the heads have not learned to compare $u$ and $v$ within so few steps, with the encoder frozen or not. (The numbers are of one seed at tiny scale and of the library's parts; yours may draw other random
# numbers. The same encoder, fine-tuned on as many pairs read as *one* sequence, reaches r = .92, as in `watched` above: its pre-training had asked it to
# compare.)
#
# The report's whole chain, each step with all before it, and then each step by itself, which the report did not do:

# %%
figures.draw("05_4_siamese")

# %%
figures.draw("05_5_siamese_alone")

# %% [markdown]
# ![The Siamese report's six systems, P1 to P6, own runs, a panel for each task](../figures/05_4_siamese.png)
# ![The gain of each step of the Siamese report by itself](../figures/05_5_siamese_alone.png)
#
# With MiniLM (three seeds, one epoch, 6,040 pairs of QQP) SST's mean stays between .352 and .360 until the shaded column, and is .433 there. (No exact line as in
# the report: the heads draw other random numbers.) One step helps the pairs, $|u-v|$: QQP goes from .696 to .788, STS from .351 to .794, further than in the
# report, for MiniLM was trained to compare sentences, Quora's pairs among them. The next three (the extra STS pairs are made by leaving out words, in the
# translator's place) move no mean by more than a point. Unfreezing gives SST seven points and takes five from STS (.791 to .740) and two from QQP (.789 to
# .770); in the report all three gain. But this step changes two things: with the encoder awake the rate is 5e-5 in place of 1e-3, for the heads too, and one
# epoch is short for heads at that rate. Which of the two it was, these runs cannot say.
#
# By itself, taken from P1, unfreezing gives SST seven points as well, QQP one, and STS nothing that three seeds agree on: from $(u, v)$ a head with one hidden
# layer compares badly, frozen (.351) or not (.358). And what a step is worth depends on where one stands: the second hidden layer, good for STS once $|u-v|$
# is there, costs it four points without.
#
# Two lessons: a score that does *not* change is a finding too; and one call of `what_moves` before a long training costs a second.
#
# ## What you have shown
#
# A linear head on $(u, v)$ cannot compare; $|u-v|$ can, and a hidden layer learns to, in part. An epoch of three tasks is a decision, and reports that use
# the word differ by a factor of 20 in what they read. Gradients of tasks can be watched, and surgery makes peace at a price. And an encoder that does not
# learn gives no error message, and a high loss does not say why it is high: look at what moves.
#
# **Three questions**
#
# <details><summary>1. Could a frozen encoder give an SST score that changes when QQP's head changes?</summary>
#
# Not through the weights: nothing is shared that learns. Only by accident, through random numbers that are drawn in another order (dropout, shuffling). The report's .414
# after adding SMART on SST is SST's own change.
# </details>
#
# <details><summary>2. Under "together", three batches make one step. What should happen to the learning rate, compared with round robin?</summary>
#
# The sum points where three steps would lead, one down each task's loss, but it is one step. AdamW divides by the gradient's size, so that this step is no longer than any
# other: there are a third as many updates, of the same length. To cover the same way the rate would have to be larger, or the epochs more.
# </details>
#
# <details><summary>3. Your model's STS is poor, and the cosine between STS and QQP is −.3 throughout. Does surgery help?</summary>
#
# It keeps QQP from making STS worse in a step, and STS from making QQP worse. It may help STS if QQP's gradient is much larger, as in the picture. If the encoder has room
# for both, layers of their own for each task are the other remedy: then they do not meet (notebook 09).
# </details>
#
# **Next:** [06 · SMART](06_smart.ipynb) trains against an adversary.

# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # 04 · The sentiment baseline
#
# Everything is there: attention, layers, an optimiser. Now let them learn something. A linear layer on top of one vector turns BERT into a judge of films,
# and a minute later it has left the word counter of notebook 00 far behind. You will also see how to ruin it with one number.
#
# **You will be able to** write dropout, train a classifier with the encoder frozen or fine-tuned, recognise a wrong learning rate by its curve, stop and resume a run without
# losing a bit, and say what a classifier mistakes for what.
#
# **You need** notebooks 01 to 03. **It takes** an hour to do, a minute or two to run at tiny scale; the first cell says what is recorded for other scales.

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

from minbert_lib.workbook import check, hint, made_with, start, yours

scale = start("04")

# %%
import tempfile

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import torch
import torch.nn.functional as F
from torch import nn

from minbert_lib.lab import figures, probes, records, run, system
from minbert_lib.lab.board import board
from minbert_lib.lab.run import prepare
from minbert_lib.lab.stats import wilson
from minbert_lib.learn import checkpoint
from minbert_lib.learn.metrics import decide
from minbert_lib.model import BertModel
from minbert_lib.text import Tokenizer
from minbert_lib.workbook.widgets import explore

pd.set_option("display.max_colwidth", 120)
AdamW = yours("AdamW")

# %% [markdown]
# ## A head on a vector
#
# BERT gives one vector of width $D$ for each token. The one of `[CLS]` stands for the whole sentence: in BERT's own pre-training nothing else was asked of
# that place. (MiniLM's last training asked the mean over the words instead; fine-tuning turns `[CLS]` to this use.) A *head* turns it into five numbers, one
# for each class of SST, by dropout and a linear layer. The loss is cross-entropy: minus the logarithm of the probability that the softmax of these numbers
# gives to the right class.
#
# ## Your turn: dropout
#
# A layer that may rely on every number of its input will rely on accidents too. Dropout takes each number away with chance $p$, anew at every step,
# so that nothing can be relied on alone. What is kept is scaled up, so that the mean stays what it was:
#
# $$y_i = \frac{keep_i}{1-p}\,x_i, \qquad keep_i = 1 \text{ with chance } 1-p, \text{ else } 0.$$
#
# Only while training: in evaluation mode (`self.training` is `False`) the input comes back as it is.
#
# Difficulty ●●○○○ · 15 minutes.

# %%
class Dropout(nn.Module):
    def __init__(self, p=0.5):
        super().__init__()
        self.p = p

    def forward(self, x):
        ...  # your code here


# %%
Dropout = check("Dropout")

# %% [markdown]
# What does it do to a sum, such as a linear layer makes? Below, the sum of $n$ numbers that are all $1/n$, over 2,000 draws. The mean stays 1. What happens to the spread as
# $p$ grows, and as $n$ grows?

# %%
def sums(p, n):
    torch.manual_seed(0)
    draws = Dropout(p).train()(torch.full((2000, n), 1 / n)).sum(1)
    figure, axes = plt.subplots(figsize=(6.4, 2.4))
    axes.hist(draws.numpy(), bins=40, range=(0, 3))
    axes.axvline(
        draws.mean(), color="#D55E00",
        label=f"mean {draws.mean():.2f}, spread {draws.std():.2f}",
    )
    axes.set(xlabel="sum after dropout", ylabel="draws")
    axes.legend()
    plt.close(figure)
    return figure


explore(sums, alt="Histogram of a sum after dropout.", p=(0.0, 0.9, 0.1), n=[128, 8, 32, 512])

# %% [markdown]
# ![A histogram of sums after dropout with p = 0.1 and 128 numbers: narrow, its mean at 1.](../figures/widgets/04_sums.png)
#
# The spread is $\sqrt{p / ((1-p)\,n)}$: dropout is noise, more of it the larger $p$ and the narrower the layer.
#
# ## A training loop, in the open
#
# First with the encoder *frozen*: its vectors never change, so we make them once and train the head alone. Few sentences and many steps, so that the head can learn them by
# heart if it likes. Does dropout keep it from doing so?

# %%
bert = BertModel.from_pretrained(
    scale.weights, attention=yours("scaled_dot_product_attention")
)
few = {
    split: probes.sampled("sst", split, scale, limit, Tokenizer(scale.weights))
    for split, limit in (("train", 300), ("dev", 400))
}
# (n, D)
x, x_dev = (torch.tensor(probes.layer_vectors(bert, data)["cls"][-1]) for data in few.values())
y, y_dev = (torch.tensor(data.labels) for data in few.values())  # (n,)


def train_head(p, steps=400):
    torch.manual_seed(0)
    head = nn.Sequential(Dropout(p), nn.Linear(x.size(1), 5))
    optimizer, curve = AdamW(head.parameters(), lr=1e-2), []
    for step in range(steps):
        head.train()
        loss = F.cross_entropy(head(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if step % 10 == 0:
            head.eval()
            with torch.no_grad():
                curve.append([
                    F.cross_entropy(head(inputs), labels).item()
                    for inputs, labels in ((x, y), (x_dev, y_dev))
                ])
    return np.array(curve)


figure, axes = plt.subplots(figsize=(6.6, 2.9))
for p, colour in ((0.0, "#0072B2"), (0.5, "#E69F00"), (0.8, "#009E73")):
    curve = train_head(p)
    axes.plot(range(0, 400, 10), curve[:, 1], color=colour, label=f"p = {p}: dev")
    axes.plot(range(0, 400, 10), curve[:, 0], "--", color=colour, label=f"p = {p}: train")
axes.set(
    xlabel="step", ylabel="cross-entropy", ylim=(None, 2.4),
    title="A head on 300 sentences, scored without dropout",
)
axes.legend(ncols=3, fontsize=7.5);

# %% [markdown]
# Without dropout the head learns the 300 sentences by heart: train loss goes down and down, dev loss turns and climbs, because the head grows ever surer of
# what was an accident. With dropout the dev loss hardly climbs. The train loss ends higher: that is the price, and it is worth paying.
#
# ## Frozen or fine-tuned?
#
# Now all of SST's train set, in the two ways of the course: **C1** trains the head alone for ten epochs, **C2** lets the gradient run down through every
# layer for three (at tiny scale eight, at twice the usual rate, because there are only 2,000 sentences). `run` takes a `RunConfig`, the full list of
# switches, and gives back a *record*: settings, curves, scores. A run that is already recorded is not run again.

# %%
names = ("C1", "C2", "C3-frozen", "C3")
longer = {"epochs": 8, "lr": 1e-3} if scale.name == "tiny" else {}
made_runs = {
    "C1": run(system("C1", scale.name)), "C2": run(system("C2", scale.name, **longer))
}


def curves(runs, task):
    figure, panels = plt.subplots(1, 2, figsize=(7.6, 2.9))
    for name, colour in zip(runs, ("#E69F00", "#0072B2")):
        epochs = runs[name]["epochs"]
        steps = [entry["epoch"] for entry in epochs]
        panels[0].plot(
            steps, [e["dev_loss"][task] for e in epochs], "o-", color=colour,
            label=f"{name} dev",
        )
        panels[0].plot(
            steps, [e["train"][f"loss {task}"] for e in epochs], "o--", color=colour,
            label=f"{name} train",
        )
        panels[1].plot(
            steps, [e["scores"][task] for e in epochs], "o-", color=colour,
            label=f"{name}: best {runs[name]['scores'][task]:.3f}",
        )
    panels[0].set(xlabel="epoch", ylabel="cross-entropy")
    panels[1].set(xlabel="epoch", ylabel="dev accuracy")
    panels[0].legend(fontsize=7.5, handlelength=4)  # dashes show
    panels[1].legend(fontsize=7.5)


curves(made_runs, "sst")

# %% [markdown]
# At tiny scale the head on the frozen encoder reaches about .35. (Ridge regression, in notebook 02, got .43 out of the same vectors: ten epochs of small
# steps stop short of the best cut.) Either is far below counting words (.60): `[CLS]` was never asked about praise and blame. Fine-tuned, the same encoder
# gets far above both. What was missing was not knowledge of the language but the question.
#
# The same on real sentences, MiniLM on all of SST, several seeds:

# %%
figures.draw("04_1_learning_curves")

# %% [markdown]
# ![Loss and accuracy on SST for a frozen and a fine-tuned MiniLM.](../figures/04_1_learning_curves.png)
#
# Fine-tuned, MiniLM is ten points better than frozen, and after its second epoch it begins to learn the train set by heart: train loss
# falls, dev loss rises. The record keeps the epoch with the best dev score.
#
# ## With your own parts
#
# These runs used the library's attention and its AdamW. Now *your* attention, embeddings, layer and AdamW, where they have passed (your `Dropout` stays with the
# small head above); with blank answers this cell says so and shows the library's run again.

# %%
parts = {
    name: yours(name)
    for name in ("scaled_dot_product_attention", "BertEmbeddings", "BertLayer", "AdamW")
}
own = {name: part for name, part in parts.items() if name in made_with()}
by_you = run(system("C2", scale.name, **longer), yours=own)
print("made with your", ", ".join(by_you["made_with"]) or "… nothing yet: the library's parts")
of_you, of_library = (record["scores"]["sst"] for record in (by_you, made_runs["C2"]))
print(f"dev accuracy {of_you:.4f}; the library's {of_library:.4f}")

# %% [markdown]
# The two need not agree. Your embeddings drop with PyTorch's `nn.Dropout`, the library's with a faster one that draws its random numbers otherwise: other
# numbers are dropped, as with another seed. And the library's fast forms add up in another order, so that rounding differs too. A difference beyond the
# interval of one run would be a reason to look.
#
# ## A wrong learning rate
#
# Of all settings this is the one that can ruin everything. Four rates, from far too small to far too large; three
# epochs each, all else as in C2.

# %%
usual = system("C2", scale.name, **longer).lr
by_rate = {
    factor: run(system("C2", scale.name, lr=usual * factor))
    for factor in (0.01, 0.1, 1.0, 30.0)
}
figure, axes = plt.subplots(figsize=(6.6, 2.9))
for factor, record in by_rate.items():
    points = record["curve"]
    axes.plot(
        [point["step"] for point in points], [point["sst"] for point in points],
        alpha=0.85, lw=1.2,
        label=f"lr = {usual * factor:.0e}: dev accuracy {record['scores']['sst']:.2f}",
    )
axes.axhline(np.log(5), color="k", ls=":", lw=1)
axes.set(
    xlabel="step", ylabel="train loss", ylim=(0, 3),
    title="Dotted: log 5, the loss of saying one fifth for every class",
)
axes.legend(fontsize=7.5);

# %% [markdown]
# At a hundredth of the usual rate the loss never leaves the dotted line, and the best score is little above the commonest class's; at a tenth it has
# begun to fall. At thirty times the rate it leaps out of the picture in the first steps and then settles at the same line: the encoder is destroyed, and only
# the frequency of the classes is left. Two curves end alike for opposite reasons: look at their beginning.
#
# And MiniLM on the real sentences: how much does the rate matter there?

# %%
figures.draw("04_3_learning_rate")

# %% [markdown]
# ![Dev accuracy on SST against the learning rate, MiniLM.](../figures/04_3_learning_rate.png)
#
# A tenth of the rate costs MiniLM seven points, ten times as much four, and nothing breaks. (The tiny model went to thirty times its rate, so the two
# pictures do not say which of them forgives more.)
#
# ## The kernel died. And now?
#
# A run that takes an evening will be interrupted. Every two minutes, and whenever you stop it, a run writes down *everything that changes*: weights, AdamW's
# two means and counts, the place in the plan, the state of the random numbers, the curve so far. Then the same command goes on from there. Is it really the
# same run? We stop one in the middle, throw everything away, and let a fresh one go on from the file.

# %%
class PowerCut(Exception):
    pass


def cut(trainer):
    if trainer.step == 20:
        raise PowerCut


small = system("C2", scale.name, epochs=1, limit={"sst": 1000}, dev_limit={"sst": 100})
with tempfile.TemporaryDirectory() as folder:
    first = prepare(small).trainer
    try:
        first.run(on_update=cut)
    except PowerCut:
        checkpoint.save(folder, first.state_dict())
    second = prepare(small).trainer
    second.load_state_dict(checkpoint.load(folder)[0])
    print(f"going on at step {second.step} of {second.total}")
    second.run()
whole = prepare(small).trainer
whole.run()
same = all(
    torch.equal(a, b)
    for a, b in zip(second.model.state_dict().values(), whole.model.state_dict().values())
)
print("every weight equal to that of a run without a break:", same)

# %% [markdown]
# Equal means equal, bit for bit (on a CPU; a GPU adds in an order of its own). That is worth some care: a run that goes on with fresh means for AdamW, or with other dropout,
# is another run.
#
# ## Reviews: CFIMDB
#
# The second dataset asks for or against, in whole reviews. The same two ways.

# %%
made_runs |= {name: run(system(name, scale.name)) for name in names[2:]}
curves({name: made_runs[name] for name in names[2:]}, "cfimdb")

# %% [markdown]
# At tiny scale the head on the frozen encoder learns nothing useful: its dev curve stays about .5, and with 200 reviews to be judged by each point has an
# interval of ±7. Fine-tuned, the first two epochs look just as hopeless; then it finds what the review comes to, and ends between .7 and .8. Eight hundred
# reviews are few. Had we stopped after two epochs, we would have said that it cannot be learned. On the real reviews, below, it is much easier.
#
# ## Your turn: what is taken for what?
#
# One number hides how a classifier errs. A *confusion matrix* shows it: `counts[i, j]` is how many examples of true class $i$ were taken for class
# $j$. `predicted` and `labels` are arrays of $n$ whole numbers below `classes`; the result is `(classes, classes)`.
#
# Difficulty ●○○○○ · 10 minutes.

# %%
def confusion(predicted, labels, classes):
    ...  # your code here


# %%
confusion = check("confusion")

# %%
dev = prepare(system("C1", scale.name, limit={"sst": 10})).dev["sst"]
# (n, 5) probabilities
said = {name: records.predictions(made_runs[name])["dev"]["sst"] for name in ("C1", "C2")}
figure, panels = plt.subplots(1, 2, figsize=(7.4, 3.2))
for axes, (name, probabilities) in zip(panels, said.items()):
    counts = np.asarray(confusion(decide(probabilities, "sst"), dev.labels, 5))
    axes.imshow(counts / counts.sum(1, keepdims=True), cmap="Blues", vmin=0, vmax=1)
    for i in range(5):
        for j in range(5):
            axes.text(
                j, i, int(counts[i, j]), ha="center", va="center", fontsize=8,
                color="white" if counts[i, j] > 0.6 * counts[i].sum() else "black",
            )
    off = np.abs(np.subtract.outer(np.arange(5), np.arange(5)))
    near = counts[off == 1].sum() / max(1, counts[off > 0].sum())
    title = f"{name}: {near:.0%} of errors by one class"
    axes.set(xlabel="predicted", ylabel="true", title=title)
    axes.grid(False)

# %% [markdown]
# At tiny scale the frozen probe says 3 far too often and 4 hardly ever. Fine-tuned, four errors in ten are off by one class; half of all take a sentence for
# its mirror image, mostly a 3 for a 1 or a 4 for a 0 (notebook 11 looks into that). Whether a film is a 3 or a 4 is often a matter of taste; whether it is a
# 0 or a 4 is not.
#
# And in words: the sentences that C2 got wrong while it was surest.

# %%
wrong = decide(said["C2"], "sst") != dev.labels
surest = np.argsort(-said["C2"].max(1) * wrong, kind="stable")[:8]
pd.DataFrame({
    "sentence": [dev.rows.examples[i].texts[0] for i in surest], "label": dev.labels[surest],
    "predicted": decide(said["C2"], "sst")[surest], "sure": said["C2"].max(1)[surest].round(2),
})

# %% [markdown]
# In the sample data nearly all of these are off by one class, and the sentences are plain: they are among the 8 % whose labels were moved on purpose. A
# model's surest errors are the first place to look for wrong labels.
#
# ## Beside five reports
#
# The five are project reports of Stanford's course CS224N. Their systems are named by a letter and a number:
#
# | letter | short name | report |
# |---|---|---|
# | B | SBRRT | *SBRRT: Investigating Extensions on BERT* (Valdez Duran) |
# | E | EKJ | *Not-So-SMART BERT* (Jones) |
# | M | SMARTCS | *SMARTCS: Additional Pretraining and Robust Finetuning on BERT* (Mabene, Khawaja, Clinton) |
# | P | Siamese | *Optimizing minBERT on Downstream Tasks Using Pretraining and Siamese Network Architecture* (Pua) |
# | S | SerBERTus | *SerBERTus: A SMART Three-Headed BERT Ensemble* (Hayes) |
#
# C are the course's own baselines, W what the reports wished to try. Here are C1 to C3 as recorded with MiniLM on the real data, every seed a dot; diamonds
# are what is printed for BERT-base. Is our training as good as everybody's? The squares are Hugging Face's own classifier on C2, from the same weights with
# the same rate, epochs and batch size, otherwise in the usual way: a pooler before the head, dropout in attention, random batches
# (`python -m minbert_lib.lab.side_by_side C2 --scale mini`). The bars say how far the mean could lie off because the dev set is finite. A gap between a dot
# and a diamond is a distance between a model of 23 million parameters and one of 110 million, not a verdict.

# %%
figures.draw("04_2_beside_published")

# %% [markdown]
# ![Own runs of C1 to C3 with MiniLM as dots, Hugging Face's as squares, published BERT-base numbers as diamonds.](../figures/04_2_beside_published.png)
#
# As far as the seeds can tell, yes: .487 for ours against .485, and they scatter by more than that.

# %%
table = board(scale="mini")
table = table[table["row"].isin(["C1", "C2", "C3"])][[
    "system", "title", "seeds", "setting", "sst", "published_sst", "cfimdb", "published_cfimdb"
]]
table.round(3)

# %% [markdown]
# Where a system was run here with changed settings only (C3's frozen head for 5 epochs in place of 10), `setting` says what was changed; `seeds` is the
# number of runs behind a line.
#
# ## What you have shown
#
# A linear head on frozen vectors learns something, fine-tuning the encoder much more; dropout is noise that is switched off for scoring; the learning rate decides
# whether anything is learned; and a run is a thing that can be stopped, resumed, recorded and compared.
#
# **Three questions**
#
# <details><summary>1. Why is the frozen head trained with a rate of 1e-3, and the whole of BERT-base with 1e-5?</summary>
#
# The head starts from random numbers and has a long way to go; nothing is lost by long steps. BERT's numbers are good already, and AdamW moves each of them by about the rate at
# every step: at 1e-3, a hundred steps in one direction move a weight by .1, more than most of BERT's weights are large. (The tiny model bears 1e-3, as you saw:
# the smaller the model, the higher the rate that suits it.)
# </details>
#
# <details><summary>2. Two systems score .490 and .500 on the 1,101 dev sentences of SST. What do you conclude?</summary>
#
# Nothing yet. One standard error is .015, so such a gap arises by the choice of sentences alone. More seeds and a paired comparison (notebook 08) can decide.
# </details>
#
# <details><summary>3. Why is dropout switched off for scoring?</summary>
#
# It would make the answer depend on a throw of dice. What is kept was scaled up while learning, so that without dropout the head sees numbers of the same mean.
# </details>
#
# **Next:** [05, three tasks at once](05_three_tasks.ipynb).

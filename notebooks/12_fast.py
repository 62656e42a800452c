# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # 12 · Fast
#
# Two programs compute the same numbers; one takes an afternoon and the other an hour. Nothing in between is magic. In this notebook you take a
# plain training step apart, change one thing at a time, and measure what each change is worth on the machine in front of you.
#
# **You will be able to** count the arithmetic of a training step, measure your machine's peak and say what share of it you use, find the
# waste in a step (padding, rows that nobody reads, random numbers), and predict how the cost grows with length, batch and depth.
#
# **You need** notebooks 02 and 03. **It takes** an hour to do; about a minute to run at tiny scale, five at mini. All of it is measured on the processor, also where there
# is a GPU: choose `MINBERT_SCALE=tiny` or `mini` there.

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

scale = start("12")

# %%
import time

import matplotlib.pyplot as plt
import numpy as np
import torch
from torch.utils.flop_counter import FlopCounterMode

from minbert_lib.lab import figures, waterfall
from minbert_lib.lab.figures.speed import growth as draw_growth
from minbert_lib.lab.figures.speed import waterfall as draw_waterfall
from minbert_lib.learn.precision import choose
from minbert_lib.model import BertConfig, BertModel, fast
from minbert_lib.text import Dataset, Tokenizer, read_rows

torch.manual_seed(0)
tokenizer = Tokenizer(scale.weights)
data = Dataset(read_rows("sst", "train", scale.data), tokenizer, max_length=128)
config = BertModel.from_pretrained(scale.weights).config
print(f"{len(data):,} sentences; {torch.get_num_threads()} thread(s)")
print(f"{config.num_hidden_layers} layers of width {config.hidden_size}")

# %% [markdown]
# ## How much work is it?
#
# A product of an $n \times k$ and a $k \times m$ matrix takes $2nkm$ operations: a multiplication and an addition for every term. Nearly all of BERT is such
# products. For a batch of $B$ sentences of $L$ words and width $d$, a layer's forward pass has
#
# * $8BLd^2$ for queries, keys, values and the output, $16BLd^2$ for the network that is four times as wide,
# * $4BL^2d$ for the scores and for the sum over values.
#
# Backward takes twice as much: once for the gradient of the inputs, once for that of the weights. `waterfall.flops` adds this up. PyTorch can count the
# products that really run; do the two agree?

# %%
bert = BertModel(config).train()
ids = torch.randint(5, config.vocab_size, (8, 20))
plain = waterfall.without("oneDNN products", "fused attention")
with plain, FlopCounterMode(display=False) as counter:
    bert.encode(bert.embed(ids)).sum().backward()
counted, computed = counter.get_total_flops(), waterfall.flops(config, 8, 20, first_only=False)
print(f"counted {counted / 1e9:.3f}, by the formula {computed / 1e9:.3f} GFLOP")

# %% [markdown]
# ## How fast could it be?
#
# No program is faster than the machine. Its peak is easy to see: multiply two large matrices and divide the operations by the seconds. In float32 there may
# be two answers, because PyTorch carries two libraries for products, MKL and oneDNN, and MKL leaves the widest instructions of some processors unused.

# %%
size = 1024 if scale.name == "tiny" else 1536
a = torch.randn(size, size)
begun = time.perf_counter()
for _ in range(4):
    a @ a
default = 4 * 2 * size**3 / (time.perf_counter() - begun) / 1e9
peaks = {
    precision: waterfall.peak(precision, size)
    for precision in dict.fromkeys(["float32", choose("auto", "cpu")])
}
print(f"a @ a by default: {default:,.0f} GFLOP/s")
print(
    "peak:",
    ", ".join(f"{precision} {value:,.0f} GFLOP/s" for precision, value in peaks.items()),
)
print(
    "float32 products of the library here:",
    "oneDNN" if fast.onednn_is_faster() else "PyTorch's default",
)

# %% [markdown]
# ## Waste 1: padding
#
# A batch is as long as its longest sentence; the others are filled up with `[PAD]`, and every `[PAD]` costs what a word costs. How much of a random batch is
# padding (orange)? And of one made of sentences of like length? For these an epoch is shuffled and cut into *pools* of some batches, each pool is sorted by
# length and cut, and the batches are shuffled again.

# %%
def words_and_places(batches):
    real = sum(data.lengths[index].sum() for index in batches)
    return real, sum(len(index) * data.lengths[index].max() for index in batches)


fig, ax = plt.subplots(figsize=(7.2, 2.2))
names = ["random", "pools of 5", "pools of 50"]
for row, pool in enumerate([1, 5, 50]):
    real, places = words_and_places(data.epoch(32, np.random.default_rng(0), pool))
    ax.barh(row, 1, color="#0072B2")
    ax.barh(row, places / real - 1, left=1, color="#E69F00")
    ax.text(places / real + 0.01, row, f"{1 - real / places:.0%} padding", va="center")
ax.set_yticks(range(3), names)
ax.set(xlabel="places computed for each real word", xlim=(0, 2.8))
ax.invert_yaxis()
plt.show()

# %% [markdown]
# Batches of like length must stay random, or the model sees all short sentences first: hence the pools, of 50 batches in all our runs. (`Dataset.epoch` is four lines; read it.)
#
# ## Waste 2: rows that nobody reads
#
# A classifier reads the vector of `[CLS]`. In the last layer only that one row is needed: its query, and everything after attention. Keys and values
# are still those of every word. How much of a step is that?

# %%
B, L = 32, int(np.median(data.lengths))
whole, lean = (waterfall.flops(config, B, L, first_only=only) for only in (False, True))
print(f"batch {B}, {L} words: {whole / 1e9:.2f} GFLOP whole")
print(f"{lean / 1e9:.2f} with [CLS] alone: {1 - lean / whole:.0%} less")
with torch.no_grad():
    bert.eval()
    embedded, mask = bert.embed(ids), torch.ones_like(ids).bool()
    gap = (
        bert.encode(embedded, mask)[:, 0] - bert.encode(embedded, mask, first_only=True)[:, 0]
    ).abs().max()
print(f"largest difference of the [CLS] vectors: {gap:.1e}")

# %% [markdown]
# With few layers the last one is a large share. Leaving its other rows out is exact: the same vector of `[CLS]` up to rounding.
#
# ## Waste 3: random numbers
#
# Dropout needs one random decision for each number. A generator that draws 53 bits for it draws too many: 16 decide as well, if one accepts that a
# chance is a multiple of 1/65,536 (0.1 becomes 0.100006). One draw of 64 bits then serves four numbers.

# %%
x = torch.randn(B * L, config.hidden_size)
for name, drop in [("PyTorch's", torch.nn.functional.dropout), ("16 bits", fast.dropout)]:
    drop(x, 0.1)
    begun = time.perf_counter()
    for _ in range(20):
        out = drop(x, 0.1)
    took = (time.perf_counter() - begun) / 20
    dropped, shift = (out == 0).float().mean(), out.mean() - x.mean()
    print(f"{name:>10}: {1e3 * took:.2f} ms, drops {dropped:.4f}, mean moved by {shift:+.5f}")

# %% [markdown]
# ## Waste 4: memory that comes and goes
#
# A step takes and frees hundreds of large tensors; the gradient of MiniLM's word embeddings alone has 47 MB. The C library gives so large a block back to the
# system as soon as it is free and asks for another one at the next step, which the system hands out page by page, 4 KB each. One call makes it keep what is freed
# (on Linux; elsewhere nothing happens).

# %%
def take_and_free():
    begun = time.perf_counter()
    for _ in range(10):
        torch.zeros(30522, 384)  # as many numbers as MiniLM's table of words has
    return 100 * (time.perf_counter() - begun)


before = take_and_free()
fast.keep_memory()
take_and_free()  # the first time its pages are new once more
print(f"47 MB of zeros: {before:.1f} ms, with memory kept {take_and_free():.1f} ms")

# %% [markdown]
# The trainer makes this call by itself. It holds for a whole process, so below all ways have it; `minbert bench` gives its rivals a process of their own.
#
# ## One change at a time
#
# Now the whole step. The first way is a first implementation: texts tokenised batch by batch, random batches, every layer whole, attention written out, a Python
# loop over parameters. Every further way changes one thing and keeps the rest. All train on the same sentences, and they take turns, so that whatever else
# the machine is doing meets all of them.
#
# **Predict first:** which change will save most?

# %%
from minbert_lib.lab.ways import Ground


class Here(Ground):
    """The data and weights of this notebook's scale."""

    def __init__(self):
        self.real, self.place, self.tokenizer, self._sets = False, scale, tokenizer, {}

    def bert(self, shape="", hidden=0.0, attention=0.0):
        return BertModel.from_pretrained(scale.weights, hidden, attention)


ways = waterfall.ladder(Here(), count=6)
mine = waterfall.measure(ways, steps=6, rounds=3)
draw_waterfall(mine)

# %% [markdown]
# On a small model, small costs weigh more. The share of the Python around the products vanishes in BERT-base, and AdamW's share of a step shrinks there by a third
# or so: over half of MiniLM's parameters are word embeddings, which ask for no products, but AdamW visits them all. The same, recorded with MiniLM on the real
# SST:

# %%
draw_waterfall() if waterfall.read("waterfall") else None

# %% [markdown]
# ![A bar for each way, from the plain one to bfloat16, and what each change saved.](../figures/12_1_waterfall.png)
#
# Three bars gain nothing to speak of here: *tokenise once* saves under 1 %, *our modules* is the same work in another house, and *fused attention*, on sentences
# this short, moves the time by less than one measurement differs from the next.
#
# What was tried and is *not* in the list, because it gained nothing here: one product for Q, K and V (the three are large enough by themselves),
# packing sentences end to end (sorted pools leave two to four words in a hundred as padding), casting the input of the three products once,
# the fused attention kernel in bfloat16 (its backward pass takes five times as long as the written one on a CPU), and `torch.compile`: minutes
# of compiling, and then 778 ms a step beside 688 without, the two taking turns on one busy core. (In float32 it cannot trace the oneDNN product.)
# One thing gained too little for what it would add: a word that no training sentence has gets no gradient, and AdamW never moves it, so the table
# of words could do without it. With the 12,397 of 30,522 that SST uses, a step takes 2.5 % less in float32 and 3.7 % less in bfloat16.
#
# Profiling pays even when the list is done. The softmax of 16-bit scores took four times as long as that of the same scores in 32 bits, wherever a
# length was no multiple of 16. One line in `attention.py` now goes by way of 32 bits: the same numbers, 2 % of a step, 8 % of scoring.
#
# ## What share of the peak?
#
# **Utilisation** is the arithmetic a step needs, divided by its seconds and by the peak. Padding does not count as needed.

# %%
def utilisation(way, precision, count=6, size=32):
    grouped, _ = Here().batches("sst", size, count)
    needed = np.mean([
        waterfall.flops(config, len(index), float(data.lengths[index].mean()))
        for index in grouped
    ])
    seconds = np.median([row["step_ms"] for row in mine if row["way"] == way]) / 1e3
    words = np.mean([data.lengths[index].sum() for index in grouped])
    return needed / seconds / 1e9, needed / seconds / 1e9 / peaks[precision], words / seconds


for way in ways:
    precision = "bfloat16" if way == "bfloat16" else "float32"
    rate, share, words = utilisation(way, precision)
    print(f"{way:>18}: {rate:>7.1f} GFLOP/s, {share:>4.0%} of the {precision} peak", end=", ")
    print(f"{words:>8,.0f} words a second")

# %% [markdown]
# The rest of the time goes where there is little arithmetic and much memory: normalisation, dropout, GELU, softmax, and AdamW, which reads and writes
# every parameter and its two averages (28 bytes a parameter) at every step, however small the batch is.
#
# ## How the cost grows
#
# **Predict first:** twice the words in a sentence, twice the time? Twice the batch? Two tasks? SMART with $K = 1$ (count its passes)? An
# ensemble of four?

# %%
small = {
    "length": [16, 4, 32, 64], "batch": [16, 1, 4, 32], "layers": [2, 1, 4],
    "tasks": [1, 2, 3], "K": [0, 1, 2], "members": [1, 2, 4],
}
axes = small if scale.name == "tiny" else waterfall.AXES
here = waterfall.growth(scale.name, axes, repeats=3)
draw_growth(here)

# %% [markdown]
# ![A panel each for length, batch, layers, tasks, ascent steps and members: ms a step.](../figures/12_2_growth.png)
#
# (The picture is MiniLM's; yours is above.) The lines for length, batch and layers do not pass through zero: a step has a fixed cost, the optimiser's above
# all, which a larger batch shares among more sentences. Length bends upwards late: $4BL^2d$ against $24BLd^2$ means that attention equals the rest only at
# $L = 6d$, two thousand words for MiniLM. Tasks and members cost nearly in proportion: three tasks 2.8 times a step of one, four models 4.1 times. SMART with $K =
# 1$ takes 2.2 times a plain step, less than its passes say (question 3).

# %%
d = config.hidden_size
for L in (16, 64, 128, 512, 6 * d):
    products, rest = 4 * L * L * d, 24 * L * d * d
    share = products / (products + rest)
    print(f"{L:>5} words: attention's own products are {share:.0%} of a layer")

# %% [markdown]
# ## And beside what people use
#
# `minbert bench` measures this library against Hugging Face `transformers`, used as usual and used well, in one run, and refuses to report a time
# before all have computed the same losses. `minbert bench --quick` takes under eight minutes. A whole run, recorded; the short lines are the goals
# that we had set:

# %%
figures.draw("12_3_beside_others")

# %% [markdown]
# ![Times as fast as Hugging Face's usual way, used well, and a plain way, with goals](../figures/12_3_beside_others.png)
#
# The goals were set by a prototype on another processor, one with AMX, a unit that multiplies blocks of 16-bit numbers; here 16 bits double the peak and no more.
# So goals that rest on saving passes are met (SMART, but for its exact form in bfloat16, masked words, surgery, scoring in float32), so are STS', whose pairs
# differ most in length, and all but two beside Hugging Face used well. Goals that rest on faster products are missed: with dropout by 3 to 13 %, without it, and
# for scoring in bfloat16, by a fifth to four tenths. A ratio moves by 5 % from one run to the next. What is left is the products themselves, at the share of the
# peak that you have just measured.
#
# ## What you have shown
#
# A step's arithmetic can be counted beforehand, and its time is that arithmetic over a rate that you measured. The largest savings were not clever code:
# they were not computing what nobody reads, and letting the processor use its own instructions.
#
# **Three questions**
#
# <details><summary>1. Random batches of 32 waste half of their places. Would batches of 4 waste more or less?</summary>
#
# Less: the longest of 4 sentences is nearer to their mean than the longest of 32. But a small batch pays the fixed cost of a step more often.
# </details>
#
# <details><summary>2. bfloat16 doubles the peak. Why does a step not take half the time?</summary>
#
# Only the products are twice as fast. AdamW still reads and writes 32-bit numbers, weights are brought to 16 bits and gradients back at every step,
# and softmax and normalisation stay in float32. What was a tenth of the time becomes a fifth.
# </details>
#
# <details><summary>3. SMART with K = 1 has eight units of passes against three. Why is it measured below 8/3?</summary>
#
# Not everything in a step is a pass: the optimiser's work and the collation are done once for both, and so is the backward pass through the embedding table.
# (That the ascent's backward pass computes no weight's gradient is already in the eight.)
# </details>
#
# **Next:** back to [05 · three tasks](05_three_tasks.ipynb) with what a step costs in mind, or `minbert sweep C2 --plan`, which says beforehand how long
# a sweep will take.

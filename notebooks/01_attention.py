# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # 01 · Attention
#
# *The bank raised its rates.* Which bank? A reader looks at the other words and knows. Attention is how a network does the same:
# every word looks at every other word, decides how much each one matters, and takes a weighted mean of what they have to say.
#
# **You will be able to** write scaled dot-product attention and multi-head attention, say why the scores are divided by $\sqrt d$, keep
# padding out with a mask, and read what the heads of a trained BERT look at in your own sentence.
#
# **You need** matrix products and softmax. **It takes** about an hour to do, under a minute to run at any scale.

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

scale = start("01")

# %%
import math

import matplotlib.pyplot as plt
import torch
from torch import nn

from minbert_lib.lab.figures.attention import head, looks, padding
from minbert_lib.model import BertModel
from minbert_lib.text import Tokenizer
from minbert_lib.workbook.widgets import explore

torch.manual_seed(0);

# %% [markdown]
# ## A lookup that can hesitate
#
# A Python dictionary finds the one key that equals the query and gives its value. Attention softens this: the query is *compared* with
# every key, the comparisons become weights that add up to 1, and the answer is the weighted mean of all values.
#
# Here are three keys on a line, each with a value, and a query that we can move. Where the query sits on a key, that key's value wins;
# between two keys the answer lies between their values. How sharply it decides depends on how large the scores are.

# %%
keys, values = torch.tensor([-2.0, 0.5, 2.0]), torch.tensor([1.0, 3.0, 2.0])


def lookup(sharpness):
    queries = torch.linspace(-3, 3, 200)
    # (200, 3): one score for every query and key
    scores = -sharpness * (queries[:, None] - keys) ** 2
    weights = scores.softmax(dim=-1)
    figure, axes = plt.subplots(figsize=(6.4, 2.6))
    axes.plot(queries, weights @ values, label="answer")
    axes.plot(keys, values, "kD", label="keys and their values")
    axes.set(xlabel="query", ylabel="value", title="A soft lookup")
    axes.legend()
    plt.close(figure)
    return figure


explore(
    lookup,
    alt="The answer as the query moves: steps at high sharpness, a gentle curve at low.",
    sharpness=(0.1, 10.0, 1.0),
)

# %% [markdown]
# ![Three keys with values 1, 3 and 2; at sharpness 1 the answer goes from one to the next in gentle curves.](../figures/widgets/01_lookup.png)
#
# ## Why √d
#
# In a network, queries and keys are vectors of $d$ numbers, and a score is their dot product $q \cdot k$. If the entries are independent with
# variance 1, the dot product has variance $d$: the wider the vectors, the larger the scores, and softmax of large scores puts all weight on
# one key. Then its gradient is nearly zero and almost nothing is learned. Dividing by $\sqrt d$ brings the variance back to 1,
# whatever $d$ is.

# %%
widths = [4, 16, 64, 256, 1024]
plain, scaled = [], []
for d in widths:
    q, k = torch.randn(200, 1, d), torch.randn(200, 10, d)
    scores = (q @ k.transpose(-2, -1)).squeeze(1)  # (200, 10)
    plain.append(scores.softmax(-1).amax(-1).mean())
    scaled.append((scores / math.sqrt(d)).softmax(-1).amax(-1).mean())
figure, axes = plt.subplots(figsize=(6.4, 2.6))
axes.plot(widths, plain, "o-", label="q · k")
axes.plot(widths, scaled, "s-", label="q · k / √d")
axes.set(
    xscale="log", ylim=(0, 1.05), xlabel="width d", ylabel="largest of ten weights",
    title="Ten random keys: who gets all the weight?",
)
axes.legend();

# %% [markdown]
# Without the division the largest of ten weights climbs towards 1 as vectors widen: attention has decided before it has learned anything.
# With it, the line is flat.
#
# ## Your turn: scaled dot-product attention
#
# $$\mathrm{attention}(q, k, v) = \mathrm{softmax}\!\left(\frac{q\,k^\top}{\sqrt d}\right) v$$
#
# `q` is `(…, Lq, d)`, `k` is `(…, Lk, d)`, `v` is `(…, Lk, dv)`; the dots stand for any leading axes. `mask` is boolean, `True` where a key may be
# looked at, and broadcasts to the scores `(…, Lq, Lk)`. A key that may not be looked at must get weight 0, and the remaining weights must
# still add up to 1: so what should its *score* be?
#
# Difficulty ●●○○○ · 20 minutes. `hint("scaled_dot_product_attention")` helps, in three steps; the third is the library's own source.

# %%
def scaled_dot_product_attention(q, k, v, mask=None):
    ...  # your code here


# %%
scaled_dot_product_attention = check("scaled_dot_product_attention")

# %% [markdown]
# ## Masks
#
# Sentences in a batch have different lengths, so the short ones are filled up with padding. Padding must have no say. Below, a sentence of
# `words` words is padded to 10. With the mask its attention is what it would be alone; without, weight leaks to words that are not there.

# %%
def padded(words, use_mask):
    return padding(words, use_mask, scaled_dot_product_attention)  # yours, if it is right


explore(
    padded, alt="Attention weights; columns right of the line are padding.", words=(1, 9, 6),
    use_mask=True,
)

# %% [markdown]
# ![Without the mask: a matrix of weights in which the columns right of a line, the padding, take a share.](../figures/01_1_padding.png)
#
# The picture is the slider's without the mask: the words right of the line are not there, and yet they have a say.
#
# ## Many heads
#
# One attention has one idea of what matters. BERT runs $H$ of them side by side. Three linear maps make queries, keys and values from the whole width $D$;
# each of the three is then cut into $H$ slices of $d = D / H$ neighbouring numbers, head $h$ attends with slice $h$ of all three, and the results are laid side
# by side again. It costs hardly more than one head of full width.
#
# All heads can run in *one* call of the function above, because it takes any leading axes: cut the width, `(B, L, H, d)`, exchange the two middle axes,
# `(B, H, L, d)`, attend, and go back the same way. (A reshape straight to `(B, H, L, d)` mixes words and heads.) What shape must the mask `(B, L)` have to
# broadcast to the scores `(B, H, Lq, L)`?

# %% [markdown]
# ## Your turn: multi-head attention
#
# Write the `forward`. The three projections are made for you; they are called as in every BERT checkpoint. `hidden` is `(B, L, D)`, `mask` is `(B, L)` with
# `True` for real tokens, or `None`. `queries`, `(B, Lq, D)` or `None`, is for the last layer, of which often [CLS] alone is wanted: where it is given, the
# map of queries works on it, and those of keys and values on `hidden` as always. The result is `(B, L, D)`, or `(B, Lq, D)`. The linear map that follows the
# heads belongs to the layer (notebook 02).
#
# Difficulty ●●●○○ · 30 minutes.

# %%
class MultiHeadAttention(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.heads = config.num_attention_heads
        self.query = nn.Linear(config.hidden_size, config.hidden_size)
        self.key = nn.Linear(config.hidden_size, config.hidden_size)
        self.value = nn.Linear(config.hidden_size, config.hidden_size)

    def forward(self, hidden, mask=None, queries=None):
        ...  # your code here


# %%
MultiHeadAttention = check("MultiHeadAttention")

# %% [markdown]
# ## What does BERT look at?
#
# Now a trained BERT, with *your* attention in every head if it passed. We catch the weights by handing the model a function that notes
# them on the way. Type a sentence of your own; choose a layer and a head.

# %%
tokenizer = Tokenizer(scale.weights)
bert = BertModel.from_pretrained(scale.weights).eval()


def attention_of(sentence):
    """Every head's weights for a sentence, (layers, H, L, L), and its tokens."""
    return looks(bert, tokenizer, sentence, scaled_dot_product_attention)


def viewer(sentence, layer, head_number):
    return head(*attention_of(sentence), layer, head_number)


layers, heads = bert.config.num_hidden_layers, bert.config.num_attention_heads
explore(
    viewer, alt="Rows look, columns are looked at.", sentence="the film is not exactly dull .",
    layer=(1, layers, 1), head_number=(1, heads, 1),
)

# %% [markdown]
# ![A matrix of weights between the words of a sentence; most of the weight lies beside the diagonal, on neighbours.](../figures/01_2_a_head.png)
#
# Some heads look at the next word, some at the word before, some at punctuation or at [CLS] and [SEP]. BERT found such habits by filling in masked words.
# MiniLM was trained to imitate a larger model's attention, and the first two heads of the tiny BERT began as a search for the same word in the other sentence
# of a pair. Let us measure. For every head: how much of its weight goes to the word before, to the word itself, to the next one, and to the special tokens,
# over a few sentences.

# %%
sentences = [
    "the film is not exactly dull .", "a warm and funny story about a father and his son .",
    "i would rather watch paint dry .",
]
habits = torch.zeros(4, layers, heads)
for sentence in sentences:
    weights, _ = attention_of(sentence)
    inner = weights[:, :, 1:-1]  # words looking, without [CLS] and [SEP]
    rows = torch.arange(inner.size(2))
    for number, shift in enumerate((-1, 0, 1)):
        habits[number] += inner[:, :, rows, rows + 1 + shift].mean(-1) / len(sentences)
    habits[3] += (inner[..., 0] + inner[..., -1]).mean(-1) / len(sentences)
figure, panels = plt.subplots(1, 4, figsize=(8.4, 2.6), sharey=True)
for axes, part, title in zip(
    panels, habits, ("word before", "the word itself", "next word", "[CLS] and [SEP]")
):
    image = axes.imshow(
        part, cmap="Blues", vmin=0, vmax=1, aspect="auto",
        extent=(0.5, heads + 0.5, layers + 0.5, 0.5),
    )
    axes.set(title=title, xlabel="head")
    axes.grid(False)
panels[0].set_ylabel("layer")
figure.colorbar(image, ax=panels, label="share of the weight");

# %% [markdown]
# ## What you have shown
#
# Attention is a lookup that hesitates; √d keeps it from deciding before it has learned; a mask takes padding out *before* the softmax; heads
# are slices of one width, and a trained model's heads have habits.
#
# **Three questions**
#
# <details><summary>1. Why must the mask be applied to the scores and not to the weights?</summary>
#
# Weights that are set to zero after the softmax leave the others adding up to less than 1: the padding has taken its share before it was thrown
# away.
# </details>
#
# <details><summary>2. Attention has no idea of word order. Where does BERT get it from?</summary>
#
# From position embeddings that are added to the word embeddings before the first layer (notebook 02). Without them, a shuffled sentence gives
# the same vectors, shuffled.
# </details>
#
# <details><summary>3. What does it cost to double the length of a sentence?</summary>
#
# The projections double, the scores quadruple. For BERT's usual 20–30 words the projections are nearly all of the cost; at 512 words the
# scores are a considerable part (notebook 12 works it out).
# </details>
#
# **Next:** [02 · BERT](02_bert.ipynb) puts this attention into a layer, stacks the layers, and loads a trained model.

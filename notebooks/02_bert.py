# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # 02 · BERT
#
# A word comes in as a number from a list. A few layers later its vector knows in which company it stands, and nobody wrote a rule for
# that. In this notebook you build the machine, fill it with trained numbers, prove that it is *the* BERT, and then ask each of its floors what it knows.
#
# **You will be able to** write BERT's embeddings and a whole BERT layer, load a checkpoint into them, say where the parameters are, and
# measure what a layer knows with a probe.
#
# **You need** notebook 01. **It takes** an hour and a half to do, under a minute to run at tiny scale.

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

from minbert_lib.workbook import check, hint, start, yours

scale = start("02")

# %%
import matplotlib.pyplot as plt
import torch
import torch.nn.functional as F
from torch import nn

from minbert_lib.lab import equality, probes
from minbert_lib.lab.figures.baseline import layer_probe
from minbert_lib.model import AddNorm, BertConfig, BertModel
from minbert_lib.text import Tokenizer, pad
from minbert_lib.workbook.widgets import explore

torch.manual_seed(0)
scaled_dot_product_attention = yours("scaled_dot_product_attention")
MultiHeadAttention = yours("MultiHeadAttention")

# %% [markdown]
# ## Words to numbers
#
# BERT has a vocabulary of whole words and of pieces; a piece that continues a word begins with `##`. A word that is not in the list is cut
# into the longest pieces that are. Two marks are added: `[CLS]` before the sentence and `[SEP]` behind it. What does it make of *your* words?

# %%
tokenizer = Tokenizer(scale.weights)


def ids_of(sentence):
    return [tokenizer.cls_id, *tokenizer.encode([sentence])[0], tokenizer.sep_id]


def pieces(sentence):
    ids = ids_of(sentence)[:16]
    figure, axes = plt.subplots(figsize=(8.2, 1.3))
    axes.axis("off")
    for place, (number, token) in enumerate(zip(ids, tokenizer.tokens(ids))):
        shade = {"#": "#FFF1D6", "[": "#EEEEEE"}.get(token[0], "#DCEBF7")
        axes.text(
            place, 0.6, token, ha="center", va="center", fontsize=9, rotation=20,
            bbox=dict(boxstyle="round", fc=shade, ec="#666666"),
        )
        axes.text(place, 0.0, number, ha="center", va="center", fontsize=7.5, color="#555555")
    axes.set(xlim=(-0.7, max(11, len(ids)) - 0.3), ylim=(-0.2, 1.05))
    plt.close(figure)
    return figure


explore(
    pieces, alt="Each token with its number; pieces that continue a word are yellow.",
    sentence="The plot is unfilmable , but I adored the cast .",
)

# %% [markdown]
# ![The pieces of a sentence in a row, each with its number; unfilmable falls into several.](../figures/widgets/02_pieces.png)
#
# ## Your turn: embeddings
#
# A number says nothing by itself, so each gets a vector of width $D$ from a table that is learned. Attention does not see order, so a second table gives
# a vector for each *place*: first, second, third. A third table says which of two sentences a token belongs to (its *token type*, 0 or 1). The three are added.
# Then LayerNorm brings each vector to mean 0 and variance 1 over its $D$ numbers, and scales and shifts them by two learned vectors:
#
# $$\mathrm{LayerNorm}(word_{input\_ids} + position_{0,1,2,\dots} + type_{token\_type\_ids})$$
#
# `input_ids` is `(B, L)`: $B$ sentences of $L$ tokens. The result is `(B, L, D)`. Where `token_type_ids` is `None`, all types are 0. Dropout
# comes last; notebook 04 says what it is for.
#
# Difficulty ●●○○○ · 20 minutes.

# %%
class BertEmbeddings(nn.Module):
    def __init__(self, config):
        super().__init__()
        width = config.hidden_size
        self.word_embeddings = nn.Embedding(
            config.vocab_size, width, padding_idx=config.pad_token_id
        )
        self.position_embeddings = nn.Embedding(config.max_position_embeddings, width)
        self.token_type_embeddings = nn.Embedding(config.type_vocab_size, width)
        self.LayerNorm = nn.LayerNorm(width, eps=config.layer_norm_eps)
        self.dropout = nn.Dropout(config.hidden_dropout_prob)

    def forward(self, input_ids, token_type_ids=None):
        ...  # your code here


# %%
BertEmbeddings = check("BertEmbeddings")

# %% [markdown]
# ## Your turn: a layer
#
# A layer has two halves. In the first, attention lets words exchange what they know. In the second, a small network thinks about each word by
# itself: it widens the vector, bends it (GELU), and brings it back. Each half *adds* its result to what came in, so that a layer only has to learn
# what to change, and ends with LayerNorm:
#
# $$a = \mathrm{LayerNorm}(hidden + W\,\mathrm{attention}(hidden)),\qquad out = \mathrm{LayerNorm}(a + W_2\,\mathrm{gelu}(W_1 a))$$
#
# $W$, $W_1$, $W_2$ are linear layers with bias. Both halves end alike, so the library has a module for it: `AddNorm(x, residual)` is
# `LayerNorm(dropout(dense(x)) + residual)`, where `dense` is its own linear layer. The names below are those of every BERT checkpoint; that is why some parts
# sit in small dictionaries and are reached by key: `self.attention["self"](hidden, mask)`, `self.intermediate["dense"](…)`. `hidden` is `(B, L, D)`, `mask`
# is `(B, L)` or `None`. `first_only` allows the last layer to work on `[CLS]` alone; you may ignore it.
#
# Difficulty ●●●○○ · 30 minutes.

# %%
class BertLayer(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.attention = nn.ModuleDict({
            "self": MultiHeadAttention(config), "output": AddNorm(config.hidden_size, config)
        })
        self.intermediate = nn.ModuleDict({
            "dense": nn.Linear(config.hidden_size, config.intermediate_size)
        })
        self.output = AddNorm(config.intermediate_size, config)

    def forward(self, hidden, mask=None, first_only=False):
        ...  # your code here


# %%
BertLayer = check("BertLayer")

# %% [markdown]
# ## A whole BERT, and a trained one
#
# The rest is a stack: embeddings, $N$ layers, and a *pooler*, a linear layer and a tanh on the `[CLS]` vector. First one with random numbers. How many
# numbers does it have, and where? Below, BERT-base beside the model of this notebook's scale.

# %%
def part_of(name):
    if "embeddings." in name:
        return "words" if "word_" in name else "other embeddings"
    if "pooler" in name:
        return "pooler"
    return "attention" if ".attention." in name else "small networks"


def parameters(config):
    with torch.device("meta"):  # shapes only, no memory
        named = list(BertModel(config).named_parameters())
    parts = dict.fromkeys(
        ("words", "other embeddings", "attention", "small networks", "pooler"), 0
    )
    for name, p in named:
        parts[part_of(name)] += p.numel()
    return parts


bert = BertModel.from_pretrained(
    scale.weights, attention=scaled_dot_product_attention, layer=BertLayer,
    embeddings=BertEmbeddings,
).eval()  # your parts, if they passed, with trained numbers in them
figure, axes = plt.subplots(figsize=(7.6, 2.0))
for row, config in enumerate((BertConfig(), bert.config)):
    parts, left = parameters(config), 0
    for colour, (name, count) in zip(
        ("#0072B2", "#56B4E9", "#E69F00", "#D55E00", "#8A8A8A"), parts.items()
    ):
        axes.barh(
            row, count / sum(parts.values()), left=left, color=colour,
            label=name if row == 0 else None,
        )
        left += count / sum(parts.values())
    axes.text(1.01, row, f"{sum(parts.values()) / 1e6:.1f} million", va="center", fontsize=8.5)
axes.set_yticks((0, 1), ("BERT-base", "here"))
axes.set(xlabel="share of the parameters", xlim=(0, 1))
axes.grid(False)
axes.legend(ncols=5, loc="lower left", bbox_to_anchor=(-0.1, 1.0), fontsize=7.5);

# %% [markdown]
# Within the layers the small networks hold about twice as many numbers as attention does. And the smaller the model, the more the words weigh: their vectors
# are a fifth of BERT-base's numbers, a quarter of the tiny model's and half of MiniLM's, and most of them a given sentence never touches.
#
# ## Is it BERT?
#
# A mistake in a model like this seldom crashes. It costs a point of accuracy, and nobody notices. So: the same weights, the same sentences, and the
# largest difference between our outputs and those of the implementation that everybody uses.

# %%
apart, who = equality.difference(bert, scale.name)
print("compared with", who)
for name, value in apart.items():
    print(f"{name:<18} largest difference {value:.1e}")

# %% [markdown]
# Differences of about a millionth are rounding: two programs that add the same numbers in another order differ by as much. It is BERT.
#
# Padding is the other place where mistakes hide. A short sentence is encoded alone, then in a batch with a long one, where it is padded. Its vectors must not change.

# %%
short = ids_of("I liked it .")
long = ids_of("The plot is dull , but I adored the cast and the music .")
both, mask, _ = pad([short, long], pad_id=tokenizer.pad_id)  # (2, L), (2, L)
with torch.no_grad():
    alone = bert(torch.tensor([short])).last_hidden_state[0]
    padded = bert(both, mask).last_hidden_state[0, : len(short)]
    careless = bert(both).last_hidden_state[0, : len(short)]
print(f"with the mask    largest change {(alone - padded).abs().max():.1e}")
print(f"without the mask largest change {(alone - careless).abs().max():.1e}")

# %% [markdown]
# ## What the tables have learned
#
# Nobody told the model which words are alike. Look up the words whose vectors point in nearly the same direction as a word of your choice (cosine 1 would
# be the same direction). Do they mean the same, or do they merely fit into the same gap?

# %%
# (words, D), each of length 1
table = F.normalize(bert.embeddings.word_embeddings.weight.detach(), dim=-1)


def nearest(word):
    number = tokenizer.encode([word])[0][0]
    near, which = (table @ table[number]).topk(13)
    words = tokenizer.tokens(which[1:].tolist())
    figure, axes = plt.subplots(figsize=(6.2, 2.9))
    axes.barh(range(12), near[1:])
    axes.set_yticks(range(12), words)
    axes.invert_yaxis()
    axes.set(
        xlabel="cosine", xlim=(0, 1), title=f"nearest to “{tokenizer.tokens([number])[0]}”"
    )
    plt.close(figure)
    return figure


explore(nearest, alt="The twelve words with the most similar vectors.", word="dull")

# %% [markdown]
# ![Twelve bars: the words whose vectors have the largest cosine with that of dull.](../figures/widgets/02_nearest.png)
#
# The position table has an order of its own: the picture shows the cosine between any two places.

# %%
places = F.normalize(bert.embeddings.position_embeddings.weight.detach()[:40], dim=-1)
figure, axes = plt.subplots(figsize=(4.2, 3.4))
image = axes.imshow(places @ places.T, cmap="RdBu_r", vmin=-1, vmax=1)
axes.set(xlabel="position", ylabel="position", title="Which places are alike?")
axes.grid(False)
figure.colorbar(image, label="cosine");

# %% [markdown]
# The dark diagonal is each place with itself. Around it the neighbours are alike: the model has learned that places have an order, though the table was random at the
# start.
#
# ## What does each layer know?
#
# A *probe* asks a vector a question with the weakest tool there is: a linear model. If a straight cut through the vectors separates praise from
# blame, the information lies there ready to use. BERT itself stays as it is; only the cut is fitted, on the train set, and it is judged on dev.
#
# First the vectors: one for each sentence of SST after every layer, 0 being the embeddings.

# %%
data = {
    split: probes.sampled("sst", split, scale, 3000, tokenizer) for split in ("train", "dev")
}
# pooling → (N + 1, n, D)
vectors = {split: probes.layer_vectors(bert, part) for split, part in data.items()}
print({how: found.shape for how, found in vectors["dev"].items()})

# %% [markdown]
# In a plane one can see it. The two axes are the directions in which a fitted linear model tells the labels apart best; every point is a dev
# sentence, which the model has not seen. At which layer do the colours part? And is `[CLS]` or the mean over the words the better summary?

# %%
fitted = {}


def plane(layer, summary):
    if (layer, summary) not in fitted:
        train, dev = (vectors[part][summary][layer].astype(float) for part in ("train", "dev"))
        fitted[layer, summary] = probes.ridge(train, data["train"].labels, 5, 0.1)(dev)  # (n, 5)
    scores = fitted[layer, summary]
    centred = scores - scores.mean(0)
    flat = torch.linalg.svd(torch.tensor(centred), full_matrices=False)
    points = torch.tensor(centred) @ flat.Vh[:2].T
    # better is right and up
    points = points * torch.sign(
        points.T @ torch.tensor(data["dev"].labels - data["dev"].labels.mean())
    )
    figure, axes = plt.subplots(figsize=(5.6, 3.6))
    dots = axes.scatter(*points.T, c=data["dev"].labels, cmap="viridis", s=9)
    right = (scores.argmax(1) == data["dev"].labels).mean()
    axes.set(
        xlabel="first direction", ylabel="second direction",
        title=f"layer {layer}, {summary}: {right:.0%} of dev right",
    )
    figure.colorbar(dots, label="label", ticks=range(5))
    plt.close(figure)
    return figure


layers = len(bert.layers)
explore(
    plane, alt="Dev sentences in the plane that a probe finds, coloured by label.",
    layer=(0, layers, layers), summary=["mean", "cls"],
)

# %% [markdown]
# ![Dots for dev sentences, coloured from label 0 to label 4, along two directions.](../figures/widgets/02_plane.png)
#
# And as a curve over all layers. Two lines to compare with: always the commonest class, and counting words, the model of notebook 00.

# %%
layer_probe(probes.layer_scores(scale.name, bert=bert))

# %% [markdown]
# ![Dev accuracy of a linear probe after each layer, for the tiny model and for MiniLM.](../figures/02_1_layer_probe.png)
#
# After the embeddings `[CLS]` is the same vector for every sentence, so its probe can only name the commonest class. Attention then carries news to it, layer
# by layer, and at tiny scale its curve rises until layer 3. (The last step down is one sentence of 400: nothing.) The mean over the words at layer 0 is a word
# count, squeezed into $D$ numbers.
#
# At tiny scale no layer gets beyond counting words. Think about what the model was asked in pre-training: to fill gaps, and how two sentences are related;
# never whether one is praise. *Thrilling* and *dreary* fit the same gap, so telling them apart was never the point. Notebook 04 asks the right question, and
# the same model gets far beyond. MiniLM read a great deal more: on real sentences every layer's mean does better than counting words (.39 to .42 against .34;
# which layer is best, 1,101 sentences cannot say), and so does `[CLS]` from layer 1 on.
#
# ## What you have shown
#
# BERT is three tables, a stack of equal layers, and a tanh; yours gives the numbers that everybody's does. What lies ready in it can be asked layer by layer, and
# depends on what it was trained to do.
#
# **Three questions**
#
# <details><summary>1. At layer 0 no word has looked at another yet. Why does the *mean* over the words tell something about the sentence there all the same?</summary>
#
# Before LayerNorm it is a sum over the words, so a linear model of it counts words, though only through $D$ numbers. The tiny model's stays below real
# counts (.53 against .60). MiniLM's beats them (.40 against .34), probably because words that are alike have vectors that are alike, and rare words profit.
# </details>
#
# <details><summary>2. Why does each half of a layer add what came in?</summary>
#
# The way back is short: at every sum the gradient goes straight past attention or the small network, and only LayerNorm lies in its way. And a half that has nothing to add
# lets the vector through nearly as it is.
# </details>
#
# <details><summary>3. A probe finds nothing in a layer. Does the layer know nothing?</summary>
#
# It may know it in a form that a straight cut does not find. A probe shows what lies ready to use; fine-tuning (notebook 04) can
# bring out more.
# </details>
#
# **Next:** [03 · AdamW](03_adamw.ipynb): how numbers like these are learned.

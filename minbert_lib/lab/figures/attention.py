"""What attention looks at: a padded sentence with and without its mask, and any head of a trained model.

Notable choices: `attend` is the attention function, the library's or a learner's, so that a slider moves hers and the committed
picture is drawn by the same code.
"""

import torch
from matplotlib.figure import Figure

from ...home import scale
from ...model import BertModel, scaled_dot_product_attention
from ...text import Tokenizer
from . import style

SENTENCE = "the film is not exactly dull ."


def padding(words=6, use_mask=False, attend=scaled_dot_product_attention):
    """Attention weights of a sentence of random words that is padded to 10."""
    x = torch.randn(10, 16, generator=torch.Generator().manual_seed(1))
    mask = (torch.arange(10) < words) if use_mask else torch.ones(10, dtype=torch.bool)
    weights = attend(x, x, torch.eye(10), mask)[:words]  # with v = 1 the answer is the weights themselves
    figure = Figure(figsize=(3.9, 3.3), layout="constrained")
    axes = figure.subplots()
    image = axes.imshow(weights, cmap="Blues", vmin=0, vmax=1, aspect="auto")
    axes.axvline(words - 0.5, color=style.RED, lw=2)
    leaked = weights[:, words:].sum(1).mean()
    axes.set(xlabel="key (right of the line: padding)", ylabel="query", title=f"{leaked:.0%} of the weight is on padding")
    axes.grid(False)
    figure.colorbar(image, label="weight")
    return figure


@torch.no_grad()
def looks(bert, tokenizer, sentence, attend=scaled_dot_product_attention):
    """Every head's weights for a sentence, (layers, H, L, L), noted on the way through the model; and its tokens."""
    ids = [tokenizer.cls_id, *tokenizer.encode([sentence])[0][:30], tokenizer.sep_id]
    caught = []

    def noting(q, k, v, mask=None):
        eye = torch.eye(k.size(-2)).expand(*k.shape[:-1], k.size(-2))
        caught.append(attend(q, k, eye, mask)[0])
        return attend(q, k, v, mask)

    bert.use_attention(noting)
    bert(torch.tensor([ids]))
    return torch.stack(caught), tokenizer.tokens(ids)


def head(weights, tokens, layer, number):
    """One head of `looks`: rows look, columns are looked at."""
    figure = Figure(figsize=(5.6, 4.6), layout="constrained")
    axes = figure.subplots()
    image = axes.imshow(weights[layer - 1, number - 1], cmap="Blues", vmin=0, vmax=1)
    small = dict(fontsize=9.5 if len(tokens) < 16 else 6.5, parse_math=False)
    axes.set_xticks(range(len(tokens)), tokens, rotation=60, ha="right", **small)
    axes.set_yticks(range(len(tokens)), tokens, **small)
    axes.set(xlabel="looked at", ylabel="looking", title=f"layer {layer}, head {number}")
    axes.grid(False)
    figure.colorbar(image, label="weight")
    return figure


def a_head():
    """The head of the tiny model that looks most at the words beside."""
    weights = scale("tiny").weights
    found, tokens = looks(BertModel.from_pretrained(weights).eval(), Tokenizer(weights), SENTENCE)
    beside = sum(found.diagonal(shift, -2, -1).mean(-1) for shift in (-1, 1))  # (layers, H)
    layer, number = divmod(int(beside.argmax()), beside.size(1))
    return head(found, tokens, layer + 1, number + 1)


FIGURES = {"01_1_padding": padding, "01_2_a_head": a_head}

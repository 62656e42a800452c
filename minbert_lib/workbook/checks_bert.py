"""Notebooks 01 and 02: the classes of BERT, with our weights in her parameters, against arithmetic written out head by head."""

import math
from functools import partial

import torch

from ..model.bert import takes
from .judge import Wrong, compare


def config(**changes):
    from ..model import BertConfig

    small = {
        "vocab_size": 30,
        "hidden_size": 12,
        "num_hidden_layers": 2,
        "num_attention_heads": 3,
        "intermediate_size": 20,
        "max_position_embeddings": 16,
        "type_vocab_size": 2,
        "layer_norm_eps": 1e-2,
    }
    return BertConfig(**{**small, **changes})


def linear(weights, name, x):
    return x @ weights[f"{name}.weight"].T + weights[f"{name}.bias"]


def heads_spec(weights, heads, hidden, mask=None, queries=None, twist=""):
    """The forward pass of multi-head attention, one head after the other."""
    asked = hidden if queries is None or twist == "queries ignored" else queries
    batch, length, width = asked.shape
    names = {
        "keys twice": ("key", "key", "value"),
        "values as keys": ("query", "value", "value"),
        "one projection": ("query",) * 3,
    }
    names = names.get(twist, ("query", "key", "value"))
    sources = (asked, hidden, hidden)
    q, k, v = (linear(weights, name, source) for name, source in zip(names, sources))
    if twist == "no projection":
        q, k, v = sources
    if twist == "no bias":
        q, k, v = (x - weights[f"{name}.bias"] for x, name in zip((q, k, v), names))
    count = 1 if twist == "one head" else heads
    d, done = width // count, []
    cut = _cuts(twist, count, d)
    for h in range(count):
        scores = cut(q, h) @ cut(k, h).transpose(1, 2) / math.sqrt(width if twist == "wide root" else d)
        if mask is not None and twist != "no mask":
            may = mask[:, :length, None] if twist == "mask queries" else mask[:, None, :]
            scores = scores.masked_fill(~may if twist != "inverted" else may, -1e9)
        done.append(scores.softmax(-1) @ cut(v, h))
    if twist == "merged askew":
        return torch.stack(done, 1).reshape(batch, length, width)
    if twist == "mean of heads":
        return torch.stack(done).mean(0).repeat(1, 1, count)
    return torch.stack(done, -1).flatten(2) if twist in ("interleaved", "interleaved back") else torch.cat(done, -1)


def _cuts(twist, count, d):
    if twist == "interleaved":
        return lambda x, h: x[..., h::count]
    if twist in ("split askew", "merged askew, split askew"):
        return lambda x, h: x.reshape(x.size(0), count, x.size(1), d)[:, h]
    return lambda x, h: x[..., h * d : (h + 1) * d]


HEADS_MISTAKES = {
    "all heads are one: split the width into num_attention_heads slices, each with its own weights": "one head",
    "your scores are divided by the root of the whole width; by that of one head's, √d, is wanted": "wide root",
    "your split mixes words and heads: view as (B, L, H, d) first, then transpose(1, 2)": "split askew",
    "your merge mixes words and heads: transpose(1, 2) back to (B, L, H, d) before you flatten": "merged askew",
    "each head takes every H-th number; a slice of neighbours is wanted: view(B, L, H, d), not (B, L, d, H)": "interleaved",
    "the heads are averaged; they are to stand side by side": "mean of heads",
    "the mask hides queries; it says which keys may be looked at: mask[:, None, None, :]": "mask queries",
    "the mask has no effect": "no mask",
    "your mask is the wrong way round: True is a real token": "inverted",
    "your queries are made by the key layer": "keys twice",
    "your keys are made by the value layer": "values as keys",
    "queries, keys and values are all made by the query layer": "one projection",
    "query, key and value are not applied: hidden itself is attended to": "no projection",
    "the biases of query, key and value have no effect": "no bias",
    "`queries` has no effect: where it is given, the query layer works on it": "queries ignored",
}


def build(answer, config, wanted):
    """Her module, with random weights of ours in its parameters `wanted` (name → shape), in evaluation mode."""
    if not (isinstance(answer, type) and issubclass(answer, torch.nn.Module)):
        raise Wrong("a class that inherits from nn.Module is wanted, with super().__init__() first in its __init__")
    module = answer(config)
    have = {name: tuple(p.shape) for name, p in module.named_parameters()}
    missing, extra = [n for n in wanted if n not in have], [n for n in have if n not in wanted]
    if missing or extra:
        text = (
            f"its parameters lack {', '.join(missing[:3])}" if missing else f"its parameters have {', '.join(extra[:3])} too many"
        )
        raise Wrong(f"{text}; checkpoints are loaded by name, so the layers have to be called as in BERT")
    for name, shape in wanted.items():
        if have[name] != shape:
            raise Wrong(f"{name} has shape {have[name]}; {shape} is wanted")
    g = torch.Generator().manual_seed(5)
    weights = {name: 0.5 * torch.randn(shape, generator=g) for name, shape in wanted.items()}
    module.load_state_dict(weights, strict=False)
    return module.eval(), weights


def linear_shapes(name, wide_in, wide_out):
    return {f"{name}.weight": (wide_out, wide_in), f"{name}.bias": (wide_out,)}


def hidden_cases(width):
    g = torch.Generator().manual_seed(6)
    lengths = torch.tensor([5, 3, 1])
    return [
        {"hidden": torch.randn(2, 4, width, generator=g)},
        {"hidden": torch.randn(1, 1, width, generator=g)},
        {"hidden": torch.randn(3, 5, width, generator=g), "mask": torch.arange(5) < lengths[:, None]},
        {"hidden": torch.randn(2, 5, width, generator=g), "mask": torch.arange(5) < lengths[:2, None]},
    ]


def check_multi_head(answer):
    right = 0
    for heads, width in ((3, 12), (2, 12), (4, 8)):
        shape = config(num_attention_heads=heads, hidden_size=width)
        module, weights = build(
            answer, shape, {k: v for n in ("query", "key", "value") for k, v in linear_shapes(n, width, width).items()}
        )
        cases = hidden_cases(width)
        if takes(module.forward, "queries"):  # a layer asks so for [CLS] alone
            cases += [{**case, "queries": 1 - case["hidden"][:, :1]} for case in cases if "mask" in case]
        right += compare(
            lambda hidden, mask=None, *queries, module=module: module(hidden, mask, *queries),
            cases,
            partial(heads_spec, weights, heads),
            HEADS_MISTAKES,
        )
    return right

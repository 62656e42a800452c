"""Notebook 02: embeddings and a whole layer, against arithmetic written out, with our weights in her parameters."""

from functools import partial

import torch
import torch.nn.functional as F

from ..model.bert import takes
from .checks_bert import build, config, heads_spec, hidden_cases, linear, linear_shapes
from .judge import Wrong, compare, differs


def norm(weights, name, x, eps):
    return F.layer_norm(x, x.shape[-1:], weights[f"{name}.weight"], weights[f"{name}.bias"], eps)


def norm_shapes(name, width):
    return {f"{name}.weight": (width,), f"{name}.bias": (width,)}


def embeddings_spec(weights, eps, input_ids, token_type_ids=None, twist=""):
    ignored = token_type_ids is None or twist == "types ignored"
    types = torch.zeros_like(input_ids) if ignored else token_type_ids
    types = 1 - types if twist == "types turned" else types
    length = torch.arange(input_ids.size(0 if twist == "rows" else 1))
    positions = length[:, None] if twist == "rows" else length + (1 if twist == "from 1" else 0)
    positions = input_ids.clamp(max=15) if twist == "ids" else positions
    word = weights["word_embeddings.weight"][input_ids]
    where = weights["position_embeddings.weight"][positions]
    which = weights["token_type_embeddings.weight"][types]
    if twist == "norm first":
        return norm(weights, "LayerNorm", word, eps) + where + which
    total = word + (0 if twist == "no positions" else where) + (0 if twist == "no types" else which)
    if twist == "root":
        total = word * word.size(-1) ** 0.5 + where + which
    return total if twist == "no norm" else norm(weights, "LayerNorm", total, 1e-5 if twist == "eps" else eps)


EMBEDDINGS_MISTAKES = {
    "positions are missing: add the embedding of 0, 1, 2, … along the words": "no positions",
    "token types are missing: add the embedding of token_type_ids": "no types",
    "token_type_ids has no effect: zeros are only for when it is None": "types ignored",
    "your token types are swapped: 0 is the first sentence": "types turned",
    "your positions start at 1; at 0 is wanted": "from 1",
    "your positions count the sentences of the batch; the words in a sentence are to be counted": "rows",
    "your positions are the word ids; 0, 1, 2, … is wanted": "ids",
    "LayerNorm is missing after the sum": "no norm",
    "LayerNorm is applied to the words before the sum; after it is wanted": "norm first",
    "your LayerNorm has PyTorch's eps, 1e-5; config.layer_norm_eps is wanted": "eps",
    "the words are multiplied by √d, as in the first transformer; BERT does not": "root",
}


def check_embeddings(answer):
    shape = config()
    wide, eps = shape.hidden_size, shape.layer_norm_eps
    wanted = {
        "word_embeddings.weight": (shape.vocab_size, wide),
        "position_embeddings.weight": (16, wide),
        "token_type_embeddings.weight": (2, wide),
        **norm_shapes("LayerNorm", wide),
    }
    module, weights = build(answer, shape, wanted)
    g = torch.Generator().manual_seed(8)
    ids = [torch.randint(0, 30, size, generator=g) for size in ((2, 5), (1, 1), (3, 16), (4, 4))]
    cases = [{"input_ids": one} for one in ids]
    cases += [{"input_ids": one, "token_type_ids": torch.randint(0, 2, one.shape, generator=g)} for one in ids]
    forward = lambda input_ids, token_type_ids=None: module(input_ids, *([] if token_type_ids is None else [token_type_ids]))
    right = compare(forward, cases, partial(embeddings_spec, weights, eps), EMBEDDINGS_MISTAKES)
    train = build(answer, config(hidden_dropout_prob=0.5), wanted)[0].train()
    share = (train(ids[2]) == 0).float().mean().item()
    if not 0.35 < share < 0.65:
        plain = torch.allclose(train(ids[2]), module(ids[2]))
        raise Wrong(
            "dropout is missing at the end: nn.Dropout(config.hidden_dropout_prob)"
            if plain
            else "dropout is in the wrong place or strength: last of all, after LayerNorm, with config.hidden_dropout_prob"
        )
    return right + 1


def layer_spec(weights, heads, eps, hidden, mask=None, twist=""):
    inner = {name.removeprefix("attention.self."): value for name, value in weights.items()}

    def add_norm(name, x, residual, number):
        x = x if twist == "no dense" and number == 1 else linear(weights, f"{name}.dense", x)
        x = x if twist == f"no residual {number}" else x + residual
        missing = twist in (f"no norm {number}", "before")
        return x if missing else norm(weights, f"{name}.LayerNorm", x, 1e-5 if twist == "eps" else eps)

    first = norm(weights, "attention.output.LayerNorm", hidden, eps) if twist == "before" else hidden
    attended = heads_spec(inner, heads, first, None if twist == "no mask" else mask)
    middle = add_norm("attention.output", attended, hidden, 1)
    second = norm(weights, "output.LayerNorm", middle, eps) if twist == "before" else middle
    wide = linear(weights, "intermediate.dense", second)
    bend = {"relu": F.relu, "tanh": lambda x: F.gelu(x, approximate="tanh"), "flat": lambda x: x}.get(twist, F.gelu)
    return add_norm("output", bend(wide), hidden if twist == "old residual" else middle, 2)


LAYER_MISTAKES = {
    "what came in is not added after attention": "no residual 1",
    "what came in is not added after the small network": "no residual 2",
    "at the end the layer's input is added; what attention's half gave is wanted": "old residual",
    "LayerNorm is missing after attention": "no norm 1",
    "LayerNorm is missing at the end": "no norm 2",
    "your LayerNorms come before each half (as in GPT); BERT has them after adding": "before",
    "attention.output.dense is not used": "no dense",
    "the mask does not reach attention": "no mask",
    "the activation is ReLU; GELU is wanted": "relu",
    "GELU is missing between the two linear layers": "flat",
    "your GELU is the tanh approximation; BERT's is exact: F.gelu(x)": "tanh",
    "your LayerNorms have PyTorch's eps, 1e-5; config.layer_norm_eps is wanted": "eps",
}


def check_layer(answer):
    shape = config()
    wide, inner, eps, heads = shape.hidden_size, shape.intermediate_size, shape.layer_norm_eps, shape.num_attention_heads
    wanted = {k: v for name in ("query", "key", "value") for k, v in linear_shapes(f"attention.self.{name}", wide, wide).items()}
    wanted |= linear_shapes("attention.output.dense", wide, wide) | norm_shapes("attention.output.LayerNorm", wide)
    wanted |= linear_shapes("intermediate.dense", wide, inner) | linear_shapes("output.dense", inner, wide)
    wanted |= norm_shapes("output.LayerNorm", wide)
    module, weights = build(answer, shape, wanted)
    forward = lambda hidden, mask=None: module(hidden, mask)
    right = compare(forward, hidden_cases(wide), partial(layer_spec, weights, heads, eps), LAYER_MISTAKES)
    case = hidden_cases(wide)[0]["hidden"]
    train = build(answer, config(hidden_dropout_prob=0.5, attention_probs_dropout_prob=0.0), wanted)[0].train()
    if torch.allclose(train(case), module(case)):
        raise Wrong("dropout is missing: config.hidden_dropout_prob, before each addition (AddNorm has it)")
    return right + 1 + (_check_first_only(module) if takes(module.forward, "first_only") else 0)


def _check_first_only(module):
    """Training asks for the first word alone; an answer that ignores the wish gives all words, the first among them."""
    for case in hidden_cases(12):
        hidden, mask = case["hidden"], case.get("mask")
        got, expected = module(hidden, mask, first_only=True), module(hidden, mask)[:, :1]
        if differs(got[:, :1], expected):
            raise Wrong("with first_only=True the first word's vector is another than without: it still looks at all words")
    return 1

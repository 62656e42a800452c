"""BERT, from word ids to one vector per word and one per sentence.

Notable choices:
- Parameters are named as in Hugging Face's `BertModel`, so any BERT checkpoint loads here and any of ours loads there. That
  is why some modules are small dictionaries ("attention.output.dense").
- The forward pass is cut in two, `embed` and `encode`, because SMART adds its noise between them.
- `first_only`: a classifier reads [CLS] alone, so the last layer may compute that one row. Exact, and a seventh of the time.
"""

import inspect
from dataclasses import asdict, dataclass, fields

import torch
import torch.nn.functional as F
from torch import nn

from ..errors import MinbertError
from . import weights
from .attention import MultiHeadAttention
from .fast import Dropout, Linear

LIMITS = {"vocab_size": 2**22, "num_hidden_layers": 1000, "hidden_size": 2**16, "intermediate_size": 2**18}


@dataclass
class BertConfig:
    vocab_size: int = 30522
    hidden_size: int = 768
    num_hidden_layers: int = 12
    num_attention_heads: int = 12
    intermediate_size: int = 3072
    max_position_embeddings: int = 512
    type_vocab_size: int = 2
    hidden_dropout_prob: float = 0.1
    attention_probs_dropout_prob: float = 0.1
    layer_norm_eps: float = 1e-12
    initializer_range: float = 0.02
    pad_token_id: int = 0

    def __post_init__(self):
        """Refuse what is no BERT before any memory is taken for it: a config may come from a stranger."""
        for field in fields(self):
            value = getattr(self, field.name)
            if field.type is int or field.type == "int":
                low, high = (0 if field.name == "pad_token_id" else 1), LIMITS.get(field.name, 2**20)
                fine = type(value) is int and low <= value <= high
            else:
                fine = isinstance(value, (int, float)) and 0 <= value <= 1
            if not fine:
                raise MinbertError(f"the BERT config says {field.name} = {value!r}, which makes no sense")
        if self.pad_token_id >= self.vocab_size:
            raise MinbertError(f"the BERT config says pad_token_id = {self.pad_token_id}, beyond its {self.vocab_size} words")
        if self.hidden_size % self.num_attention_heads:
            raise MinbertError(f"width {self.hidden_size} does not divide into {self.num_attention_heads} heads")

    @classmethod
    def from_dict(cls, values):
        """From a checkpoint's config.json; what this BERT could not honour is refused, not ignored."""
        if values.get("model_type", "bert") != "bert" or values.get("hidden_act", "gelu") != "gelu":
            kind, act = values.get("model_type", "bert"), values.get("hidden_act", "gelu")
            raise MinbertError(f"this checkpoint is a {kind!r} with {act!r}; only BERT with 'gelu' can be loaded")
        if values.get("position_embedding_type", "absolute") != "absolute":
            raise MinbertError("this checkpoint has relative positions; only absolute ones can be loaded")
        return cls(**{field.name: values[field.name] for field in fields(cls) if field.name in values})


@dataclass
class BertOutput:
    last_hidden_state: torch.Tensor  # (B, L, D)
    pooler_output: torch.Tensor  # (B, D)


class BertEmbeddings(nn.Module):
    """A word's vector = which word + where + in which of the two sentences, brought to one scale."""

    def __init__(self, config):
        super().__init__()
        width = config.hidden_size
        self.word_embeddings = nn.Embedding(config.vocab_size, width, padding_idx=config.pad_token_id)
        self.position_embeddings = nn.Embedding(config.max_position_embeddings, width)
        self.token_type_embeddings = nn.Embedding(config.type_vocab_size, width)
        self.LayerNorm = nn.LayerNorm(width, eps=config.layer_norm_eps)
        self.dropout = Dropout(config.hidden_dropout_prob)

    def forward(self, input_ids, token_type_ids=None):
        """input_ids (B, L) → (B, L, D)."""
        if input_ids.size(1) > self.position_embeddings.num_embeddings:
            limit = self.position_embeddings.num_embeddings
            raise MinbertError(f"{input_ids.size(1)} tokens, but this BERT has {limit} positions: lower max_length")
        positions = torch.arange(input_ids.size(1), device=input_ids.device)
        types = torch.zeros_like(input_ids) if token_type_ids is None else token_type_ids
        summed = self.word_embeddings(input_ids) + self.token_type_embeddings(types) + self.position_embeddings(positions)
        return self.dropout(self.LayerNorm(summed))


class AddNorm(nn.Module):
    """Project, drop, add what came in, bring to one scale: how every sub-layer ends."""

    def __init__(self, width_in, config):
        super().__init__()
        self.dense = Linear(width_in, config.hidden_size)
        self.LayerNorm = nn.LayerNorm(config.hidden_size, eps=config.layer_norm_eps)
        self.dropout = Dropout(config.hidden_dropout_prob)

    def forward(self, x, residual):
        return self.LayerNorm(self.dropout(self.dense(x)) + residual)


class BertLayer(nn.Module):
    """Attention between words, then a small network on every word by itself."""

    def __init__(self, config):
        super().__init__()
        mixing = {"self": MultiHeadAttention(config), "output": AddNorm(config.hidden_size, config)}
        self.attention = nn.ModuleDict(mixing)
        self.intermediate = nn.ModuleDict({"dense": Linear(config.hidden_size, config.intermediate_size)})
        self.output = AddNorm(config.intermediate_size, config)

    def forward(self, hidden, mask=None, first_only=False):
        """hidden (B, L, D) → (B, L, D), or (B, 1, D) for the first word alone."""
        asked = hidden[:, :1] if first_only else hidden
        hidden = self.attention["output"](self.attention["self"](hidden, mask, asked), asked)
        wide = F.gelu(self.intermediate["dense"](hidden))  # (B, L, 4D)
        return self.output(wide, hidden)


def takes(function, name):
    """Has it an argument of this name? A learner's own layer or attention may lack what only saves time."""
    return name in inspect.signature(function).parameters


class BertModel(nn.Module):
    def __init__(self, config, attention=None, layer=BertLayer, embeddings=BertEmbeddings):
        """`attention`, `layer` and `embeddings` may be a learner's own."""
        super().__init__()
        self.config = config
        self.embeddings = embeddings(config)
        self.encoder = nn.ModuleDict({"layer": nn.ModuleList(layer(config) for _ in range(config.num_hidden_layers))})
        self.pooler = nn.ModuleDict({"dense": nn.Linear(config.hidden_size, config.hidden_size)})
        self.apply(self._initialise)
        if attention is not None:
            self.use_attention(attention)

    @property
    def layers(self):
        return self.encoder["layer"]

    def forward(self, input_ids, attention_mask=None, token_type_ids=None):
        """input_ids, attention_mask (B, L) → one vector per word and one per sentence."""
        hidden = self.encode(self.embed(input_ids, token_type_ids), attention_mask)
        return BertOutput(hidden, self.pool(hidden))

    def embed(self, input_ids, token_type_ids=None):
        return self.embeddings(input_ids, token_type_ids)

    def encode(self, embedded, attention_mask=None, first_only=False, layers=None):
        """Embeddings (B, L, D) → (B, L, D) through `layers` (default all); with `first_only` → (B, 1, D)."""
        mask = None if attention_mask is None else attention_mask.bool()
        if mask is not None and mask.device.type == "cpu" and mask.all():  # a GPU would have to stop to answer that
            mask = None
        layers = self.layers if layers is None else layers
        hidden = embedded
        for number, layer in enumerate(layers, 1):
            short = first_only and number == len(layers) and takes(layer.forward, "first_only")
            hidden = layer(hidden, mask, first_only=True) if short else layer(hidden, mask)
        return hidden[:, :1] if first_only else hidden

    def pool(self, hidden):
        """The [CLS] vector through a linear layer and tanh: (B, L, D) → (B, D)."""
        return torch.tanh(self.pooler["dense"](hidden[:, 0]))

    def use_attention(self, attention):
        """Let every head use this function. One without a `dropout` argument runs without attention dropout."""
        takes_dropout = takes(attention, "dropout")
        for module in self.modules():
            if isinstance(module, MultiHeadAttention):
                module.attention = attention
                module.dropout = module.dropout if takes_dropout else 0.0

    @classmethod
    def from_pretrained(cls, name_or_folder, hidden_dropout=None, attention_dropout=None, **parts):
        """A BERT with trained weights: a folder, a scale ("tiny", "mini", "base"), or a name on the Hugging Face hub."""
        folder = weights.resolve(name_or_folder)
        values, tensors = weights.load(folder)
        config = BertConfig.from_dict(values)
        if hidden_dropout is not None:
            config.hidden_dropout_prob = hidden_dropout
        if attention_dropout is not None:
            config.attention_probs_dropout_prob = attention_dropout
        with torch.device("meta"):  # names and shapes are compared before a model takes memory
            weights.matched(BertModel(config), tensors, folder)
        model = cls(config, **parts)
        weights.fill(model, tensors, folder)
        return model

    def save_pretrained(self, folder):
        """Write config.json and model.safetensors; Hugging Face's BertModel loads this folder too."""
        weights.save(folder, {"model_type": "bert", "hidden_act": "gelu", **asdict(self.config)}, self.state_dict())

    def _initialise(self, module):
        if isinstance(module, (nn.Linear, nn.Embedding)):
            nn.init.normal_(module.weight, std=self.config.initializer_range)
        if isinstance(module, nn.Linear):
            nn.init.zeros_(module.bias)
        if isinstance(module, nn.Embedding) and module.padding_idx is not None:
            nn.init.zeros_(module.weight[module.padding_idx].data)

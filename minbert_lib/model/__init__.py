"""Batches → outputs. Knows nothing of learning."""

from .attention import MultiHeadAttention, scaled_dot_product_attention
from .bert import AddNorm, BertConfig, BertEmbeddings, BertLayer, BertModel, BertOutput

__all__ = [
    "AddNorm",
    "BertConfig",
    "BertEmbeddings",
    "BertLayer",
    "BertModel",
    "BertOutput",
    "MultiHeadAttention",
    "scaled_dot_product_attention",
]

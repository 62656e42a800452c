"""Heinsen routing: being written."""

from torch import nn


class RoutingHead(nn.Module):
    """(B, L, D), mask → (B, outputs)."""

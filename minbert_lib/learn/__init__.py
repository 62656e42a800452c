"""Outputs → better weights. Knows nothing of runs, records or notebooks."""

from .adamw import AdamW
from .bregman import BregmanProximal
from .smart import SmartRegularizer, ascent_step, symmetric_kl
from .surgery import pcgrad
from .trainer import Trainer

__all__ = ["AdamW", "BregmanProximal", "SmartRegularizer", "Trainer", "ascent_step", "pcgrad", "symmetric_kl"]

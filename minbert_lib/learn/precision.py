"""Which numbers the arithmetic runs in: float32, or 16 bits where the processor is made for them.

Notable choices: "auto" is bfloat16 where the hardware multiplies it faster, float16 with loss scaling on older GPUs (Colab's T4), float32
elsewhere. Weights, gradients and the optimiser's averages always stay in float32.
"""

from pathlib import Path

import torch

from ..errors import MinbertError

PRECISIONS = ("auto", "float32", "bfloat16", "float16")


def choose(precision, device):
    """What "auto" means on this device."""
    if precision not in PRECISIONS:
        raise MinbertError(f"there is no precision called {precision!r}: it is one of {', '.join(PRECISIONS)}")
    if precision != "auto":
        return precision
    if torch.device(device).type == "cuda":
        return "bfloat16" if torch.cuda.is_bf16_supported(including_emulation=False) else "float16"
    return "bfloat16" if bfloat16_flags() else "float32"


def bfloat16_flags():
    """The CPU's instructions for bfloat16; without one it would be emulated, and slow."""
    try:
        flags = Path("/proc/cpuinfo").read_text().split()
    except OSError:
        return []
    return [flag for flag in ("amx_bf16", "avx512_bf16") if flag in flags]


def is_final(scaler):
    """Is an infinite gradient the end? In float16 the scale is halved and the step skipped, until it is below 1."""
    return not scaler.is_enabled() or scaler.get_scale() < 1


def autocast(device, precision):
    """The context in which a pass runs."""
    kind = torch.device(device).type
    return torch.autocast(kind, dtype=getattr(torch, precision), enabled=precision in ("bfloat16", "float16"))

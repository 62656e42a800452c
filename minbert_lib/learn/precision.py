"""Which numbers the arithmetic runs in: float32, or 16 bits where the processor is made for them.

Notable choices: "auto" is bfloat16 where the hardware multiplies it faster, float16 with loss scaling on older GPUs (Colab's T4), float32
elsewhere. Weights, gradients and the optimiser's averages always stay in float32.
"""

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
    return "bfloat16" if cpu_has_bfloat16() else "float32"


def cpu_has_bfloat16():
    """True where the CPU has bfloat16 instructions; elsewhere it would be emulated, and slow."""
    try:
        flags = open("/proc/cpuinfo").read()
    except OSError:
        return False
    return "avx512_bf16" in flags or "amx_bf16" in flags


def autocast(device, precision):
    """The context in which a pass runs."""
    kind = torch.device(device).type
    return torch.autocast(kind, dtype=getattr(torch, precision), enabled=precision in ("bfloat16", "float16"))

"""What PyTorch does slowly on a CPU, done faster: the same numbers, fewer seconds. Notebook 12 measures each.

Notable choices
- `Linear` is nn.Linear; in float32 on a processor that is not Intel's it multiplies by oneDNN. PyTorch's default there, MKL,
  leaves such a processor's AVX-512 unused, and takes twice the time.
- `Dropout` draws 16 random bits a number, four numbers at a draw, in place of one draw of 53 bits each. So a chance is a
  multiple of 1/65536: 0.1 is 0.100006, and what is kept is scaled by exactly that (in 16 bits, by the nearest number there is).
- `keep_memory` tells the C library to keep freed memory. A step frees and takes hundreds of large tensors (the gradient of the
  word embeddings is 47 MB); by default each goes back to the system, which hands it out again page by page, zeroed.
"""

import ctypes
import sys
from functools import lru_cache

import torch
import torch.nn.functional as F
from torch import nn
from torch.autograd.function import once_differentiable


@lru_cache
def onednn_is_faster():
    """True on an AVX-512 processor for which MKL has no AVX-512 code."""
    if torch.backends.cpu.get_cpu_capability() != "AVX512" or not torch.backends.mkldnn.is_available():
        return False
    if not hasattr(torch.ops.mkldnn, "_linear_pointwise"):
        return False
    try:
        with open("/proc/cpuinfo") as file:
            return "GenuineIntel" not in file.read(4096)
    except OSError:
        return False


def product(a, b, bias=None):
    """a bᵀ + bias by oneDNN: a (n, k), b (m, k) → (n, m)."""
    return torch.ops.mkldnn._linear_pointwise(a, b, bias, "none", [], "")


def wanted(ctx, place):
    """Is this gradient asked for in the present backward? One to the input alone (SMART's ascent) spares the weights'."""
    if not ctx.needs_input_grad[place]:
        return False
    try:
        return torch._C._will_engine_execute_node(ctx.next_functions[place][0])
    except RuntimeError:  # the engine's answer for a weight that is itself what was asked for
        return True


class OneDNNLinear(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, weight, bias):
        ctx.save_for_backward(x, weight)
        return product(x.flatten(0, -2), weight, bias).view(*x.shape[:-1], len(weight))

    @staticmethod
    @once_differentiable
    def backward(ctx, grad):
        x, weight = ctx.saved_tensors
        rows = grad.flatten(0, -2)  # (n, m)
        needed = [wanted(ctx, place) for place in range(3)]
        return (
            product(rows, weight.t()).view(x.shape) if needed[0] else None,
            product(rows.t(), x.flatten(0, -2).t()) if needed[1] else None,
            rows.sum(0) if needed[2] else None,
        )


def linear(x, weight, bias):
    """x weightᵀ + bias, by whatever is fastest here."""
    plain = x.device.type != "cpu" or x.dtype != torch.float32 or torch.is_autocast_enabled("cpu")
    if plain or not x.numel() or not onednn_is_faster():
        return F.linear(x, weight, bias)
    return OneDNNLinear.apply(x, weight, bias)


class Linear(nn.Linear):
    def forward(self, x):
        return linear(x, self.weight, self.bias)


def dropout(x, p):
    """Each number becomes 0 with probability p, and what is kept grows by 1 / (1 − p)."""
    count = round(p * 65536)  # of the 65,536 values of 16 bits, these mean "drop"
    if x.device.type != "cpu" or not 0 < count < 65536:
        return F.dropout(x, p)
    bits = torch.empty(-(-x.numel() // 4), dtype=torch.int64).random_(-(2**63), None).view(torch.int16)
    keep = (bits[: x.numel()] >= count - 32768).view(x.shape)
    return x * keep.to(x.dtype).mul_(65536 / (65536 - count))


class Dropout(nn.Dropout):
    def forward(self, x):
        return dropout(x, self.p) if self.training else x


@lru_cache
def keep_memory():
    """Let the C library keep what is freed (Linux with glibc; elsewhere nothing happens). → whether it does."""
    if sys.platform != "linux":
        return False
    M_TRIM_THRESHOLD, M_MMAP_MAX = -1, -4
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError):  # another C library
        return False
    return bool(mallopt(M_MMAP_MAX, 0) and mallopt(M_TRIM_THRESHOLD, 2**31 - 1))

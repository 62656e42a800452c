"""A GPU that is this machine's processor in disguise: `wear(library)` before torch is imported, and everything runs "on cuda:0".

A tensor of this GPU is a wrapper that says cuda:0 around a tensor of the processor. torch believes it: autograd, autocast and gradient
scaling take their ways of a GPU, and a step that mixes the two devices or asks a GPU's tensor for its array fails, as on a real one.
What it cannot show is what a GPU's own kernels, memory and speed do. torch must be told in C++ that a GPU is there, before it looks.
"""

import ctypes
import importlib.util
import subprocess
import types
from pathlib import Path

CODE = """
#include <ATen/detail/CUDAHooksInterface.h>
#include <c10/core/impl/DeviceGuardImplInterface.h>
namespace c10::impl {
struct Pretended : NoOpDeviceGuardImpl<DeviceType::CUDA> {
  Stream only() const noexcept { return Stream(Stream::DEFAULT, Device(DeviceType::CUDA, 0)); }
  Device exchangeDevice(Device) const override { return only().device(); }
  Device getDevice() const override { return only().device(); }
  Stream getStream(Device) const noexcept override { return only(); }
  Stream exchangeStream(Stream) const noexcept override { return only(); }
};
C10_REGISTER_GUARD_IMPL(CUDA, Pretended);
}
namespace at {
struct CUDAHooks : CUDAHooksInterface {  // torch asks for hooks of this name
  explicit CUDAHooks(CUDAHooksArgs) {}
  void init() const override {}
  bool hasCUDA() const override { return true; }
  bool isBuilt() const override { return true; }
  bool isAvailable() const override { return true; }
  bool hasPrimaryContext(DeviceIndex) const override { return true; }
  int getNumGPUs() const override { return 1; }
  DeviceIndex deviceCount() const override { return 1; }
  DeviceIndex getCurrentDevice() const override { return 0; }
};
REGISTER_CUDA_HOOKS(CUDAHooks);
}
"""


def build(folder):
    """→ the library that `wear` wants; a compiler that does not take the code raises CalledProcessError."""
    torch, library = Path(importlib.util.find_spec("torch").origin).parent, Path(folder) / "pretended.so"
    source = library.with_suffix(".cpp")
    source.write_text(CODE, encoding="utf-8")
    links = [f"-L{torch}/lib", "-lc10", "-Wl,--no-as-needed", "-ltorch_cpu", f"-Wl,-rpath,{torch}/lib"]
    command = ["g++", "-std=c++20", "-shared", "-fPIC", f"-I{torch}/include", source, "-o", library, *links]
    subprocess.run(command, check=True, capture_output=True, text=True)
    return library


def wear(library, bfloat16=True):
    """From here on torch has a GPU, with bfloat16 or, like a T4, without."""
    ctypes.CDLL(str(library), mode=ctypes.RTLD_GLOBAL)
    import torch
    from torch.utils._python_dispatch import TorchDispatchMode
    from torch.utils._pytree import tree_leaves, tree_map

    gpu, cpu = torch.device("cuda", 0), torch.device("cpu")

    class OnGpu(torch.Tensor):
        @staticmethod
        def __new__(cls, held):
            about = {"strides": held.stride(), "storage_offset": held.storage_offset(), "dtype": held.dtype, "device": gpu}
            self = torch.Tensor._make_wrapper_subclass(cls, held.size(), **about)
            self.held = held
            return self

        # with the next two a model's parameters stay the objects that they were when they move, as on a real GPU
        def __tensor_flatten__(self):
            return ["held"], None

        @staticmethod
        def __tensor_unflatten__(inner, about, size, stride):
            return OnGpu(inner["held"])

        @classmethod
        def __torch_dispatch__(cls, function, kinds, args=(), kwargs=None):
            return call(function, args, kwargs or {})

    def call(function, args, kwargs):
        tensors = [one for one in tree_leaves((args, kwargs)) if isinstance(one, torch.Tensor)]
        ours = {id(one.held): one for one in tensors if isinstance(one, OnGpu)}
        name, asked = function.overloadpacket.__name__, kwargs.get("device")
        if ours and name not in ("_to_copy", "copy_") and any(one.dim() for one in tensors if not isinstance(one, OnGpu)):
            raise RuntimeError(f"{name}: expected all tensors to be on the same device, but found cuda:0 and cpu")
        result = function(*tree_map(bare, args), **tree_map(bare, kwargs))
        there = bool(ours) if asked is None else torch.device(asked).type == "cuda"

        def dressed(one):
            if not there or not isinstance(one, torch.Tensor):
                return one
            return ours[id(one)] if id(one) in ours else OnGpu(one)  # what was changed in place is still itself

        return tree_map(dressed, result)

    def bare(one):
        if isinstance(one, OnGpu):
            return one.held
        return cpu if isinstance(one, torch.device) and one.type == "cuda" else one

    class Disguise(TorchDispatchMode):
        def __torch_dispatch__(self, function, kinds, args=(), kwargs=None):
            return call(function, args, kwargs or {})

    class Generator(torch.Generator):
        def __new__(cls, device="cpu"):
            return super().__new__(cls)

    random = [torch.zeros(16, dtype=torch.uint8)]

    def set_rng_state(state, device="cuda"):
        assert state.device == cpu and state.dtype == torch.uint8
        random[0] = state

    told = {
        "is_available": True,
        "is_initialized": True,
        "device_count": 1,
        "current_device": 0,
        "is_bf16_supported": bfloat16,
        "get_device_name": "Pretended GPU",
        "get_device_properties": types.SimpleNamespace(name="Pretended GPU", total_memory=16 * 2**30),
        "max_memory_allocated": 123 * 2**20,
    }
    nothing = ("_lazy_init", "synchronize", "empty_cache", "reset_peak_memory_stats", "manual_seed", "manual_seed_all")
    for name, answer in {**told, **dict.fromkeys(nothing)}.items():
        setattr(torch.cuda, name, lambda *_, answer=answer, **__: answer)
    torch.cuda.get_rng_state, torch.cuda.set_rng_state = lambda device="cuda": random[0].clone(), set_rng_state
    torch.Generator = Generator
    torch.__future__.set_swap_module_params_on_conversion(True)
    Disguise().__enter__()

"""`minbert doctor`: what this machine can do, what is missing, and the remedy.

A finding is fine (ok), a hint (something optional is missing) or a lack (nothing works without it).
The doctor looks and changes nothing; it imports each package only to learn whether that works.
"""

import importlib
import importlib.metadata
import importlib.util
import os
import platform
import shutil
import sys
import time
from dataclasses import dataclass

from . import __version__, home

REQUIRED = [
    "torch",
    "numpy",
    "pandas",
    "scipy",
    "matplotlib",
    "tokenizers",
    "safetensors",
    "ipywidgets",
    "IPython",
]
OPTIONAL = {
    "jupyterlab": "opens the notebooks: pip install jupyterlab, or make setup",
    "nbclient": "runs notebooks from the command line: pip install nbclient",
    "transformers": "comparisons with Hugging Face, and back translation: pip install 'minbert[translate]'",
    "ray": "sweeps on a cluster: pip install ray",
    "tensorboard": "records as TensorBoard files: pip install tensorboard",
}
BROWSERS = ["chromium", "chromium-browser", "google-chrome", "chrome"]
OK, HINT, LACK = "ok", "--", "!!"


@dataclass(frozen=True)
class Finding:
    state: str  # OK, HINT or LACK
    what: str
    remedy: str = ""


def findings():
    return [*python(), *packages(), *compute(), *storage(), *scales(), *tools()]


def report():
    print(f"minbert {__version__} in {home.repo()}\n")
    found = findings()
    for one in found:
        print(f"  {one.state}  {one.what}" + (f"\n        → {one.remedy}" if one.remedy else ""))
    lacks = sum(one.state == LACK for one in found)
    print(f"\n{lacks} thing(s) marked !! must be mended first." if lacks else "\nEverything that is required is here.")
    return 1 if lacks else 0


def python():
    version = platform.python_version()
    if (3, 11) <= sys.version_info[:2] <= (3, 13):
        yield Finding(OK, f"Python {version} on {platform.system()} {platform.machine()}")
    else:
        yield Finding(LACK, f"Python {version}", "3.11, 3.12 or 3.13 is wanted: make setup PYTHON=python3.12")


def packages():
    missing = [(name, error) for name in REQUIRED if (error := _cannot_import(name))]
    for name, error in missing:
        yield Finding(LACK, f"{name}: {error}", "make setup (or: pip install -e .)")
    if not missing:
        yield Finding(OK, ", ".join(f"{n.lower()} {importlib.metadata.version(n)}" for n in REQUIRED))
    for name, use in OPTIONAL.items():
        if importlib.util.find_spec(name) is None:
            yield Finding(HINT, f"{name} is not installed", use)


def _cannot_import(name):
    try:
        importlib.import_module(name)
    except Exception as error:  # a broken package may raise anything; here that is the finding
        return str(error).splitlines()[0] if str(error) else type(error).__name__


def compute():
    memory = _memory_gb()
    text = f"{os.cpu_count()} CPU cores" + (f", {memory:.0f} GB of memory" if memory else "")
    if memory and memory < 3:
        yield Finding(HINT, text, "the tiny scale needs about 2 GB; close other programs")
    else:
        yield Finding(OK, text)
    if _cannot_import("torch"):
        return
    import torch

    if torch.cuda.is_available():
        name, total = torch.cuda.get_device_name(0), torch.cuda.get_device_properties(0).total_memory / 2**30
        half = "bfloat16" if torch.cuda.is_bf16_supported(including_emulation=False) else "float16"
        yield Finding(OK, f"GPU: {name}, {total:.0f} GB, half precision: {half}")
    else:
        why = "torch is a CPU build" if torch.version.cuda is None else "torch finds none; is the NVIDIA driver installed?"
        yield Finding(HINT, f"no GPU ({why})", "the tiny scale needs none; for BERT-base a free Colab T4 will do")
    yield bfloat16_on_cpu(torch)


def bfloat16_on_cpu(torch):
    """Does this CPU compute in bfloat16 itself? Told by its flags, shown by timing a matrix product."""
    from .learn.precision import bfloat16_flags

    ratio = _seconds(torch, torch.float32) / _seconds(torch, torch.bfloat16)
    how = ", ".join(bfloat16_flags()) or "no instruction for it known"
    text = f"bfloat16 on this CPU ({how}): matrix products {ratio:.1f} times as fast as in float32"
    return Finding(OK, text) if ratio > 1.2 else Finding(HINT, text, "stay with float32 on this CPU")


def _seconds(torch, dtype, size=768):
    left, right = (torch.ones(size, size, dtype=dtype) for _ in range(2))
    times = []
    for _ in range(5):
        start = time.perf_counter()
        left @ right
        times.append(time.perf_counter() - start)
    return min(times)


def _memory_gb():
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    except (AttributeError, ValueError, OSError):  # Windows has no sysconf
        return None


def storage():
    place = home.home()
    there = next((path for path in (place, *place.parents) if path.exists()), None)
    if there is None:  # a drive that is not there
        yield Finding(HINT, f"{place} is nowhere on this machine", "point MINBERT_HOME at a folder you may write to")
        return
    free = shutil.disk_usage(there).free / 2**30
    source = "MINBERT_HOME" if os.environ.get("MINBERT_HOME") else "the default; set MINBERT_HOME to move it"
    text = f"downloads and runs go to {place} ({source}), {free:.0f} GB free"
    if not os.access(there, os.W_OK):
        yield Finding(
            HINT,
            f"{text}, read-only",
            "point MINBERT_HOME at a folder you may write to, to fetch data or weights",
        )
    elif free < 2:
        yield Finding(HINT, text, "real data and BERT-base need about 2 GB: point MINBERT_HOME at another disk")
    else:
        yield Finding(OK, text)


def scales():
    for name in home.SCALES:
        scale = home.scale(name)
        lacks = [what for what, there in (("weights", _has_weights(scale.weights)), ("data", _has_data(scale.data))) if not there]
        if not lacks:
            yield Finding(OK, f"scale {name}: {scale.title}")
        elif name == "tiny":
            yield Finding(
                LACK,
                f"scale tiny: no {' and no '.join(lacks)}",
                f"they ship in {home.repo() / 'data'}: git checkout data",
            )
        else:
            yield Finding(
                HINT,
                f"scale {name} ({scale.title}): no {' and no '.join(lacks)} yet",
                "minbert data --help tells how to get them",
            )


def _has_weights(folder):
    return (folder / "config.json").exists() and any((folder / n).exists() for n in ("model.safetensors", "pytorch_model.bin"))


def _has_data(folder):
    return any(folder.glob("*.csv*")) if folder.is_dir() else False


def tools():
    browser = next(filter(None, map(shutil.which, BROWSERS)), None)
    if browser:
        yield Finding(OK, f"browser for the browser tests: {browser}")
    else:
        yield Finding(HINT, "no Chromium", "only the browser tests need it (Debian: apt install chromium)")
    if "google.colab" in sys.modules or os.environ.get("COLAB_RELEASE_TAG"):
        yield Finding(OK, "this is Google Colab")

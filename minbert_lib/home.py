"""Where things are: the checkout, the user's cache (MINBERT_HOME), and the three scales of every run.

One switch, MINBERT_SCALE, decides which weights and which data a run uses; nothing else changes between
a laptop's minutes (`tiny`), an evening (`mini`) and a GPU (`base`).
"""

import os
import sys
from dataclasses import dataclass
from pathlib import Path

from .errors import MinbertError


@dataclass(frozen=True)
class Scale:
    name: str
    title: str  # how tables and captions name the model and the data
    weights: Path
    data: Path


def repo():
    """The folder that holds data/, figures/ and notebooks/: the checkout, else what the wheel carries."""
    package = Path(__file__).resolve().parent
    return package.parent if (package.parent / "pyproject.toml").exists() else package / "shipped"


def home():
    """MINBERT_HOME, or the user's cache folder: downloads, weights and runs live there."""
    if chosen := os.environ.get("MINBERT_HOME"):
        return Path(chosen).expanduser().resolve()
    if os.name == "nt":
        base = Path(os.environ.get("LOCALAPPDATA", Path.home() / "AppData/Local"))
    elif sys.platform == "darwin":
        base = Path.home() / "Library/Caches"
    else:
        base = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache"))
    return base / "minbert"


SCALES = ("tiny", "mini", "base")


def scale(name=None):
    """The scale by name; without one MINBERT_SCALE, else `base` where there is a GPU and `tiny` elsewhere."""
    name = name or os.environ.get("MINBERT_SCALE") or ("base" if _has_gpu() else "tiny")
    if name == "tiny":
        return Scale("tiny", "tiny BERT, sample data", repo() / "data/tiny-bert", repo() / "data/sample")
    if name == "mini":
        return Scale("mini", "MiniLM-L6-H384, real data", home() / "weights/minilm-l6-h384", home() / "data")
    if name == "base":
        return Scale("base", "BERT-base, real data", home() / "weights/bert-base-uncased", home() / "data")
    raise MinbertError(f"there is no scale called {name!r}: MINBERT_SCALE is one of {', '.join(SCALES)}")


def _has_gpu():
    import torch

    return torch.cuda.is_available()

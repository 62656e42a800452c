"""What the first cell of every notebook calls: where am I, what can this machine do, what will this notebook take?

Notable choices: it only looks and tells. Colab's own torch and numpy are never touched; the packages that a bare runtime lacks are
installed without their dependencies. Running it twice is the same as running it once.
"""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

from .. import home
from ..errors import MinbertError
from .desk import summary
from .notebooks import costs
from .show import Note, show

NEEDED = ("torch", "numpy", "pandas", "scipy", "matplotlib", "ipywidgets", "tokenizers", "safetensors", "huggingface_hub", "tqdm")
DRIVE = Path("/content/drive")  # where Colab mounts Google Drive


def on_colab():
    return importlib.util.find_spec("google.colab") is not None if importlib.util.find_spec("google") else False


def start(notebook, scale=None, drive=False):
    """Say what this notebook runs on and what that takes; → the scale. `drive=True` keeps runs on Google Drive (Colab)."""
    _install_missing()
    if scale:
        os.environ["MINBERT_SCALE"] = scale
    if drive:
        _use_drive()
    chosen = home.scale()
    os.environ["MINBERT_SCALE"] = chosen.name
    here = (chosen.weights / "config.json").is_file() and any(chosen.data.glob("*.csv*"))
    if not here and chosen.name != "tiny":
        show(
            Note(
                "note",
                f"{chosen.title}: not downloaded yet, or not its data; at tiny scale for now. `minbert data --get` fetches both.",
            )
        )
        os.environ["MINBERT_SCALE"] = "tiny"
        chosen = home.scale()
    from ..lab.figures import style

    style.use()
    lines = [f"scale {chosen.name}: {chosen.title}", f"device: {_device()}", _cost(notebook, chosen.name)]
    lines.append(f"your own runs are kept in {home.home() / 'runs'}")
    show(Note("note", f"Notebook {notebook} is ready", [line for line in lines if line]))
    show(summary())
    return chosen


def _install_missing():
    missing = [name for name in NEEDED if importlib.util.find_spec(name) is None]
    if not missing:
        return
    if not on_colab():
        raise MinbertError(f"missing here: {', '.join(missing)}; `make setup` installs everything")
    subprocess.run([sys.executable, "-m", "pip", "install", "-q", "--no-deps", *missing], check=True)


def _use_drive():
    if not on_colab():
        show(Note("note", "drive=True has no effect here: it is for Google Colab"))
        return
    from google.colab import drive

    drive.mount(str(DRIVE))
    os.environ["MINBERT_HOME"] = str(DRIVE / "MyDrive/minbert")


def _device():
    import torch

    if torch.cuda.is_available():
        return torch.cuda.get_device_name()
    return f"CPU, {torch.get_num_threads()} threads (no GPU found)"


def _cost(notebook, scale):
    """What a recorded run of this notebook took at this scale."""
    rows = [row for (name, at), row in costs().items() if name.startswith(notebook) and at == scale]
    if not rows:
        return f"no run of this notebook at scale {scale} has been recorded yet"
    minutes, gigabytes = float(rows[-1]["seconds"]) / 60, float(rows[-1]["peak_mb"]) / 1024
    return f"a recorded run took {minutes:.1f} minutes and {gigabytes:.1f} GB ({rows[-1]['machine']})"

"""Checkpoints in and out, without trusting them.

Notable choices: safetensors only; the header is checked by hand (size, offsets, shapes) before any memory is taken, because a
checkpoint may come from a stranger. A `pytorch_model.bin` is read by torch's restricted unpickler, which executes nothing.
"""

import json
import math
from pathlib import Path

import torch
from safetensors.torch import load_file
from safetensors.torch import save as to_bytes

from ..errors import MinbertError
from ..files import check_header, write_atomic
from ..home import SCALES, home, scale


def resolve(name_or_folder):
    """A folder that holds config.json: the one given, a scale's, one under MINBERT_HOME, or one fetched from the hub."""
    name = str(name_or_folder)
    folder = scale(name).weights if name in SCALES else Path(name)
    for candidate in (folder, home() / "weights" / name):
        if (candidate / "config.json").is_file():
            return candidate
    if name in SCALES or folder.is_absolute() or name.startswith(".") or folder.exists():
        remedy = f"`minbert data --get` fetches the {name} weights" if name in SCALES else "a checkpoint folder has one"
        remedy = "they come with the course: git checkout data" if name == "tiny" else remedy
        raise MinbertError(f"{folder / 'config.json'} is missing: {remedy}")
    return _from_hub(name)


def _from_hub(name):
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HFValidationError

    wanted = ["config.json", "vocab.txt", "tokenizer_config.json", "model.safetensors"]
    try:
        return Path(snapshot_download(name, allow_patterns=wanted, cache_dir=home() / "hub"))
    except (HFValidationError, OSError, RuntimeError, ValueError) as error:  # offline, absent, or refused
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise MinbertError(
            f"no checkpoint called {name!r} here, and the hub gave none ({reason[:120]}): "
            f"give a folder with config.json and model.safetensors, or put it under {home() / 'weights'}"
        ) from error


def load(folder):
    """(config, tensors) of a checkpoint folder; a MinbertError says what is wrong with a bad one."""
    folder = Path(folder)
    config = read_config(folder / "config.json")
    if (path := folder / "model.safetensors").is_file():
        check_header(path)
        try:
            return config, load_file(path)
        except Exception as error:  # the parser is in Rust and has error types of its own
            raise MinbertError(f"{path}: not a readable safetensors file ({error})") from error
    if (path := folder / "pytorch_model.bin").is_file():
        try:
            tensors = torch.load(path, map_location="cpu", weights_only=True)  # refuses everything but tensors
        except Exception as error:
            first = (str(error).splitlines() or [type(error).__name__])[0]
            raise MinbertError(f"{path}: refused, it holds more than tensors or is damaged ({first[:160]})") from error
        kinds = tensors.items() if isinstance(tensors, dict) else [(None, None)]
        if not all(isinstance(name, str) and isinstance(value, torch.Tensor) for name, value in kinds):
            raise MinbertError(f"{path}: refused, it is not a table of tensors")
        return config, tensors
    raise MinbertError(f"{folder / 'model.safetensors'} is missing: a checkpoint folder holds its weights there")


def fill(model, tensors, source):
    """Copy tensors into the model by name. Heads we have no use for are left out; a missing pooler stays as it is."""
    model.load_state_dict({**model.state_dict(), **matched(model, tensors, source)})


def matched(model, tensors, source):
    """The tensors that `model` has a place for, by its names. A wrong shape or a missing weight is an error."""
    named = {_modern(name): tensor for name, tensor in tensors.items()}
    own = model.state_dict()
    absent = [name for name in own if name not in named and not name.startswith("pooler.")]
    if absent:
        raise MinbertError(f"{source}: this checkpoint has no {absent[0]} ({len(absent)} of {len(own)} weights are missing)")
    for name, tensor in own.items():
        if name in named and named[name].shape != tensor.shape:
            shapes = f"{tuple(named[name].shape)}, not {tuple(tensor.shape)}"
            raise MinbertError(f"{source}: {name} has the shape {shapes}: config.json and weights do not belong together")
        if name in named:
            _check_finite(named[name], name, source)
    return {name: named[name] for name in own if name in named}


def _check_finite(tensor, name, source):
    """NaN spreads over every number that it meets: told here, where its source is known."""
    if tensor.is_floating_point() and tensor.numel() and not all(map(math.isfinite, tensor.aminmax())):
        raise MinbertError(f"{source}: {name} holds NaN or infinity: the run that made these weights went wrong; use others")


def fill_exactly(model, tensors, source):
    """Copy tensors into a model that must have exactly these names and shapes."""
    for name, tensor in tensors.items():
        _check_finite(tensor, name, source)
    try:
        model.load_state_dict(tensors)
    except RuntimeError as error:
        first = str(error).splitlines()[1].strip() if "\n" in str(error) else str(error)
        raise MinbertError(f"{source}: the weights are not this model's ({first[:160]})") from error


def save(folder, config, tensors):
    """Write a checkpoint folder: config.json and model.safetensors, each whole or not at all."""
    write_atomic(Path(folder) / "config.json", json.dumps(config, indent=2) + "\n")
    save_tensors(Path(folder) / "model.safetensors", tensors, {"format": "pt"})  # transformers 4 asks for this word


def save_tensors(path, tensors, metadata=None):
    write_atomic(path, pack(tensors, metadata))


def pack(tensors, metadata=None):
    """The bytes of a safetensors file."""
    plain, seen = {}, set()
    for name, tensor in tensors.items():
        tensor = tensor.detach().cpu().contiguous()
        place = tensor.untyped_storage().data_ptr()
        plain[name] = tensor.clone() if place in seen else tensor  # safetensors wants every tensor to have memory of its own
        seen.add(place)
    return to_bytes(plain, metadata)


def read_config(path):
    try:
        config = json.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise MinbertError(f"{path}: not a readable config.json ({error})") from error
    if not isinstance(config, dict):
        raise MinbertError(f"{path}: not a table of settings")
    return config


def _modern(name):
    """Names as today's BertModel has them: without the prefix of a larger model, and LayerNorm's old gamma and beta."""
    name = name.removeprefix("bert.")
    return name.replace("LayerNorm.gamma", "LayerNorm.weight").replace("LayerNorm.beta", "LayerNorm.bias")

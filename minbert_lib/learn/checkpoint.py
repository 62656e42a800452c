"""The state of a run on disk: whole, checked, and two deep.

Notable choices: any nest of dictionaries, lists, numbers and tensors becomes one safetensors file whose metadata holds the nest as JSON, so that
nothing is ever unpickled. A digest over all of it is checked on reading. The last file becomes `previous` once a new one is
written: whatever moment the power fails, one of the two is whole, and a full disk takes neither.
"""

import hashlib
import json
import os
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open

from ..errors import MinbertError
from ..files import atomic_path, check_header
from ..model.weights import pack

CURRENT, PREVIOUS = "checkpoint.safetensors", "checkpoint.previous.safetensors"
MARK = "__tensor__"


def save(folder, state):
    """Write `state` into `folder`, keeping the one before."""
    folder = Path(folder)
    tensors = {}
    nest = json.dumps(_strip(state, tensors))
    current = folder / CURRENT
    with atomic_path(current) as part:
        part.write_bytes(pack(tensors, {"state": nest, "sha256": _digest(nest, tensors)}))
        if current.exists():
            os.replace(current, folder / PREVIOUS)


def load(folder):
    """The newest whole state in `folder`, or None where there is none; a damaged one is passed over and named."""
    reasons = []
    for name in (CURRENT, PREVIOUS):
        path = Path(folder) / name
        if not path.is_file():
            continue
        try:
            return read(path), reasons
        except MinbertError as error:
            reasons.append(str(error))
    if reasons:
        raise MinbertError(f"no whole checkpoint is left ({'; '.join(reasons)}): remove both to begin again")
    return None, reasons


def read(path):
    check_header(path)
    try:
        with safe_open(path, "pt") as file:
            facts = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}
        nest = facts["state"]
        if facts["sha256"] != _digest(nest, tensors):
            raise MinbertError(f"{path}: the checksum does not match, the file is damaged")
        return _restore(json.loads(nest), tensors)
    except (SafetensorError, OSError, KeyError, ValueError, TypeError, RuntimeError) as error:  # RecursionError is a RuntimeError
        raise MinbertError(f"{path}: not a checkpoint of this library ({error})") from error


def _strip(value, tensors):
    """The nest with every tensor moved to `tensors` and a mark left in its place."""
    if isinstance(value, torch.Tensor):
        name = f"{len(tensors):06d}"
        tensors[name] = value
        return {MARK: name}
    if isinstance(value, dict):
        if all(isinstance(key, str) for key in value):
            return {key: _strip(item, tensors) for key, item in value.items()}
        return {"__pairs__": [[key, _strip(item, tensors)] for key, item in value.items()]}  # JSON keys are strings
    if isinstance(value, (list, tuple)):
        return [_strip(item, tensors) for item in value]
    return value


def _restore(value, tensors):
    if isinstance(value, dict):
        if MARK in value:
            return tensors[value[MARK]]
        if "__pairs__" in value:
            return {key: _restore(item, tensors) for key, item in value["__pairs__"]}
        return {key: _restore(item, tensors) for key, item in value.items()}
    return [_restore(item, tensors) for item in value] if isinstance(value, list) else value


def _digest(nest, tensors):
    digest = hashlib.sha256(nest.encode())
    for name in sorted(tensors):
        data = tensors[name].detach().cpu().contiguous()
        digest.update(data.reshape(-1).view(torch.uint8).numpy())
    return digest.hexdigest()

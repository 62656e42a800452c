"""Records: what a run was and what came of it, one small JSON file each, and its predictions beside.

Notable choices: a record's file is named by the run's key, so that a run is recorded once whoever writes it, and many writers never
meet. It speaks for the data and weights that it was made with, told by their sha256: where others lie here, it is not this run.
`folders()` are read in order: the reader's own runs, then those that come with the course.
"""

import functools
import hashlib
import io
import json
import math
from pathlib import Path

import numpy as np

from ..errors import MinbertError
from ..files import MAX_UNPACKED, sha256, write_atomic
from ..home import SCALES, home, repo, scale
from ..text.tasks import TASKS

VERSION = 1
PARTS = {"key": str, "name": str, "config": dict, "scores": dict, "epochs": list, "curve": list}  # what no record lacks


def own_folder(made_with=()):
    """Where new runs are recorded; those made with her own parts in a folder named after these, which no figure and no sweep reads."""
    return home() / "runs" / (f"yours/{'+'.join(made_with)}" if made_with else "")


def own_folders():
    """Every folder of the reader's own runs → the parts of hers that are in them."""
    with_hers = sorted(path for path in (own_folder() / "yours").glob("*") if path.is_dir())
    return {own_folder(): [], **{path: path.name.split("+") for path in with_hers}}


def folders():
    return [own_folder(), repo() / "data/runs"]


def path_of(config, folder):
    return Path(folder) / config.scale / f"{config.name}-{config.key()}.json"


def save(record, folder=None, predictions=None):
    """Write a record under its name, and its predictions {split: {task: array}} beside it; → the record's path."""
    path = Path(folder or own_folder()) / record["config"]["scale"] / f"{record['name']}-{record['key']}.json"
    return save_at(path, record, predictions)


def save_at(path, record, predictions=None):
    """Write a record to a file of one's own choice, and its predictions beside it; → the path."""
    if predictions:  # first, so that a record never speaks of predictions that are not there
        arrays = {
            f"{split}/{task}": value.astype(np.float32) for split, tasks in predictions.items() for task, value in tasks.items()
        }
        buffer = io.BytesIO()
        np.savez_compressed(buffer, **arrays)
        write_atomic(path.with_suffix(".npz"), buffer.getvalue())
    write_atomic(path, to_json(record))
    return path


def to_json(record):
    """A line for every value, so that a record can be read by eye and compared line by line."""
    return json.dumps(rounded(record), indent=1, ensure_ascii=False) + "\n"


def load(path):
    """A record by its file; a damaged or foreign one is refused by name."""
    path = Path(path)
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise MinbertError(f"{path}: not a readable record ({error}); remove it, and its run can be made again") from error
    for part, kind in PARTS.items():
        if not isinstance(record, dict) or not isinstance(record.get(part), kind):
            raise MinbertError(f"{path}: not a record, {part!r} is missing or of another kind; remove it")
    record["path"] = str(path)
    return record


def find(config):
    """The record of exactly this run, or None: these settings, and the data and weights that are here."""
    for folder in folders():
        path = path_of(config, folder)
        if path.is_file() and of_these_files(record := load(path), config):
            return record
    return None


def of_these_files(record, config):
    """Did this run read the very files that are here? One that is not here, or not recorded, speaks neither for nor against;
    nor does a test file, of which no score and no weight depends."""
    place, wanted = scale(config.scale), []
    for name, facts in _read(record).items():
        split, task = name.split("/")
        files = [place.data / (TASKS[task].file(split) + end) for end in ("", ".gz")]
        if not (split == "train" and task in config.augment):  # augmented rows have a hash of their own
            wanted.append((next((file for file in files if file.is_file()), files[0]), facts["sha256"]))
    if not config.start and "weights" in record:
        wanted.append((place.weights / "model.safetensors", record["weights"]))
    return all(not digest or fingerprint(path) in ("", digest) for path, digest in wanted)


def fingerprint(path):
    """The first 16 digits of a file's sha256, "" where there is none."""
    return digest(path)[:16]


def digest(path):
    """A file's sha256, "" where there is none; read again only when the file has changed."""
    try:
        facts = path.stat()
    except OSError:
        return ""
    return _digest(path, facts.st_size, facts.st_mtime_ns)


@functools.lru_cache(maxsize=64)
def _digest(path, size, changed):
    return sha256(path)


@functools.cache
def code():
    """A short name for the program that makes runs, as it stands: another one may round otherwise."""
    parts = [Path(__file__).parents[1] / part for part in ("text", "model", "learn", "lab")]
    sources = [path.read_bytes() for part in parts for path in sorted(part.glob("*.py"))]
    return hashlib.sha256(b"".join(sources)).hexdigest()[:12]


def ground(record):
    """What runs must share beside their settings to stand on one line: the data that they read, and their arithmetic.

    Training files count by their names: augmentation is a setting, and gives the rows a hash of their own.
    """
    files = {name: facts["file" if name.startswith("train/") else "sha256"] for name, facts in _read(record).items()}
    return json.dumps([files, record.get("precision")], sort_keys=True)


def _read(record):
    """What is known of the files that a run's weights and scores depend on, {"split/task": facts}."""
    return {name: facts for name, facts in record.get("data", {}).items() if not name.startswith("test/")}


def load_all(where=None, scale=None, name=None):
    """Every record, in a fixed order, each once: another program's run of the same settings has a name of its own.

    Folders that are no scale's are left alone: she may have sent `--out` there.
    """
    seen = {}
    for folder in where or folders():
        for path in sorted(path for one in ([scale] if scale else SCALES) for path in Path(folder).glob(f"{one}/*.json")):
            record = load(path)
            if name is None or record["name"] == name:
                seen.setdefault((record["name"], record["key"]), record)
    return list(seen.values())


def predictions(record):
    """{split: {task: array}} of a record that was loaded or saved."""
    path = Path(record["path"]).with_suffix(".npz")
    if not path.is_file():
        raise MinbertError(
            f"{path}: this run's predictions are not here (an epoch's folder has weights only); run it again to have them"
        )
    out = {}
    for name, values in read_arrays(path).items():
        split, _, task = name.partition("/")
        out.setdefault(split, {})[task] = values.astype(np.float32)
    return out


def has_predictions(record):
    """Not every record has them: another program's run left its scores only."""
    return Path(record["path"]).with_suffix(".npz").is_file()


def read_arrays(path):
    """{name: array} of an .npz, nothing unpickled, or a MinbertError: damaged, not numbers, or larger than it may be."""
    try:
        with np.load(path, allow_pickle=False) as file:
            if (
                sum(entry.file_size for entry in file.zip.infolist()) > MAX_UNPACKED
            ):  # zip's own word, which it then holds itself to
                raise ValueError(f"more than {MAX_UNPACKED >> 20} MB of numbers")
            arrays = {name: file[name] for name in file.files}
            if wrong := [name for name, values in arrays.items() if values.dtype.kind not in "fiu"]:
                raise ValueError(f"{wrong[0]!r} does not hold numbers")
            return arrays
    except Exception as error:  # zip, zlib, struct, numpy and the parser of its headers have errors of their own
        raise MinbertError(
            f"{path}: damaged predictions ({str(error)[:160]}); remove it and its record, and run again"
        ) from error


def took(record):
    """Seconds from the scale's weights to the finished model: training, and the further pre-training that it started from."""
    return record["seconds"] + ((record.get("pretraining") or {}).get("seconds") or 0.0)


def table(where=None, scale=None):
    """All records as one pandas table: a row a run, settings and scores as columns."""
    import pandas

    rows = []
    for record in load_all(where, scale):
        row = {"key": record["key"], **{name: _cell(value) for name, value in record["config"].items()}}
        row |= record["scores"] | {
            name: record.get(name) for name in ("seconds", "tokens_per_second", "peak_memory_mb", "parameters", "best_epoch")
        }
        row |= {name: record.get(name) for name in ("made", "code", "device", "model")} | {"ran_in": record.get("precision")}
        row["pretraining_seconds"] = (record.get("pretraining") or {}).get("seconds")
        rows.append(row)
    return pandas.DataFrame(rows)


def _cell(value):
    return json.dumps(value, sort_keys=True) if isinstance(value, (dict, list)) else value


def rounded(value):
    """As records keep it. JSON has no nan, no tuples and no numpy; floats are kept to six digits, which is more than any of them is sure of."""
    if isinstance(value, dict):
        return {str(key): rounded(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [rounded(item) for item in value]
    if isinstance(value, (float, np.floating)):
        return float(f"{value:.6g}") if math.isfinite(value) else None
    return int(value) if isinstance(value, np.integer) else value

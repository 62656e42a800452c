"""What is there: for each file of the manifest whether it is the official one, another, damaged or absent.

Notable choices: a file that is there and readable but not the official one (a rebuilt Quora set, weights stored in
float16) is used and *named*: its state is "other", with its rows and its hash, and the same goes into every record. A
gzipped data file counts by what it holds. Nothing here changes a file or asks the network.
"""

import csv
import hashlib
import io
import json
import zlib
from dataclasses import dataclass
from pathlib import Path

from ..errors import MinbertError
from ..files import check_header, unpacked
from .sources import MANIFEST


@dataclass(frozen=True)
class State:
    file: object  # the manifest's File
    path: Path  # where it is, or would be
    status: str  # official | other | damaged | absent
    note: str  # rows, size, or what is wrong
    sha256: str = ""


def status(folder, manifest=MANIFEST):
    """The state of every file of the manifest under `folder`, one row each."""
    return [state(file, folder) for file in manifest]


def state(file, folder):
    """Look at one file: hash it, and if the hash is not the official one, see whether it can be read at all."""
    path = Path(folder) / file.name
    if not path.is_file() and (packed := path.with_name(path.name + ".gz")).is_file():
        path = packed
    if not path.is_file():
        part = part_of(path)
        done = f", {size(part.stat().st_size)} of it here" if part.is_file() else ""
        return State(file, path, "absent", f"{size(file.bytes)}{done}")
    try:
        sha256, official = fingerprint(path, file)
        note = describe(path)
    except (OSError, EOFError, ValueError, csv.Error, zlib.error, RecursionError, MinbertError) as error:
        return State(file, path, "damaged", str(error) or type(error).__name__)
    return State(file, path, "official" if official else "other", note, sha256)


def origin(path, manifest=MANIFEST):
    """What a record says of a data file: "official", or "other" where it is not what the manifest names (rebuilt, sampled, cut)."""
    name = Path(path).name.removesuffix(".gz")
    same = [file for file in manifest if file.name.rsplit("/")[-1] == name]
    return "official" if any(fingerprint(Path(path), file)[1] for file in same) else "other"


def part_of(path):
    """Where a download in progress is kept, so that it can go on after an interruption."""
    return path.with_name(f".{path.name}.part")


def fingerprint(path, file):
    """(sha256 of the content, whether it is the official file)."""
    sha256, blob = hashlib.sha256(), hashlib.sha1(usedforsecurity=False)
    with unpacked(path) as stream:
        length = sum(map(len, iter(lambda: stream.read(1 << 20), b"")))
        stream.seek(0)
        blob.update(b"blob %d\0" % length)
        while block := stream.read(1 << 20):
            sha256.update(block)
            blob.update(block)
    return sha256.hexdigest(), file.digest in (sha256.hexdigest(), blob.hexdigest())


def describe(path):
    """Rows of a data file, size of another; a ValueError if it is not what its name says."""
    if path.name.endswith((".csv", ".csv.gz")):
        with unpacked(path) as stream:
            text = io.TextIOWrapper(stream, encoding="utf-8", newline="")
            rows = csv.reader(text, delimiter="\t")
            if "id" not in next(rows, ()):
                raise ValueError("its first line is not the header of a data file")
            count = sum(1 for _ in rows)
        if not count:
            raise ValueError("it holds no rows")
        return f"{count:,} rows"
    if path.suffix == ".json":
        json.loads(path.read_text(encoding="utf-8"))
    elif path.suffix == ".txt":
        if "[CLS]\n" not in path.read_text(encoding="utf-8"):
            raise ValueError("it is not a BERT vocabulary")
    elif path.suffix == ".safetensors":
        if not check_header(path):
            raise ValueError("it holds no weights")
    return size(path.stat().st_size)


def size(count):
    """12345678 → "12.3 MB"; an unknown size is said to be so."""
    if count is None:
        return "size unknown"
    if count < 1000:
        return f"{count} bytes"
    power = 1 if count < 1e6 else 2 if count < 1e9 else 3
    return f"{count / 1000**power:.1f} {('kB', 'MB', 'GB')[power - 1]}"


def report(folder, manifest=MANIFEST):
    """Print the table of `minbert data`; 1 if something that is there is damaged, else 0."""
    rows = status(folder, manifest)
    print(f"Data and weights in {folder} (MINBERT_HOME chooses another place)\n")
    width = max(len(row.path.name) for row in rows)
    for place in dict.fromkeys(str(Path(row.file.name).parent) for row in rows):
        print(f"{place}/")
        for row in (row for row in rows if str(Path(row.file.name).parent) == place):
            print(f"  {row.path.name:{width}}  {row.status:8}  {row.note:24}  {row.sha256[:12]}".rstrip())
    print("\nTerms, as far as they are known:")
    for terms in dict.fromkeys(row.file.licence for row in rows):
        groups = dict.fromkeys(row.file.group for row in rows if row.file.licence == terms)
        print(f"  {', '.join(groups)}: {terms}")
    others = [row.path.name for row in rows if row.status == "other"]
    if others:
        print(f"\nNot the official files, but used, and named in every record: {', '.join(others)}.")
    for row in rows:
        if row.status == "damaged":
            print(f"\nDamaged: {row.path}: {row.note}. `minbert data --get {row.file.name}` replaces it.")
    if any(row.status == "absent" for row in rows):
        print("\n`minbert data --get` fetches what this scale needs; the tiny scale needs none of it.")
    return int(any(row.status == "damaged" for row in rows))

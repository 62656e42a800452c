"""Files that are either whole or not there.

Everything the library writes goes to a temporary file beside the target, is flushed to disk, and takes the target's name in
one step: a reader, or a restart after `kill -9`, sees the old file or the new one and never half of either.
"""

import errno
import gzip
import hashlib
import io
import json
import math
import os
import struct
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path

from .errors import MinbertError

MAX_HEADER = 16 << 20  # bytes of a safetensors header; BERT-large's has about 50 kB
BYTES = {"F64": 8, "I64": 8, "F32": 4, "I32": 4, "F16": 2, "BF16": 2, "I16": 2, "I8": 1, "U8": 1, "BOOL": 1}
REMEDY = {
    errno.ENOSPC: "the disk is full: free some space, or point MINBERT_HOME / --out at another disk",
    errno.EDQUOT: "your disk quota is used up: free some space, or point MINBERT_HOME / --out elsewhere",
    errno.EROFS: "the folder is read-only: choose another with MINBERT_HOME or --out",
    errno.EACCES: "no permission to write there: choose another folder with MINBERT_HOME or --out",
    errno.EPERM: "no permission to write there: choose another folder with MINBERT_HOME or --out",
    errno.ENOENT: "the folder has vanished: make it again, or choose another with MINBERT_HOME or --out",
    errno.EFBIG: "the file would be larger than this system lets you write: choose another disk with MINBERT_HOME or --out",
    errno.EIO: "the disk does not take it (input/output error): choose another with MINBERT_HOME or --out",
    errno.EEXIST: "a file of this name stands where a folder is wanted: choose another with MINBERT_HOME or --out",
    errno.EISDIR: "a folder of this name stands where a file is wanted: choose another name with --out",
    errno.ENOTDIR: "a part of this path is a file, not a folder: choose another with MINBERT_HOME or --out",
}


@contextmanager
def told(path):
    """Turn the operating system's refusals to write `path` into one line with a remedy."""
    try:
        yield
    except OSError as error:
        if error.errno not in REMEDY:
            raise
        raise MinbertError(f"cannot write {path}: {REMEDY[error.errno]}") from error


@contextmanager
def atomic_path(path):
    """Yield a temporary path beside `path`; when the block ends well, it becomes `path` in one step."""
    path = Path(path)
    with told(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".part")
        os.close(handle)
        part = Path(name)
        try:
            yield part
            with open(part, "rb+") as file:
                os.fsync(file.fileno())
            os.chmod(part, 0o666 & ~_umask())  # mkstemp makes private files; ours are ordinary ones
            os.replace(part, path)
        finally:
            part.unlink(missing_ok=True)


def write_atomic(path, content):
    """Write text or bytes so that `path` is never half written."""
    with atomic_path(path) as part, told(path):
        part.write_bytes(content.encode() if isinstance(content, str) else content)


@contextmanager
def locked(path):
    """Hold an exclusive lock on `path` (a lock file). The kernel releases it when the process ends, however it ends."""
    path = Path(path)
    with told(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        file = open(path, "a+b")
    with file:
        _lock(file)
        yield


@contextmanager
def try_locked(path):
    """Like `locked`, but yields False at once where another process holds the lock."""
    path = Path(path)
    with told(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        file = open(path, "a+b")
    with file:
        try:
            _lock(file, wait=False)
        except OSError:
            yield False
        else:
            yield True


MAX_UNPACKED = 1 << 28  # bytes; the largest file of the course has a sixth of that


def unpacked(path):
    """A binary stream of the file, gunzipped if it ends in .gz: never more than MAX_UNPACKED, however small it was packed."""
    path = Path(path)
    return io.BufferedReader(_Bounded(path)) if path.suffix == ".gz" else open(path, "rb")


class _Bounded(io.RawIOBase):
    """What a gzip file holds, up to MAX_UNPACKED."""

    def __init__(self, path):
        self.path, self.file = path, gzip.open(path, "rb")

    def readable(self):
        return True

    def seekable(self):
        return True

    def seek(self, offset, whence=io.SEEK_SET):
        return self.file.seek(offset, whence)

    def readinto(self, buffer):
        if self.file.tell() > MAX_UNPACKED:
            raise MinbertError(f"{self.path}: unpacks to more than {MAX_UNPACKED >> 20} MB: not a file of this course")
        return self.file.readinto(buffer)

    def close(self):
        self.file.close()
        super().close()


def check_header(path):
    """Read a safetensors header by hand and refuse lies: sizes, offsets and shapes must describe exactly this file. → how many tensors."""
    try:
        size = path.stat().st_size
        with open(path, "rb") as file:
            start = file.read(8)
            length = struct.unpack("<Q", start)[0] if len(start) == 8 else size
            raw = file.read(length) if length <= min(MAX_HEADER, size - 8) else None
    except OSError as error:
        raise MinbertError(f"cannot read {path}: {error.strerror}") from error
    if raw is None:
        raise MinbertError(f"{path}: not a whole safetensors file (a header of {length:,} bytes in {size:,})")
    try:
        entries = json.loads(raw)
        spans = sorted(_span(name, entry) for name, entry in entries.items() if name != "__metadata__")
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise MinbertError(f"{path}: a damaged safetensors header ({str(error)[:160]})") from error
    position = 0
    for begin, end, name in spans:  # the tensors must fill the file without gap or overlap
        if begin != position:
            raise MinbertError(f"{path}: {name} begins at byte {begin:,} where {position:,} was due")
        position = end
    if position != size - 8 - length:
        raise MinbertError(f"{path}: the header speaks of {position:,} bytes of weights, the file holds {size - 8 - length:,}")
    return len(spans)


def _span(name, entry):
    begin, end = entry["data_offsets"]
    shape, kind = entry["shape"], entry["dtype"]
    if kind not in BYTES or len(shape) > 8 or not all(type(n) is int and n >= 0 for n in (*shape, begin, end)):
        raise ValueError(f"{name}: {kind} {shape}")
    if end - begin != BYTES[kind] * math.prod(shape):
        raise ValueError(f"{name}: {end - begin:,} bytes for {kind} {shape}")
    return begin, end, name


def sha256(path):
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def _umask():
    mask = os.umask(0)
    os.umask(mask)
    return mask


def _lock(file, wait=True):
    if os.name == "nt":  # Windows has no flock; a one-byte region lock serves the same purpose
        import msvcrt

        while True:
            try:
                return msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
            except OSError:  # LK_LOCK would give up after ten seconds
                if not wait:
                    raise
                time.sleep(0.2)
    else:
        import fcntl

        fcntl.flock(file, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))

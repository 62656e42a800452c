"""Downloads that end well or not at all.

Notable choices: a file arrives beside its place under another name and takes its place only when its checksum is right,
so that nothing half fetched is ever read. What has come stays after an interruption; the next try asks for the rest,
and only if the server says that its file is still the same (If-Range). A kernel lock lets several processes ask at
once and one of them fetch. A file that is there already, official or not, is kept.
"""

import http.client
import json
import os
import sys
import urllib.error
import urllib.request
from pathlib import Path

from .. import __version__
from ..errors import MinbertError
from ..files import locked, told, write_atomic
from .inventory import fingerprint, part_of, report, size, state, status
from .sources import MANIFEST, select

__all__ = ["fetch", "get", "report", "status"]
TRIES = 3  # for one address
BLOCK = 1 << 16
LIMIT = 1 << 28  # bytes; more is refused where the manifest does not know the size


class Refused(Exception):
    """This address does not give the file; the next may."""


class CutOff(Refused):
    """The connection ended early; what came is kept, and asking again goes on from there."""


class Unreachable(Refused):
    """No connection at all."""


def fetch(names=(), folder=None, base_urls=None, progress=None, manifest=MANIFEST, timeout=30):
    """Fetch what is absent or damaged; return the states of the files asked for.

    `base_urls` are places to try instead of the manifest's: each holds the files under their names there.
    `progress(file, done, total)` is called now and then, with total None where it is unknown.
    """
    from ..home import home

    folder = Path(folder) if folder else home()
    failures, wanted = [], select(names, manifest)
    for file in wanted:
        urls = [f"{base.rstrip('/')}/{file.name}" for base in base_urls] if base_urls else file.urls
        if state(file, folder).status in ("absent", "damaged"):
            reasons = _get(file, folder, urls, progress or (lambda *_: None), timeout)
            if reasons:
                failures.append((file, reasons))
                if all(isinstance(reason, Unreachable) for reason in reasons):
                    break  # offline: the others would wait for nothing
    if failures:
        file, reasons = failures[0]
        more = f" (and {len(failures) - 1} more)" if len(failures) > 1 else ""
        raise MinbertError(
            f"{file.name}{more} could not be fetched: {'; '.join(map(str, reasons))}. Try again, or copy it by hand "
            f"to {folder / file.name}, or set MINBERT_HOME to a folder that has it"
        )
    return [state(file, folder) for file in wanted]


def get(names=(), base_urls=None):
    """`minbert data --get`: fetch, and say what came."""
    from ..home import home

    for row in fetch(names, home(), base_urls, _show if sys.stderr.isatty() else None):
        print(f"{row.status:8}  {row.path}  {row.note}  {row.sha256[:12]}")


def _show(file, done, total):
    end = "\n" if done == total else ""
    print(f"\r{file.name}  {size(done)} of {size(total)} ", end=end, file=sys.stderr, flush=True)


def _get(file, folder, urls, progress, timeout):
    """Fetch one file from the first address that gives it; return why each did not, or nothing if one did."""
    target, reasons = folder / file.name, []
    with locked(target.with_name(f".{target.name}.lock")):
        if state(file, folder).status not in ("absent", "damaged"):
            return []  # another process fetched it while this one waited
        for url in urls:
            try:
                _from(url, file, target, progress, timeout)
                return []
            except Refused as reason:
                reasons.append(reason)
    return reasons


def _from(url, file, target, progress, timeout):
    """Fetch from one address, going on after interruptions, and put the file in its place."""
    part, memory = part_of(target), part_of(target).with_suffix(".json")
    resumed, left = False, TRIES
    while not (part.is_file() and fingerprint(part, file)[1]):  # it may be whole from before a kill
        left -= 1
        try:
            resumed = _receive(url, file, part, memory, progress, timeout)
        except CutOff:
            if left:
                continue
            raise
        if not fingerprint(part, file)[1]:
            _forget(part, memory)
            if not resumed or not left:  # else what was here before may be what is wrong: again, from the start
                raise Refused(f"{_host(url)} sent another file (wrong checksum)")
    with told(target):
        part.replace(target)
    _forget(memory)


def _receive(url, file, part, memory, progress, timeout):
    """Append what the server sends to `part`; return whether it went on from an earlier beginning."""
    have, mark = _beginning(url, part, memory)
    headers = {"User-Agent": f"minbert/{__version__}"} | ({"Range": f"bytes={have}-", "If-Range": mark} if have else {})
    try:
        with urllib.request.urlopen(urllib.request.Request(url, headers=headers), timeout=timeout) as answer:
            if answer.status != 206 or not _range(answer).startswith(f"bytes {have}-"):
                have = 0  # the whole file from the start: the server knows no ranges, or its file has changed
                if answer.status != 200:
                    raise Refused(f"{_host(url)} answered HTTP {answer.status}")
            total = _announced(answer, have, file, url)
            _remember(url, answer, memory)
            _copy(answer, part, have, total, file, progress, url)
            return have > 0
    except ValueError as error:  # urllib's word for what is no address
        raise Refused(f"{url!r} is no address ({error})") from error
    except urllib.error.HTTPError as error:
        error.close()
        if error.code == 416 and have:  # what is here does not fit what is there
            _forget(part, memory)
            return _receive(url, file, part, memory, progress, timeout)
        raise Refused(f"{_host(url)} answered HTTP {error.code}") from error
    except urllib.error.URLError as error:
        raise Unreachable(f"{_host(url)} cannot be reached ({_reason(error.reason)})") from error
    except (OSError, http.client.HTTPException) as error:
        raise CutOff(f"the connection to {_host(url)} broke ({_reason(error)})") from error


def _copy(answer, part, have, total, file, progress, url):
    """The body, block by block, up to what was announced."""
    with told(part):
        out = open(part, "ab" if have else "wb")
    with out:
        while block := answer.read(BLOCK):
            have += len(block)
            if have > (total or LIMIT):
                raise Refused(f"{_host(url)} sent more than {size(total or LIMIT)}")
            with told(part):
                out.write(block)
            progress(file, have, total)
        with told(part):
            out.flush()
            os.fsync(out.fileno())
    if total is not None and have < total:
        raise CutOff(f"{_host(url)} stopped after {size(have)} of {size(total)}")


def _announced(answer, have, file, url):
    """How long the whole file will be, if that is known; a page or a file of another size is refused unread."""
    if answer.headers.get_content_type() == "text/html":
        raise Refused(f"{_host(url)} sent a web page instead of the file")
    length = answer.headers.get("Content-Length", "")
    total = have + int(length) if length.isdigit() else file.bytes
    if total is not None and (total > LIMIT if file.bytes is None else total != file.bytes):
        expected = "no more than " + size(LIMIT) if file.bytes is None else size(file.bytes)
        raise Refused(f"{_host(url)} has {size(total)} where {expected} was expected")
    return total


def _beginning(url, part, memory):
    """(bytes that are here already, the server's mark of their version); (0, "") where going on would be a guess."""
    try:
        known = json.loads(memory.read_text())
        mark = known["mark"] if known["url"] == url else ""
        return (part.stat().st_size, mark) if mark else (0, "")
    except (OSError, ValueError, KeyError, TypeError):
        return 0, ""  # nothing here, or nobody knows what of


def _remember(url, answer, memory):
    mark = answer.headers.get("ETag", "")
    if not mark or mark.startswith("W/"):  # a weak mark does not promise the same bytes
        mark = answer.headers.get("Last-Modified", "")
    write_atomic(memory, json.dumps({"url": url, "mark": mark}))


def _forget(*paths):
    for path in paths:
        with told(path):
            path.unlink(missing_ok=True)


def _range(answer):
    return answer.headers.get("Content-Range", "")


def _host(url):
    return (url.split("/") + ["", ""])[2] or url


def _reason(error):
    return str(getattr(error, "strerror", None) or error) or type(error).__name__

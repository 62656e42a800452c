"""Downloads against a server that misbehaves in every way that we could think of; nothing here leaves this machine."""

import gzip
import hashlib
import http.server
import json
import multiprocessing
import os
import random
import signal
import socket
import struct
import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minbert_lib import cli
from minbert_lib.errors import MinbertError
from minbert_lib.text import fetch as room
from minbert_lib.text.inventory import part_of, report, size, state
from minbert_lib.text.sources import MANIFEST, File, select

BODY = ("\tid\tsentence\tsentiment\n" + "".join(f"{n}\tid{n}\t film number {n} .\t{n % 5}\n" for n in range(9000))).encode()
HTML = b"<!DOCTYPE html><html><body>Sign in to go on</body></html>"


def entry(body=BODY, name="data/ids-sst-dev.csv", **changes):
    return replace(File(name, "sst", (), len(body), hashlib.sha256(body).hexdigest(), "CC0"), **changes)


class Server(http.server.ThreadingHTTPServer):
    """Serves BODY at every path; the path's first part says in which way it misbehaves."""

    daemon_threads = True

    def __init__(self):
        self.asked = []  # (path, Range header)
        super().__init__(("127.0.0.1", 0), Handler)

    def base(self, manner):
        return f"http://127.0.0.1:{self.server_port}/{manner}"


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    etag, body = '"one"', BODY

    def log_message(self, *args):
        pass

    def do_GET(self):
        manner, wanted = self.path.split("/")[1], self.headers.get("Range")
        self.server.asked.append((self.path, wanted))
        earlier = sum(path == self.path for path, _ in self.server.asked) - 1
        getattr(self, manner.replace("-", "_"))(int(wanted[6:-1]) if wanted else 0, earlier)

    def send(self, body, start=0, length=None, kind="text/plain", status=None, **headers):
        self.send_response(status or (206 if start else 200))
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body) - start if length is None else length))
        if start:
            self.send_header("Content-Range", f"bytes {start}-{len(body) - 1}/{len(body)}")
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body[start:])
        self.close_connection = True

    def good(self, start, earlier):
        same = self.headers.get("If-Range") == self.etag
        self.send(self.body, start if same else 0, ETag=self.etag)

    def missing(self, start, earlier):
        self.send_error(404)

    def page(self, start, earlier):
        self.send(HTML, kind="text/html")

    def page_in_disguise(self, start, earlier):
        self.send(HTML, kind="text/plain")

    def other(self, start, earlier):
        self.send(BODY[::-1])

    def cut(self, start, earlier):
        self.send(BODY[:50_000], length=len(BODY))

    def cut_once(self, start, earlier):
        """The first answer breaks off; the next goes on from there."""
        if not earlier:
            self.send(BODY[:50_000], length=len(BODY), ETag=self.etag)
        else:
            self.good(start, earlier)

    def cut_once_no_ranges(self, start, earlier):
        self.send(BODY if earlier else BODY[:50_000], length=len(BODY), ETag=self.etag)

    def cut_once_then_changed(self, start, earlier):
        """Between the two answers the file became another: If-Range does not fit, so the whole new one comes."""
        if not earlier:
            self.send(b"x" * 50_000, length=len(BODY), ETag='"zero"')
        else:
            self.good(start, earlier)

    def cut_once_lying(self, start, earlier):
        """Goes on although the beginning was another file's: only the checksum can tell."""
        if not earlier:
            self.send(b"x" * 50_000, length=len(BODY), ETag=self.etag)
        else:
            self.good(start, earlier)

    def wrong_range(self, start, earlier):
        if not earlier:
            self.send(BODY[:50_000], length=len(BODY), ETag=self.etag)
        elif start:
            self.send(BODY, start + 7, ETag=self.etag)
        else:
            self.send(BODY, ETag=self.etag)

    def too_far(self, start, earlier):
        """416: the part here is longer than the file there."""
        if start:
            self.send(b"", status=416)
        else:
            self.good(0, earlier)

    def endless(self, start, earlier):
        self.send_response(200)
        self.end_headers()  # no Content-Length
        try:
            while True:
                self.wfile.write(b"x" * 65536)
        except OSError:
            self.close_connection = True

    def moved(self, start, earlier):
        self.send(b"", status=302, Location=self.server.base("good") + "/data/ids-sst-dev.csv")

    def silent(self, start, earlier):
        time.sleep(1.5)
        self.close_connection = True

    def slow(self, start, earlier):
        start = start if self.headers.get("If-Range") == self.etag else 0
        self.send_response(206 if start else 200)
        self.send_header("Content-Length", str(len(BODY) - start))
        self.send_header("ETag", self.etag)
        if start:
            self.send_header("Content-Range", f"bytes {start}-{len(BODY) - 1}/{len(BODY)}")
        self.end_headers()
        try:
            for at in range(start, len(BODY), 8192):
                self.wfile.write(BODY[at : at + 8192])
                time.sleep(0.02)
        except OSError:
            self.close_connection = True


@pytest.fixture
def server():
    with Server() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        yield server
        server.shutdown()


def get(server, folder, *manners, file=None, **more):
    file = file or entry()
    return room.fetch(["sst"], folder, [server.base(manner) for manner in manners], manifest=(file,), **more)[0]


def left_over(folder):
    """What lies in the folder besides the file and its lock."""
    return sorted(
        path.name for path in Path(folder, "data").iterdir() if path.name not in ("ids-sst-dev.csv", ".ids-sst-dev.csv.lock")
    )


def test_a_file_arrives_whole_and_is_not_asked_for_twice(server, tmp_path):
    seen = []
    row = get(server, tmp_path, "good", progress=lambda file, done, total: seen.append((done, total)))
    assert (row.status, row.note, row.path.read_bytes()) == ("official", "9,000 rows", BODY)
    assert seen[-1] == (len(BODY), len(BODY)) and left_over(tmp_path) == []
    assert get(server, tmp_path, "good").status == "official" and len(server.asked) == 1


@pytest.mark.parametrize("manner, reason", [
    ("missing", "HTTP 404"), ("page", "web page"), ("page-in-disguise", "57 bytes where"), ("other", "wrong checksum"),
    ("cut", "stopped after 50.0 kB of"), ("silent", "broke"), ("endless", "sent more than"),
])  # fmt: skip
def test_what_is_not_the_file_never_takes_its_place(server, tmp_path, manner, reason):
    with pytest.raises(MinbertError, match=reason) as told:
        get(server, tmp_path, manner, timeout=0.5)
    message = str(told.value)
    assert "\n" not in message and str(tmp_path / "data/ids-sst-dev.csv") in message and "MINBERT_HOME" in message
    assert state(entry(), tmp_path).status == "absent"
    row = get(server, tmp_path, manner, "good", timeout=0.5)  # a mirror that is sound
    assert row.status == "official" and left_over(tmp_path) == []


@pytest.mark.parametrize("manner, ranges", [
    ("cut-once", [None, "bytes=50000-"]),
    ("cut-once-no-ranges", [None, "bytes=50000-"]),
    ("cut-once-then-changed", [None, "bytes=50000-"]),
    ("cut-once-lying", [None, "bytes=50000-", None]),
    ("moved", [None, None]),
])  # fmt: skip
def test_an_interrupted_download_goes_on(server, tmp_path, manner, ranges):
    row = get(server, tmp_path, manner)
    assert row.status == "official" and row.path.read_bytes() == BODY and left_over(tmp_path) == []
    assert [asked for _, asked in server.asked] == ranges


def test_a_range_that_does_not_fit_is_refused(server, tmp_path):
    with pytest.raises(MinbertError, match="HTTP 206"):
        get(server, tmp_path, "wrong-range")
    assert state(entry(), tmp_path).status == "absent"


def beginning(folder, url, content, mark='"one"'):
    part = part_of(Path(folder) / "data/ids-sst-dev.csv")
    part.parent.mkdir(parents=True, exist_ok=True)
    part.write_bytes(content)
    part.with_suffix(".json").write_text(json.dumps({"url": url, "mark": mark}))


def test_a_part_that_is_too_long_or_of_another_address_is_thrown_away(server, tmp_path):
    url = server.base("too-far") + "/data/ids-sst-dev.csv"
    beginning(tmp_path, url, BODY + b"more")
    assert get(server, tmp_path, "too-far").status == "official"
    (tmp_path / "data/ids-sst-dev.csv").unlink()
    beginning(tmp_path, "http://elsewhere/data/ids-sst-dev.csv", BODY[:100])
    assert get(server, tmp_path, "good").status == "official" and server.asked[-1][1] is None


def test_a_part_that_is_whole_needs_no_server(tmp_path):
    beginning(tmp_path, "http://elsewhere/x", BODY)
    row = room.fetch(["sst"], tmp_path, ["http://127.0.0.1:9"], manifest=(entry(),))[0]
    assert row.status == "official" and left_over(tmp_path) == []


@settings(max_examples=40, deadline=None)
@given(start=st.integers(0, len(BODY) + 50), junk=st.binary(max_size=20), mark=st.sampled_from(['"one"', '"two"', "", "W/x"]))
def test_whatever_lies_there_from_before_the_file_ends_whole(start, junk, mark):
    """Any beginning, true or spoilt, under any mark: what takes the file's place is the file."""
    import tempfile

    with Server() as server, tempfile.TemporaryDirectory() as folder:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        beginning(folder, server.base("good") + "/data/ids-sst-dev.csv", BODY[:start] + junk, mark)
        row = get(server, folder, "good")
        assert row.status == "official" and row.path.read_bytes() == BODY and left_over(folder) == []
        server.shutdown()


@settings(max_examples=200, deadline=None)
@given(text=st.one_of(st.binary(max_size=60), st.just(b"null"), st.just(b'{"url": 1, "mark": 2}'), st.just(b'{"mark": "x"}')))
def test_a_spoilt_memory_means_starting_over(text):
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        part, memory = Path(folder, "p"), Path(folder, "p.json")
        part.write_bytes(b"abc")
        memory.write_bytes(text)
        assert room._beginning("http://a/b", part, memory) == (0, "")


def child(folder, base):
    """A process of its own that fetches; forked from one that has imported the library already, so that it starts at once."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["minbert_lib.text.fetch"])
    process = context.Process(target=room.fetch, args=(["sst"], folder, [base]), kwargs={"manifest": (entry(),)})
    process.start()
    return process


def test_killed_in_the_middle_then_again(server, tmp_path):
    """kill -9 while a slow server sends; the next try asks for the rest only and ends whole."""
    process, part = child(tmp_path, server.base("slow")), part_of(tmp_path / "data/ids-sst-dev.csv")
    deadline = time.monotonic() + 30
    while not (part.is_file() and part.stat().st_size > 60_000) and time.monotonic() < deadline:
        time.sleep(0.005)
    os.kill(process.pid, signal.SIGKILL)
    process.join()
    begun = state(entry(), tmp_path)
    assert begun.status == "absent" and "of it here" in begun.note
    row = get(server, tmp_path, "slow")
    assert row.status == "official" and row.path.read_bytes() == BODY and left_over(tmp_path) == []
    assert server.asked[1][1] not in (None, "bytes=0-")


def test_eight_processes_fetch_once(server, tmp_path):
    children = [child(tmp_path, server.base("slow")) for _ in range(8)]
    for process in children:
        process.join(60)
    assert [process.exitcode for process in children] == [0] * 8 and state(entry(), tmp_path).status == "official"
    assert len(server.asked) == 1 and left_over(tmp_path) == []


def test_offline_says_what_to_do_in_one_line(tmp_path):
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))  # a port on which nobody answers
        base = f"http://127.0.0.1:{unused.getsockname()[1]}"
        with pytest.raises(MinbertError, match="cannot be reached.*by hand.*MINBERT_HOME") as told:
            room.fetch(["data"], tmp_path, [base])
    assert "\n" not in str(told.value)


def test_what_is_there_is_kept_and_named(server, tmp_path, capsys):
    path = tmp_path / "data/ids-sst-dev.csv"
    path.parent.mkdir()
    path.write_text("\tid\tsentence\tsentiment\n0\ta\t mine .\t3\n")
    row = get(server, tmp_path, "good")
    assert (row.status, row.note) == ("other", "1 rows") and server.asked == []
    assert report(tmp_path, (entry(),)) == 0
    shown = capsys.readouterr().out
    assert "Not the official files" in shown and row.sha256[:12] in shown and "1 rows" in shown


def test_the_command_shows_and_fetches(server, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("MINBERT_HOME", str(tmp_path))
    assert cli.main(["data"]) == 0 and "absent" in capsys.readouterr().out
    assert cli.main(["data", "sst"]) == 2 and "--get" in capsys.readouterr().err
    assert cli.main(["data", "--get", "ids-sst-dev.csv", "--source", server.base("good")]) == 2
    message = capsys.readouterr().err  # the server's file is not the real one
    assert message.count("\n") == 1 and "151.4 kB was expected" in message


def test_a_gzipped_file_counts_by_its_content(tmp_path):
    (tmp_path / "data").mkdir()
    packed = tmp_path / "data/ids-sst-dev.csv.gz"
    packed.write_bytes(gzip.compress(BODY))
    assert state(entry(), tmp_path).status == "official"
    packed.write_bytes(gzip.compress(BODY[:-9]))
    assert state(entry(), tmp_path).status == "other"
    packed.write_bytes(gzip.compress(BODY)[:-9])
    assert state(entry(), tmp_path).status == "damaged"
    packed.write_bytes(gzip.compress(BODY)[:500] + bytes(500))
    assert state(entry(), tmp_path).status == "damaged"


def test_a_git_blob_id_checks_as_well(server, tmp_path):
    blob = hashlib.sha1(b"blob %d\0" % len(BODY) + BODY).hexdigest()
    row = get(server, tmp_path, "other", "good", file=entry(bytes=None, digest=blob))
    assert row.status == "official" and row.sha256 == hashlib.sha256(BODY).hexdigest()


@pytest.mark.parametrize("name, content", [
    ("data/a.csv", b""), ("data/a.csv", HTML), ("data/a.csv", b"\tid\tsentence\n"), ("data/a.csv", b"\tid\tx\n\xff\xfe\n"),
    ("w/config.json", b"{"), ("w/vocab.txt", b"hello\n"), ("w/model.safetensors", b"\0" * 7),
    ("w/model.safetensors", b"\xff" * 64), ("w/model.safetensors", struct.pack("<Q", 2) + b"[]"),
    ("w/model.safetensors", struct.pack("<Q", 2) + b"{}"),
    ("w/model.safetensors", struct.pack("<Q", 49) + b'{"a":{"dtype":"F32","data_offsets":[0,8]}}'.ljust(49) + b"1234"),
])  # fmt: skip
def test_damaged_files_are_called_damaged_and_replaced(tmp_path, name, content, capsys):
    path = tmp_path / name
    path.parent.mkdir()
    path.write_bytes(content)
    file = entry(name=name)
    assert state(file, tmp_path).status == "damaged"
    assert report(tmp_path, (file,)) == 1 and "Damaged" in capsys.readouterr().out


def test_a_damaged_file_is_replaced_only_by_a_whole_one(server, tmp_path):
    path = tmp_path / "data/ids-sst-dev.csv"
    path.parent.mkdir()
    path.write_bytes(HTML)
    with pytest.raises(MinbertError):
        get(server, tmp_path, "cut")
    assert path.read_bytes() == HTML
    assert get(server, tmp_path, "good").status == "official"


@settings(max_examples=300, deadline=None)
@given(
    content=st.binary(max_size=200),
    name=st.sampled_from(["d/a.csv", "d/a.csv.gz", "d/c.json", "d/vocab.txt", "d/m.safetensors"]),
)
def test_no_content_makes_the_look_crash(content, name):
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "d").mkdir()
        Path(folder, name).write_bytes(content)
        assert state(entry(name=name), folder).status in ("other", "damaged")


def test_the_manifest_is_sound():
    names = [file.name for file in MANIFEST]
    assert len(set(names)) == len(names) == 21
    for file in MANIFEST:
        assert len(file.digest) in (40, 64) and int(file.digest, 16) and file.licence
        assert not Path(file.name).is_absolute() and ".." not in file.name
        assert len(file.urls) == 2 and all(
            url.startswith("https://") and url.endswith(file.name.split("/")[-1]) for url in file.urls
        )


def test_names_choose_files(monkeypatch):
    assert {file.group for file in select(["data"])} == {"sst", "cfimdb", "qqp", "sts"}
    assert [file.name for file in select(["quora-dev.csv", "qqp"])][0] == "data/quora-dev.csv"
    assert len(select(["qqp", "qqp"])) == 3 and {file.group for file in select(["bert-base-uncased"])} == {"base"}
    monkeypatch.setenv("MINBERT_SCALE", "base")
    assert {file.group for file in select()} == {"sst", "cfimdb", "qqp", "sts", "base"}
    with pytest.raises(MinbertError, match="nothing called 'qpq'"):
        select(["qpq"])


@pytest.mark.parametrize("count, shown", [(None, "size unknown"), (999, "999 bytes"), (1000, "1.0 kB"), (440449768, "440.4 MB")])
def test_sizes(count, shown):
    assert size(count) == shown


def test_the_real_files_are_what_the_manifest_says():
    home = Path(os.environ.get("MINBERT_HOME") or Path(__file__).parents[2] / "shared/home")
    there = [row for row in room.status(home) if row.status != "absent"]
    if not there:
        pytest.skip(f"no fetched data in {home} (set MINBERT_HOME)")
    assert [row.path.name for row in there if row.status == "damaged"] == []
    for row in there:
        if row.status == "official" and row.file.rows:
            assert row.note == f"{row.file.rows:,} rows"


def test_killed_again_and_again_at_random_moments(server, tmp_path):
    """kill -9 in the middle of connecting, writing, remembering: what takes the file's place in the end is the file."""
    chance, kills = random.Random(3), 0
    while state(entry(), tmp_path).status == "absent":
        process = child(tmp_path, server.base("slow"))
        process.join(chance.uniform(0.05, 0.4))
        if process.is_alive():
            os.kill(process.pid, signal.SIGKILL)
            kills += 1
        process.join()
        assert kills < 12 or process.exitcode == 0 or room.fetch(["sst"], tmp_path, [server.base("good")], manifest=(entry(),))
    assert kills and (tmp_path / "data/ids-sst-dev.csv").read_bytes() == BODY
    assert state(entry(), tmp_path).status == "official"

"""Runs `minbert` commands in forked children and stops them when told to: one JSON line in, one out.

Importing torch takes seconds and a kill takes none; a child of a process that has everything imported can be killed fifty times a minute.

An order: {"argv": […], "after": seconds and then "signal" (9 unless said), or
"die_at": ["module:Class.function", n]: SIGKILL in the n-th call; "fail_at": [function, n, errno]: there the system refuses;
"vanish_at": [function, n, folder]: there the folder goes away; "file_limit": bytes that no file may exceed;
"nobody": a folder to stand in, as a user without rights}
"""

import importlib
import itertools
import json
import os
import resource
import shutil
import signal
import sys
import tempfile
import time

import torch

torch.set_num_threads(1)  # a process with worker threads cannot be forked safely

import torch._dynamo

from minbert_lib import cli
from minbert_lib.lab import figures, predict, run
from minbert_lib.learn import smart


def at(where, call, act):
    """Do `act` in the n-th call of a function; of `write_bytes` after half of its bytes."""
    module, _, path = where.partition(":")
    owner, *parents, name = importlib.import_module(module), *path.split(".")
    for parent in parents:
        owner = getattr(owner, parent)
    function, count = getattr(owner, name), itertools.count(1)

    def acting(*arguments, **named):
        if next(count) == call:
            if name == "write_bytes":
                place, content = arguments
                function(place, content[: len(content) // 2])
            act()
        return function(*arguments, **named)

    setattr(owner, name, acting)


def fail(code):
    raise OSError(code, os.strerror(code))


def child(order, said):
    pid = os.fork()
    if pid:
        return pid
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    os.dup2(said.fileno(), 2)
    if "die_at" in order:
        at(*order["die_at"], lambda: os.kill(os.getpid(), signal.SIGKILL))
    if "fail_at" in order:
        *point, code = order["fail_at"]
        at(*point, lambda: fail(code))
    if "vanish_at" in order:
        *point, folder = order["vanish_at"]
        at(*point, lambda: shutil.rmtree(folder))
    if order.get("file_limit"):
        resource.setrlimit(resource.RLIMIT_FSIZE, (order["file_limit"],) * 2)
    if order.get("nobody"):
        os.chdir(order["nobody"])
        if os.getuid() == 0:  # root may write anywhere
            os.setuid(65534)
    try:
        status = cli.main(order["argv"])
    except SystemExit as stop:
        status = stop.code or 0
    except BaseException:
        import traceback

        traceback.print_exc()
        status = 1
    os._exit(status or 0)


def answer(order):
    with tempfile.TemporaryFile() as said:
        started, pid, sent = time.perf_counter(), child(order, said), False
        while True:
            done, status = os.waitpid(pid, os.WNOHANG)
            if done:
                break
            if order.get("after") is not None and not sent and time.perf_counter() - started > order["after"]:
                os.kill(pid, order.get("signal", signal.SIGKILL))
                sent = True
            time.sleep(0.001)
        said.seek(0)
        code = os.waitstatus_to_exitcode(status)
        told = said.read().decode(errors="replace")[-3000:]
        return {"status": code, "killed": code == -signal.SIGKILL, "seconds": time.perf_counter() - started, "said": told}


for line in sys.stdin:
    print(json.dumps(answer(json.loads(line))), flush=True)

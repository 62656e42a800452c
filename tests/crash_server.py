"""Runs `minbert` commands in forked children and kills them with SIGKILL when told to: one JSON line in, one out.

Importing torch takes seconds and a kill takes none; a child of a process that has everything imported can be killed fifty times a minute.
"""

import json
import os
import signal
import sys
import time

import torch

torch.set_num_threads(1)  # a process with worker threads cannot be forked safely

from minbert_lib import cli  # noqa: E402
from minbert_lib.lab import figures, predict, run  # noqa: E402, F401  (imported here once, for all children)


def child(argv):
    pid = os.fork()
    if pid:
        return pid
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, 1)
    try:
        status = cli.main(argv)
    except SystemExit as stop:
        status = stop.code or 0
    os._exit(status or 0)


for line in sys.stdin:
    order = json.loads(line)
    started, pid = time.perf_counter(), child(order["argv"])
    killed = False
    while True:
        done, status = os.waitpid(pid, os.WNOHANG)
        if done:
            break
        if order["kill_after"] is not None and time.perf_counter() - started > order["kill_after"]:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
            killed, status = True, 0
            break
        time.sleep(0.001)
    print(json.dumps({"killed": killed, "status": os.waitstatus_to_exitcode(status), "seconds": time.perf_counter() - started}), flush=True)

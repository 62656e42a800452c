"""Running a notebook without a browser, by nbclient, with two changes.

- nbclient waits for a cell's end with one long poll. Where a cell shows `Output` widgets the poll can miss
  its wake-up: 2–3.5 % of such cells then wait out the whole timeout. Polling in short slices cannot.
- The kernel's peak memory is read after every cell.
"""

import asyncio
import time
from pathlib import Path
from queue import Empty

import psutil
from nbclient import NotebookClient

SLICE = 0.5  # seconds


class Executor(NotebookClient):
    current = 0  # the cell at work, counted from 0, for messages
    peak_mb = 0.0

    async def async_start_new_kernel_client(self):
        client = await super().async_start_new_kernel_client()
        channel = client.shell_channel
        channel.get_msg = in_slices(channel.get_msg)
        return client

    async def async_execute_cell(self, cell, cell_index, *args, **options):
        self.current = cell_index
        try:
            return await super().async_execute_cell(cell, cell_index, *args, **options)
        finally:
            self.peak_mb = max(self.peak_mb, peak_memory(self.km.provisioner.pid) if self.km else 0)


def in_slices(get_message):
    """The same as `get_message`, but it looks again at least every SLICE seconds."""

    async def get(timeout=None):
        end = None if timeout is None else time.monotonic() + timeout
        while True:
            left = SLICE if end is None else min(SLICE, max(0, end - time.monotonic()))
            try:
                return await get_message(timeout=left)
            except Empty:
                if end is not None and time.monotonic() >= end:
                    raise
                await asyncio.sleep(0)

    return get


def peak_memory(pid):
    """Peak resident memory of a process in MB: the system's high-water mark, or else the memory now."""
    try:
        status = Path(f"/proc/{pid}/status")
        if status.exists():
            lines = status.read_text().splitlines()
            return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) / 1024
        memory = psutil.Process(pid).memory_info()
        return getattr(memory, "peak_wset", memory.rss) / 2**20
    except (psutil.NoSuchProcess, FileNotFoundError, StopIteration):  # it has just ended
        return 0.0

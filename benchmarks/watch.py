"""Runs a program and says how long it took and how much memory it and its children held at most.

Processor seconds are those of the process and of every descendant that was waited for: they hardly depend on what else
the machine does, as wall seconds do. Memory is the sum of the resident sets of the whole process tree, read from /proc
every 0.1 s: pages that processes share are counted once for each, so it is an upper bound. Linux only.
"""

from __future__ import annotations

import os
import resource
import subprocess
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

POLL_SECONDS = 0.1
_PAGE = os.sysconf("SC_PAGE_SIZE")


@dataclass(frozen=True, slots=True)
class Watched:
    """What a program did: its exit code, wall and processor seconds, peak memory of its tree, and what it printed."""

    exit_code: int
    seconds: float
    cpu_seconds: float
    peak_rss_mb: int
    output: str
    errors: str


def run_watched(command: Sequence[str], environment: Mapping[str, str] | None = None) -> Watched:
    """Runs `command` to its end, with `environment` laid over this process's own."""
    started, cpu_before = time.monotonic(), _children_cpu()
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env={**os.environ, **(environment or {})}
    )
    peak = _Peak(process.pid)
    peak.start()
    output, errors = process.communicate()
    seconds = time.monotonic() - started
    peak.stop()
    cpu_seconds = round(_children_cpu() - cpu_before, 2)
    return Watched(process.returncode, round(seconds, 2), cpu_seconds, peak.bytes // 2**20, output, errors)


def _children_cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


class _Peak(threading.Thread):
    """Polls a process tree until stopped."""

    def __init__(self, root: int) -> None:
        super().__init__(daemon=True)
        self.bytes = 0
        self._root = root
        self._stopped = threading.Event()

    def run(self) -> None:
        while not self._stopped.is_set():
            self.bytes = max(self.bytes, tree_rss(self._root))
            self._stopped.wait(POLL_SECONDS)

    def stop(self) -> None:
        self._stopped.set()
        self.join()


def tree_rss(root: int) -> int:
    """Resident bytes of `root` and all that descend from it; processes that end meanwhile count nothing."""
    total, waiting = 0, [root]
    while waiting:
        folder = Path("/proc") / str(waiting.pop())
        try:
            total += int((folder / "statm").read_text().split()[1]) * _PAGE
            for task in (folder / "task").iterdir():
                waiting += [int(child) for child in (task / "children").read_text().split()]
        except (FileNotFoundError, ProcessLookupError, IndexError):
            continue
    return total

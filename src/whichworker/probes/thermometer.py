"""How fast a core is while a server works on it: a fixed interpreter loop beside the server, timed by its own CPU clock.

The speed of a virtual core changes by 10-30 % within a second while nobody else uses it. The loop does what the servers do (json.dumps,
dict, str): a loop in C explains next to nothing of their rates (docs/decisions/0017).

Run as `python -m whichworker.probes.thermometer PARENT CORE FD`.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import math
import mmap
import os
import signal
import struct
import subprocess
import sys
import time
from collections.abc import Sequence
from types import TracebackType
from typing import Self

PERIOD_SECONDS, TURN_SECONDS = 0.004, 0.0001
"""A turn of about 100 µs every 4 ms is 2.5 % of a core, the same for every contender, and gives a slice of 30 ms seven readings."""
SLOWEST = 0.2
"""This share of the readings is left out: a turn that an interrupt fell into says nothing about the core."""
LEAST_READINGS = 3
ROOM = 8192
"""Readings that are kept: 32 s of them."""
_COUNT, _ENTRY = struct.Struct("q"), struct.Struct("qq")
_SIZE = _COUNT.size + ROOM * _ENTRY.size
_PR_SET_PDEATHSIG = 1
_DOCUMENT = {"answer": 42, "birds": ["kiwi", "kea", "weka"], "counts": {"kiwi": 3, "kea": 5.5}, "here": True, "none": None}


class Thermometer:
    """One process for each core, from `__enter__` to `__exit__`; they end with this process, too."""

    def __init__(self, cores: Sequence[int]) -> None:
        self.cores = tuple(cores)
        self._processes: list[subprocess.Popen[bytes]] = []
        self._maps: list[mmap.mmap] = []

    def __enter__(self) -> Self:
        try:
            for core in self.cores:
                self._start(core)
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.stop()

    @property
    def pids(self) -> tuple[int, ...]:
        """The processes, whose CPU time is nobody else's."""
        return tuple(process.pid for process in self._processes)

    def stop(self) -> None:
        """End the processes."""
        for process in self._processes:
            process.kill()
            process.wait()
        for shared in self._maps:
            shared.close()
        self._processes, self._maps = [], []

    def seconds(self, opened_ns: int, closed_ns: int) -> float | None:
        """CPU seconds of one turn between two moments of CLOCK_MONOTONIC, the mean of the cores; None with too few readings on one."""
        found = [trimmed(_between(shared, opened_ns, closed_ns)) for shared in self._maps]
        known = [value for value in found if value is not None]
        return sum(known) / len(known) if known and len(known) == len(found) else None

    def _start(self, core: int) -> None:
        fd = os.memfd_create("thermometer")
        try:
            os.ftruncate(fd, _SIZE)
            argv = [sys.executable, "-P", "-m", "whichworker.probes.thermometer", str(os.getpid()), str(core), str(fd)]
            self._processes.append(subprocess.Popen(argv, pass_fds=(fd,), stdin=subprocess.DEVNULL, start_new_session=True))
            self._maps.append(mmap.mmap(fd, _SIZE))
        finally:
            os.close(fd)


def trimmed(values: Sequence[int]) -> float | None:
    """The mean of nanoseconds in seconds, without the slowest fifth; None for fewer than three."""
    if len(values) < LEAST_READINGS:
        return None
    kept = sorted(values)[: max(1, math.ceil((1 - SLOWEST) * len(values)))]
    return sum(kept) / len(kept) / 1e9


def _between(shared: mmap.mmap, opened_ns: int, closed_ns: int) -> list[int]:
    """The turns that ended between two moments, newest first."""
    (count,) = _COUNT.unpack_from(shared, 0)
    found: list[int] = []
    for number in range(count - 1, max(-1, count - ROOM), -1):
        at_ns, spent_ns = _ENTRY.unpack_from(shared, _COUNT.size + number % ROOM * _ENTRY.size)
        if at_ns < opened_ns:
            break
        if at_ns <= closed_ns:
            found.append(spent_ns)
    return found


def turn(times: int) -> None:
    """What a server's interpreter does: dictionaries, texts, JSON."""
    for number in range(times):
        document = dict(_DOCUMENT, number=number)
        text = json.dumps(document)
        text.encode().partition(b":")
        "".join([str(number), text.upper()[:20]])


def calibrated() -> int:
    """How many times make a turn of about 100 µs here."""
    best = math.inf
    for _ in range(20):
        began = time.thread_time_ns()
        turn(4)
        best = min(best, (time.thread_time_ns() - began) / 4)
    return max(1, round(TURN_SECONDS * 1e9 / best))


def run(shared: mmap.mmap) -> None:
    """Take a reading each period until killed."""
    times, count = calibrated(), 0
    due = time.monotonic()
    while True:
        due = max(due + PERIOD_SECONDS, time.monotonic())
        time.sleep(max(0.0, due - time.monotonic()))
        began = time.thread_time_ns()
        turn(times)
        spent = time.thread_time_ns() - began
        _ENTRY.pack_into(shared, _COUNT.size + count % ROOM * _ENTRY.size, time.monotonic_ns(), spent)
        count += 1
        _COUNT.pack_into(shared, 0, count)


def main(parent: int, core: int, fd: int) -> None:
    """Measure on a core until the parent ends."""
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:
        raise SystemExit("the process that started this one is gone")
    os.sched_setaffinity(0, {core})
    with contextlib.suppress(KeyboardInterrupt):
        run(mmap.mmap(fd, _SIZE))


if __name__ == "__main__":
    main(*map(int, sys.argv[1:4]))

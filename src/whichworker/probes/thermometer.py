"""How fast a core is while a server works on it: an interpreter loop timed by its CPU clock.

The speed of a virtual core changes by 10-30 % within a second without any other load. The loop does
what the servers do (json.dumps, dict, str): a loop in C explains next to nothing of their rates
(docs/decisions/0017).

Run as `python -m whichworker.probes.thermometer PARENT CORE REST`; it writes readings to stdout.
"""

from __future__ import annotations

import contextlib
import ctypes
import itertools
import json
import math
import os
import signal
import struct
import subprocess
import sys
import time
from collections import deque
from collections.abc import Sequence
from typing import Self

PERIOD_SECONDS, TURN_SECONDS = 0.004, 0.0001
"""100 µs every 4 ms is 2.5 % of a core for every contender, and 7 readings in 30 ms."""
BURST, REST_SECONDS = 8, 0.25
"""A window lasts seconds: it has bursts of readings with rests between them, 0.6 % of a core.

A burst's first reading, after the rest, takes longer and is left out.
"""
SLOWEST = 0.2
"""The share of readings left out: a turn with an interrupt in it does not show the core's speed."""
TURNS = 16
"""Of the loop, to which readings are scaled: about 100 µs. Processes differ in how many they do."""
LEAST_READINGS = 3  # the mean of fewer is too noisy
KEPT = 8192
"""Readings that are kept: 32 s of them. A pipe holds 16 s; a reading that finds it full is lost."""
READ_BYTES = 65536  # the capacity of a pipe
_ENTRY = struct.Struct("qq")
_PR_SET_PDEATHSIG = 1  # linux/prctl.h
_DOCUMENT = {
    "answer": 42,
    "birds": ["kiwi", "kea", "weka"],
    "counts": {"kiwi": 3, "kea": 5.5},
    "here": True,
    "none": None,
}


class Reader:
    """The readings of one process: when (CLOCK_MONOTONIC) and how long, in nanoseconds."""

    def __init__(self, core: int, rest_seconds: float) -> None:
        argv = [
            sys.executable,
            "-P",
            "-m",
            "whichworker.probes.thermometer",
            str(os.getpid()),
            str(core),
            str(rest_seconds),
        ]
        self.process = subprocess.Popen(
            argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, start_new_session=True
        )
        assert self.process.stdout is not None
        self._pipe = self.process.stdout
        os.set_blocking(self._pipe.fileno(), False)
        self._readings: deque[tuple[int, int]] = deque(maxlen=KEPT)
        self._torn = b""

    def between(self, opened_ns: int, closed_ns: int) -> list[int]:
        """The turns that ended between two moments, newest first."""
        self._listen()
        found: list[int] = []
        for at_ns, spent_ns in reversed(self._readings):
            if at_ns < opened_ns:
                break
            if at_ns <= closed_ns:
                found.append(spent_ns)
        return found

    def stop(self) -> None:
        """End the process."""
        self.process.kill()
        self.process.wait()
        self._pipe.close()

    def _listen(self) -> None:
        """Read what was written since the last call."""
        with contextlib.suppress(BlockingIOError):
            while piece := os.read(self._pipe.fileno(), READ_BYTES):
                text = self._torn + piece
                whole = len(text) - len(text) % _ENTRY.size
                self._readings.extend(_ENTRY.iter_unpack(text[:whole]))
                self._torn = text[whole:]


class Thermometer:
    """One process for each core, from `__enter__` to `__exit__`; they end with this one, too.

    It rests between bursts of readings if it has a `rest_seconds`.
    """

    def __init__(self, cores: Sequence[int], rest_seconds: float = 0.0) -> None:
        self.cores, self.rest_seconds = tuple(cores), rest_seconds
        self._readers: list[Reader] = []

    def __enter__(self) -> Self:
        try:
            for core in self.cores:
                self._readers.append(Reader(core, self.rest_seconds))
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def pids(self) -> tuple[int, ...]:
        """The processes; their CPU time is the tool's own."""
        return tuple(reader.process.pid for reader in self._readers)

    def stop(self) -> None:
        """End the processes."""
        while self._readers:
            self._readers.pop().stop()

    def seconds(self, opened_ns: int, closed_ns: int) -> float | None:
        """CPU seconds of a reading between two moments (CLOCK_MONOTONIC), the mean of the cores.

        Each is scaled to TURNS times the loop, however often it really ran. None if one core has
        too few readings.
        """
        found = [trimmed(reader.between(opened_ns, closed_ns)) for reader in self._readers]
        known = [value for value in found if value is not None]
        return sum(known) / len(known) if known and len(known) == len(found) else None


def trimmed(values: Sequence[int]) -> float | None:
    """The mean of nanoseconds in seconds, without the slowest fifth; None for fewer than three."""
    if len(values) < LEAST_READINGS:
        return None
    kept = sorted(values)[: max(1, math.ceil((1 - SLOWEST) * len(values)))]
    return sum(kept) / len(kept) / 1e9


def turn(times: int) -> None:
    """The work of a server's interpreter: dictionaries, texts, JSON."""
    for number in range(times):
        document = dict(_DOCUMENT, number=number)
        text = json.dumps(document)
        text.encode().partition(b":")
        "".join([str(number), text.upper()[:20]])


def calibrated() -> int:
    """How many times take about 100 µs here."""
    best = math.inf
    for _ in range(20):
        began = time.thread_time_ns()
        turn(4)
        best = min(best, (time.thread_time_ns() - began) / 4)
    return max(1, round(TURN_SECONDS * 1e9 / best))


def run(out: int, rest_seconds: float) -> None:
    """Take a reading each period until killed, with rests; a slow reader loses some."""
    times = calibrated()
    os.set_blocking(out, False)
    due = time.monotonic()
    for number in itertools.count():
        rested = rest_seconds > 0 and number % BURST == 0
        due = max(due + PERIOD_SECONDS + rested * rest_seconds, time.monotonic())
        time.sleep(max(0.0, due - time.monotonic()))
        began = time.thread_time_ns()
        turn(times)
        spent = (time.thread_time_ns() - began) * TURNS // times
        if not rested:
            with contextlib.suppress(BlockingIOError):
                os.write(out, _ENTRY.pack(time.monotonic_ns(), spent))


def main(parent: int, core: int, rest_seconds: float) -> None:
    """Measure on a core until the parent ends."""
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:
        raise SystemExit("the process that started this one is gone")
    os.sched_setaffinity(0, {core})
    with contextlib.suppress(KeyboardInterrupt, BrokenPipeError):
        run(sys.stdout.fileno(), rest_seconds)


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3]))

"""Bursts of other programs on the servers' cores: looks at the clocks, a tenth of a second apart.

A program that takes a core for 50 ms is 5 % of a second, which may say nothing about a busy
machine, and it is a queue of 50 ms for the requests that were due meanwhile.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from itertools import accumulate

from msgspec import Struct

from whichworker.probes import cpu

PIECE_SECONDS = 0.1
"""Ten ticks of the idle clocks; a look takes about 0.2 ms."""
STRETCH = 5
"""Looks of the longest stretch.

A server that is busy leaves others a quarter of its core: a burst of 0.5 s is 25 ms in each tenth
of a second, and 125 ms in all.
"""


class CoreLook(Struct, frozen=True):
    """Clocks at one moment, in seconds: idle cores, each process of the server, all other own."""

    at: float
    idle: Mapping[int, float]
    server: Mapping[int, float]
    own: float


class Bursts:
    """The longest burst on these cores so far, in seconds of each core within half a second.

    `pids` are the server's processes, `own` the CPU seconds of all else of ours on the cores.
    """

    def __init__(self, cores: Sequence[int], pids: Sequence[int], own: Callable[[], float]) -> None:
        self.cores, self.pids, self.own = tuple(cores), tuple(pids), own
        self.longest = 0.0
        self._recent: deque[float] = deque(maxlen=STRETCH)
        self._last = self._look()

    def until(self, moment_ns: int) -> None:
        """Look until this moment of CLOCK_MONOTONIC, in nanoseconds."""
        while (left := moment_ns / 1e9 - time.monotonic()) > 0:
            time.sleep(min(left, PIECE_SECONDS))
            self.step()

    def step(self) -> None:
        """Look once more."""
        now = self._look()
        self._recent.append(foreign_seconds(self._last, now, len(self.cores)))
        self._last = now
        self.longest = max(self.longest, *accumulate(reversed(self._recent)))

    def _look(self) -> CoreLook:
        return CoreLook(
            time.monotonic(),
            cpu.core_idle_seconds(self.cores),
            cpu.tree_cpu_seconds(self.pids),
            self.own(),
        )


def foreign_seconds(before: CoreLook, after: CoreLook, cores: int) -> float:
    """Seconds of each core that are neither idle nor our own; 0 if a process ended meanwhile.

    A tick too few in one look is one too many in the next, so a difference may be below 0.
    """
    spent = cpu.spent(dict(before.server), dict(after.server))
    if spent is None:
        return 0.0
    idle = sum(seconds - before.idle.get(core, seconds) for core, seconds in after.idle.items())
    known = spent + idle + after.own - before.own
    return (cores * (after.at - before.at) - known) / max(1, cores)

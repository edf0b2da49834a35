"""Scheduler counters of a process tree's threads: time on a core, waiting, and switches."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from whichworker.probes.reading import names, read

MOST_THREADS = 400  # reading more would disturb the server more than it is worth
SEEN_SHARE = 0.95  # of the processes' CPU time; the rest is the jitter of two clocks
VOLUNTARY, INVOLUNTARY = b"\nvoluntary_ctxt_switches:", b"\nnonvoluntary_ctxt_switches:"


class Thread(NamedTuple):
    """Since the thread began: nanoseconds on a core and waiting for one, turns, and switches."""

    ran_ns: int
    waited_ns: int
    turns: int
    voluntary: int
    involuntary: int


class Waiting(NamedTuple):
    """How long all threads were ready but did not run; how often they yielded or lost a core."""

    run_delay_seconds: float
    voluntary_switches: int
    involuntary_switches: int


def threads(
    pids: Iterable[int], before: dict[int, Thread] | None = None
) -> dict[int, Thread] | None:
    """The counters of each living thread; None if the kernel has none, or threads are too many.

    A thread that had no turn since the reading `before` is unchanged and not read: most threads
    of a pool sleep, and reading their status is slow.
    """
    found: dict[int, Thread] = {}
    for pid in pids:
        folder = f"/proc/{pid}/task"
        listed = names(folder)
        if len(found) + len(listed) > MOST_THREADS:
            return None
        for thread in map(int, listed):
            if not (schedstat := read(f"{folder}/{thread}/schedstat")):
                continue
            ran, waited, turns = map(int, schedstat.split())
            former = before.get(thread) if before else None
            if former and former.turns == turns:
                found[thread] = Thread(ran, waited, turns, former.voluntary, former.involuntary)
            elif status := read(f"{folder}/{thread}/status"):
                found[thread] = Thread(
                    ran, waited, turns, _count(status, VOLUNTARY), _count(status, INVOLUNTARY)
                )
    return found or None


def count(pids: Iterable[int]) -> int:
    """The number of threads of the living processes."""
    return sum(len(names(f"/proc/{pid}/task")) for pid in pids)


def between(
    before: dict[int, Thread] | None, after: dict[int, Thread] | None, cpu_seconds: float | None
) -> Waiting | None:
    """The difference of two readings; None if the threads do not explain the CPU time used.

    The counters of a thread end with it, so a server with a thread for each request has no such
    numbers.
    """
    if not before or not after or not cpu_seconds:
        return None
    none = Thread(0, 0, 0, 0, 0)
    pairs = [(before.get(thread, none), now) for thread, now in after.items()]
    if sum(now.ran_ns - then.ran_ns for then, now in pairs) < SEEN_SHARE * cpu_seconds * 1e9:
        return None
    return Waiting(
        sum(now.waited_ns - then.waited_ns for then, now in pairs) / 1e9,
        sum(now.voluntary - then.voluntary for then, now in pairs),
        sum(now.involuntary - then.involuntary for then, now in pairs),
    )


def _count(status: bytes, name: bytes) -> int:
    start = status.rindex(name) + len(name)
    end = status.find(b"\n", start)
    return int(status[start:end])

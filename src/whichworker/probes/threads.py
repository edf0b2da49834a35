"""What the scheduler says of the threads of a process tree: how long they ran and waited for a core, how often they gave it up."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from whichworker.probes.reading import names, read

MOST_THREADS = 400
"""Beyond that reading them would cost more than it tells."""
SEEN_SHARE = 0.95
VOLUNTARY, INVOLUNTARY = b"\nvoluntary_ctxt_switches:", b"\nnonvoluntary_ctxt_switches:"


class Thread(NamedTuple):
    """Nanoseconds on a core and waiting for one, turns on a core, and switches, since the thread began."""

    ran_ns: int
    waited_ns: int
    turns: int
    voluntary: int
    involuntary: int


class Waiting(NamedTuple):
    """How long all threads together were ready to run but did not, and how often they gave up their core or lost it."""

    run_delay_seconds: float
    voluntary_switches: int
    involuntary_switches: int


def threads(
    pids: Iterable[int], before: dict[int, Thread] | None = None
) -> dict[int, Thread] | None:
    """The counters of each living thread; None where the kernel does not keep them, or there are too many threads.

    A thread that had no turn since the reading `before` is as it was: most threads of a pool sleep, and their status is dear to read.
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
    """How many threads the living processes have."""
    return sum(len(names(f"/proc/{pid}/task")) for pid in pids)


def between(
    before: dict[int, Thread] | None, after: dict[int, Thread] | None, cpu_seconds: float | None
) -> Waiting | None:
    """What happened between two readings; None where the threads seen do not account for the CPU time of their processes.

    What a thread did that has ended cannot be seen any more, so a server that makes one for each request has no such numbers.
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

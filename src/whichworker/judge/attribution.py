"""Why an arm is not faster: one cause of a closed list, from readings of /proc under full load.

The first cause that fits is named (docs/concepts/attribution.md):

1. `foreign load`: other processes used the server's cores.
2. `load-limited`: the connections allow no more, at the unloaded response time; the server's own
   limit is unknown.
3. `oversubscribed`: all cores are in use, and the server's processes wait for them.
4. `cpu`: all cores are in use.
5. `interpreter lock`: each process uses about one core, though it has several threads and some
   cores are free.
6. `blocked event loop`: cores are free, and each event loop works on one request at a time.
7. `worker slots`: cores are free, and the settings allow no more requests at once.
8. `pool or lock limit`: cores are free, and the settings would allow more requests at once: the
   requests wait for something scarce.
"""

from __future__ import annotations

from collections.abc import Callable

from msgspec import Struct

from whichworker import units
from whichworker.result import Attribution

BUSY = 0.90
"""Share of the cores from which they are all in use: the kernel's ticks miss a few percent."""
IDLE = 0.85
"""Below this share, cores are free; between IDLE and BUSY neither is certain."""
LOAD_LIMITED = 0.95
"""Share of connections / unloaded response time from which the connections are the limit."""
MOST_FOREIGN = 0.10
"""Share of the cores in use that others may have: beyond it every other reading is theirs, too."""
WAITING_SHARE = 0.20
"""Threads that wait for a core, for each core, from which workers are in each other's way."""
LOCKED = (0.80, 1.15)
"""Cores that a process uses if its interpreter lock is the limit: one, and C code without it."""
ALONE = 1.35
"""Requests at once for each loop, up to which it works on one at a time: one, and noise."""
FULL_SLOTS = 0.75
"""Share of the slots in use from which they are full: some wait for their next request."""


class Symptoms(Struct, frozen=True, kw_only=True):
    """The readings of one arm under full load: medians of its windows; None if unknown.

    `cores` are the cores that servers may use, `cpu_cores` the server's CPU seconds per second,
    `run_delay_cores` how many of its threads waited for a core on average. `unloaded_seconds` is
    the response time of a single connection. `slots` is how many requests the settings allow at
    once (None: unbounded), `workers` the processes that serve, `loops` whether each is an event
    loop with async code only. A generator that shares the cores has `taken` that many of them.
    It is `flat` if more connections brought nothing.
    """

    cores: int
    cpu_cores: float | None
    run_delay_cores: float | None
    foreign_share: float | None
    workers: int
    threads: float | None
    loops: bool
    slots: int | None
    throughput: float
    connections: int
    unloaded_seconds: float | None
    taken: float = 0.0
    flat: bool = False

    @property
    def at_once(self) -> float | None:
        """Requests in work at the same time: Little's law with the unloaded response time."""
        return self.throughput * self.unloaded_seconds if self.unloaded_seconds else None


def attribute(seen: Symptoms) -> Attribution | None:
    """The first cause that fits; None if no cause fits, or nothing could be read."""
    for cause, rule in RULES:
        if evidence := rule(seen):
            return Attribution(cause=cause, evidence=evidence)
    return None


Rule = Callable[[Symptoms], tuple[str, ...]]


def _foreign(seen: Symptoms) -> tuple[str, ...]:
    if seen.foreign_share is None or seen.foreign_share <= MOST_FOREIGN:
        return ()
    return (f"others used {seen.foreign_share:.0%} of the cores in use",)


def _load_limited(seen: Symptoms) -> tuple[str, ...]:
    if (
        seen.flat
        or seen.at_once is None
        or seen.at_once < LOAD_LIMITED * seen.connections
        or _used(seen) >= BUSY
    ):
        return ()
    ceiling = seen.connections / (seen.unloaded_seconds or 1.0)
    rate, most = units.show_rate(seen.throughput), units.show_rate(ceiling)
    allowed = f"the {most}/s that {seen.connections} connections allow"
    alone = units.show_seconds(seen.unloaded_seconds or 0.0)
    return (
        f"{rate}/s of {allowed}, at {alone} for a single request",
        "more --connections would show more",
    )


def _oversubscribed(seen: Symptoms) -> tuple[str, ...]:
    waits = seen.run_delay_cores
    if (
        waits is None
        or seen.workers <= seen.cores
        or _used(seen) < IDLE
        or waits < WAITING_SHARE * seen.cores
    ):
        return ()
    many = f"{seen.workers} workers on {seen.cores} core{'s' if seen.cores > 1 else ''}"
    return (
        f"{many}: on average {waits:.2g} of their threads waited for a core",
        _of_cores(seen),
    )


def _cpu(seen: Symptoms) -> tuple[str, ...]:
    if seen.cpu_cores is None or _used(seen) < BUSY:
        return ()
    each = (
        f", {units.show_seconds((seen.cpu_cores or 0.0) / seen.throughput)} for each request"
        if seen.throughput
        else ""
    )
    return (f"{_of_cores(seen)}{each}",)


def _locked(seen: Symptoms) -> tuple[str, ...]:
    if (
        seen.cpu_cores is None
        or not seen.workers
        or seen.threads is None
        or seen.threads <= seen.workers
    ):
        return ()
    each = seen.cpu_cores / seen.workers
    if not LOCKED[0] <= each <= LOCKED[1] or seen.workers >= seen.cores:
        return ()
    many = f"{seen.threads:.0f} threads in {seen.workers} process{'es' if seen.workers > 1 else ''}"
    return (
        (
            f"{many} use {seen.cpu_cores:.2g} of {seen.cores} cores: only one thread at a time"
            " runs Python"
        ),
        "more processes would use the rest",
    )


def _worked_on(at_once: float) -> str:
    shown = f"{at_once:.2g}"
    return f"{shown} request{'' if shown == '1' else 's'} in progress at the same time"


def _blocked(seen: Symptoms) -> tuple[str, ...]:
    if (
        not seen.loops
        or seen.at_once is None
        or _used(seen) >= IDLE
        or seen.at_once > ALONE * seen.workers
    ):
        return ()
    said = (
        f"{_worked_on(seen.at_once)} by {seen.workers} event loop{'s' if seen.workers > 1 else ''}"
    )
    return (f"{said}: something in them blocks it", _of_cores(seen))


def _slots(seen: Symptoms) -> tuple[str, ...]:
    if (
        seen.slots is None
        or seen.at_once is None
        or _used(seen) >= IDLE
        or seen.at_once < FULL_SLOTS * seen.slots
    ):
        return ()
    return (f"{_worked_on(seen.at_once)}, the settings allow {seen.slots}", _of_cores(seen))


def _scarce(seen: Symptoms) -> tuple[str, ...]:
    if seen.at_once is None or _used(seen) >= IDLE:
        return ()
    allowed = (
        f"the settings allow {seen.slots}"
        if seen.slots is not None
        else f"{seen.connections} requests are sent"
    )
    said = f"about {_worked_on(seen.at_once)}, {allowed}"
    return (
        f"{said}: a pool of connections, a lock or a service lets no more through",
        _of_cores(seen),
    )


def _used(seen: Symptoms) -> float:
    return (
        seen.cpu_cores / max(1e-9, seen.cores - seen.taken) if seen.cpu_cores is not None else 1.0
    )


def _of_cores(seen: Symptoms) -> str:
    return (
        f"it uses {seen.cpu_cores or 0.0:.2g} of {seen.cores} core{'s' if seen.cores > 1 else ''}"
    )


RULES: tuple[tuple[str, Rule], ...] = (
    ("foreign load", _foreign),
    ("load-limited", _load_limited),
    ("oversubscribed", _oversubscribed),
    ("cpu", _cpu),
    ("interpreter lock", _locked),
    ("blocked event loop", _blocked),
    ("worker slots", _slots),
    ("pool or lock limit", _scarce),
)

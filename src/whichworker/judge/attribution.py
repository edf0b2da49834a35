"""Why is it not faster? One cause of a closed list, from what a few reads of /proc showed at saturation.

The causes in their order, the first that fits is named (docs/concepts/attribution.md):

1. `foreign load`: others used the server's cores.
2. `load-limited`: throughput is what the connections allow, at the unloaded response time; nothing is known of the server.
3. `oversubscribed`: all cores are in use, and own processes wait for them.
4. `cpu`: all cores are in use.
5. `interpreter lock`: each process uses about one core, though it has several threads and there are cores left.
6. `blocked event loop`: cores are left, and each event loop works on one request at a time.
7. `worker slots`: cores are left, and as many requests are worked on as the settings allow.
8. `pool or lock limit`: cores are left, and fewer are worked on than could be: something that all of them need is scarce.
"""

from __future__ import annotations

from collections.abc import Callable

from msgspec import Struct

from whichworker import units
from whichworker.result import Attribution

BUSY = 0.90
IDLE = 0.85
LOAD_LIMITED = 0.95
MOST_FOREIGN = 0.10
WAITING_SHARE = 0.20
LOCKED = (0.80, 1.15)
ALONE = 1.35
FULL_SLOTS = 0.75


class Symptoms(Struct, frozen=True, kw_only=True):
    """What was seen of one arm at saturation: medians of its windows; None where it could not be known.

    `cores` are those that servers may use, `cpu_cores` the server's CPU seconds per second, `run_delay_cores` how many of its threads
    waited for a core on average. `unloaded_seconds` is the response time of a single connection. `slots` is what the settings allow to be
    worked on at once (None: unbounded), `workers` the processes that serve, `loops` whether each is an event loop with async code only.
    Of the cores a generator that shares them has `taken` so much. It is `flat` where more connections were seen to bring nothing.
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
        """How many requests are worked on at the same time: Little's law with the unloaded response time."""
        return self.throughput * self.unloaded_seconds if self.unloaded_seconds else None


def attribute(seen: Symptoms) -> Attribution | None:
    """The first cause that fits; None where none does, or nothing could be read."""
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
    said = f"{units.show_rate(seen.throughput)}/s of the {units.show_rate(ceiling)}/s that {seen.connections} connections allow"
    return (
        f"{said}, at {units.show_seconds(seen.unloaded_seconds or 0.0)} for one alone",
        "more --connections would tell more",
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
        f"{many}: {waits:.2g} of their threads waited for one, on average",
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
        f"{many} use {seen.cpu_cores:.2g} of {seen.cores} cores: one at a time runs Python",
        "more processes would use the rest",
    )


def _worked_on(at_once: float) -> str:
    shown = f"{at_once:.2g}"
    return f"{shown} request{' is' if shown == '1' else 's are'} worked on at once"


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
        else f"{seen.connections} are asked"
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

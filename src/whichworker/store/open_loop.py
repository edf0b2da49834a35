"""The records of the open loop: capacities, and response times at moderate rates."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

from whichworker.model import Failure, Probes, Slo


class Sought(Struct, frozen=True, kw_only=True, tag="sought", tag_field="record"):
    """The second stage begins: finalists, objective, connections and stalls of the machine.

    `stall_seconds` is the 99th percentile of how late a sleeper on the generator's core woke up,
    `patience` the seconds for each finalist (None in older journals).
    """

    slo: Slo
    finalists: tuple[str, ...]
    throughput: dict[str, float]
    connections: int
    stall_seconds: float | None
    patience: float | None = None


class Shot(Struct, frozen=True, kw_only=True, tag="shot", tag_field="record"):
    """One load of a finalist at a rate: arrivals due in its window, and misses of each clause.

    `response` is their histogram (HdrHistogram V2, ns). `slices` are, for each equal part of the
    window, its arrivals and those that missed the first clause. `good` came in time; `sent_share`
    of those due was sent at all. `lag_seconds` is the generator's own 99th percentile. `count` also
    has the requests that were stuck when the window opened; `starved` had no response on a
    connection that never had one, and for `silence_seconds` nobody had.
    """

    arm: str
    launch: int
    phase: Literal["search", "confirm", "holds", "curve", "recovery"]
    rate: float
    settle_seconds: float
    window_seconds: float
    count: int
    missed: tuple[int, ...]
    good: int
    failures: tuple[Failure, ...]
    response: str
    slices: tuple[tuple[int, int], ...] = ()
    lag_seconds: float | None = None
    sent_share: float = 1.0
    starved: int = 0
    silence_seconds: float = 0.0
    probes: Probes | None = None
    refused: str = ""


class Unsought(Struct, frozen=True, kw_only=True, tag="unsought", tag_field="record"):
    """A finalist that broke in this phase of the second stage; it gets no more requests."""

    arm: str
    failures: tuple[Failure, ...]
    phase: str = ""


class Paced(Struct, frozen=True, kw_only=True, tag="paced", tag_field="record"):
    """Random arrivals at `rate` per second, a `share` of the leader's throughput.

    `response` has the `count` response times of the requests that were due in the window, and
    `slices` the same for equal parts of it (HdrHistogram V2, ns). `lost` had no correct response;
    they include requests that were stuck when the window opened. `starved` and `silence_seconds`
    have the meaning that a `Shot` gives them.
    """

    arm: str
    share: float
    rate: float
    settle_seconds: float
    window_seconds: float
    count: int
    lost: int
    failures: tuple[Failure, ...]
    response: str
    slices: tuple[str, ...] = ()
    starved: int = 0
    silence_seconds: float = 0.0
    lag_seconds: float | None = None
    probes: Probes | None = None
    refused: str = ""


class Unpaced(Struct, frozen=True, kw_only=True, tag="unpaced", tag_field="record"):
    """An arm that broke while its response times were measured."""

    arm: str
    failures: tuple[Failure, ...]

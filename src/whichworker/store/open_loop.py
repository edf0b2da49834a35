"""The records of the open loop: capacities, and response times at moderate rates."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct, field

from whichworker.model import Failure, Probes, Slo


class Sought(Struct, frozen=True, kw_only=True, tag="sought", tag_field="record"):
    """The second stage begins: finalists, objective, connections and stalls of the machine.

    `stall_seconds` is the 99th percentile of how late a sleeper on the generator's core woke up,
    `patience` the seconds for each finalist (None in older journals). `busy` is how
    many cores each used under full load, at most one.
    """

    slo: Slo
    finalists: tuple[str, ...]
    throughput: dict[str, float]
    connections: int
    stall_seconds: float | None
    patience: float | None = None
    busy: dict[str, float] = {}


class RouteCount(Struct, frozen=True, kw_only=True):
    """The requests of a route: those `due` in a window, and their response times.

    `response` is a histogram and `slices` the same for equal parts of the window (HdrHistogram V2,
    ns). A request that was due and has no response time was lost. `missed` counts, for each clause
    on the route, the requests that missed it.
    """

    due: int
    response: str
    slices: tuple[str, ...] = ()
    missed: dict[str, int] = field(default_factory=dict)


class Shot(Struct, frozen=True, kw_only=True, tag="shot", tag_field="record"):
    """One load of a finalist at a rate: arrivals due in its window, and misses of each clause.

    `response` is their histogram (HdrHistogram V2, ns). `slices` are, for each equal part of the
    window, its arrivals and those that missed `Slo.timed` (of its route, if it is on one). `good`
    came in time; `sent_share` of those due was sent at all. `lag_seconds` is the generator's own
    99th percentile. `counts` are the arrivals that each clause bounds (empty: all), and `routes`
    what was counted apart. `count` also has the requests that were stuck when the window opened;
    `starved` had no response on a connection that never had one, and for `silence_seconds` nobody
    had. In a search or a test, a `refused` shot has an upper limit of misses: on a quiet machine
    there are no more.
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
    counts: tuple[int, ...] = ()
    routes: dict[str, RouteCount] = field(default_factory=dict)


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
    have the meaning that a `Shot` gives them. `routes` were counted
    apart.
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
    routes: dict[str, RouteCount] = field(default_factory=dict)


class Unpaced(Struct, frozen=True, kw_only=True, tag="unpaced", tag_field="record"):
    """An arm that broke while its response times were measured."""

    arm: str
    failures: tuple[Failure, ...]

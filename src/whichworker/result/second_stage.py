"""The second stage of a race, and the gates of both stages, in an arm's result."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct, field


class PassedTest(Struct, frozen=True, kw_only=True):
    """The windows at the highest rate that passed: what a validated rate stands on.

    `late` of the `requests` took longer than `limit_seconds` or failed. The response time of the
    objective's percentile has a 95 % interval, or null. The test does not cover what happens less
    often than once in `seconds`.
    """

    rate_per_second: float
    seconds: float
    requests: int
    late: int
    limit_seconds: float
    percentile: str
    response_seconds: float | None
    low: float | None
    high: float | None


class CoreSpeed(Struct, frozen=True, kw_only=True):
    """How fast the servers' cores were in the slowest and the fastest window of a setup.

    By the thermometer, over the median window: 0.9 is a tenth slower.
    """

    low: float
    high: float


class RouteTimes(Struct, frozen=True, kw_only=True):
    """Response times of one route from the intended time, in seconds.

    Null: the sample supports none. `lost` of the `requests` had no correct response.
    """

    name: Annotated[str, Meta(description="of the request, or as the objective names the route")]
    requests: int
    lost: int
    p50: float | None
    p90: float | None
    p99: float | None
    missed: Annotated[
        dict[str, int],
        Meta(description="requests that missed a clause, for each clause on this route"),
    ] = field(default_factory=dict)
    intervals: Annotated[
        dict[str, tuple[float, float]],
        Meta(description="95 %, by percentile; absent where the sample supports none"),
    ] = field(default_factory=dict)


class Capacity(Struct, frozen=True, kw_only=True):
    """The highest rate of arrivals that meets the objective.

    The posterior's median, its 90 % interval, and the validated rate.
    """

    value: float
    low: float
    high: float
    certified: Annotated[
        float | None,
        Meta(
            description="fresh windows on new launches kept this rate or a higher one, and the"
            " chance that it is too high is at most 3 %; null if no rate passed"
        ),
    ]
    slo: str
    binding: Annotated[str, Meta(description="the clause that is missed first")] = ""
    seconds: Annotated[float, Meta(description="of arrivals, search and confirmation together")] = (
        0.0
    )
    passed: Annotated[
        PassedTest | None, Meta(description="the test that it passed; null: none did")
    ] = None
    core_speed: Annotated[
        CoreSpeed | None, Meta(description="of the servers' cores meanwhile; null: unknown")
    ] = None
    recovery_seconds: Annotated[
        float | None,
        Meta(
            description="the time for which the objective was missed after a second at twice the "
            "capacity; null: longer, or not measured"
        ),
    ] = None
    recovery_watched_seconds: Annotated[
        float | None, Meta(description="how long was watched for that; null: not measured")
    ] = None
    routes: Annotated[
        tuple[RouteTimes, ...],
        Meta(
            description="each route in the windows that passed the test; empty without a validated"
            " rate, or if the requests have one route or many"
        ),
    ] = ()
    routes_rate_per_second: Annotated[
        float | None, Meta(description="the rate of all requests in those windows")
    ] = None


class CurvePoint(Struct, frozen=True, kw_only=True):
    """Response times from the intended moment at one rate of Poisson arrivals.

    Null: the sample supports none.
    """

    rate_per_second: float
    p50: float | None
    p90: float | None
    p99: float | None
    goodput_per_second: Annotated[
        float, Meta(description="correct responses within the objective's time")
    ]
    intervals: Annotated[
        dict[str, tuple[float, float]], Meta(description="95 %, by percentile")
    ] = field(default_factory=dict)


class WaitPoint(Struct, frozen=True, kw_only=True):
    """Response times from the intended moment, in seconds, at a share of the leader's throughput.

    Null: the sample supports none. `lost` of the `requests` had no correct response in
    5 s, or in three times the longest response without load.
    """

    share: Annotated[float, Meta(description="of the leader's throughput")]
    rate_per_second: Annotated[float, Meta(description="of requests")]
    requests: int
    lost: int
    p50: float | None
    p90: float | None
    p99: float | None
    intervals: Annotated[
        dict[str, tuple[float, float]],
        Meta(description="95 %, by percentile; absent where the sample supports none"),
    ] = field(default_factory=dict)
    routes: Annotated[
        tuple[RouteTimes, ...], Meta(description="each route; empty if there is one, or many")
    ] = ()
    sessions_per_second: Annotated[
        float | None, Meta(description="whole sessions that arrive; null for single requests")
    ] = None


class AtRate(Struct, frozen=True, kw_only=True):
    """The user's own rate: whether it meets the objective (null: unknown), and capacity / rate."""

    rate_per_second: float
    holds: bool | None
    headroom: float | None


class Attribution(Struct, frozen=True, kw_only=True):
    """Why it is not faster: a cause of a closed list, and the numbers that show it."""

    cause: str
    evidence: tuple[str, ...]


WRONG, OVERFLOWS, LITTLE = "wrong responses", "listen overflows", "Little's law"
GENERATOR, UPSTREAM = "generator CPU", "upstream CPU"
QUIET = ("foreign CPU", "generator run delay")
"""Gates that fail if other programs used the cores: then the others say nothing about the arm."""
SPOILING = (WRONG, OVERFLOWS, GENERATOR, UPSTREAM, LITTLE)
"""Gates without which counts or times are wrong; the others say how quiet the machine was."""


class Gate(Struct, frozen=True, kw_only=True):
    """One condition of validity: its limit, the worst reading, and whether it passed."""

    name: str
    limit: float
    seen: float | None
    passed: bool

    @property
    def spoils(self) -> bool:
        """Whether the numbers of its arm are wrong, so that it is not second either."""
        return not self.passed and self.seen is not None and self.name in SPOILING


class Scaling(Struct, frozen=True, kw_only=True):
    """The Universal Scalability Law fitted to the calibration's throughput by connections.

    A description, no claim.
    """

    one_per_second: float
    contention: Annotated[float, Meta(description="σ: the part that queues for something")]
    crosstalk: Annotated[float, Meta(description="κ: what keeping each other up to date costs")]
    peak_connections: Annotated[
        float | None, Meta(description="null: throughput flattens out and never falls")
    ]


class Hot(Struct, frozen=True, kw_only=True):
    """A Python function and the share of samples in which it was the innermost one."""

    function: str
    share: float


class Profile(Struct, frozen=True, kw_only=True):
    """Samples of a finalist at saturation, taken apart from everything that is timed."""

    samples: int
    functions: tuple[Hot, ...]
    lock_share: Annotated[
        float | None,
        Meta(
            description="of the samples with a thread at work, "
            "the share in which it held the interpreter lock"
        ),
    ]
    loop_lag_seconds: Annotated[
        dict[str, float] | None,
        Meta(
            description="how late a timer of the event loop was, p50 and p99; null without asyncio"
        ),
    ] = None

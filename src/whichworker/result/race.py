"""The result of a race."""

from __future__ import annotations

import math
from typing import Annotated, Literal

from msgspec import Meta, Struct, field

from whichworker.model import Failure, Finding, Machine, Resolution, Settings
from whichworker.result.advice import AdvisedArm, Found, Searched
from whichworker.result.envelope import SCHEMA, Estimate, Run, Validity
from whichworker.result.second_stage import (
    QUIET,
    AtRate,
    Attribution,
    Capacity,
    CurvePoint,
    Gate,
    Profile,
    Scaling,
)

ArmState = Literal["ranked", "dropped", "failed", "refused", "invalid"]


class SaturationLatency(Struct, frozen=True, kw_only=True):
    """Time from send to last byte under closed-loop saturation; not a latency a user would see."""

    p50: float | None
    p99: float | None


class ArmProbes(Struct, frozen=True, kw_only=True):
    """The resources of an arm's process tree and of the machine: medians over its windows.

    Null: could not be read.
    """

    cpu_cores: Annotated[float | None, Meta(description="CPU seconds of the server per second")] = (
        None
    )
    system_share: Annotated[
        float | None, Meta(description="of that, the part spent in the kernel")
    ] = None
    run_delay_cores: Annotated[
        float | None, Meta(description="threads ready to run without a core, on average")
    ] = None
    voluntary_switches_per_request: float | None = None
    involuntary_switches_per_request: float | None = None
    processes: float | None = None
    threads: float | None = None
    uss_bytes: Annotated[
        float | None,
        Meta(description="sum of what is private to one process; memory_bytes is the sum of PSS"),
    ] = None
    open_files: float | None = None
    listen_overflows: float | None = None
    retransmits: float | None = None
    steal_share: Annotated[
        float | None, Meta(description="of the cores in use, taken by the hypervisor")
    ] = None
    foreign_share: Annotated[
        float | None, Meta(description="of the cores in use, used by others, steal included")
    ] = None
    generator_cores: Annotated[
        float | None, Meta(description="CPU seconds of the generator per second")
    ] = None
    generator_lag_share: Annotated[
        float | None, Meta(description="of the window, the generator waited for its core")
    ] = None


class Ratio(Struct, frozen=True, kw_only=True):
    """Throughput over the leader's, from slices of both that were near in time."""

    value: float
    low: float | None
    high: float | None
    interval: Annotated[
        str,
        Meta(
            description="the kind of low and high: e-BY adjusted for all that are shown, "
            "or a plain 95 % interval"
        ),
    ]


class ArmResult(Struct, frozen=True, kw_only=True):
    """The results of one arm."""

    name: str
    server: str
    kind: Annotated[str, Meta(description="worker class")] = field(name="class")
    version: str | None
    versions: Annotated[
        dict[str, str], Meta(description="of the server's packages and of the framework")
    ] = field(default_factory=dict)
    resolution: Annotated[
        Resolution | None,
        Meta(description="how these versions were chosen; null if nothing was installed"),
    ] = None
    python: str | None
    interface: str
    settings: Settings
    state: ArmState
    rank_low: int | None = None
    rank_high: int | None = None
    throughput_per_second: Estimate | None = None
    cpu_seconds_per_request: float | None = None
    memory_bytes: int | None = None
    cold_start_seconds: float | None = None
    latency_at_saturation_seconds: SaturationLatency | None = None
    connections: Annotated[
        int | None,
        Meta(description="the connections of the load; the setup's own number unless forced"),
    ] = None
    windows: Annotated[
        int, Meta(description="measurements that count: slices, in runs that are older windows")
    ] = 0
    launches: int = 0
    repeats: int = 0
    failures: tuple[Failure, ...] = ()
    dropped: Annotated[
        bool, Meta(description="left the race early: not the best by more than delta")
    ] = False
    against_leader: Annotated[Ratio | None, Meta(description="null for the leader itself")] = None
    idle_share: Annotated[
        float | None, Meta(description="of a core, used while no requests arrived")
    ] = None
    command: tuple[str, ...] = ()
    probes: ArmProbes | None = None
    capacity_per_second: Capacity | None = None
    latency_curve: tuple[CurvePoint, ...] = ()
    at_rate: AtRate | None = None
    attribution: Attribution | None = None
    gates: tuple[Gate, ...] = ()
    warm_up_seconds: Annotated[
        float | None, Meta(description="until the rate was steady after a start, by MSER-5")
    ] = None
    profile: Profile | None = None
    scaling: Scaling | None = None

    @property
    def is_measured(self) -> bool:
        """Whether it stands in the table, with a number: until the end, or until it left early."""
        return self.state in ("ranked", "dropped")

    @property
    def spoilt(self) -> tuple[Gate, ...]:
        """The failed gates without which its numbers are wrong; none if the machine was busy."""
        if any(gate.name in QUIET and not gate.passed for gate in self.gates):
            return ()
        return tuple(gate for gate in self.gates if gate.spoils)

    @property
    def speed(self) -> float:
        """Requests per second, 0 if not measured."""
        return self.throughput_per_second.value if self.throughput_per_second else 0.0


class Claim(Struct, frozen=True, kw_only=True):
    """`better` is faster than `worse` by `ratio`, at family-wise error alpha whenever one looks."""

    better: str
    worse: str
    ratio: float
    low: float
    high: float


SHORTEST_SECONDS, STEP_SECONDS, MARGIN = 60, 30, 1.3
"""Continued runs take whole half minutes, and at least one: every setup is launched again."""


def seconds_to_add(seconds: float) -> int:
    """The time with which to continue a run that needs about `seconds` more."""
    return max(SHORTEST_SECONDS, STEP_SECONDS * math.ceil(MARGIN * seconds / STEP_SECONDS))


class RaceVerdict(Struct, frozen=True, kw_only=True):
    """The verdict and its certainty.

    `clear`: deploy the leader. Every other arm is slower, or `not_better`: not faster than the
    leader by more than delta, without a claim that it is slower. `tied`: every arm that is left is
    within delta of the leader. `undecided`: the time ended before the leader was distinguished from
    all others. `seconds_to_decide` is about how much more it takes; null if that is not sensible.
    """

    state: Literal["clear", "tied", "undecided", "invalid"]
    headline: Annotated[str, Meta(description="the verdict in one sentence")]
    leader: str | None = None
    tied_with: tuple[str, ...] = ()
    undecided_against: tuple[str, ...] = ()
    not_better: Annotated[
        tuple[str, ...],
        Meta(description="left early: not faster than the leader by more than delta"),
    ] = ()
    seconds_to_decide: float | None = None


class AskedQuestion(Struct, frozen=True, kw_only=True):
    """The part of the question that decides how to read the numbers."""

    app: str
    workload: str
    delta: float
    alpha: float
    claims: str
    seed: int
    time_seconds: float
    secret_requests: Annotated[
        bool,
        Meta(description="requests carry a secret, as of a login: such a run cannot be resumed"),
    ] = False
    connections: int | None
    server_cores: tuple[int, ...]
    generator_cores: tuple[int, ...]
    database: Annotated[
        Literal["sqlite", "postgres"] | None,
        Meta(description="of a built-in app; null for user apps"),
    ] = None
    cache: Annotated[
        Literal["memory", "redis"] | None,
        Meta(description="of a built-in app; null for user apps"),
    ] = None
    services: Annotated[
        dict[str, str], Meta(description="what ran beside the servers, by name")
    ] = field(default_factory=dict)
    slo: Annotated[
        str | None,
        Meta(description="the objective of the capacities; null where no second stage was run"),
    ] = None
    slo_derived: Annotated[
        str, Meta(description="the source of the objective, if the user gave none")
    ] = ""
    rate_per_second: Annotated[float | None, Meta(description="the user's own rate")] = None
    resolution: Annotated[
        Resolution | None,
        Meta(description="how versions were to be chosen; null in older runs"),
    ] = None


class Twin(Struct, frozen=True, kw_only=True):
    """The hidden copy of one arm in every race: no difference may be found between the two."""

    arm: str
    blocks: int
    ratio: float | None
    evidence: float
    limit: float


class MeasuredStretch(Struct, frozen=True, kw_only=True):
    """A stretch of rounds of one arm (in older runs one window), for charts and later verdicts."""

    block: int
    arm: str
    throughput_per_second: float
    cpu_seconds_per_request: float | None


class Result(Struct, frozen=True, kw_only=True):
    """The whole result of a race."""

    schema: str = SCHEMA
    kind: Literal["race"] = "race"
    question: AskedQuestion
    machine: Machine
    run: Run
    validity: Validity
    verdict: RaceVerdict | None = None
    findings: tuple[Finding, ...] = ()
    arms: tuple[ArmResult, ...] = ()
    leader: Annotated[
        str | None,
        Meta(description="the fastest setup that was not dropped; a place, not a claim"),
    ] = None
    claims: tuple[Claim, ...] = ()
    ties: tuple[tuple[str, str], ...] = ()
    undetermined: tuple[tuple[str, str], ...] = ()
    blocks: Annotated[int, Meta(description="rounds; in runs that are older blocks of windows")] = 0
    blocks_to_decide: Annotated[
        int | None, Meta(description="rounds; see verdict.seconds_to_decide")
    ] = None
    twin: Twin | None = None
    advice: AdvisedArm | None = None
    windows: tuple[MeasuredStretch, ...] = ()
    app: Annotated[
        dict[str, Found],
        Meta(description="what was discovered of the app, by name, each with its origin"),
    ] = field(default_factory=dict)
    settings_searched: Annotated[
        tuple[Searched, ...],
        Meta(description="the first step of a search over settings: every server at sensible ones"),
    ] = ()

    @property
    def decided(self) -> bool:
        """Whether no pair is left undetermined."""
        state = self.verdict.state if self.verdict else ""
        return not self.undetermined and state != "undecided"

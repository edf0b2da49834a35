"""The result of a load."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, Struct, field

from whichworker.model import CheckCount, Failure, Finding, Machine, Stage
from whichworker.result.envelope import SCHEMA, Estimate, Run, Validity

PERCENTILES = {"p50": 0.5, "p90": 0.9, "p95": 0.95, "p99": 0.99, "p99_9": 0.999}

Intervals = dict[str, Estimate | None]


class Distribution(Struct, frozen=True, kw_only=True):
    """Seconds and their spread; a percentile with fewer than ten values beyond it is null."""

    count: int
    min: float
    mean: float
    stdev: float
    p50: float | None
    p90: float | None
    p95: float | None
    p99: float | None
    p99_9: float | None
    max: float


class AskedLoad(Struct, frozen=True, kw_only=True):
    """The part of the request for this load that decides how to read the numbers."""

    url: str
    address: str
    sessions: Annotated[
        tuple[str, ...], Meta(description="their names; then rate and requests are of iterations")
    ] = ()
    requests: Annotated[
        int | None,
        Meta(description="the most requests in the whole run; null if only time was the bound"),
    ]
    time_seconds: Annotated[
        float, Meta(description="of the window; a bound where requests are given")
    ]
    connections: int
    rate_per_second: Annotated[
        float | None,
        Meta(description="of an open loop with one rate; null in closed loop and with stages"),
    ]
    arrivals: Annotated[
        Literal["constant", "poisson"] | None, Meta(description="null in closed loop")
    ]
    stages: tuple[Stage, ...] = ()
    backlog: Annotated[int | None, Meta(description="null in closed loop")] = None
    spin: Annotated[
        bool | None, Meta(description="null where the engine chooses, and in closed loop")
    ] = None
    threads: int
    generator_cores: tuple[int, ...]
    engine: str
    seed: int
    expect: tuple[str, ...] = ()
    file: str | None = None
    deadline_seconds: float
    warmup_seconds: float
    ramp_seconds: float


class Threshold(Struct, frozen=True, kw_only=True):
    """One clause of the objective: the requests that it bounds, and those that missed it.

    `limit` is the share that may miss it. `undecided`: too few requests to tell.
    """

    clause: str
    requests: int
    missed: int
    limit: float
    outcome: Literal["met", "missed", "undecided"]


class LoadResult(Struct, frozen=True, kw_only=True):
    """The result of one load on one address.

    Every percentile of `response_seconds` counts from the intended time.
    """

    schema: str = SCHEMA
    kind: Literal["load"] = "load"
    engine: str
    engine_reason: str
    question: AskedLoad
    machine: Machine
    run: Run
    validity: Validity
    findings: tuple[Finding, ...] = ()
    seconds: Annotated[float, Meta(description="of the window, as it came out")]
    requests: Annotated[int, Meta(description="correct responses in the window")]
    attempts: Annotated[int, Meta(description="requests sent in the window")]
    errors: Annotated[dict[str, int], Meta(description="failures of the whole run, by kind")] = (
        field(default_factory=dict)
    )
    failures: tuple[Failure, ...] = ()
    statuses: dict[str, int] = field(default_factory=dict)
    rate_per_second: Annotated[
        float, Meta(description="correct responses per second of the window")
    ]
    intended_rate_per_second: Annotated[
        float | None,
        Meta(description="of iterations if there are sessions; null in closed loop"),
    ]
    response_seconds: Annotated[
        Distribution | None,
        Meta(description="from the intended time to the last byte; null in closed loop"),
    ]
    service_seconds: Annotated[
        Distribution | None,
        Meta(description="from the send to the last byte; under full load in closed loop"),
    ]
    send_lag_seconds: Annotated[
        Distribution | None, Meta(description="the generator's own delay; null in closed loop")
    ]
    receive_delay_seconds: Annotated[
        Distribution | None,
        Meta(description="in the generator's receive queue; null unless asked for"),
    ]
    phases: dict[str, Distribution | None] = field(default_factory=dict)
    response_intervals: Annotated[
        Intervals | None, Meta(description="95 % intervals of the percentiles; null in closed loop")
    ] = None
    service_intervals: Annotated[
        Intervals | None, Meta(description="95 % intervals of the percentiles; null in open loop")
    ] = None
    iterations: Annotated[
        int | None, Meta(description="of sessions, complete and right; null without sessions")
    ] = None
    iteration_seconds: Distribution | None = None
    checks: tuple[CheckCount, ...] = ()
    per_request: Annotated[
        dict[str, int], Meta(description="correct responses by the title of the request")
    ] = field(default_factory=dict)
    scheduled: Annotated[
        int | None,
        Meta(
            description="requests, or iterations of sessions, due in the window; "
            "null in closed loop"
        ),
    ] = None
    dropped: Annotated[int, Meta(description="due when the backlog was full, in the whole run")] = 0
    most_backlog: int = 0
    mean_in_flight: float
    most_in_flight: int = 0
    reconnects: int = 0
    bytes_received: int
    bytes_sent: int
    cpu_seconds: Annotated[float, Meta(description="of the generator in the window")]
    run_delay_seconds: Annotated[
        float, Meta(description="in which the generator was ready but did not run, in the window")
    ]
    cpu_seconds_per_request: Annotated[
        float | None,
        Meta(
            description="of the whole generator process over the whole run, counting included, "
            "per correct response"
        ),
    ]
    memory_bytes: Annotated[
        int | None,
        Meta(description="the generator's peak resident set; null where it was not read"),
    ]
    per_second: Annotated[
        tuple[float, ...],
        Meta(description="correct responses per second, for each second of the window"),
    ] = ()
    thresholds: Annotated[
        tuple[Threshold, ...], Meta(description="the clauses of --slo; empty without")
    ] = ()
    histograms: Annotated[
        dict[str, str], Meta(description="nanoseconds as HdrHistogram V2, base64")
    ] = field(default_factory=dict)

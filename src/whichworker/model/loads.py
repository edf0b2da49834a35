"""The task of a load generator, and its counts."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct, field

from whichworker.model.requests import Address, Request, Session, Tls

SPINS_ABOVE_PER_SECOND = 10_000.0
"""Arrivals on each thread.

With 0.1 ms between them, sleeping and waking (about 0.05 ms each way) cost more than they save.
"""
FAILURE_KINDS = (
    "install",  # the environment of the arm could not be built
    "refused",  # the arm cannot serve this app or workload at all
    "start",  # the server ended, or never gave the correct response, before the load began
    "died",  # the server's master ended under load
    "connect",  # a connection was refused
    "exhausted",  # the generator had no local port, open file or memory left
    "tls",  # no encrypted connection: a certificate that cannot be trusted, or no TLS spoken there
    "worker",  # a worker process ended while it had requests; the master ran on
    "reset",  # a connection broke before the response was complete
    "timeout",  # no complete response before the deadline
    "framing",  # the response is not HTTP/1.1
    "status",  # a wrong status
    "header",  # a missing or different header
    "body",  # a different body
    "check",  # a named check of a request did not pass
    "capture",  # a value that a session needs was not in the response
    "overflow",  # connections were turned away by a full listen queue
    "generator",  # the generator's core was full: the server is faster than it can measure
    "conformance",  # the response to a case of the preflight was wrong or absent
    "memory",  # the server's processes used more memory than the budget, and were killed
    "impossible",  # a response came sooner than the work takes: a wrong route, or a wrong clock
    "upstream",  # the local upstream was the limit: it was measured, not the server
)


class Failure(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A kind of failure, its count, the first sample, and what mends its cause if that is known."""

    kind: str
    count: int
    sample: str
    hint: str = ""


class Stage(Struct, frozen=True):
    """A stretch of an open loop; the rate goes in a straight line between two values."""

    seconds: float
    start_rate: float
    end_rate: float

    @property
    def arrivals(self) -> float:
        """How many requests it asks for: the integral of the rate."""
        return self.seconds * (self.start_rate + self.end_rate) / 2


class Pace(Struct, frozen=True, kw_only=True):
    """An open loop: when requests (or iterations of sessions) are due, whatever the server does.

    At most `backlog` of them wait for a free connection; any more are dropped, counted, and make
    the run invalid. `spin` burns the generator's core between arrivals instead of sleeping
    (None: above 10 000/s).
    """

    stages: tuple[Stage, ...]
    arrivals: Literal["constant", "poisson"] = "constant"
    backlog: int = 100_000
    spin: bool | None = None

    @property
    def mean_rate(self) -> float:
        """Arrivals per second over all stages."""
        seconds = sum(stage.seconds for stage in self.stages)
        return sum(stage.arrivals for stage in self.stages) / max(seconds, 1e-9)


class Load(Struct, frozen=True, kw_only=True):
    """The load on one address: in closed loop, or at a pace.

    Either `requests` or `sessions`. `limit` bounds the requests (iterations) of the whole run;
    after `flood` failures it ends early (None: never). `receive_delay` measures how long responses
    waited in the kernel for the generator. `overtime_seconds` after its window an open loop gives
    up all requests in flight (None: each has its deadline). `drain`: a closed loop waits for
    requests in flight at the end of its window; `keep_alive`: connections stay open after a
    response, if the server lets them. `routes` are the titles of requests that an open loop counts
    apart, each with the label of its count.
    """

    address: Address
    host: str
    requests: tuple[Request, ...]
    connections: int
    settle_seconds: float
    window_seconds: float
    stagger_seconds: float = 0.0
    deadline_seconds: float = 5.0
    seed: int = 0
    sessions: tuple[Session, ...] = ()
    pace: Pace | None = None
    tls: Tls | None = None
    engine: Literal["auto", "epoll", "native"] = "auto"
    threads: int = 1
    limit: int | None = None
    flood: int | None = 100
    receive_delay: bool = False
    overtime_seconds: float | None = None
    drain: bool = True
    keep_alive: bool = True
    routes: dict[str, str] = field(default_factory=dict)

    @property
    def spins(self) -> bool:
        """Whether the generator burns its cores between arrivals: its CPU time shows no limit then.

        An engine decides that once for a run, by the mean rate on each thread, and so does the
        judge of the run. By the peak rate, the judge would excuse a generator that sleeps for a
        full core in the steepest stretch, where it must not be full.
        """
        if self.pace is None or self.pace.spin is not None:
            return self.pace is not None and bool(self.pace.spin)
        threads = max(1, min(self.threads, self.connections))
        return self.pace.mean_rate / threads > SPINS_ABOVE_PER_SECOND


class CheckCount(Struct, frozen=True, kw_only=True):
    """How often a named check passed and failed, with the first failure."""

    name: str
    passes: int
    fails: int
    sample: str = ""


class RouteTally(Struct, frozen=True, kw_only=True):
    """The requests of one label: how many were `due` in the window, and their response times.

    `slices` are as wide as in the `Tally`. A request that was due and is in no slice was lost.
    """

    due: int
    slices: tuple[str, ...] = ()


PHASES = ("blocked", "connecting", "tls", "sending", "waiting", "receiving")


class Tally(Struct, frozen=True, kw_only=True):
    """The counts of a generator in one window; histograms are HdrHistogram V2 (base64) of ns.

    In closed loop the window has what was completed in it, in open loop what was due in it.
    `service` runs from the send to the last byte, `response` from the intended time; `send_lag` is
    the generator's own delay once a connection was free. `response` and `send_lag` are None in
    closed loop; `receive_delay` is optional.

    `phases`, by the words of `PHASES`: the wait for a free connection (open loop), the TCP and TLS
    handshakes of connections opened, from the first send to the last byte handed over, from there
    to the first byte of the response, and from there to its last. `per_bucket` counts correct
    responses in buckets of 50 ms (open loop: by the time they were due). `slices` are the
    histograms of equal stretches of the window (of `response`, in closed loop of `service`).
    `scheduled` was due in the window, `stranded` before it, without a response when it opened nor
    a correct one later (open loop); `dropped` did not fit the backlog in the whole run,
    `starved` had no response by their deadline on connections that never had one;
    `silence_seconds` is the longest time in the window in which requests waited and none of them
    had its response (both open loop); `attempts` were sent in the window (open loop: of those due
    in it). `routes` are the requests that the load counts apart, by label (a step of a session is
    due when its turn comes). `cpu_seconds` and `run_delay_seconds` are the generator's in the
    window. `drained_seconds` is the time from the
    window's end to the last response that belongs to it (open loop), `total_cpu_seconds` is from
    the run's begin to the end of counting, `memory_bytes` its peak resident set.
    """

    engine: str
    seconds: float
    requests: int
    statuses: dict[str, int]
    failures: tuple[Failure, ...]
    service: str
    response: str | None = None
    send_lag: str | None = None
    receive_delay: str | None = None
    phases: dict[str, str] = field(default_factory=dict)
    slices: tuple[str, ...] = ()
    per_bucket: tuple[int, ...] = ()
    attempts: int = 0
    scheduled: int | None = None
    stranded: int = 0
    starved: int = 0
    silence_seconds: float = 0.0
    dropped: int = 0
    most_backlog: int = 0
    most_in_flight: int = 0
    mean_in_flight: float = 0.0
    iterations: int | None = None
    iteration: str | None = None
    checks: tuple[CheckCount, ...] = ()
    per_request: dict[str, int] = field(default_factory=dict)
    routes: dict[str, RouteTally] = field(default_factory=dict)
    reconnects: int = 0
    bytes_received: int = 0
    bytes_sent: int = 0
    cpu_seconds: float = 0.0
    run_delay_seconds: float = 0.0
    total_cpu_seconds: float = 0.0
    total_requests: int = 0
    drained_seconds: float = 0.0
    memory_bytes: int = 0


class SliceOrder(Struct, frozen=True, kw_only=True):
    """One slice of load for one seat: `uncounted` responses first, then `counted` ones.

    Sending stops after `most_seconds` in any case. `start` is a place in the deck of requests,
    modulo its length: the same for all arms of a round, so that each gets the same requests. Of
    sessions, the deck has their steps: users of earlier slices go on, and every response counts.
    With `profile`, the tally has `times`.
    """

    seat: str
    uncounted: int
    counted: int
    most_seconds: float
    start: int = 0
    profile: bool = False


class SliceTally(Struct, frozen=True, kw_only=True):
    """The counts of a generator in one slice; moments are CLOCK_MONOTONIC nanoseconds.

    `requests` are the counted responses: those after the first `uncounted` of the order, at most
    its `counted`, that were complete before sending stopped. `seconds` is the time from
    `opened_ns`, when the last uncounted response was complete (with none: when the slice began), to
    `closed_ns`, when the last counted one was; all three are 0 if nothing was counted. The slice
    itself began at `began_ns`, with its first request, and ended at `ended_ns`, when nothing was in
    flight any more (both 0 if a connection failed: then nothing is sent). `responses` are all
    correct ones of the slice.

    `reopened` counts idle connections that the server had closed, opened again before the first
    request; `reconnects` counts those opened again later in the slice. `cpu_seconds` and
    `run_delay_seconds` are the generator's from `began_ns` to `ended_ns`. `times` are the moments
    at which each correct response was complete, since `began_ns` (ns, in order).
    """

    engine: str
    requests: int
    seconds: float
    opened_ns: int
    closed_ns: int
    began_ns: int
    ended_ns: int
    responses: int
    failures: tuple[Failure, ...]
    reopened: int
    reconnects: int
    cpu_seconds: float
    run_delay_seconds: float
    most_in_flight: int
    times: tuple[int, ...] = ()

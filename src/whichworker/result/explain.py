"""The result of explaining workers: how each behaved, side by side. Null: not measured."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, Struct, field

from whichworker.model import Failure, Finding, Interface, Machine, Resolution, Settings
from whichworker.result.envelope import SCHEMA, Run, Validity

View = Literal["sync", "async"]
Percentile = Literal["p95", "p99"]
SituationName = Literal["alone", "sleeping", "holding", "releasing"]


class Stair(Struct, frozen=True, kw_only=True):
    """Several simultaneous requests to a view that waits.

    `overlapped` was counted inside the app, `threads` is the peak of all processes.
    """

    view: View
    at_once: int
    overlapped: int
    answered: int
    wait_seconds: float
    seconds: float
    threads: int


class Situation(Struct, frozen=True, kw_only=True):
    """The latency of a fast view, alone or beside other calls.

    These sleep, hold the interpreter's lock in C, or release it there.

    `view` is the kind of view that receives the other calls. Percentiles count from the intended
    time; null: the sample cannot support them, or there were failures.
    """

    name: SituationName
    view: View | None = None
    requests: int
    p50: float | None = None
    p95: float | None = None
    p99: float | None = None
    calls: int = 0
    call_seconds: Annotated[
        float | None, Meta(description="the mean, as measured inside the view")
    ] = None
    failures: tuple[Failure, ...] = ()

    def at(self, percentile: Percentile) -> float | None:
        """The latency (seconds) at this percentile."""
        return self.p99 if percentile == "p99" else self.p95


class Blocking(Struct, frozen=True, kw_only=True):
    """The effect of one blocking call at a time on all other requests.

    Between two calls there is a pause as long as a call.
    """

    fast_view: View
    rate_per_second: float
    connections: int
    situations: tuple[Situation, ...]

    @property
    def telling(self) -> Percentile:
        """The highest percentile that every situation without failures can support."""
        return (
            "p99"
            if all(
                situation.p99 is not None for situation in self.situations if not situation.failures
            )
            else "p95"
        )

    def situation(self, name: SituationName, view: View | None = None) -> Situation | None:
        """A situation by its name and the kind of view that is called; None if not measured."""
        return next(
            (each for each in self.situations if (each.name, each.view) == (name, view)), None
        )


class InsideRequest(Struct, frozen=True, kw_only=True):
    """The time of several waits inside one request (medians).

    A sync view waits in threads, an async one gathers.
    """

    waits: int
    wait_seconds: float
    by_threads_seconds: float | None
    by_gather_seconds: float | None


class Patched(Struct, frozen=True, kw_only=True):
    """A name of the standard library that is another's inside the worker."""

    module: str
    attribute: str
    origin: str


class KnobEffect(Struct, frozen=True, kw_only=True):
    """The effect of a knob on this class, measured or only declared.

    Measured: requests that overlap, and threads, with the knob unset and set.
    """

    knob: str
    effect: Literal["none", "fewer", "more", "does not start", "declared"]
    text: str
    at_once: int | None = None
    overlapped_without: int | None = None
    overlapped_with: int | None = None
    threads_without: int | None = None
    threads_with: int | None = None


class PerWorker(Struct, frozen=True, kw_only=True):
    """One worker process with one request in flight; the mean if there are several.

    PSS counts shared pages once, USS only private pages.
    """

    workers: int
    threads: float
    pss_bytes: float | None
    uss_bytes: float | None


class PerRequest(Struct, frozen=True, kw_only=True):
    """The cost of one more request in flight: from `low` to `high` in flight, divided."""

    low: int
    high: int
    threads: float
    uss_bytes: float | None


class Ending(Struct, frozen=True, kw_only=True):
    """The fate of requests when the server stops or reloads; `seconds` from signal to end."""

    signal: str
    outcome: str
    seconds: float | None = None
    evidence: str = ""


class Sentence(Struct, frozen=True, kw_only=True):
    """A sentence, and the measured number it rests on."""

    text: str
    number: float
    unit: str


class ExplainedArm(Struct, frozen=True, kw_only=True):
    """One worker; `limit_found` is null if no stair reached a limit.

    `overlapped_most` is the most requests that overlapped.
    """

    name: str
    server: str
    kind: str = field(name="class")
    interface: Interface
    version: str = ""
    python: str = ""
    settings: Settings
    command: tuple[str, ...] = ()
    state: Literal["measured", "failed", "refused"] = "measured"
    limit_configured: int | None = None
    limit_found: int | None = None
    overlapped_most: int | None = None
    limit_found_async: int | None = None
    overlapped_most_async: int | None = None
    staircase: tuple[Stair, ...] = ()
    blocking: Blocking | None = None
    overlap: InsideRequest | None = None
    patched: tuple[Patched, ...] | None = None
    knobs: tuple[KnobEffect, ...] = ()
    per_worker: PerWorker | None = None
    per_request: PerRequest | None = None
    per_request_async: PerRequest | None = None
    stop: Ending | None = None
    reload: Ending | None = None
    sentences: tuple[Sentence, ...] = ()
    failures: tuple[Failure, ...] = ()
    seconds: float = 0.0


class AskedExplain(Struct, frozen=True, kw_only=True):
    """The arms that were explained, and their cores."""

    workers: tuple[str, ...]
    app: str
    quick: bool
    server_cores: tuple[int, ...]
    generator_cores: tuple[int, ...]
    resolution: Annotated[
        Resolution | None,
        Meta(description="how versions were to be chosen; null in older runs"),
    ] = None


class ExplainResult(Struct, frozen=True, kw_only=True):
    """The whole of an explanation."""

    schema: str = SCHEMA
    kind: Literal["explain"] = "explain"
    question: AskedExplain
    machine: Machine
    run: Run
    validity: Validity
    findings: tuple[Finding, ...] = ()
    arms: tuple[ExplainedArm, ...] = ()

"""The result of a comparison of two sides, and of a gate, which is one with a limit."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, Struct

from whichworker.model import Failure, Finding, Machine, Settings
from whichworker.result.envelope import SCHEMA, Run, Validity

MeasureName = Literal["throughput", "cpu", "memory", "cold start"]
MeasureUnit = Literal["per second", "seconds", "bytes"]
Outcome = Literal["passed", "failed", "undecided"]
ReleaseChange = Literal["faster", "slower", "alike", "not decided"]


class ComparedSide(Struct, frozen=True, kw_only=True):
    """One side: what it is, and its own numbers, which depend on the machine of the moment."""

    name: str
    server: str
    settings: Settings
    version: Annotated[str | None, Meta(description="of the server")]
    python: str | None
    commit: Annotated[str, Meta(description="of the app in git; empty for the folder as it is")] = (
        ""
    )
    command: tuple[str, ...] = ()
    state: str = "ranked"
    launches: int = 0
    slices: Annotated[int, Meta(description="measurements that count")] = 0
    failures: tuple[Failure, ...] = ()


class Measure(Struct, frozen=True, kw_only=True):
    """One quantity on both sides, and the second over the first with its interval.

    The interval of `throughput` is valid whenever the comparison stops, at `alpha`; the others are
    95 % intervals over generations of launches. Null: not measured, or too few launches.
    """

    name: MeasureName
    unit: MeasureUnit
    first: float | None
    second: float | None
    ratio: float | None = None
    low: float | None = None
    high: float | None = None


class LimitCheck(Struct, frozen=True, kw_only=True):
    """One limit of a gate: the most that the second side may lose, and whether it keeps that."""

    measure: str
    limit: Annotated[float, Meta(description="share of the first side's value")]
    outcome: Outcome
    text: str
    required: Annotated[
        bool, Meta(description="the gate passes only if this is decided; the others can only fail")
    ] = True


class ComparisonVerdict(Struct, frozen=True, kw_only=True):
    """Which side does more requests per second, or that the time did not suffice."""

    state: Literal["faster", "slower", "alike", "undecided", "invalid"]
    headline: str


class AskedComparison(Struct, frozen=True, kw_only=True):
    """The part of the question that decides how to read the numbers."""

    app: str
    workload: str
    alpha: float
    seed: int
    time_seconds: float
    max_loss: Annotated[float | None, Meta(description="of a gate; null for a comparison")] = None
    precision: Annotated[float | None, Meta(description="of a comparison; null for a gate")] = None


class VersusResult(Struct, frozen=True, kw_only=True):
    """The whole result of `whichworker versus` or `whichworker gate`."""

    schema: str = SCHEMA
    kind: Literal["versus", "gate"] = "versus"
    question: AskedComparison
    machine: Machine
    run: Run
    validity: Validity
    verdict: ComparisonVerdict
    sides: tuple[ComparedSide, ...] = ()
    measures: tuple[Measure, ...] = ()
    checks: tuple[LimitCheck, ...] = ()
    findings: tuple[Finding, ...] = ()

    @property
    def outcome(self) -> Outcome:
        """Of a gate: failed if any check failed, passed if the required ones keep their limits."""
        if self.validity.state == "invalid" or not self.checks:
            return "undecided"
        if any(check.outcome == "failed" for check in self.checks):
            return "failed"
        required = {check.outcome for check in self.checks if check.required}
        return "undecided" if "undecided" in required else "passed"


class ReleaseStep(Struct, frozen=True):
    """From one release to the next: its requests/s over those of the one before, if known."""

    before: str
    after: str
    change: ReleaseChange
    ratio: float | None = None
    low: float | None = None
    high: float | None = None

"""From the journal of a race of two to the comparison: ratios with intervals, and limits."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from statistics import fmean

from whichworker.design import evidence
from whichworker.design.pairs import Pair
from whichworker.judge import verdict
from whichworker.judge.belonging import guarded
from whichworker.judge.replay import replay
from whichworker.model import Question
from whichworker.result import ArmResult, Result
from whichworker.result.versus import (
    AskedComparison,
    ComparedSide,
    ComparisonVerdict,
    Measure,
    MeasureName,
    MeasureUnit,
    VersusResult,
)
from whichworker.store.journal import Journal
from whichworker.store.records import Launched, RoundEnd, Settled, Slice
from whichworker.versus import gate_checks
from whichworker.versus.sides import COMMIT

ALIKE = 0.03
"""Sides whose whole interval is closer to 1 than this count as alike, as in a race."""
INTERVAL = 0.05
"""The error of an interval over generations: it is a 95 % interval."""
Interval = tuple[float | None, float | None, float | None]
"""A ratio and both ends of its interval; None: unknown."""
LEAST_GENERATIONS = 4
"""Generations or launches below which a ratio has no interval."""


def concluded(journal: Journal) -> VersusResult:
    """The comparison as the journal has it; raises JournalFailed for records of something else."""
    with guarded(journal.path):
        return _concluded(journal, verdict.judge(journal))


def _concluded(journal: Journal, result: Result) -> VersusResult:
    question = journal.header().question
    names = tuple(one.name for one in question.arms)
    first, second = (next(arm for arm in result.arms if arm.name == name) for name in names)
    measures = tuple(_measures(journal, question, first, second))
    commits = [question.apps[arm.python].origin.get(COMMIT, "") for arm in question.arms]
    terms = question.terms
    asked = AskedComparison(
        app=question.app.name,
        workload=question.workload.name,
        alpha=terms.alpha,
        seed=terms.seed,
        time_seconds=question.budget.seconds,
        max_loss=terms.most_loss,
        precision=terms.width,
    )
    limit = terms.most_loss
    return VersusResult(
        kind="versus" if limit is None else "gate",
        question=asked,
        machine=result.machine,
        run=result.run,
        validity=result.validity,
        verdict=_verdict(result, (first.name, second.name), measures, gate=limit is not None),
        sides=tuple(map(_side, (first, second), commits)),
        measures=measures,
        checks=tuple(gate_checks.checks(result, measures, terms, first, second)) if limit else (),
        findings=result.findings,
    )


def _side(arm: ArmResult, commit: str) -> ComparedSide:
    return ComparedSide(
        name=arm.name,
        server=f"{arm.server} {arm.kind}".strip(),
        settings=arm.settings,
        version=arm.version,
        python=arm.python,
        commit=commit,
        command=arm.command,
        state=arm.state,
        launches=arm.launches,
        slices=arm.windows,
        failures=arm.failures,
    )


def _measures(
    journal: Journal, question: Question, first: ArmResult, second: ArmResult
) -> Iterator[Measure]:
    names = (first.name, second.name)
    speeds = (first.speed or None, second.speed or None)
    yield _measure("throughput", "per second", speeds, _throughput(journal, question))
    spent = (first.cpu_seconds_per_request, second.cpu_seconds_per_request)
    yield _measure("cpu", "seconds", spent, _ratio(cpu_by_generation(journal, *names)))
    held = (first.memory_bytes, second.memory_bytes)
    ratio = held[1] / held[0] if held[0] and held[1] else None
    yield _measure("memory", "bytes", held, (ratio, None, None))
    started = (first.cold_start_seconds, second.cold_start_seconds)
    yield _measure("cold start", "seconds", started, _ratio(starts(journal, *names)))


def _measure(
    name: MeasureName, unit: MeasureUnit, values: tuple[float | None, float | None], ratio: Interval
) -> Measure:
    (first, second), (value, low, high) = values, ratio
    return Measure(
        name=name, unit=unit, first=first, second=second, ratio=value, low=low, high=high
    )


def _throughput(journal: Journal, question: Question) -> Interval:
    """The second side's requests per second over the first's, with the always-valid interval."""
    settled = next(journal.of(Settled), None)
    pair: Pair | None = None
    if settled is not None:
        pair = next(iter(replay(question, settled, journal).pairs()), None)
    if pair is None:
        return None, None, None
    low, high = (math.exp(-end) if math.isfinite(end) else None for end in (pair.high, pair.low))
    return math.exp(-pair.mean), low, high


def cpu_by_generation(journal: Journal, first: str, second: str) -> list[float]:
    """Logarithms of the second side's CPU per request over the first's, one for each generation.

    Both sides of a round have the same speed of the core; a generation's value is the mean over
    its rounds.
    """
    found: dict[int, list[float]] = {}
    inside: dict[str, tuple[int, float]] = {}
    for record in journal.records:
        if isinstance(record, Slice) and not record.refused and record.arm in (first, second):
            if record.server_cpu_seconds and record.responses:
                spent = math.log(record.server_cpu_seconds / record.responses)
                inside[record.arm] = (record.generation, spent)
        elif isinstance(record, RoundEnd):
            if not record.abandoned and len(inside) == 2:
                (one, before), (other, after) = inside[first], inside[second]
                found.setdefault(max(one, other), []).append(after - before)
            inside = {}
    return [fmean(values) for values in found.values()]


def starts(journal: Journal, first: str, second: str) -> list[float]:
    """Logarithms of the second side's cold start over the first's, one for each generation."""
    by_arm: dict[str, dict[int, float]] = {first: {}, second: {}}
    for record in journal.of(Launched):
        if record.arm in by_arm and record.cold_start_seconds > 0:
            by_arm[record.arm][record.generation] = math.log(record.cold_start_seconds)
    return [
        by_arm[second][generation] - by_arm[first][generation]
        for generation in by_arm[first].keys() & by_arm[second].keys()
    ]


def _ratio(logs: Sequence[float]) -> Interval:
    if not logs:
        return None, None, None
    ratio = math.exp(fmean(logs))
    interval = evidence.fixed_interval(logs, INTERVAL) if len(logs) >= LEAST_GENERATIONS else None
    if interval is None:
        return ratio, None, None
    return ratio, math.exp(interval[0]), math.exp(interval[1])


def _verdict(
    result: Result, names: tuple[str, str], measures: Sequence[Measure], *, gate: bool
) -> ComparisonVerdict:
    first, second = names
    seen = measures[0]
    if result.validity.state == "invalid":
        return ComparisonVerdict(state="invalid", headline="INVALID: do not use this comparison")
    if seen.ratio is None or seen.low is None or seen.high is None:
        text = f"not decided: {first} and {second} were not both measured for long enough"
        return ComparisonVerdict(state="undecided", headline=text)
    does = f"{second} does {seen.ratio:.2f}x the requests/s of {first}"
    shown = f"{does} ({seen.low:.2f} to {seen.high:.2f})"
    if seen.low > 1 - ALIKE and seen.high < 1 + ALIKE:
        return ComparisonVerdict(state="alike", headline=f"alike: {shown}")
    if seen.low > 1:
        return ComparisonVerdict(state="faster", headline=f"{shown}: it is faster")
    if seen.high < 1:
        return ComparisonVerdict(state="slower", headline=f"{shown}: it is slower")
    open_ = "" if gate else "not decided: "  # a gate asks another question, and may be decided
    return ComparisonVerdict(state="undecided", headline=f"{open_}{shown}")

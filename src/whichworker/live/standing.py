"""The present state of a run, read from its journal, for a page."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from statistics import median
from typing import Literal

from msgspec import Struct

from whichworker import units
from whichworker.judge import verdict
from whichworker.judge.belonging import guarded
from whichworker.report import standings
from whichworker.result import ArmResult, RaceVerdict, Result, VersusResult
from whichworker.store.journal import Journal
from whichworker.store.open_loop import Paced, Shot, Sought
from whichworker.store.records import (
    Failed,
    Header,
    Prepared,
    Profiled,
    RoundEnd,
    RunSession,
    Settled,
    Slice,
    StandFailed,
    StandWindow,
    StudyHeader,
)
from whichworker.versus.comparison import concluded

TRIES = 12
"""Tests of rates that the page lists, the newest first."""
SPEEDS = 120
"""Readings of the machine's speed in its picture."""
Step = Slice | Shot | Paced | Profiled
Progressing = Literal["measuring", "finished", "interrupted"]


class LiveRow(Struct, frozen=True, kw_only=True):
    """A setup, a measure of a comparison, or a cell of a study.

    `ratio` is over the leader's (the first side's), from `low` to `high`; `figures` are texts in
    the order of `LiveStanding.columns`; `out` is why it left or failed.
    """

    name: str
    word: str = ""
    ratio: float | None = None
    low: float | None = None
    high: float | None = None
    figures: tuple[str, ...] = ()
    out: str = ""


class Try(Struct, frozen=True, kw_only=True):
    """One load at a rate: `late` of `count` requests missed the objective."""

    arm: str
    rate: str
    late: int
    count: int
    allowed: float
    refused: str = ""


class Capacities(Struct, frozen=True, kw_only=True):
    """The objective, what is known for each finalist, and the newest tests."""

    objective: str
    known: tuple[str, ...]
    tries: tuple[Try, ...]


class LiveStanding(Struct, frozen=True, kw_only=True):
    """A run now. Seconds; `decide_seconds` is None if a decision needs no more time or is unknown.

    `speeds` are the newest readings of the core, 1 is its usual speed. `band` is the difference
    that does not matter, or the most that a gate allows, as ratios.
    """

    run: str
    app: str
    kind: str
    state: Progressing
    phase: str
    headline: str
    strength: str = ""
    spent_seconds: float
    budget_seconds: float | None = None
    decide_seconds: float | None = None
    columns: tuple[str, ...] = ()
    against: str = ""
    band: tuple[float, float] | None = None
    rows: tuple[LiveRow, ...] = ()
    capacities: Capacities | None = None
    speeds: tuple[float, ...] = ()


def standing_of(journal: Journal, now: datetime | None = None) -> LiveStanding:
    """Where the run is; raises JournalFailed for records that do not belong together."""
    first = journal.records[0] if journal.records else None
    at = now or datetime.now(UTC)
    if isinstance(first, StudyHeader):
        return _of_study(first, journal, at)
    header = journal.header()
    if header.question.terms.compare:
        return _of_comparison(concluded(journal), header, journal, at)
    with guarded(journal.path):
        return _of_race(verdict.judge(journal), header, journal, at)


def _of_race(result: Result, header: Header, journal: Journal, now: datetime) -> LiveStanding:
    told, delta = standings.verdict_of(result), result.question.delta
    ranked = standings.standings(result)
    shown = {one.arm.name for one in ranked}
    waiting = (arm for arm in result.arms if arm.name not in shown)
    state = _state(journal)
    return LiveStanding(
        run=result.run.id,
        app=result.question.app,
        kind="race",
        state=state,
        phase=_phase(journal, len(header.question.arms)),
        headline=_headline(result, told, state),
        strength=told.state,
        spent_seconds=_spent(header.started, journal, now),
        budget_seconds=header.question.search or header.question.budget.seconds,
        decide_seconds=told.seconds_to_decide if state == "measuring" else None,
        columns=("requests/s", "CPU/request", "memory"),
        against="the leader",
        band=(1 - delta, 1 + delta),
        rows=(*map(_row, ranked), *map(_other, waiting)),
        capacities=_capacities(result, journal),
        speeds=_speeds(journal),
    )


def _headline(result: Result, told: RaceVerdict, state: Progressing) -> str:
    """The verdict, which has other words as long as the run is not over."""
    if result.validity.state == "invalid":
        return f"Invalid: {'; '.join(result.validity.reasons)}"
    if state != "measuring" or told.state in ("clear", "tied"):
        return told.headline
    if told.leader is None:
        return "Nothing is decided yet"
    open_ = len(told.undecided_against)
    others = f"; {open_} {'other is' if open_ == 1 else 'others are'} not decided" if open_ else ""
    return f"{told.leader} leads{others}"


def _row(one: standings.Standing) -> LiveRow:
    ratio = one.ratio
    leads = one.relation == "leader"
    return LiveRow(
        name=one.arm.name,
        word=one.word,
        ratio=1.0 if leads else ratio.value if ratio else None,
        low=ratio.low if ratio else None,
        high=ratio.high if ratio else None,
        figures=_figures(one.arm),
        out="stopped: it cannot be the best" if one.arm.dropped else "",
    )


def _other(arm: ArmResult) -> LiveRow:
    """A setup without a number: it failed, or its turn comes later."""
    why = arm.failures[0].sample.partition("\n")[0] if arm.failures else ""
    word = "waits" if arm.state == "invalid" and not why else arm.state
    return LiveRow(name=arm.name, word=word, figures=_figures(arm), out=why)


def _figures(arm: ArmResult) -> tuple[str, ...]:
    return (
        units.show_rate(arm.speed) if arm.speed else "",
        _shown(arm.cpu_seconds_per_request, units.show_seconds),
        _shown(arm.memory_bytes, units.show_bytes),
    )


def _capacities(result: Result, journal: Journal) -> Capacities | None:
    sought = next(journal.of(Sought), None)
    if sought is None:
        return None
    known = []
    for arm in result.arms:
        if (found := arm.capacity_per_second) is None:
            continue
        span = f"{units.show_rate(found.low)} to {units.show_rate(found.high)}/s"
        passed = f"{units.show_rate(found.certified)}/s validated" if found.certified else ""
        known.append(f"{arm.name}: capacity {span}, {passed or 'no test passed yet'}")
    tries = [
        Try(
            arm=shot.arm,
            rate=f"{units.show_rate(shot.rate)}/s",
            late=shot.missed[0] if shot.missed else 0,
            count=(*shot.counts, shot.count)[0],
            allowed=sought.slo.clauses[0].share,
            refused=shot.refused,
        )
        for shot in list(journal.of(Shot))[-TRIES:]
    ]
    return Capacities(objective=sought.slo.text, known=tuple(known), tries=tuple(tries[::-1]))


def _of_comparison(
    result: VersusResult, header: Header, journal: Journal, now: datetime
) -> LiveStanding:
    limit, width = result.question.max_loss, result.question.precision
    edge = limit if limit is not None else width
    state = _state(journal)
    return LiveStanding(
        run=result.run.id,
        app=result.question.app,
        kind=result.kind,
        state=state,
        phase=_phase(journal, len(header.question.arms)),
        headline=result.verdict.headline,
        strength=result.verdict.state if result.kind == "versus" else result.outcome,
        spent_seconds=_spent(header.started, journal, now),
        budget_seconds=result.question.time_seconds,
        columns=tuple(side.name for side in result.sides),
        against=result.sides[0].name if result.sides else "",
        band=(1 - edge, 1 + edge) if edge else None,
        rows=tuple(
            LiveRow(
                name=one.name,
                ratio=one.ratio,
                low=one.low,
                high=one.high,
                figures=tuple(_measured(value, one.unit) for value in (one.first, one.second)),
            )
            for one in result.measures
        ),
        speeds=_speeds(journal),
    )


def _of_study(header: StudyHeader, journal: Journal, now: datetime) -> LiveStanding:
    cells: dict[str, list[float]] = {}
    for one in journal.of(StandWindow):
        cells.setdefault(f"{one.stand}, {one.ask}".removesuffix(", "), []).append(
            one.reading.throughput_per_second
        )
    lost = {
        f"{one.stand}, {one.ask}".removesuffix(", "): one.failures[0].sample.partition("\n")[0]
        for one in journal.of(StandFailed)
        if one.failures
    }
    rows = [
        LiveRow(name=name, figures=(units.show_rate(median(rates)), f"{len(rates)}"))
        for name, rates in cells.items()
    ]
    rows += [LiveRow(name=name, word="failed", out=why) for name, why in lost.items()]
    blocks = [one.block for one in journal.of(StandWindow)]
    state = _state(journal)
    return LiveStanding(
        run=header.run,
        app=header.study,
        kind="study",
        state=state,
        phase=_ended(journal) or (f"Round {max(blocks)}" if blocks else "Starting the servers"),
        headline=f"Study {header.study}: {len(cells)} cells measured",
        spent_seconds=_spent(header.started, journal, now),
        columns=("requests/s", "windows"),
        rows=tuple(rows),
    )


def _state(journal: Journal) -> Progressing:
    """`finished` only by the last session: a run that is resumed measures again."""
    last = journal.records[-1] if journal.records else None
    if not isinstance(last, RunSession):
        return "measuring"
    return "finished" if last.ended == "finished" else "interrupted"


def _ended(journal: Journal) -> str:
    state = _state(journal)
    return "" if state == "measuring" else state.capitalize()


def _phase(journal: Journal, setups: int) -> str:
    """The present step in a few words."""
    if ended := _ended(journal):
        return ended
    steps = (one for one in reversed(journal.records) if isinstance(one, Step))
    last = next(steps, None)
    if isinstance(last, Shot):
        return f"Capacity: {last.arm} at {units.show_rate(last.rate)}/s"
    if isinstance(last, Paced):
        return f"Response times: {last.arm} at {units.show_rate(last.rate)}/s"
    if isinstance(last, Profiled):
        return f"Samples of {last.arm}"
    if isinstance(last, Slice):
        rounds = sum(not one.abandoned for one in journal.of(RoundEnd))
        return f"Round {rounds + 1}: each setup is loaded in turn"
    if next(journal.of(Settled), None):
        return "The race begins"
    ready = {one.arm for one in journal.of(Prepared)} | {one.arm for one in journal.of(Failed)}
    return f"Each setup is started once: {len(ready)} of {setups} done"


def _spent(started: str, journal: Journal, now: datetime) -> float:
    """Seconds of measuring: of all sessions, or since the start of a run that has none yet."""
    sessions = [one.seconds for one in journal.of(RunSession)]
    if sessions:
        return sum(sessions)
    return max(0.0, (now - datetime.fromisoformat(started)).total_seconds())


def _speeds(journal: Journal) -> tuple[float, ...]:
    """How fast the servers' core was: the usual time of the thermometer's turn over each."""
    turns = [one.turn_seconds for one in journal.of(Slice) if one.turn_seconds]
    if not turns:
        return ()
    usual = median(turns)
    return tuple(round(usual / turn, 4) for turn in turns[-SPEEDS:])


def _measured(value: float | None, unit: str) -> str:
    shows = {"seconds": units.show_seconds, "bytes": units.show_bytes}
    return _shown(value, shows.get(unit, units.show_rate))


def _shown(value: float | None, show: Callable[[float], str]) -> str:
    return "" if value is None else show(value)

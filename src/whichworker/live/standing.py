"""The present state of a run, read from its journal, for a page."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from statistics import median
from typing import Literal

from msgspec import Struct

from whichworker import units
from whichworker.judge import verdict
from whichworker.judge.belonging import guarded
from whichworker.model import Terms
from whichworker.report import standings
from whichworker.result import ArmResult, RaceVerdict, Result, VersusResult
from whichworker.store.journal import Journal
from whichworker.store.open_loop import Paced, Shot, Sought
from whichworker.store.records import (
    ClientRun,
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
from whichworker.versus.comparison import ALIKE, concluded

TRIES = 12
"""Tests of rates that the page lists, the newest first."""
SPEEDS = 120
"""Readings of the machine's speed in its picture."""
RATIOS = "Ratios to"
BAND = "A difference inside the band does not matter."
LIMIT = "The gate allows what is inside the band."
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
    band: tuple[float, float] | None = None
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

    `speeds` are the newest readings of the core, 1 is its usual speed. `caption` explains the
    bands of the rows.
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
    caption: str = ""
    rows: tuple[LiveRow, ...] = ()
    capacities: Capacities | None = None
    speeds: tuple[float, ...] = ()


class Clock(Struct, frozen=True):
    """The present, and since when a process writes the journal; None: none does.

    For a run without an end and without a writer, `now` is the time of its last record.
    """

    now: datetime
    written_since: datetime | None

    def state(self, journal: Journal) -> Progressing:
        """By the last session; a run that was killed has none, and no writer."""
        last = journal.records[-1] if journal.records else None
        if isinstance(last, RunSession):
            return "finished" if last.ended == "finished" else "interrupted"
        return "measuring" if self.written_since else "interrupted"

    def spent(self, started: str, journal: Journal) -> float:
        """Seconds of measuring: of all sessions that ended, and of the one that goes on."""
        ended = sum(one.seconds for one in journal.of(RunSession))
        if isinstance(journal.records[-1], RunSession):
            return ended
        began = datetime.fromisoformat(started)
        since = max(began, self.written_since) if self.written_since else began
        return ended + max(0.0, (self.now - since).total_seconds())


def standing_of(journal: Journal, clock: Clock) -> LiveStanding:
    """The state of the run; raises JournalFailed for records that do not belong together."""
    first = journal.records[0] if journal.records else None
    if isinstance(first, StudyHeader):
        return _of_study(first, journal, clock)
    header = journal.header()
    if header.question.terms.compare:
        return _of_comparison(concluded(journal), header, journal, clock)
    with guarded(journal.path):
        return _of_race(verdict.judge(journal), header, journal, clock)


def _of_race(result: Result, header: Header, journal: Journal, clock: Clock) -> LiveStanding:
    told, delta = standings.verdict_of(result), result.question.delta
    ranked = standings.standings(result)
    shown = {one.arm.name for one in ranked}
    waiting = (arm for arm in result.arms if arm.name not in shown)
    state = clock.state(journal)
    return LiveStanding(
        run=result.run.id,
        app=result.question.app,
        kind="race",
        state=state,
        phase=_phase(journal, state, len(header.question.arms)),
        headline=_headline(result, told, state),
        strength=told.state,
        spent_seconds=clock.spent(header.started, journal),
        budget_seconds=_budget(header, journal),
        decide_seconds=told.seconds_to_decide if state == "measuring" else None,
        columns=("requests/s", "CPU/request", "memory"),
        against="the leader",
        caption=f"{RATIOS} the leader, with their intervals. {BAND}",
        rows=(*(_row(one, delta) for one in ranked), *map(_other, waiting)),
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


def _row(one: standings.Standing, delta: float) -> LiveRow:
    ratio = one.ratio
    leads = one.relation == "leader"
    return LiveRow(
        name=one.arm.name,
        word=one.word,
        ratio=1.0 if leads else ratio.value if ratio else None,
        low=ratio.low if ratio else None,
        high=ratio.high if ratio else None,
        band=(1 - delta, 1 + delta),
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
    result: VersusResult, header: Header, journal: Journal, clock: Clock
) -> LiveStanding:
    gate, state = result.kind == "gate", clock.state(journal)
    decided = result.outcome if state != "measuring" else _first_outcome(result)
    name = result.sides[0].name if result.sides else ""
    return LiveStanding(
        run=result.run.id,
        app=result.question.app,
        kind=result.kind,
        state=state,
        phase=_phase(journal, state, len(header.question.arms)),
        headline=result.verdict.headline,
        strength=decided if gate else result.verdict.state,
        spent_seconds=clock.spent(header.started, journal),
        budget_seconds=result.question.time_seconds,
        columns=tuple(side.name for side in result.sides),
        against=name,
        caption=f"{RATIOS} {name}, with their intervals. {LIMIT if gate else BAND}",
        rows=tuple(
            LiveRow(
                name=one.name,
                ratio=one.ratio,
                low=one.low,
                high=one.high,
                band=_band(one.name, header.question.terms),
                figures=tuple(_measured(value, one.unit) for value in (one.first, one.second)),
            )
            for one in result.measures
        ),
        speeds=_speeds(journal),
    )


def _first_outcome(result: VersusResult) -> str:
    """While a gate measures, only the limit of requests/s may be read again and again."""
    return result.checks[0].outcome if result.checks else "undecided"


def _band(measure: str, terms: Terms) -> tuple[float, float] | None:
    """What a gate allows for a measure, or the difference that does not matter; None: any."""
    loss = terms.most_loss
    if loss is None:
        return (1 - ALIKE, 1 + ALIKE) if measure == "throughput" else None
    more = {"memory": terms.most_memory, "cold start": terms.most_start}.get(measure)
    if measure in ("throughput", "cpu"):
        return (1 - loss, 1 / (1 - loss))
    return None if more is None else (1 / (1 + more), 1 + more)


def _of_study(header: StudyHeader, journal: Journal, clock: Clock) -> LiveStanding:
    cells: dict[str, list[float]] = {}
    for one in journal.of(StandWindow):
        if not one.reading.refused:
            rate = one.reading.throughput_per_second
            cells.setdefault(_cell(one.stand, one.ask), []).append(rate)
    for run in journal.of(ClientRun):
        name = f"{run.client} {run.manner}, {run.column}"
        cells.setdefault(name, []).append(run.answers / run.seconds)
    lost = {
        _cell(one.stand, one.ask): one.failures[0].sample.partition("\n")[0]
        for one in journal.of(StandFailed)
        if one.failures and _cell(one.stand, one.ask) not in cells
    }
    rows = [
        LiveRow(name=name, figures=(units.show_rate(median(rates)), f"{len(rates)}"))
        for name, rates in cells.items()
    ]
    rows += [LiveRow(name=name, word="failed", out=why) for name, why in lost.items()]
    blocks = [one.block for one in journal.of(StandWindow)]
    state = clock.state(journal)
    step = f"Round {max(blocks)}" if blocks else "Measuring" if cells else "Starting the servers"
    return LiveStanding(
        run=header.run,
        app=header.study,
        kind="study",
        state=state,
        phase=step if state == "measuring" else state.capitalize(),
        headline=f"Study {header.study}: {len(cells)} cells measured",
        spent_seconds=clock.spent(header.started, journal),
        columns=("requests/s", "windows"),
        rows=tuple(rows),
    )


def _cell(stand: str, ask: str) -> str:
    return f"{stand}, {ask}" if ask else stand


def _budget(header: Header, journal: Journal) -> float | None:
    """The time that was planned; None for a resumed run, which may have got more."""
    if next(journal.of(RunSession), None) is not None:
        return None
    return header.question.search or header.question.budget.seconds


def _phase(journal: Journal, state: Progressing, setups: int) -> str:
    """The present step in a few words."""
    if state != "measuring":
        return state.capitalize()
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

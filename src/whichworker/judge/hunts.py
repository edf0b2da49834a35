"""Progress of a second stage by its probes, and its share of the time; nothing here measures."""

from __future__ import annotations

import math

from whichworker.design.capacity import hunt
from whichworker.design.capacity.hunt import Hunt
from whichworker.design.capacity.posterior import RateProbe
from whichworker.judge.silences import silence_of
from whichworker.model import Failure, Question, Slo
from whichworker.store.journal import Journal
from whichworker.store.open_loop import Shot, Sought, Unsought

STALLS_OF_OBJECTIVE = 3.0
"""An objective is at least this many times as long as the machine's stalls.

Otherwise the machine would be what misses it.
"""
FINALISTS, SECONDS_EACH = 3, 60.0
"""At most three, and a minute for each: search, confirmation and curve take about that long."""
RACE_SHARE = 0.4
"""Share of the time for the ranking if a capacity is wanted: two minutes of the usual five."""


def sought_after(question: Question) -> bool:
    """Whether to measure a capacity; not if generator and servers share a core.

    No arrival rate can be kept on a shared core.
    """
    wanted = question.terms.ask_for_capacity
    return wanted and not question.budget.shared and question.search is None


def race_seconds(question: Question) -> float:
    """How long the ranking may take."""
    return question.budget.seconds * (RACE_SHARE if sought_after(question) else 1.0)


def places_of(question: Question) -> int:
    """How many finalists there is time for."""
    return min(
        FINALISTS, max(1, int((question.budget.seconds - race_seconds(question)) / SECONDS_EACH))
    )


def patience(question: Question, finalists: int) -> float:
    """Seconds for each finalist."""
    left = question.budget.seconds - race_seconds(question)
    return (left or question.budget.seconds) / max(1, finalists)


def blind(slo: Slo, stall_seconds: float | None) -> bool:
    """Whether this machine stalls too long by itself to validate this objective."""
    return (
        stall_seconds is not None
        and bool(slo.shortest_seconds)
        and STALLS_OF_OBJECTIVE * stall_seconds > slo.shortest_seconds
    )


def hunts_of(question: Question, sought: Sought, journal: Journal) -> dict[str, Hunt]:
    """The finalists' hunts as the journal left them, without the hunts that broke.

    Probes of another version's journal count as this version plans them.
    """
    each = sought.patience or patience(question, len(sought.finalists))
    hunts = {
        name: Hunt(
            sought.slo,
            sought.throughput[name],
            seed=question.terms.seed + at,
            rate=question.terms.rate,
            patience=each,
            busy=sought.busy.get(name, 1.0),
            brisk=len(sought.finalists) > 1,
        )
        for at, name in enumerate(sought.finalists)
    }
    for record in journal.of(Shot):
        if record.refused and record.phase not in hunt.BOUNDED:
            continue
        wanted, shot = (
            hunts[record.arm].next_shot(),
            shot_of(record),
        )  # asking begins what comes next
        tested = shot.phase in ("confirm", "holds")
        if (
            wanted is not None
            and wanted.phase == shot.phase
            and not (tested and not math.isclose(wanted.rate, shot.rate, rel_tol=1e-6))
        ):
            hunts[record.arm].take(shot, seen_of(record))
    gone = {
        record.arm for record in journal.of(Unsought) if record.phase not in ("curve", "recovery")
    }
    return {name: found for name, found in hunts.items() if name not in gone}


def shot_of(record: Shot) -> hunt.ShotPlan:
    """The plan of a shot."""
    seconds = {"settle_seconds": record.settle_seconds, "window_seconds": record.window_seconds}
    return hunt.ShotPlan(phase=record.phase, rate=record.rate, **seconds)


def seen_of(record: Shot) -> RateProbe:
    """The part of a shot that the design uses."""
    return RateProbe(
        turn_seconds=record.probes.turn_seconds if record.probes else None,
        bounded=bool(record.refused),
        rate=record.rate,
        count=record.count,
        missed=record.missed,
        settle_seconds=record.settle_seconds,
        window_seconds=record.window_seconds,
        counts=record.counts,
        starved=record.starved,
        silence_seconds=silence_of(record),
    )


def first_failure(failures: tuple[Failure, ...]) -> str:
    """The first of some failures in a line."""
    return (
        f"{failures[0].kind}: {failures[0].sample.splitlines()[0]}"
        if failures and failures[0].sample
        else ""
    )

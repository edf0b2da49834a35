"""What the shots of a second stage add up to, and how the time is shared with it; nothing here measures."""

from __future__ import annotations

import math

from whichworker.design.capacity import hunt
from whichworker.design.capacity.hunt import Hunt
from whichworker.design.capacity.posterior import Seen
from whichworker.model import Failure, Question, Slo
from whichworker.store.journal import Journal
from whichworker.store.records import Shot, Sought, Unsought

STALLS_OF_OBJECTIVE = 3.0
"""An objective is that many times as long as the machine's own stalls, at least: else it is the machine that misses it."""
FINALISTS, SECONDS_EACH = 3, 60.0
"""At most so many, and no more than have about a minute each, which is what search, confirmation and curve take."""
RACE_SHARE = 0.4
"""Of the time, for the ranking, if a capacity is asked for: two minutes of the usual five."""


def sought_after(question: Question) -> bool:
    """Whether a capacity is asked for; not where generator and servers share a core, which no rate can be held to."""
    asked = question.capacity or question.slo is not None or question.rate is not None
    return asked and not question.budget.shared and question.search is None


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
    """Whether this machine stalls too long by itself to certify this objective."""
    return (
        stall_seconds is not None
        and bool(slo.shortest_seconds)
        and STALLS_OF_OBJECTIVE * stall_seconds > slo.shortest_seconds
    )


def hunts_of(question: Question, sought: Sought, journal: Journal) -> dict[str, Hunt]:
    """The finalists' hunts as the journal left them, those that broke left out; of another version's, what this one asks, too."""
    each = sought.patience or patience(question, len(sought.finalists))
    hunts = {
        name: Hunt(
            sought.slo,
            sought.throughput[name],
            seed=question.seed + at,
            rate=question.rate,
            patience=each,
        )
        for at, name in enumerate(sought.finalists)
    }
    for record in journal.of(Shot):
        if record.refused:
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


def shot_of(record: Shot) -> hunt.Shot:
    """What was asked by a shot."""
    seconds = {"settle_seconds": record.settle_seconds, "window_seconds": record.window_seconds}
    return hunt.Shot(phase=record.phase, rate=record.rate, **seconds)


def seen_of(record: Shot) -> Seen:
    """What the design is told of a shot."""
    return Seen(rate=record.rate, count=record.count, missed=record.missed)


def first_failure(failures: tuple[Failure, ...]) -> str:
    """The first of some failures in a line."""
    return (
        f"{failures[0].kind}: {failures[0].sample.splitlines()[0]}"
        if failures and failures[0].sample
        else ""
    )

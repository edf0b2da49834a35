"""The race as its journal left it: whole rounds in their order, without those cut short."""

from __future__ import annotations

import math

from whichworker.design.pairs import LEAST_GENERATIONS, Aim
from whichworker.design.rounds import Heard
from whichworker.design.selection import Race
from whichworker.model import Question, Terms
from whichworker.store.journal import Journal
from whichworker.store.records import BlockEnd, Failed, RoundEnd, Settled, Slice, TimeUp, Window

PORTRAIT = 0
"""The `block` of a window outside all rounds: it shows what slices are too short to show."""
BLOCK_SECONDS, WINDOW_SECONDS = 30.0, 2.0
"""Seconds between blocks and windows, about, in old journals that do not record the time."""


def replay(question: Question, settled: Settled, journal: Journal) -> Race:
    """The state of the race.

    In an older journal a block of windows on fresh launches is a round in which all are new.
    """
    race = Race(
        settled.contenders,
        twin_of=settled.twin_of,
        delta=question.terms.delta,
        alpha=question.terms.alpha,
        claims=question.terms.claims,
        seed=question.terms.seed,
        last_look=settled.last_look,
        aim=aim_of(question.terms),
    )
    current: list[Heard] = []
    for record in journal.records:
        if isinstance(record, Slice):
            current += [] if record.refused else [heard(record)]
        elif isinstance(record, Window):
            current += (
                []
                if record.reading.refused or record.block == PORTRAIT
                else [_heard_of_window(record, len(current))]
            )
        elif isinstance(record, Failed) and record.block is not None:
            race.fail(record.arm)
        elif isinstance(record, TimeUp):
            race.close()
        elif isinstance(record, RoundEnd | BlockEnd):
            if not record.abandoned:
                race.enter(record.number, current)
            current = []
    return race


def aim_of(terms: Terms) -> Aim:
    """The aim of the race; a limit of the start needs enough of them."""
    least = LEAST_GENERATIONS if terms.most_start is not None else 0
    return Aim(most_loss=terms.most_loss, width=terms.width, generations=least)


def heard(record: Slice) -> Heard:
    """A slice as the statistics see it."""
    return Heard(
        arm=record.arm,
        place=record.place,
        generation=record.generation,
        log_rate=math.log(record.requests / record.seconds),
        at_seconds=record.at,
        core=math.log(record.turn_seconds) if record.turn_seconds else None,
    )


def _heard_of_window(record: Window, place: int) -> Heard:
    return Heard(
        arm=record.arm,
        place=place,
        generation=record.block,
        log_rate=math.log(record.reading.throughput_per_second),
        at_seconds=BLOCK_SECONDS * record.block + WINDOW_SECONDS * place,
        core=None,
    )

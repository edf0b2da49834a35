"""Before the first round: launch and calibrate every arm, and plan the race from the results."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

import psutil

from whichworker.bench.lineup import Contender, Lineup, fewest, most_connections
from whichworker.bench.slices import Court
from whichworker.bench.window import ArmFailed, failed
from whichworker.design import shortages
from whichworker.design.heats import MOST_IDLE_SHARE, heats
from whichworker.design.slice_sizes import size, skipped_turns, together
from whichworker.errors import ServerFailed
from whichworker.judge.replay import PORTRAIT
from whichworker.model import Arm, Question
from whichworker.race.ready import ready
from whichworker.race.second_opinion import out, refused
from whichworker.race.watch import Watch
from whichworker.servers import table
from whichworker.services import postgres
from whichworker.store.journal import Journal
from whichworker.store.records import (
    Failed,
    Launched,
    Left,
    Overloaded,
    Part,
    Prepared,
    Settled,
    Window,
)

MOST_OVERLOADS = 3
"""Launches that may fail with too many connections, each with half as many as the one before."""
USUAL_CONNECTIONS, SPARE_CONNECTIONS = 100, 10
"""The default limit of PostgreSQL (MySQL's is 151), and the part that is left for others."""


def calibrate(
    lineup: Lineup, court: Court, journal: Journal, watch: Watch, left: Callable[[], float]
) -> Settled | None:
    """The plan of the race; None if no arm is ready or no time is left.

    Records of the journal are not measured again.

    Ready arms stay alive for their first heat, unless they disturb the others while idle.
    """
    if known := next(journal.of(Settled), None):
        return known
    seen = {record.arm for record in journal.of(Prepared)} | {
        record.arm for record in journal.of(Failed)
    }
    for arm in court.bench.question.arms:
        if arm.name in seen:
            continue
        if left() <= 0 or refused(court, journal):
            return None
        _prepare(lineup, court, journal, watch, arm)
    every = {record.arm: record for record in journal.of(Prepared)}
    if not every or left() <= 0 or refused(court, journal):
        return None
    settled = settle(court, journal, every, left())
    journal.append(settled)
    watch.settled(settled)
    return settled


def _prepare(lineup: Lineup, court: Court, journal: Journal, watch: Watch, arm: Arm) -> None:
    """Launch and calibrate an arm; if it cannot serve so many connections, again with fewer."""
    before = [record for record in journal.of(Overloaded) if record.arm == arm.name]
    watch.note(f"starting {arm.name}")
    contender: Contender | None = None
    try:
        contender = lineup.enter(arm.name, arm, _generations(journal, arm.name) + 1)
        contender.most = before[-1].connections // 2 if before else None
        journal.append(
            Launched(
                arm=arm.name,
                generation=contender.generation,
                cold_start_seconds=contender.run.cold_start_seconds,
            )
        )
        record, portrait = ready(lineup, court, contender)
    except (ServerFailed, ArmFailed) as error:
        lineup.leave(arm.name)
        failures = error.failures if isinstance(error, ArmFailed) else failed(error).failures
        connections = contender.connections if contender is not None else 0
        if connections > 1 and len(before) < MOST_OVERLOADS and shortages.of_load(failures):
            journal.append(Overloaded(arm=arm.name, connections=connections, failures=failures))
            _prepare(lineup, court, journal, watch, arm)
            return
        lost = Failed(arm=arm.name, failures=failures, alone=isinstance(error, ServerFailed))
        out(court, journal, watch, lost, arm)
        return
    journal.append(Window(block=PORTRAIT, arm=arm.name, reading=portrait))
    journal.append(record)
    watch.prepared(record)
    contender.loaded_seconds = 0.0
    if (record.idle_share or 0.0) > MOST_IDLE_SHARE:
        for gone in lineup.leave(arm.name):
            journal.append(
                Left(arm=gone.name, generation=gone.generation, findings=tuple(gone.run.findings))
            )


def settle(
    court: Court, journal: Journal, every: Mapping[str, Prepared], race_seconds: float
) -> Settled:
    """The contenders, their slices and heats, and the twin of the fastest, which likely stays.

    The first step of a search has the time of both for its heats: if setups are too slow for a
    ranking in its own time, it gets the rest, too.
    """
    question = court.bench.question
    later = (question.search or question.budget.seconds) - question.budget.seconds
    rates = {name: record.ladder[max(record.ladder)] for name, record in every.items()}
    parts = parts_of(question, every, rates)
    memory = {record.arm: record.reading.probes.memory_bytes for record in journal.of(Window)}
    quiet = [
        name for name, record in every.items() if (record.idle_share or 0.0) <= MOST_IDLE_SHARE
    ]
    lead = max(sorted(quiet or every), key=lambda name: rates[name])  # alive in every heat
    groups, reason = heats(
        list(every),
        lead=lead,
        idle_share={name: record.idle_share for name, record in every.items()},
        memory_bytes=memory,
        seconds={name: part.seconds for name, part in parts.items()},
        free_bytes=psutil.virtual_memory().available + sum(filter(None, memory.values())),
        race_seconds=race_seconds + later,
        slots={name: _slots(question.arm(name), part.connections) for name, part in parts.items()},
        most_slots=_database_connections(question),
    )
    return Settled(
        contenders=tuple(every),
        connections=max(part.connections for part in parts.values()),
        window_seconds={},
        twin_of=lead,
        parts=parts,
        heats=groups if len(groups) > 1 else (),
        reason=reason,
        last_look=True,
    )


def parts_of(
    question: Question, every: Mapping[str, Prepared], rates: Mapping[str, float]
) -> dict[str, Part]:
    """The slice of each arm; arms of about the same speed get the same number of connections."""
    arms = {name: question.arm(name) for name in every}
    wanted = {name: record.connections or 1 for name, record in every.items()}
    most = {
        name: fewest(most_connections(arm.server, arm.settings), every[name].most_connections)
        for name, arm in arms.items()
    }
    forced = question.terms.connections
    chosen = (
        {name: min(forced, limit or forced) for name, limit in most.items()}
        if forced
        else together(wanted, rates, most)
    )
    found = {}
    for name, record in every.items():
        connections = chosen[name] or 1
        whole = size(
            connections,
            rates[name],
            skipped_turns(record.profile),
            question.workload.requests_per_session,
        )
        found[name] = Part(connections, whole.uncounted, whole.counted, whole.seconds)
    return found


def _slots(arm: Arm, connections: int) -> int:
    """How many requests the arm processes at a time, at most one for each connection."""
    return min(connections, table.load(arm.server).in_flight_limit(arm.settings) or connections)


def _database_connections(question: Question) -> int | None:
    """The database server's connections for all launches together; None without such a server."""
    if question.subject.database == "postgres":
        return postgres.MOST_CONNECTIONS - SPARE_CONNECTIONS
    servers = any(
        re.search(r"postgres|mysql|mariadb", text, re.IGNORECASE) for text in question.app.databases
    )
    return USUAL_CONNECTIONS - SPARE_CONNECTIONS if servers else None


def _generations(journal: Journal, name: str) -> int:
    return max(
        (record.generation for record in journal.of(Launched) if record.arm == name), default=0
    )

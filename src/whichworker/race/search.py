"""A search over settings, as a race in two steps: every server at sensible settings, then the settings of those that are still possible."""

from __future__ import annotations

import msgspec

from whichworker.apps import builtin
from whichworker.design import settings as design
from whichworker.model import Arm, Question
from whichworker.race.investigation import Plan
from whichworker.result import ArmResult, Result, Searched
from whichworker.servers import names, table
from whichworker.store import places

FIRST_SHARE = 0.45
"""Of the time; the second step has what is left, and the capacities after it."""
LEAST_SECONDS = 90.0
"""Two steps of 40 s: each starts its setups in about 20 s, and tells apart in as long what differs by 10 %."""
SURVIVORS, MOST_ARMS = 2, 8
SECONDS_EACH = 7.0
"""A setup of the second step takes about 2 s to start and calibrate, and 5 s of slices to be told from one that is 5 % slower."""
LASTING = ("wrong-under-load", "connections-refused", "database-locked", "error-under-load")
"""Findings of the first step that are true of the app whatever is raced afterwards."""


def wanted(question: Question, asked: bool | None) -> bool:
    """Whether to search: where that was asked for, or by itself for an app of one's own that has the time."""
    own = not question.app.name.startswith(builtin.PREFIX)
    return asked if asked is not None else own and question.budget.seconds >= LEAST_SECONDS


def first(question: Question) -> Question:
    """The first step: the same arms with a part of the time; capacities and profiles are for the second."""
    whole = question.budget.seconds
    budget = msgspec.structs.replace(question.budget, seconds=FIRST_SHARE * whole)
    return msgspec.structs.replace(question, search=whole, budget=budget)


def longer(planned: Plan, step: Result) -> Plan | None:
    """The first step with all of the time, where its share of it was too short for a rank; the settings stay what they are. Else None."""
    asked = planned.question
    if (
        asked.search is None
        or any(arm.rank_low for arm in step.arms)
        or not any(arm.state == "invalid" for arm in step.arms)
    ):
        return None
    budget = msgspec.structs.replace(asked.budget, seconds=asked.search)
    return msgspec.structs.replace(
        planned, question=msgspec.structs.replace(asked, budget=budget, search=None), resumed=True
    )


def second(planned: Plan, step: Result) -> Plan | None:
    """The second step of a search whose first one is over, with the time that it has left; None where there is nothing to go on with."""
    asked = planned.question
    left = (asked.search or 0.0) - step.run.seconds
    arms = _survivors(asked, step)[: max(2, int(left / SECONDS_EACH))]
    if not arms or step.validity.state == "invalid" or left <= 0:
        return None
    budget = msgspec.structs.replace(asked.budget, seconds=left)
    question = msgspec.structs.replace(
        asked, arms=names.number_copies(arms), budget=budget, search=None, first_step=step.run.id
    )
    kept = {arm.name: planned.environments[_named(asked, arm).name] for arm in question.arms}
    folder = places.new_run(planned.project)
    return msgspec.structs.replace(
        planned,
        question=question,
        findings=(
            *planned.findings,
            *(finding for finding in step.findings if finding.code in LASTING),
        ),
        environments=kept,
        without=(),
        folder=folder,
        resumed=False,
        searched=searched(step, arms),
    )


def searched(step: Result, arms: list[Arm]) -> tuple[Searched, ...]:
    """What the first step has found, arm by arm, and which of their servers went on."""
    went_on = {arm.server for arm in arms}
    return tuple(
        Searched(
            arm=arm.name,
            settings=arm.settings,
            throughput_per_second=arm.throughput_per_second,
            state=arm.state,
            went_on=any(
                names.parse(arm.name.partition("#")[0]).server == server for server in went_on
            ),
            run=step.run.id,
        )
        for arm in step.arms
    )


def _survivors(question: Question, step: Result) -> list[Arm]:
    """The arms of the second step: the best servers with their usual settings, and the variants worth racing."""
    ranked = [arm for arm in step.arms if arm.state == "ranked" and not arm.dropped]
    behind = {claim.worse for claim in step.claims if claim.better == step.leader}
    possible = [arm for arm in ranked if arm.name not in behind]
    possible.sort(key=lambda arm: (arm.name != step.leader, -_speed(arm)))
    best: list[ArmResult] = []
    for arm in possible:
        if (arm.server, arm.kind) not in {(one.server, one.kind) for one in best}:
            best.append(arm)
    found: list[Arm] = []
    for arm in best[:SURVIVORS]:
        found += with_variants(question, question.arm(arm.name), arm)
    return found[:MOST_ARMS]


def with_variants(question: Question, arm: Arm, seen: ArmResult) -> list[Arm]:
    """The arm and its variants, which are named by what is different in them."""
    cores = len(question.budget.server_cores)
    server = table.load(arm.server)
    base = names.parse(arm.name.partition("#")[0])
    found = [arm]
    for settings in design.variants(
        server.knobs, arm.settings, cores, _most_workers(question, seen)
    ):
        changed = {
            name: str(value) for name, value in settings.items() if value != arm.settings.get(name)
        }
        found.append(
            names.contender(
                msgspec.structs.replace(base, settings={**base.settings, **changed}),
                arm.python,
                cores=cores,
            )
        )
    return found


def _most_workers(question: Question, seen: ArmResult) -> int | None:
    """How many workers the memory of the budget holds, if each needs what one was seen to need."""
    workers = seen.settings.get("workers")
    if not question.budget.memory_bytes or not seen.memory_bytes or not isinstance(workers, int):
        return None
    return max(1, int(question.budget.memory_bytes / (seen.memory_bytes / workers)))


def _named(question: Question, arm: Arm) -> Arm:
    """The arm of the first step that has the same environment: that of the same server and interpreter."""
    return next(
        one
        for one in question.arms
        if (one.server, one.python, one.requirements) == (arm.server, arm.python, arm.requirements)
    )


def _speed(arm: ArmResult) -> float:
    return arm.throughput_per_second.value if arm.throughput_per_second else 0.0

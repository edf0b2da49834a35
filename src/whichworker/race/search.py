"""A search over settings in two races: all servers, then variants of the best ones."""

from __future__ import annotations

from typing import Protocol

import msgspec

from whichworker.design import settings as design
from whichworker.model import Arm, Question, Subject, codes
from whichworker.question.stages import Discovered, Planned
from whichworker.race import investigation
from whichworker.race.watch import Watch
from whichworker.result import ArmResult, Result, Searched
from whichworker.servers import names, table
from whichworker.store import places

FIRST_SHARE = 0.45
"""Share of the time; the second step and its capacities get the rest."""
LEAST_SECONDS = 90.0
"""Two steps of 40 s: each starts its setups in about 20 s, and finds differences of 10 % in as
long."""
SURVIVORS, MOST_ARMS = 2, 8
SECONDS_EACH = 7.0
"""A setup of the second step needs about 2 s to start and calibrate, and 5 s of slices to differ
from one that is 5 % slower."""
LASTING = {code.name for code in (*codes.UNDER_LOAD, *codes.ARM.values())}
"""Findings of the first step that concern the app with any servers, or a server that failed."""


class Steps(Watch, Protocol):
    """The events of a race that may have a second step."""

    def decided(self, text: str) -> None:
        """The next step, or why there is none."""

    def planned(self, plan: Planned) -> None:
        """A new run begins with this plan."""


def carry_out(planned: Planned, watch: Steps, command: str) -> tuple[Planned, Result]:
    """The race, and a search's second step; returns the plan and the result that count."""
    result = investigation.carry_out(planned, watch, command)
    if not result.run.finished:
        return planned, result
    if (whole := longer(planned, result)) is not None:
        watch.decided("no ranking yet: the servers use all of the time, with the settings shown")
        return whole, investigation.carry_out(whole, watch, command)
    if (following := second(planned, result)) is None:
        return planned, result
    count = len(following.question.arms)
    watch.decided(f"settings   {count} setups of the best servers, in the remaining time")
    watch.planned(following)
    best = investigation.carry_out(following, watch, command)
    if result.validity.state == "valid" and (why := _lacks(best)):
        watch.decided(f"the race of the settings {why}: the result is the race of the servers")
        return planned, result
    return following, best


def _lacks(step: Result) -> str:
    """Why a finished step decides less than the one before it, or an empty string."""
    if not step.run.finished:
        return ""
    if step.validity.state == "invalid":
        return "is invalid"
    return "ended without a ranking" if _too_short(step) else ""


def _too_short(step: Result) -> bool:
    """Whether nothing is ranked because there were too few rounds."""
    ranked = any(arm.rank_low for arm in step.arms)
    return not ranked and any(arm.state == "invalid" for arm in step.arms)


def planned_question(found: Discovered, subject: Subject) -> Question:
    """The question of a race: everything, or a search's first step, with a share of the time.

    A search happens on request, or by default for the user's own app if there is time. Capacities
    and profiles belong to its second step.
    """
    asked, whole = found.asked, found.asked.budget.seconds
    by_itself = not found.question.app.is_builtin and whole >= LEAST_SECONDS
    if not (by_itself if asked.options.search is None else asked.options.search):
        return found.question_about(subject)
    return found.question_about(subject).another(FIRST_SHARE * whole, search=whole)


def longer(planned: Planned, step: Result) -> Planned | None:
    """The first step with all of the time, if its share was too short for a ranking; else None."""
    first = planned.question
    if first.search is None or not _too_short(step):
        return None
    return Planned(
        first.another(first.search),
        planned.environments,
        planned.without,
        planned.findings,
        planned.folder,
        planned.cache,
        planned.project,
        resumed=True,
    )


def second(planned: Planned, step: Result) -> Planned | None:
    """The second step of a finished first one, with the rest of the time; None if impossible."""
    first = planned.question
    if first.search is None:
        return None
    left = first.search - step.run.seconds
    arms = with_today(first, step, _survivors(first, step)[: max(2, int(left / SECONDS_EACH))])
    if not arms or step.validity.state == "invalid" or left <= 0:
        return None
    question = first.another(left, names.number_copies(arms), first_step=step.run.id)
    lasting = (
        finding
        for finding in step.findings
        if finding.code in LASTING and finding.severity != "info"
    )
    return Planned(
        question,
        {arm.name: planned.environments[_named(first, arm).name] for arm in question.arms},
        (),
        (*planned.findings, *lasting),
        places.new_run(planned.project),
        planned.cache,
        planned.project,
        searched=searched(step, arms),
    )


def searched(step: Result, arms: list[Arm]) -> tuple[Searched, ...]:
    """The results of the first step, arm by arm, and which servers went on."""
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
    """The arms of the second step: the best servers with their settings, and useful variants."""
    ranked = [arm for arm in step.arms if arm.state == "ranked" and not arm.dropped]
    behind = {claim.worse for claim in step.claims if claim.better == step.leader}
    possible = [arm for arm in ranked if arm.name not in behind]
    possible.sort(key=lambda arm: (arm.name != step.leader, -arm.speed))
    best: list[ArmResult] = []
    for arm in possible:
        if (arm.server, arm.kind) not in {(one.server, one.kind) for one in best}:
            best.append(arm)
    found: list[Arm] = []
    for arm in best[:SURVIVORS]:
        found += with_variants(question, question.arm(arm.name), arm)
    return found[:MOST_ARMS]


def with_today(question: Question, step: Result, arms: list[Arm]) -> list[Arm]:
    """The arms and today's setup, if it could be raced: the advice is compared with it."""
    able = {arm.name for arm in step.arms if arm.is_measured}
    today = next((arm for arm in question.arms if arm.today and arm.name in able), None)
    if today is None or not arms or any(arm.today for arm in arms):
        return arms
    alike = [(arm.server, arm.python, arm.settings) for arm in arms]
    if (today.server, today.python, today.settings) not in alike:
        return [*arms, today]
    at = alike.index((today.server, today.python, today.settings))
    return [*arms[:at], today, *arms[at + 1 :]]


def with_variants(question: Question, arm: Arm, seen: ArmResult) -> list[Arm]:
    """The arm and its variants, which are named by their changed settings."""
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
    """How many workers fit into the budget's memory, if each needs as much as measured."""
    workers = seen.settings.get("workers")
    if not question.budget.memory_bytes or not seen.memory_bytes or not isinstance(workers, int):
        return None
    return max(1, int(question.budget.memory_bytes / (seen.memory_bytes / workers)))


def _named(question: Question, arm: Arm) -> Arm:
    """The first step's arm with the same environment: of the same server and interpreter."""
    return next(
        one
        for one in question.arms
        if (one.server, one.python, one.requirements) == (arm.server, arm.python, arm.requirements)
    )

"""A race from its question to its result: environments, plan, journal, verdict; new or resumed."""

from __future__ import annotations

import datetime
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import whichworker
from whichworker.apps import checkup
from whichworker.bench import open_files, overlays, profile, services
from whichworker.bench.running import Bench
from whichworker.capacity import contest as capacity
from whichworker.capacity import waits
from whichworker.conformance import preflight
from whichworker.design import ladder
from whichworker.design.capacity import per_route
from whichworker.design.selection import Race
from whichworker.errors import UsageError
from whichworker.judge import belonging, hunts, response_times, verdict
from whichworker.judge.finalists import finalists
from whichworker.load.generator import Generator
from whichworker.model import Finding, Question
from whichworker.probes import machine
from whichworker.process import scratch
from whichworker.question import reference
from whichworker.question.stages import Discovered, Learnt, Planned
from whichworker.race import run as race
from whichworker.race.watch import Watch
from whichworker.result import Result
from whichworker.store import places
from whichworker.store.journal import FILE, Journal
from whichworker.store.records import (
    FirstStep,
    Header,
    Noted,
    Prepared,
    Profiled,
    RunSession,
    Settled,
)

PROFILE_SECONDS = 15.0
"""For each finalist: a launch, and two times three seconds of samples."""


def learn(found: Discovered, watch: Watch) -> Learnt:
    """The reference run, in a temporary folder, so that a failed start leaves nothing behind.

    Raises UsageError, too, if no request is left on a route of the objective.
    """
    with scratch.folder() as folder:
        learnt = reference.learn(found, folder, watch.note)
    per_route.check(found.asked.terms.slo, learnt.subject.workload.requests)
    return learnt


def plan(
    question: Question, findings: Sequence[Finding], project: Path, cache: Path, watch: Watch
) -> Planned:
    """Build the environments and run the preflight of new arms, before the clock starts."""
    if question.terms.profile:
        watch.note("py-spy")
        profile.fetch_tool()
    environments, without = overlays.build(question, cache, watch.note)
    folder = places.new_run(project)
    with services.serving(question, folder, cache, watch.note) as backing:
        unfit, told = preflight.admit(
            Bench(question, environments, folder, cache, backing), watch.note
        )
    for out in (*without, *unfit):
        watch.failed(out.arm, out.failures)
    return Planned(
        question, environments, (*without, *unfit), (*findings, *told), folder, cache, project
    )


def resume(
    folder: Path,
    cache: Path,
    watch: Watch,
    seconds: float | None,
    named: str | None = None,
    *,
    project: Path,
) -> Planned:
    """The plan of an earlier run, with the rest of its time or with `seconds` more.

    Raises UsageError if its app is not the named one, or its environments have changed.
    """
    with Journal(folder / FILE) as journal:
        header = journal.header()
        belonging.check(journal)
        spent = sum(session.seconds for session in journal.of(RunSession))
        told = tuple(record.finding for record in journal.of(Noted))
    first = header.question
    if first.terms.compare:
        raise UsageError(
            f"run {header.run} is a comparison, and only a race can be resumed",
            hint="start the comparison again",
        )
    time_seconds = first.budget.seconds if seconds is None else spent + seconds
    question = first.another(time_seconds, search=first.search, first_step=first.first_step)
    if question.workload.is_secret:
        raise UsageError(
            f"run {header.run} cannot be resumed: its requests need a secret, and a run keeps none",
            hint="start a new run",
        )
    if (
        named is not None
        and named.removesuffix("()") != question.app.name.removesuffix("()")
        and Path(named).resolve() not in (Path(question.app.directory), project.resolve())
    ):
        raise UsageError(
            f"run {header.run} is of {question.app.name}, not of {named}",
            hint="leave out the app, or start a new run",
        )
    for app in question.apps.values():
        checkup.examine_again(app, cache, question.terms.allowed)
    environments, _ = overlays.build(question, cache, watch.note, only=header.environments)
    if overlays.digest(question, environments) != header.digest:
        fact = f"run {header.run} cannot be resumed: its servers or its app have changed"
        raise UsageError(fact, hint="start a new run")
    if services.describe(services.needs_of(question)) != question.subject.services:
        raise UsageError(
            f"run {header.run} cannot be resumed: its services have changed",
            hint="start a new run",
        )
    if machine.describe().fingerprint != header.machine.fingerprint:
        raise UsageError(
            f"run {header.run} cannot be resumed: it started on another machine",
            hint="start a new run",
        )
    return Planned(question, environments, (), told, folder, cache, project, resumed=True)


def carry_out(planned: Planned, watch: Watch, command: str) -> Result:
    """Measure until decided, out of time or interrupted, and judge the journal.

    After an interruption the result has `finished: false`, and the same plan can be resumed.
    """
    with Journal(planned.folder / FILE) as journal:
        if not journal.records:
            _open(journal, planned, command)
        try:
            with services.serving(
                planned.question, planned.folder, planned.cache, watch.note
            ) as backing:
                for finding in backing.findings if not planned.resumed else ():
                    journal.append(Noted(finding=finding))
                bench = Bench(
                    planned.question, planned.environments, planned.folder, planned.cache, backing
                )
                investigate(bench, journal, watch)
        except KeyboardInterrupt:
            watch.note("interrupted")
        return verdict.judge(journal, planned.question.budget.seconds)


def investigate(
    bench: Bench, journal: Journal, watch: Watch, clock: Callable[[], float] = time.monotonic
) -> None:
    """The race, the requested capacities, and samples of the finalists, all journaled one by one.

    KeyboardInterrupt passes through; earlier records stay.
    """
    question = bench.question
    open_files.allow(question.terms.connections or ladder.MOST)
    began, spent = clock(), sum(session.seconds for session in journal.of(RunSession))
    ended = "interrupted"

    def left() -> float:
        return question.budget.seconds - spent - (clock() - began)

    later = question.budget.seconds - hunts.race_seconds(question)
    try:
        with Generator() as generator:
            generator.start(question.budget.generator_cores)
            raced = race.race(bench, generator, journal, watch, lambda: left() - later)
            if raced is not None:
                best = finalists(question, raced, journal)
                profiled = question.terms.profile and question.search is None
                after = PROFILE_SECONDS * len(best) if profiled else 0.0
                if best and hunts.sought_after(question):
                    connections = next(journal.of(Settled)).connections
                    capacity.contest(
                        bench, generator, journal, watch, best, connections, lambda: left() - after
                    )
                if raced is not None:
                    _waits(bench, generator, journal, watch, raced)
                if profiled:
                    _profile(bench, generator, journal, watch, best)
        ended = "finished"
    finally:
        journal.append(RunSession(seconds=clock() - began, ended=ended))


def _waits(bench: Bench, generator: Generator, journal: Journal, watch: Watch, raced: Race) -> None:
    """Response times after the ranking; in a search, after the second step's."""
    question = bench.question
    seconds = question.waits_seconds
    if not seconds or question.search is not None:
        return
    chosen = response_times.waiting_arms(question, raced, journal)
    parts = next(journal.of(Settled)).parts
    connections = {name: parts[name].connections for name in chosen if name in parts}
    if set(connections) == set(chosen):
        waits.measure(bench, generator, journal, watch, chosen, connections, seconds)


def _profile(
    bench: Bench, generator: Generator, journal: Journal, watch: Watch, names: Iterable[str]
) -> None:
    """Samples of each finalist, after all measurements."""
    done = {record.arm for record in journal.of(Profiled)}
    connections = {record.arm: record.connections or 1 for record in journal.of(Prepared)}
    for name in names:
        if name not in done:
            watch.note(f"samples of {name}")
            journal.append(profile.profile(bench, generator, name, connections[name]))


def _open(journal: Journal, planned: Planned, command: str) -> None:
    journal.append(
        Header(
            run=planned.run,
            started=datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
            version=whichworker.__version__,
            command=command,
            digest=overlays.digest(planned.question, planned.environments),
            machine=machine.describe(),
            question=planned.question,
            environments=planned.environments,
        )
    )
    if planned.searched:
        journal.append(FirstStep(searched=planned.searched))
    for record in planned.without:
        journal.append(record)
    for finding in planned.findings:
        journal.append(Noted(finding=finding))

"""From names to an explanation: the built-in app, an environment and a portrait for each worker."""

from __future__ import annotations

import contextlib
import datetime
import time
from collections.abc import Sequence

import whichworker
from whichworker.apps.discover import builtin_app
from whichworker.bench import open_files, overlays
from whichworker.bench.running import Bench
from whichworker.environments import interpreters
from whichworker.explain.counting import MOST_AT_ONCE
from whichworker.explain.plan import ExplainRun, small_arm
from whichworker.explain.portrait import ExplainWatch, Portrait
from whichworker.explain.sentences import is_noisy
from whichworker.load.generator import Generator
from whichworker.model import App, Arm, Budget, Finding, Question, Subject, Terms, codes
from whichworker.probes import machine
from whichworker.question.ask import budget_of
from whichworker.result.envelope import Run, Validity
from whichworker.result.explain import AskedExplain, ExplainedArm, ExplainResult
from whichworker.servers import names, table
from whichworker.store import places
from whichworker.store.records import Failed
from whichworker.workloads.table import workload

SECONDS_EACH = {True: 60.0, False: 180.0}
"""Longest time for one worker, quick or not."""


def explain(asked: ExplainRun, watch: ExplainWatch) -> ExplainResult:
    """Draw every available worker; an interrupted run has those that were finished.

    Raises UsageError for unusable names and settings, before anything is built or started.
    """
    began, started = (
        time.monotonic(),
        datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
    )
    question = ask(asked, watch)
    built, without = overlays.build(question, asked.cache, watch.note)
    arms: list[ExplainedArm] = [_out(question, record) for record in without]
    for out in arms:
        watch.explained(out)
    bench = Bench(question, built, asked.folder, asked.cache)
    finished = False
    with contextlib.suppress(KeyboardInterrupt), Generator() as generator:
        generator.start(question.budget.generator_cores)
        for arm in question.arms:
            if arm.name in built:
                arms.append(Portrait(bench, generator, arm, asked.lengths, watch).draw())
                watch.explained(arms[-1])
        finished = True
    run = Run(
        id=asked.folder.name,
        started=started,
        command=asked.command,
        version=whichworker.__version__,
        seconds=time.monotonic() - began,
        finished=finished,
    )
    return conclude(
        asked, question.budget, run, in_order(arms, [arm.name for arm in question.arms])
    )


def ask(asked: ExplainRun, watch: ExplainWatch) -> Question:
    """The question: which arms on which interpreters; raises UsageError."""
    chosen = [names.parse(worker) for worker in asked.workers]
    for name in chosen:
        small_arm(name, "")
    open_files.allow(MOST_AT_ONCE)
    places.make_cache(asked.cache)
    apps: dict[str, App] = {}
    arms: list[Arm] = []
    for name in chosen:
        watch.note(f"{asked.app} for {name}")
        app = builtin_app(asked.app, name.python, asked.cache, wish=asked.resolution)
        label = interpreters.inspect(app.python).short_version
        apps.setdefault(label, app)
        arms.append(small_arm(name, label))
    seconds = SECONDS_EACH[asked.quick] * len(arms)
    return Question(
        subject=Subject(apps=apps, workload=workload("json", asked.app)),
        terms=Terms(resolution=asked.resolution),
        arms=names.number_copies(arms),
        budget=budget_of(seconds),
    )


def conclude(
    asked: ExplainRun, budget: Budget, run: Run, arms: Sequence[ExplainedArm]
) -> ExplainResult:
    """The result; invalid if no worker could be measured."""
    reasons = (
        () if any(arm.state == "measured" for arm in arms) else ("no worker could be measured",)
    )
    return ExplainResult(
        question=AskedExplain(
            workers=asked.workers,
            app=asked.app,
            quick=asked.quick,
            server_cores=budget.server_cores,
            generator_cores=budget.generator_cores,
            resolution=asked.resolution if asked.resolution.as_of else None,
        ),
        machine=machine.describe(),
        run=run,
        validity=Validity(state="invalid" if reasons else "valid", reasons=reasons),
        findings=tuple(findings(asked, budget, arms)),
        arms=tuple(arms),
    )


def findings(asked: ExplainRun, budget: Budget, arms: Sequence[ExplainedArm]) -> list[Finding]:
    """The findings about the whole."""
    found = []
    for worker in asked.workers:
        if (
            (server := names.parse(worker).server) != worker
            and server.endswith(f"-{worker}")
            and not _is_unique(worker)
        ):
            text = f"{worker} means {server} here: other servers have a class of that name, too"
            found.append(codes.NAME_TAKEN.finding(text))
    if budget.shared:
        found.append(codes.CORES_SHARED.finding())
    for arm in arms:
        if is_noisy(arm):
            text = f"{arm.name}: its fast view was slow before anything else ran"
            found.append(codes.NOISY.finding(text, arm=arm.name))
        if short := [stair for stair in arm.staircase if stair.answered < stair.at_once]:
            lost, of = short[0].at_once - short[0].answered, short[0].at_once
            text = f"{arm.name} gave no correct response to {lost} of {of} requests sent at once"
            found.append(codes.UNANSWERED.finding(text, arm=arm.name))
        if arm.limit_configured is not None and arm.limit_found not in (None, arm.limit_configured):
            text = f"{arm.name} worked on {arm.limit_found} requests at once; its settings allow"
            text += f" {arm.limit_configured}"
            found.append(codes.LIMIT_DIFFERS.finding(text, arm=arm.name))
        found += [
            codes.NOT_MEASURED.finding(
                f"{arm.name} could not be measured: {failure.kind}",
                evidence=failure.sample,
                arm=arm.name,
            )
            for failure in arm.failures
        ]
    return found


def _is_unique(worker: str) -> bool:
    parts = set(worker.split("-"))
    return sum(parts <= set(name.split("-")) for name in table.names()) == 1


def in_order(arms: Sequence[ExplainedArm], order: Sequence[str]) -> tuple[ExplainedArm, ...]:
    """In the order of the question."""
    return tuple(sorted(arms, key=lambda arm: order.index(arm.name)))


def _out(question: Question, record: Failed) -> ExplainedArm:
    arm = question.arm(record.arm)
    server = table.load(arm.server)
    return ExplainedArm(
        name=arm.name,
        server=arm.server,
        kind=arm.kind,
        interface=arm.interface,
        settings=arm.settings,
        state="refused" if record.refused else "failed",
        limit_configured=server.in_flight_limit(arm.settings),
        failures=record.failures,
    )

"""From options to a question: which app, which workload, which arms, within which budget."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

import msgspec

from whichworker import redaction
from whichworker.apps import builtin, discover
from whichworker.apps.checkup import examine
from whichworker.apps.examine import Examiner, Look
from whichworker.bench import open_files, services
from whichworker.config.options import RaceOptions
from whichworker.design import ladder
from whichworker.design.capacity import slo as objectives
from whichworker.environments.interpreters import inspect
from whichworker.errors import UsageError
from whichworker.model import App, Arm, Budget, Finding, Question, Workload
from whichworker.question import own as own_app
from whichworker.servers import names
from whichworker.store import places
from whichworker.workloads.table import workload

MOST_CONNECTIONS = 4096
RANKING_SECONDS, CAPACITY_SECONDS = 120.0, 300.0
"""Two minutes rank twelve setups of a fast app on two cores; search and certification of two finalists take about three more."""
ALLOWED = ("writes", "outbound", "remote_database")


def ask(
    named: str | None, options: RaceOptions, here: Path, cache: Path
) -> tuple[Question, list[Finding]]:
    """The question a race answers, and what there is to say about how it was put together.

    Raises UsageError for whatever cannot be used, before anything is started.
    """
    redaction.remember_environment(os.environ)
    budget = budget_of(seconds_of(options), options.cpus, options.memory)
    slo = objectives.parse(options.slo) if options.slo else None
    checked = [names.parse(text) for text in names.chosen(options.servers)]
    what = (
        workload(options.workload, named)
        if options.workload and not options.workload.startswith("/")
        else None
    )
    extras = (
        (what is not None and what.extras)
        or options.database == "postgres"
        or options.cache == "redis"
    )
    if options.connections is not None and not 1 <= options.connections <= MOST_CONNECTIONS:
        raise UsageError(
            f"--connections must be between 1 and {MOST_CONNECTIONS}, not {options.connections}"
        )
    open_files.check(options.connections or ladder.MOST)
    places.make_cache(cache)
    apps: dict[str, App] = {}
    looks: dict[str, Look | None] = {}
    findings: list[Finding] = []
    arms: list[Arm] = []
    for python in options.python or (None,):
        for name in checked:
            label, found = _app(
                named, name.python or python, here, cache, apps, looks, options, extras=extras
            )
            findings += [finding for finding in found if finding not in findings]
            shown = name.python or (label if len(options.python) > 1 else None)
            arms.append(
                names.contender(
                    msgspec.structs.replace(name, python=shown),
                    label,
                    cores=len(budget.server_cores),
                )
            )
    app = next(iter(apps.values()))
    own = not app.name.startswith(builtin.PREFIX)
    if what is None and not own and not options.url:
        what = workload(options.workload or "json", app.name)
    if what is None or own:
        what, said = own_app.workload_of(
            options, app, next(iter(looks.values())), own_app.base_of(here, named)
        )
        findings += said
    needs = services.needed(what, options, own=own)
    question = Question(
        apps=apps,
        workload=what,
        arms=names.number_copies(arms),
        budget=budget,
        connections=options.connections,
        delta=options.delta,
        alpha=options.alpha,
        claims=options.claims,
        seed=options.seed if options.seed is not None else secrets.randbelow(2**31),
        database=needs.database,
        cache=needs.cache,
        services=services.describe(needs),
        slo=slo,
        rate=options.rate,
        capacity=options.capacity,
        profile=options.profile,
        allowed=tuple(word for word in ALLOWED if getattr(options, f"allow_{word}")),
    )
    return question, [*findings, *about(what, budget)]


def seconds_of(options: RaceOptions) -> float:
    """Wall time: what was asked for, or what a ranking takes, and a capacity after it."""
    later = options.capacity or bool(options.slo) or options.rate is not None
    return options.time or (CAPACITY_SECONDS if later else RANKING_SECONDS)


def budget_of(seconds: float, cpus: int | None = None, memory_bytes: float | None = None) -> Budget:
    """The cores this process may use, less the last for the generator; where there is only one, both share it.

    Servers have the first `cpus` of theirs, where that is asked for. Raises UsageError where there are not so many.
    """
    cores = tuple(sorted(os.sched_getaffinity(0)))
    memory = round(memory_bytes) if memory_bytes else None
    if len(cores) == 1:
        return Budget(
            seconds=seconds,
            server_cores=cores,
            generator_cores=cores,
            shared=True,
            memory_bytes=memory,
        )
    most = len(cores) - 1
    if cpus is not None and not 1 <= cpus <= most:
        hint = "one core generates the load" if cpus > 0 else "servers need one at least"
        raise UsageError(f"--cpus must be between 1 and {most} here, not {cpus}", hint=hint)
    return Budget(
        seconds=seconds,
        server_cores=cores[: cpus or most],
        generator_cores=cores[-1:],
        memory_bytes=memory,
    )


def about(what: Workload, budget: Budget) -> list[Finding]:
    """What is worth saying before anything is measured."""
    findings = []
    if budget.shared:
        text = "only one core is usable: generator and server share it, so throughput is that of both together"
        findings.append(
            Finding(
                code="cores-shared",
                severity="warning",
                text=text,
                hint="run on a machine with two cores or more",
            )
        )
    if not what.learn and any(request.answer.body is None for request in what.requests):
        text = f"answers to {what.name} are checked for their status only"
        findings.append(Finding(code="answer-unchecked", severity="info", text=text))
    return findings


def _app(
    named: str | None,
    python: str | None,
    here: Path,
    cache: Path,
    apps: dict[str, App],
    looks: dict[str, Look | None],
    options: RaceOptions,
    *,
    extras: bool,
) -> tuple[str, list[Finding]]:
    """The app on one interpreter, found once; its label is the interpreter's short version."""
    for label, app in apps.items():
        if (python or "") == app.origin["wanted"]:
            return label, []
    told = (
        str(own_app.place_of(here, named, options.env_file).resolve()) if options.env_file else ""
    )
    remote = options.allow_remote_database
    examiner = Examiner(cache, options.allow_outbound)
    app, findings = discover.discover(
        named,
        python,
        here,
        examiner,
        extras=extras,
        environment_file=told,
        allow_remote_database=remote,
    )
    label = inspect(app.python).short_version
    if label in apps and apps[label].python != app.python:
        fact = f"{apps[label].python} and {app.python} are both Python {label}"
        raise UsageError(fact, hint="race one interpreter of each minor version at a time")
    if label not in apps:
        app, looks[label], said = examine(app, examiner, allow_remote_database=remote)
        apps[label] = msgspec.structs.replace(app, origin={**app.origin, "wanted": python or ""})
        findings = [*findings, *said]
    return label, findings

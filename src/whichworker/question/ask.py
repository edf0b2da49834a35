"""The first two stages of a question: options checked, then the app, workload and arms."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

import msgspec

from whichworker import redaction
from whichworker.apps import discover as discovery
from whichworker.apps.checkup import examine
from whichworker.apps.examine import Examiner, Look
from whichworker.bench import services
from whichworker.config.options import PreflightOptions, RaceOptions
from whichworker.design.capacity import per_route
from whichworker.design.capacity import slo as objectives
from whichworker.environments import resolution
from whichworker.environments.interpreters import inspect
from whichworker.errors import UsageError
from whichworker.model import App, Arm, Budget, Finding, Subject, Terms, Workload, codes
from whichworker.probes import quota
from whichworker.question import own as own_app
from whichworker.question import today
from whichworker.question.stages import Asked, Discovered
from whichworker.servers import names, table
from whichworker.store import places
from whichworker.workloads.table import workload

MOST_CONNECTIONS = 4096
"""Connections of one server; each is an open file on both sides."""
RANKING_SECONDS, CAPACITY_SECONDS = 120.0, 300.0
"""Wall time by default: two minutes rank twelve setups of a fast app on two cores; the capacity
search and the validation of two finalists take about three more minutes."""
OF_YOUR_APP, OF_REQUESTS = ("env_file", "host"), ("header", "expect", "login")
"""Options that would be ignored without an app of the user, or without requests of the user."""
ALLOWED = ("writes", "outbound", "remote_database")


def ask(
    app: str | None,
    options: RaceOptions,
    here: Path,
    cache: Path,
    budget: Budget | None = None,
) -> Asked:
    """Check the options as far as that is possible without the app; start nothing.

    `budget` replaces the budget of the options. Raises UsageError.
    """
    redaction.spare(table.SERVERS)
    redaction.remember_environment(os.environ)
    budget = budget or budget_of(seconds_of(options), options.cpus, options.memory)
    terms = _terms_of(options)
    named = names.split(options.servers)
    others = ",".join(text for text in named if text != today.WORD)
    chosen = names.chosen(others) if others or not named else []
    servers = tuple(names.parse(text) for text in chosen)
    if options.connections is not None and not 1 <= options.connections <= MOST_CONNECTIONS:
        raise UsageError(
            f"--connections must be between 1 and {MOST_CONNECTIONS}, not {options.connections}"
        )
    return Asked(
        app=app,
        here=here,
        cache=cache,
        options=options,
        servers=servers,
        terms=terms,
        budget=budget,
        permits=own_app.permits_of(options, own_app.base_of(here, app)),
        host=own_app.host_of(options),
        today=not named or today.WORD in named,
    )


def discover(asked: Asked) -> Discovered:
    """Find the app on each requested interpreter, its workload and its arms; raises UsageError."""
    options = asked.options
    named = options.workload if not options.workload.startswith("/") else ""
    known = workload(named, asked.app) if named else None
    wide = options.database == "postgres" or options.cache == "redis"
    places.make_cache(asked.cache)
    finder = Finder(asked, extras=bool(known and known.extras) or wide)
    arms: list[Arm] = []
    if not asked.servers:
        finder.find(next(iter(options.python), None))
    for python in options.python or (None,):
        for server in asked.servers:
            label = finder.find(server.python or python)
            shown = server.python or (label if len(options.python) > 1 else None)
            wanted = msgspec.structs.replace(server, python=shown)
            arms.append(names.contender(wanted, label, cores=len(asked.budget.server_cores)))
    what, said = _workload(asked, finder, known)
    per_route.check(asked.terms.slo, what.requests)
    needs = services.needed(what, options, own=not finder.app.is_builtin)
    subject = Subject(
        apps=finder.apps,
        workload=what,
        database=needs.database,
        cache=needs.cache,
        services=services.describe(needs),
    )
    arms, unable = _able(asked, subject, arms)
    arms, deployed = _with_today(asked, finder, arms)
    findings = (*dict.fromkeys(finder.findings), *unable, *deployed, *said)
    return Discovered(
        asked=asked,
        subject=subject,
        arms=names.number_copies(arms),
        databases=finder.look.databases if finder.look else (),
        findings=(*findings, *about(what, asked.budget)),
    )


def _with_today(
    asked: Asked, finder: Finder, arms: list[Arm]
) -> tuple[list[Arm], tuple[Finding, ...]]:
    """The arms with the setup that the project's files start; raises UsageError without any arm."""
    app, label = finder.app, next(iter(finder.apps))
    found = today.Today()
    if asked.today and not app.is_builtin:
        places = (Path(app.directory), own_app.base_of(asked.here, asked.app))
        shown = label if len(asked.options.python) > 1 else ""
        found = today.today_of(app, places, shown, label, cores=len(asked.budget.server_cores))
    if found.arm is not None:
        return today.merged(arms, found.arm), found.findings
    if today.WORD in names.split(asked.options.servers):
        raise today.missing()
    return arms, found.findings


def _able(asked: Asked, subject: Subject, arms: list[Arm]) -> tuple[list[Arm], list[Finding]]:
    """The arms that can serve the app; those the user named by themselves are refused later."""
    named = set(names.split(asked.options.servers))
    able = [
        arm
        for arm in arms
        if subject.apps[arm.python].target(arm.interface) is not None
        or arm.server in named
        or arm.name in named
    ]
    if not able or len(able) == len(arms):
        return arms, []
    lost = [arm for arm in arms if arm not in able]
    kinds = sorted({arm.interface.upper() for arm in lost})
    text = f"{len(lost)} setups are left out: they need {' or '.join(kinds)}, which the app lacks"
    told = ", ".join(arm.name for arm in lost)
    both = next(iter(subject.apps.values())).framework in ("", "django")
    hint = None if both else ""  # other frameworks have one interface: nothing is to be done
    return able, [codes.INTERFACE_LACKING.finding(text, evidence=told, hint=hint)]


def _terms_of(options: RaceOptions) -> Terms:
    if not options.slo and (options.capacity or options.rate is not None):
        option = "--capacity" if options.capacity else "--rate"
        hint = "add one, such as --slo 'p99<200ms'; without, a race shows response times at 4 rates"
        raise UsageError(f"{option} needs an objective", hint=hint)
    return Terms(
        connections=options.connections,
        delta=options.delta,
        alpha=options.alpha,
        claims=options.claims,
        seed=options.seed if options.seed is not None else secrets.randbelow(2**31),
        slo=objectives.parse(options.slo) if options.slo else None,
        rate=options.rate,
        profile=options.profile,
        allowed=tuple(word for word in ALLOWED if getattr(options, f"allow_{word}")),
        resolution=resolution.wished(latest=options.latest, exclude_newer=options.exclude_newer),
    )


def _workload(
    asked: Asked, finder: Finder, known: Workload | None
) -> tuple[Workload, list[Finding]]:
    """The requests: a workload of a built-in app by its name, or the user's own."""
    options, app = asked.options, finder.app
    sources = [name for name in own_app.SOURCES if name != "workload" and getattr(options, name)]
    if app.is_builtin:
        useless = OF_REQUESTS if not sources else ()
        for name in (*OF_YOUR_APP, *useless):
            if getattr(options, name):
                option = f"--{name.replace('_', '-')}"
                fact = f"{option} has no use for the built-in app with its own requests"
                raise UsageError(fact, hint="name your app: a folder, or MODULE:ATTRIBUTE")
        if not sources:
            return known or workload(options.workload or "json", app.name), []
    base = own_app.base_of(asked.here, asked.app)
    return own_app.workload_of(options, app, finder.look, base)


def discover_for_preflight(
    app: str | None, options: PreflightOptions, here: Path, cache: Path
) -> Discovered:
    """The app and the arms of a preflight; raises UsageError for what cannot be used."""
    race = RaceOptions(
        servers=options.servers,
        workload=options.workload,
        host=options.host,
        python=options.python,
        latest=options.latest,
        exclude_newer=options.exclude_newer,
        seed=0,
    )
    return discover(ask(app, race, here, cache))


def seconds_of(options: RaceOptions) -> float:
    """Wall time in seconds: the `time` option, or the default for a ranking or a capacity."""
    later = options.capacity or bool(options.slo) or options.rate is not None
    return options.time or (CAPACITY_SECONDS if later else RANKING_SECONDS)


def budget_of(seconds: float, cpus: int | None = None, memory_bytes: float | None = None) -> Budget:
    """The cores this process may use, less the last one, which generates the load.

    They are no more than the CPU quota of its control group has whole cores. With a single core,
    servers and generator share it. `cpus` limits the servers' cores. Raises UsageError if the
    machine has fewer.
    """
    cores = tuple(sorted(os.sched_getaffinity(0)))
    if (limit := quota.here().cores) is not None:
        cores = cores[: max(1, int(limit))]
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
        hint = "one core generates the load" if cpus > 0 else "servers need at least one"
        raise UsageError(f"--cpus must be between 1 and {most} here, not {cpus}", hint=hint)
    return Budget(
        seconds=seconds,
        server_cores=cores[: cpus or most],
        generator_cores=cores[-1:],
        memory_bytes=memory,
    )


def about(what: Workload, budget: Budget) -> list[Finding]:
    """Findings that are known before anything is measured."""
    findings = [*limited(), *([codes.CORES_SHARED.finding()] if budget.shared else [])]
    if not what.learn and any(request.answer.body is None for request in what.requests):
        text = f"Responses to {what.name} are checked by their status only"
        findings.append(codes.ANSWER_UNCHECKED.finding(text, severity="info"))
    return findings


def limited() -> list[Finding]:
    """The CPU quota of the control group, if it is below the usable cores."""
    limit, usable = quota.here().cores, len(os.sched_getaffinity(0))
    if limit is None or limit >= usable:
        return []
    text = f"A control group limits CPU time to {limit:g} of {usable} usable cores"
    return [codes.CPU_QUOTA.finding(text, severity="info" if limit >= 2 else "warning")]


class Finder:
    """Finds the app once on each interpreter; `apps` has the interpreter's short version as key."""

    def __init__(self, asked: Asked, *, extras: bool) -> None:
        self.asked, self.extras = asked, extras
        self.examiner = Examiner(asked.cache, asked.options.allow_outbound)
        self.apps: dict[str, App] = {}
        self.findings: list[Finding] = []
        self.look: Look | None = None

    @property
    def app(self) -> App:
        """The app on the first interpreter."""
        return next(iter(self.apps.values()))

    def find(self, python: str | None) -> str:
        """The app's label on this interpreter; raises UsageError if it cannot be raced there."""
        for label, app in self.apps.items():
            if (python or "") == app.origin["wanted"]:
                return label
        asked, remote = self.asked, self.asked.options.allow_remote_database
        app, findings = discovery.discover(
            asked.app,
            python,
            asked.here,
            self.examiner,
            extras=self.extras,
            wish=asked.terms.resolution,
            environment_file=self._environment_file(),
            allow_remote_database=remote,
        )
        self.findings += findings
        label = inspect(app.python).short_version
        if label in self.apps and self.apps[label].python != app.python:
            fact = f"{self.apps[label].python} and {app.python} are both Python {label}"
            raise UsageError(fact, hint="race one interpreter of each minor version at a time")
        if label not in self.apps:
            app, look, said = examine(
                app, self.examiner, host=asked.host, allow_remote_database=remote
            )
            self.look = look if not self.apps else self.look
            app = app if app.is_builtin else own_app.behind(app, asked.options)
            self.apps[label] = msgspec.structs.replace(
                app, origin={**app.origin, "wanted": python or ""}
            )
            self.findings += said
        return label

    def _environment_file(self) -> str:
        asked, file = self.asked, self.asked.options.env_file
        return str(own_app.place_of(asked.here, asked.app, file).resolve()) if file else ""

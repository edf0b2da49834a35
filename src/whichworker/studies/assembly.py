"""From wishes to a plan, and from a plan to a result: apps, arms, environments, services, journal."""

from __future__ import annotations

import datetime
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Literal

import msgspec
from msgspec import Struct, field

import whichworker
from whichworker.apps import builtin
from whichworker.bench import open_files, overlays, services
from whichworker.bench.running import Bench
from whichworker.design.validity import session_refusal
from whichworker.environments import interpreters, venvs
from whichworker.errors import UsageError, WhichworkerError
from whichworker.model import App, Environment, Finding, Question
from whichworker.probes import machine
from whichworker.question.ask import budget_of
from whichworker.result.run import Run, Validity
from whichworker.result.study import AskedStudy, Card, StudyResult, StudyRow
from whichworker.servers import names
from whichworker.store.journal import FILE, Journal
from whichworker.store.records import Session, StandWindow, StudyHeader
from whichworker.studies.campaign import StudyWatch, measure_study
from whichworker.studies.cells import Table, stand_key
from whichworker.studies.options import StudyRun
from whichworker.studies.plan import Absent, Ask, Plan, Stand
from whichworker.workloads.table import workload

READY = "json"
NOT_INSTALLABLE = "not installable"


class Begun(Struct, frozen=True, kw_only=True):
    """The options of a run, as its journal keeps them."""

    quick: bool
    as_published: bool
    seed: int
    database: Literal["sqlite", "postgres"]
    cache: Literal["memory", "redis"]
    servers: str


Tables = tuple[tuple[StudyRow, ...], tuple[Card, ...], tuple[str, ...], tuple[Finding, ...]]


class Wish(Struct, frozen=True, kw_only=True):
    """An arm wanted on a built-in app, on an interpreter (empty: this one), and what it is asked. `absent` says why none is tried.

    A `variant` is the same arm with more in its environment.
    """

    app: str
    arm: str
    asks: tuple[Ask, ...]
    python: str = ""
    variant: str = ""
    environment: dict[str, str] = field(default_factory=dict)
    absent: str = ""
    evidence: str = ""

    @property
    def key(self) -> str:
        """The name of the stand it becomes."""
        return stand_key(self.app, self.arm, self.python, self.variant)


class Site(Struct, frozen=True):
    """One app on one interpreter with the arms that serve it."""

    question: Question
    environments: dict[str, Environment]


def assemble(
    asked: StudyRun, wishes: Sequence[Wish], watch: StudyWatch, seconds: float
) -> tuple[Plan, dict[str, Site]]:
    """Build what has to be built; what cannot be is absent, with the reason. Raises UsageError where nothing is left to measure."""
    open_files.check(max((ask.users for wish in wishes for ask in wish.asks), default=1))
    stands: list[Stand] = []
    absent: list[Absent] = [
        Absent(stand=wish.key, note=wish.absent, evidence=wish.evidence)
        for wish in wishes
        if wish.absent
    ]
    sites: dict[str, Site] = {}
    for place in dict.fromkeys((wish.app, wish.python) for wish in wishes if not wish.absent):
        here = [wish for wish in wishes if (wish.app, wish.python) == place and not wish.absent]
        _site(asked, here, watch, seconds, (stands, absent, sites))
    if not stands:
        raise UsageError(
            f"nothing of the study {asked.study} can be measured here",
            seen=absent[0].evidence if absent else "",
        )
    plan = Plan(
        study=asked.study,
        stands=tuple(stands),
        benches={},
        absent=tuple(absent),
        folder=asked.folder,
        seed=asked.seed,
        seconds=asked.seconds or seconds,
        fixed_order=asked.as_published,
        resumed=asked.resume,
    )
    return plan, sites


def _site(
    asked: StudyRun,
    wishes: Sequence[Wish],
    watch: StudyWatch,
    seconds: float,
    found: tuple[list[Stand], list[Absent], dict[str, Site]],
) -> None:
    stands, absent, sites = found
    first = wishes[0]
    key = place_key(first.app, first.python)
    watch.note(f"{first.app} {first.python}".strip())
    try:
        app = app_of(first.app, first.python, asked.cache)
    except WhichworkerError as error:
        text = str(error)
        absent += [Absent(stand=wish.key, note=NOT_INSTALLABLE, evidence=text) for wish in wishes]
        return
    question = _question(asked, first.app, app, [wish.arm for wish in wishes], seconds)
    built, without = overlays.build(question, asked.cache, watch.note)
    reasons = {record.arm: record for record in without}
    for wish, arm in zip(wishes, question.arms, strict=True):
        if arm.name in reasons:
            note = "not applicable" if reasons[arm.name].refused else NOT_INSTALLABLE
            absent.append(
                Absent(stand=wish.key, note=note, evidence=reasons[arm.name].failures[0].sample)
            )
        else:
            varied = msgspec.structs.replace(
                arm, environment={**arm.environment, **wish.environment}
            )
            stands.append(Stand(key=wish.key, app=key, arm=varied, asks=wish.asks))
    sites[key] = Site(question, built)


def app_of(name: str, python: str, cache: Path) -> App:
    """A built-in app with everything the studies need; raises WhichworkerError where this interpreter or environment cannot be had."""
    base = interpreters.find(python, venvs.uv_path()) if python else interpreters.own_base()
    return builtin.app(
        name, interpreters.inspect(base).base, cache, extras="@" not in name
    )  # of old versions the plain lock is kept


def _question(
    asked: StudyRun, name: str, app: App, arms: Sequence[str], seconds: float
) -> Question:
    label = interpreters.inspect(app.python).short_version
    budget = budget_of(asked.seconds or seconds)
    chosen = [
        names.contender(names.parse(arm), label, cores=len(budget.server_cores)) for arm in arms
    ]
    return Question(
        apps={label: app},
        workload=workload(READY, name),
        arms=names.number_copies(chosen),
        budget=budget,
        seed=asked.seed,
        database=asked.database,
        cache=asked.cache_kind,
    )


def place_key(app: str, python: str) -> str:
    """The name of an app on an interpreter."""
    return f"{app}/{python}" if python else app


def carry_out(
    asked: StudyRun,
    assembled: tuple[Plan, dict[str, Site]],
    watch: StudyWatch,
    title: str,
    tabulate: Callable[[Table, StudyRun], Tables],
) -> StudyResult:
    """Measure what is missing, then make the tables of what there is; an interruption is not lost."""
    plan, sites = assembled
    budget = next(iter(sites.values())).question.budget
    with Journal(asked.folder / FILE) as journal:
        begin(journal, asked, digest(plan, sites))
        needs = services.Needs(
            upstream=any(ask.upstream for stand in plan.stands for ask in stand.asks),
            database=asked.database,
            cache=asked.cache_kind,
        )
        apps = [site.question.app for site in sites.values()]
        open_files.allow(max(ask.users for stand in plan.stands for ask in stand.asks))
        try:
            cores = services.cores_of(budget)
            with services.backing(
                needs, apps, cores=cores, folder=asked.folder, cache=asked.cache, note=watch.note
            ) as backing:
                benches = {
                    key: Bench(site.question, site.environments, asked.folder, asked.cache, backing)
                    for key, site in sites.items()
                }
                measure_study(msgspec.structs.replace(plan, benches=benches), journal, watch)
        except KeyboardInterrupt:
            watch.note("interrupted")
        table = Table(plan, journal)
        reason = session_refusal(table.refused, table.tried)
        return conclude(
            journal, asked, title, tabulate(table, asked), seconds=plan.seconds, reason=reason
        )


def begin(journal: Journal, asked: StudyRun, plan_digest: str) -> StudyHeader:
    """The first line of the journal, written or checked; raises UsageError where the run was begun with other versions or elsewhere."""
    described = machine.describe()
    header = next(journal.of(StudyHeader), None)
    if header is not None:
        if (
            header.digest != plan_digest
            or header.machine.fingerprint != described.fingerprint
            or header.study != asked.study
        ):
            fact = f"run {header.run} cannot be resumed: servers, app or machine are not those it was begun with"
            raise UsageError(fact, hint="start a new run")
        return header
    header = StudyHeader(
        run=asked.folder.name,
        started=datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        version=whichworker.__version__,
        command=asked.command,
        digest=plan_digest,
        machine=described,
        study=asked.study,
        options=msgspec.to_builtins(_begun(asked)),
    )
    journal.append(header)
    return header


def _begun(asked: StudyRun) -> Begun:
    return Begun(
        quick=asked.quick,
        as_published=asked.as_published,
        seed=asked.seed,
        database=asked.database,
        cache=asked.cache_kind,
        servers=",".join(asked.servers),
    )


def restored(asked: StudyRun) -> StudyRun:
    """A run that is resumed, with the options it was begun with; raises UsageError where its journal is of something else."""
    with Journal(asked.folder / FILE) as journal:
        header = next(journal.of(StudyHeader), None)
    if header is None or header.study != asked.study:
        raise UsageError(
            f"{asked.folder.name} is no run of the study {asked.study}", hint="start a new run"
        )
    options = msgspec.convert(header.options, Begun)
    return msgspec.structs.replace(
        asked,
        quick=options.quick,
        as_published=options.as_published,
        seed=options.seed,
        database=options.database,
        cache_kind=options.cache,
        servers=tuple(names.split(options.servers)),
    )


def digest(plan: Plan, sites: dict[str, Site]) -> str:
    """What is measured, with what, as one word."""
    packages = {
        key: {name: made.packages for name, made in sorted(site.environments.items())}
        for key, site in sorted(sites.items())
    }
    asks = [(stand.key, msgspec.to_builtins(stand.asks)) for stand in plan.stands]
    return venvs.digest(json.dumps([packages, asks], sort_keys=True, default=str))


def conclude(
    journal: Journal,
    asked: StudyRun,
    title: str,
    tables: Tables,
    *,
    seconds: float,
    reason: str = "",
) -> StudyResult:
    """The result of what the journal holds; invalid for a `reason`, and where nothing could be measured."""
    rows, cards, conclusions, findings = tables
    header = next(journal.of(StudyHeader))
    sessions = list(journal.of(Session))
    budget = budget_of(seconds)
    measured = any(True for _ in journal.of(StandWindow)) or any(
        cell.value is not None for row in rows for cell in row.cells
    )
    reasons = tuple(
        filter(None, (reason, "" if measured or reason else "nothing could be measured"))
    )
    return StudyResult(
        study=asked.study,
        title=title,
        question=AskedStudy(
            quick=asked.quick,
            as_published=asked.as_published,
            seed=asked.seed,
            time_seconds=seconds,
            server_cores=budget.server_cores,
            generator_cores=budget.generator_cores,
            database=asked.database,
            cache=asked.cache_kind,
        ),
        machine=header.machine,
        run=Run(
            id=header.run,
            started=header.started,
            command=header.command,
            version=whichworker.__version__,
            seconds=sum(session.seconds for session in sessions),
            finished=bool(sessions) and sessions[-1].ended == "finished",
        ),
        validity=Validity(state="invalid" if reasons else "valid", reasons=reasons),
        findings=findings,
        rows=rows,
        cards=cards,
        conclusions=conclusions,
    )

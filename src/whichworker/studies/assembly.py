"""From wishes to a plan, and from a plan to a result: apps, environments, services, journal."""

from __future__ import annotations

import datetime
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Literal

import msgspec
from msgspec import Struct, field

import whichworker
from whichworker import foreign
from whichworker.apps import builtin
from whichworker.bench import open_files, overlays, services
from whichworker.bench.running import Bench
from whichworker.design.validity import session_refusal
from whichworker.environments import interpreters
from whichworker.environments import venvs as environments
from whichworker.errors import UsageError, WhichworkerError
from whichworker.model import App, Environment, Finding, Question, Subject, Terms
from whichworker.probes import machine
from whichworker.question.ask import budget_of
from whichworker.result.envelope import Validity
from whichworker.result.study import AskedStudy, Card, StudyResult, StudyRow
from whichworker.servers import names
from whichworker.store.journal import FILE, Journal
from whichworker.store.records import RunSession, StandWindow, StudyHeader
from whichworker.studies.campaign import measure_study
from whichworker.studies.cells import Table, stand_key
from whichworker.studies.options import StudyRun
from whichworker.studies.plan import Absent, Stand, StandAsk, StudyPlan
from whichworker.studies.watch import StudyWatch
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
    """An arm on a built-in app, on an interpreter (empty: this one), and its asks.

    `absent` is the reason if it cannot be tried.

    A `variant` is the same arm with more in its environment.
    """

    app: str
    arm: str
    asks: tuple[StandAsk, ...]
    python: str = ""
    variant: str = ""
    environment: dict[str, str] = field(default_factory=dict)
    absent: str = ""
    evidence: str = ""

    @property
    def key(self) -> str:
        """The name of its stand."""
        return stand_key(self.app, self.arm, self.python, self.variant)


class Site(Struct, frozen=True):
    """One app on one interpreter with the arms that serve it."""

    question: Question
    environments: dict[str, Environment]


def assemble(
    asked: StudyRun, wishes: Sequence[Wish], watch: StudyWatch, seconds: float
) -> tuple[StudyPlan, dict[str, Site]]:
    """Build the apps and environments; those that fail are absent, with the reason.

    Raises UsageError if nothing is left to measure.
    """
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
    plan = StudyPlan(
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
    """A built-in app with everything the studies need.

    Raises WhichworkerError if this interpreter or environment is unavailable.
    """
    base = interpreters.find(python, environments.uv_path()) if python else interpreters.own_base()
    return builtin.app(
        name, interpreters.inspect(base).base, cache, extras="@" not in name
    )  # old versions keep their plain lock


def _question(
    asked: StudyRun, name: str, app: App, arms: Sequence[str], seconds: float
) -> Question:
    label = interpreters.inspect(app.python).short_version
    budget = budget_of(asked.seconds or seconds)
    chosen = [
        names.contender(names.parse(arm), label, cores=len(budget.server_cores)) for arm in arms
    ]
    return Question(
        subject=Subject(
            apps={label: app},
            workload=workload(READY, name),
            database=asked.database,
            cache=asked.cache_kind,
        ),
        terms=Terms(seed=asked.seed),
        arms=names.number_copies(chosen),
        budget=budget,
    )


def place_key(app: str, python: str) -> str:
    """The name of an app on an interpreter."""
    return f"{app}/{python}" if python else app


def carry_out(
    asked: StudyRun,
    assembled: tuple[StudyPlan, dict[str, Site]],
    watch: StudyWatch,
    title: str,
    tabulate: Callable[[Table, StudyRun], Tables],
) -> StudyResult:
    """Measure the missing cells, then make the tables; an interruption loses nothing."""
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
    """The first line of the journal, written or checked.

    Raises UsageError if the run was begun with other versions or on another machine.
    """
    described = machine.describe()
    header = next(journal.of(StudyHeader), None)
    if header is not None:
        if (
            header.digest != plan_digest
            or header.machine.fingerprint != described.fingerprint
            or header.study != asked.study
        ):
            fact = f"run {header.run} cannot be resumed: it has other servers, another app or"
            fact += " another machine"
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
    """A resumed run with its first options; raises UsageError for another study's journal."""
    with Journal(asked.folder / FILE) as journal:
        header = next(journal.of(StudyHeader), None)
    if header is None or header.study != asked.study:
        raise UsageError(
            f"{asked.folder.name} is not a run of the study {asked.study}", hint="start a new run"
        )
    try:
        options = foreign.fitted(header.options, Begun)
    except foreign.Unreadable as error:
        raise UsageError(
            f"the options of {asked.folder.name} cannot be used: {error}", hint="start a new run"
        ) from error
    return msgspec.structs.replace(
        asked,
        quick=options.quick,
        as_published=options.as_published,
        seed=options.seed,
        database=options.database,
        cache_kind=options.cache,
        servers=tuple(names.split(options.servers)),
    )


def digest(plan: StudyPlan, sites: dict[str, Site]) -> str:
    """One word for everything that is measured: stands, versions, places."""
    packages = {
        key: {name: made.packages for name, made in sorted(site.environments.items())}
        for key, site in sorted(sites.items())
    }
    asks = [(stand.key, msgspec.to_builtins(stand.asks)) for stand in plan.stands]
    return environments.digest(json.dumps([packages, asks], sort_keys=True, default=str))


def conclude(
    journal: Journal,
    asked: StudyRun,
    title: str,
    tables: Tables,
    *,
    seconds: float,
    reason: str = "",
) -> StudyResult:
    """The result of the journal; invalid for a `reason`, or if nothing could be measured."""
    rows, cards, conclusions, findings = tables
    header = next(journal.of(StudyHeader))
    sessions = list(journal.of(RunSession))
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
        run=header.run_of(sessions),
        validity=Validity(state="invalid" if reasons else "valid", reasons=reasons),
        findings=findings,
        rows=rows,
        cards=cards,
        conclusions=conclusions,
    )

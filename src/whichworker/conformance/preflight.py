"""Which arms may race: each runs the cases once for each version of everything."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Literal

import msgspec
from msgspec import Struct

from whichworker import foreign, whole_files
from whichworker.apps import builtin
from whichworker.bench import overlays, services
from whichworker.bench.running import SHOWN_ADDRESS, Bench
from whichworker.bench.window import failed
from whichworker.conformance.attempts import examine
from whichworker.conformance.cases import (
    CASES,
    Case,
    Outcome,
    keeps_out,
    own_cases,
    quick_cases,
    races_async,
)
from whichworker.environments import venvs as environments
from whichworker.errors import ServerFailed
from whichworker.model import App, Arm, Failure, Finding, Question, codes
from whichworker.servers import table
from whichworker.store.records import Failed

FOLDER = "conformance"
LASTING_KINDS = ("", "status", "header", "body", "framing", "check")
"""Failures that recur. A busy machine may cause the others, so the cache never keeps them."""

ArmState = Literal["passed", "failed", "refused"]


class ArmReport(Struct, frozen=True, kw_only=True):
    """The outcomes of one arm, or why it did not run; `refused`: it does not fit the app."""

    name: str
    server: str
    kind: str
    version: str | None
    python: str | None
    interface: str
    settings: dict[str, int | str]
    state: ArmState
    failures: tuple[Failure, ...] = ()
    outcomes: tuple[Outcome, ...] = ()


class CaseTitle(Struct, frozen=True):
    """A case as a report names it."""

    name: str
    title: str
    right: str
    gate: bool


class Report(Struct, frozen=True, kw_only=True):
    """A preflight as JSON; `app` describes the app on each interpreter."""

    kind: Literal["preflight"] = "preflight"
    app: dict[str, str]
    workload: str
    cases: tuple[CaseTitle, ...]
    arms: tuple[ArmReport, ...]
    findings: tuple[Finding, ...] = ()

    @property
    def passed(self) -> bool:
        """Whether at least one arm passed and none failed."""
        states = {arm.state for arm in self.arms}
        return "passed" in states and "failed" not in states


def has_case_views(app: App) -> bool:
    """Whether an app has the views that the cases request."""
    return app.is_builtin and (app.wsgi, app.asgi) == (
        builtin.WSGI,
        builtin.ASGI,
    )


def cases_of(question: Question) -> tuple[Case, ...]:
    """All cases that fit this app."""
    return CASES if has_case_views(question.app) else own_cases(question.workload)


def inspect(
    question: Question, folder: Path, cache: Path, note: Callable[[str], None]
) -> Iterator[ArmReport]:
    """Build, start and examine one arm after the other, with every case that fits the app."""
    found, without = overlays.build(question, cache, note)
    reasons = {record.arm: record for record in without}
    with services.serving(question, folder, cache, note) as backing:
        bench = Bench(question, found, folder, cache, backing)
        for arm in question.arms:
            note(f"preflight of {arm.name}")
            yield _examined(bench, arm, reasons.get(arm.name))


def _examined(bench: Bench, arm: Arm, record: Failed | None) -> ArmReport:
    if record is not None:
        return _report(
            bench, arm, "refused" if record.refused else "failed", failures=record.failures
        )
    cases = cases_of(bench.question)
    try:
        outcomes = tuple(examine(bench, arm, cases))
    except ServerFailed as error:
        return _report(bench, arm, "failed", failures=failed(error).failures)
    return _report(
        bench,
        arm,
        "failed" if unfit(bench.question, arm, cases, outcomes) else "passed",
        outcomes=outcomes,
    )


def _report(
    bench: Bench,
    arm: Arm,
    state: ArmState,
    failures: tuple[Failure, ...] = (),
    outcomes: tuple[Outcome, ...] = (),
) -> ArmReport:
    environment = bench.environments.get(arm.name)
    return ArmReport(
        name=arm.name,
        server=arm.family,
        kind=arm.kind,
        version=environment.version if environment else None,
        python=environment.python_version if environment else None,
        interface=arm.interface,
        settings=arm.settings,
        state=state,
        failures=failures,
        outcomes=outcomes,
    )


def report(question: Question, arms: Sequence[ArmReport], findings: Sequence[Finding]) -> Report:
    """All arms together, with a finding for each case that one of them failed."""
    cases = cases_of(question)
    told = [
        finding
        for arm in arms
        for finding in findings_of(question, question.arm(arm.name), cases, arm.outcomes)
    ]
    return Report(
        app={
            label: f"{app.name}, {app.origin.get('app', app.directory)}"
            for label, app in question.apps.items()
        },
        workload=question.workload.name,
        cases=tuple(CaseTitle(case.name, case.title, case.right, case.gate) for case in cases),
        arms=tuple(arms),
        findings=(*findings, *told),
    )


def unfit(
    question: Question, arm: Arm, cases: Sequence[Case], outcomes: Sequence[Outcome]
) -> list[tuple[Case, Outcome]]:
    """The failed cases that keep an arm out of the ranking."""
    async_raced = has_case_views(question.app) and races_async(question.workload)
    known = {case.name: case for case in cases}
    pairs = [(known[outcome.case], outcome) for outcome in outcomes]
    return [pair for pair in pairs if keeps_out(*pair, arm.interface, async_raced=async_raced)]


def findings_of(
    question: Question, arm: Arm, cases: Sequence[Case], outcomes: Sequence[Outcome]
) -> Iterator[Finding]:
    """One finding for each failed case; an error if it keeps the arm out."""
    known = {case.name: case for case in cases}
    out = {case.name for case, _ in unfit(question, arm, cases, outcomes)}
    for outcome in outcomes:
        if outcome.state in ("failed", "timeout"):
            case = known[outcome.case]
            yield codes.CONFORMANCE[case.name].finding(
                f"{arm.name} fails a check, {case.title}: {outcome.note or outcome.kind};"
                f" correct is: {case.right}",
                severity="error" if case.name in out else case.severity,
                arm=arm.name,
                evidence=outcome.evidence,
                hint=outcome.hint or None,
            )


def admit(bench: Bench, note: Callable[[str], None]) -> tuple[list[Failed], list[Finding]]:
    """Run the quick cases of every arm of a race on the built-in app, before its clock starts.

    Returns the arms that may not race, and findings. The cache keeps the outcomes. An arm that does
    not start stays in the race, which reports the reason.
    """
    question = bench.question
    out: list[Failed] = []
    told: list[Finding] = []
    if not has_case_views(question.app):
        return out, told
    for arm in question.arms:
        if arm.name not in bench.environments:
            continue
        cases = quick_cases(table.load(arm.server).in_flight_limit(arm.settings))
        try:
            outcomes = recall(bench, arm, cases, note)
        except ServerFailed:
            continue
        told += [_aside(finding) for finding in findings_of(question, arm, cases, outcomes)]
        if wrong := unfit(question, arm, cases, outcomes):
            case, outcome = wrong[0]
            sample = f"{case.title}: {outcome.evidence}"
            out.append(
                Failed(
                    arm=arm.name,
                    failures=(
                        Failure(
                            kind="conformance",
                            count=len(wrong),
                            sample=sample,
                            hint=outcome.hint,
                        ),
                    ),
                )
            )
    return out, told


def _aside(finding: Finding) -> Finding:
    """Only a note in a race if it keeps no arm out: `whichworker preflight` has the details."""
    return (
        finding
        if finding.severity == "error"
        else msgspec.structs.replace(finding, severity="info", hint="")
    )


def recall(
    bench: Bench, arm: Arm, cases: Sequence[Case], note: Callable[[str], None]
) -> list[Outcome]:
    """The outcomes of an arm, cached while nothing they depend on changes; raises ServerFailed."""
    place = bench.cache / FOLDER / f"{arm.server}-{_key(bench, arm, cases)}.json"
    try:
        return foreign.json_in(place.read_bytes(), list[Outcome])
    except (OSError, foreign.Unreadable):
        note(f"preflight of {arm.name}")
    outcomes = examine(bench, arm, cases)
    if all(outcome.kind in LASTING_KINDS for outcome in outcomes):
        place.parent.mkdir(parents=True, exist_ok=True)
        whole_files.write(place, msgspec.json.encode(outcomes))
    return outcomes


def _key(bench: Bench, arm: Arm, cases: Sequence[Case]) -> str:
    """A digest of all that an outcome depends on: cases, app, server, versions, settings."""
    environment, app = bench.environments[arm.name], bench.question.apps[arm.python]
    command = table.load(arm.server).command(app, SHOWN_ADDRESS, arm.settings)
    known = (
        cases,
        arm.settings,
        arm.environment,
        command,
        sorted(environment.packages.items()),
        environment.python_version,
    )
    return environments.digest(msgspec.json.encode(known).decode(), _source(Path(app.directory)))


def _source(directory: Path) -> str:
    digest = hashlib.sha256()
    for path in sorted(directory.rglob("*.py")):
        digest.update(path.relative_to(directory).as_posix().encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()

"""`whichworker preflight`: does every server answer this app rightly?"""

from __future__ import annotations

import contextlib
import sys
import tempfile
from collections.abc import Sequence
from itertools import zip_longest
from pathlib import Path
from typing import Any

import click
import msgspec
from rich.console import Console
from rich.text import Text

from whichworker import redaction
from whichworker.cli import consoles
from whichworker.cli.options import options_of
from whichworker.config.options import PreflightOptions
from whichworker.conformance import preflight as laboratory
from whichworker.conformance.preflight import ArmReport, CaseTitle, Report
from whichworker.model import Permits, Question
from whichworker.question import reference
from whichworker.report import files, terminal
from whichworker.store import places

FAILED = 1
RIGHT, WRONG, TOLD, NEVER = "✓", "✗", "!", "–"
STYLES = {RIGHT: "green", WRONG: "bold red", TOLD: "yellow", NEVER: "dim"}
LEGEND = f"{RIGHT} right  {WRONG} wrong: keeps the arm out of a ranking  {TOLD} worth knowing  {NEVER} not asked"


@click.command()
@click.argument("app", required=False)
@options_of(PreflightOptions)
def preflight(app: str | None, **given: Any) -> int:
    """Ask servers what every server must get right: the workload's own answers, HEAD, a second request, a stop with a request in flight.

    APP as in a race. The built-in Django project is asked more: the ORM, 200 kB posted with a length and in chunks, streams, slow views
    at the same time, error pages, and a reload. Exit codes: 0 no arm is kept out of a ranking, 1 some arm is, 2 usage or tool error.
    """
    here, cache = Path.cwd(), places.cache_folder()
    options = PreflightOptions(
        **{name: value for name, value in given.items() if value is not None}
    )
    files.check_writable(json=options.json)
    notes = consoles.notes()
    question, findings = laboratory.question_of(app, options, here, cache)
    terminal.print_findings(notes, findings)
    if options.dry_run:
        _print_plan(notes, question)
        return 0
    with tempfile.TemporaryDirectory(prefix="whichworker-") as folder:
        known = reference.learn(
            question, Permits(), Path(folder), cache, lambda text: notes.print(text, style="dim")
        )
        terminal.print_findings(notes, known.findings)
        question = known.question
        arms = list(
            laboratory.inspect(
                question, Path(folder), cache, lambda text: notes.print(text, style="dim")
            )
        )
    report = laboratory.report(question, arms, findings)
    _write(report, options.json)
    with contextlib.suppress(OSError):  # a reader that went away must not cost the exit code
        print_report(notes if options.json == files.STANDARD_OUTPUT else consoles.results(), report)
    return 0 if report.passed else FAILED


def _print_plan(console: Console, question: Question) -> None:
    console.print(Text("arms   " + ", ".join(arm.name for arm in question.arms)))
    for case in laboratory.cases_of(question):
        console.print(Text(f"{case.name:<12} {case.title}: {case.right}"))


def _write(report: Report, place: str) -> None:
    if not place:
        return
    content = (
        redaction.clean_bytes(msgspec.json.format(msgspec.json.encode(report), indent=2)) + b"\n"
    )
    if place == files.STANDARD_OUTPUT:
        sys.stdout.buffer.write(content)
        sys.stdout.buffer.flush()
    else:
        Path(place).write_bytes(content)


def print_report(console: Console, report: Report) -> None:
    """The table of arms and cases, and below it the evidence of everything that is not as it should be."""
    for label, app in report.app.items():
        console.print(Text(f"{app}, Python {label}; workload {report.workload}"))
    console.print()
    width = max((len(_shown(arm)) for arm in report.arms), default=0)
    for row in upright([case.name for case in report.cases]):
        console.print(Text(" " * width + "  " + row, "dim"), no_wrap=True)
    for arm in report.arms:
        cells = Text(f"{_shown(arm):<{width}}  ")
        for mark in marks(report, arm):
            cells.append(f"{mark} ", STYLES[mark])
        console.print(cells, no_wrap=True)
    console.print(Text(f"\n{LEGEND}", "dim"))
    for arm in report.arms:
        for failure in arm.failures:
            console.print(
                Text.assemble(
                    (f"{WRONG} ", STYLES[WRONG]), f"{arm.name}: {failure.kind}: {failure.sample}"
                )
            )
    terminal.print_findings(console, [finding for finding in report.findings if finding.arm])


def _shown(arm: ArmReport) -> str:
    return f"{arm.name} {arm.version or ''}".rstrip()


def upright(names: Sequence[str]) -> list[str]:
    """Names written downwards, one in every other column, their last letters in the same row."""
    longest = max(map(len, names), default=0)
    return [
        " ".join(letters).rstrip()
        for letters in zip_longest(*(f"{name:>{longest}}" for name in names), fillvalue=" ")
    ]


def marks(report: Report, arm: ArmReport) -> list[str]:
    """One mark for each case, in their order; an arm that could not be asked has none that is right."""
    return [_mark(report, arm, case) for case in report.cases]


def _mark(report: Report, arm: ArmReport, case: CaseTitle) -> str:
    outcome = next((outcome for outcome in arm.outcomes if outcome.case == case.name), None)
    if outcome is None or outcome.state == "not applicable":
        return NEVER
    if outcome.state == "passed":
        return RIGHT
    code = f"conformance-{case.name}"
    return (
        WRONG
        if any(
            found.arm == arm.name and found.code == code and found.severity == "error"
            for found in report.findings
        )
        else TOLD
    )

"""`whichworker preflight`: does each server respond correctly to this app's requests?"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import zip_longest
from pathlib import Path

from rich.console import Console
from rich.text import Text

from whichworker.cli.frame import consoles
from whichworker.cli.frame.exits import Exit
from whichworker.config.options import PreflightOptions
from whichworker.conformance import preflight as laboratory
from whichworker.conformance.preflight import ArmReport, CaseTitle, Report
from whichworker.model import Question, codes
from whichworker.process import scratch
from whichworker.question import reference
from whichworker.question.ask import discover_for_preflight
from whichworker.report import files, terminal
from whichworker.store import places

RIGHT, WRONG, TOLD, NEVER = "✓", "✗", "!", "–"
STYLES = {RIGHT: "green", WRONG: "bold red", TOLD: "yellow", NEVER: "dim"}
LEGEND = (
    f"{RIGHT} correct  {WRONG} incorrect: not ranked in a race  "
    f"{TOLD} worth knowing  {NEVER} not checked"
)


def preflight(app: str | None, options: PreflightOptions) -> int:
    """Learn the correct responses, ask each server, print and write."""
    here, cache = Path.cwd(), places.cache_folder()
    files.check_writable(json=options.json)
    notes = consoles.notes()
    found = discover_for_preflight(app, options, here, cache)
    findings = [finding for finding in found.findings if finding.code != "cores-shared"]
    terminal.print_findings(notes, findings)
    if options.dry_run:
        _print_plan(notes, found.question)
        return Exit.OK
    with scratch.folder() as folder:
        learnt = reference.learn(found, folder, lambda text: notes.print(text, style="dim"))
        terminal.print_findings(notes, learnt.findings)
        question = found.question_about(learnt.subject)
        arms = list(
            laboratory.inspect(question, folder, cache, lambda text: notes.print(text, style="dim"))
        )
    report = laboratory.report(question, arms, findings)
    files.write_json(report, options.json)
    results = consoles.results(options.json)
    consoles.report(notes, lambda: print_report(results, report))
    return Exit.OK if report.passed else Exit.FAILED


def _print_plan(console: Console, question: Question) -> None:
    console.print(Text("setups " + ", ".join(arm.name for arm in question.arms)))
    for case in laboratory.cases_of(question):
        console.print(Text(f"{case.name:<12} {case.title}: {case.right}"))


def print_report(console: Console, report: Report) -> None:
    """The table of arms and cases, and below it the evidence of all that is not correct."""
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
            if failure.hint:
                console.print(Text(f"  hint: {failure.hint}"))
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
    """One mark for each case, in order; an arm that did not start has no correct one."""
    return [_mark(report, arm, case) for case in report.cases]


def _mark(report: Report, arm: ArmReport, case: CaseTitle) -> str:
    outcome = next((outcome for outcome in arm.outcomes if outcome.case == case.name), None)
    if outcome is None or outcome.state == "not applicable":
        return NEVER
    if outcome.state == "passed":
        return RIGHT
    code = codes.CONFORMANCE[case.name].name
    return (
        WRONG
        if any(
            found.arm == arm.name and found.code == code and found.severity == "error"
            for found in report.findings
        )
        else TOLD
    )

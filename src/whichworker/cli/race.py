"""`whichworker race`: which server setup is fastest for this app, on this machine?"""

from __future__ import annotations

import os
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rich.console import Console

from whichworker.bench import open_files
from whichworker.cli import emitting, live
from whichworker.cli.frame import command_line, consoles, exits, summary
from whichworker.cli.frame.progress import Printer
from whichworker.config.layers import gather
from whichworker.config.options import OutputOptions, RaceOptions
from whichworker.deployment import recipe as deploy
from whichworker.design import ladder
from whichworker.errors import UsageError
from whichworker.live.alongside import Page
from whichworker.question.ask import ask, discover
from whichworker.question.own import base_of
from whichworker.question.stages import Planned
from whichworker.race import investigation, search
from whichworker.report import standings, terminal
from whichworker.result import Result
from whichworker.store import places


class RacePrinter(Printer):
    """Prints the plan of each step before its progress, and tells the live page."""

    def __init__(self, console: Console, page: Page | None = None) -> None:
        super().__init__(console)
        self.page = page

    def decided(self, text: str) -> None:
        """One line about what comes next."""
        self.clear()
        self.console.print(text, style="dim")

    def planned(self, plan: Planned) -> None:
        """The plan, and the run it begins or continues."""
        self.clear()
        versions = {name: environment.version for name, environment in plan.environments.items()}
        terminal.print_plan(self.console, plan.question, versions)
        self.console.print(
            f"run        {plan.run}{' (resumed)' if plan.resumed else ''}\n", style="dim"
        )
        self.follow(plan)

    def follow(self, plan: Planned) -> None:
        """Show its run on the live page, if there is one."""
        if self.page is not None:
            self.page.follow(plan.folder)


def race(app: str | None, given: Mapping[str, Any], output: OutputOptions) -> int:
    """Plan, race, print and write."""
    summary.check(output)
    notes = consoles.notes()
    results = consoles.results(output.json)
    with live.shown(notes, wanted=output.live and not output.dry_run) as page:
        printer = RacePrinter(notes, page)
        planned = _plan(app, given, output, printer)
        if planned is None:
            return exits.Exit.OK
        planned, result = search.carry_out(planned, printer, command_line.kept())
        printer.close()
        printer.follow(planned)  # of two steps, the one that counts
        summary.report(result, output, results, notes)
        if not result.run.finished:
            consoles.report(notes, lambda: notes.print(_continuation(app, result)))
        if output.emit:
            _emit(app, planned, result, output, notes, results)
    decided = result.decided or not output.require_verdict
    valid = result.validity.state == "valid"
    return exits.of_run(finished=result.run.finished, valid=valid and decided)


def _continuation(app: str | None, result: Result) -> str:
    """The command that continues an interrupted run, or why there is none."""
    if not result.question.resumable:
        return f"to repeat it, start a new run: {standings.NO_SECRETS}"
    command = ["whichworker", "race", *([app] if app else []), "--resume", result.run.id]
    return f"continue with: {shlex.join(command)}"


def _plan(
    app: str | None, given: Mapping[str, Any], output: OutputOptions, printer: RacePrinter
) -> Planned | None:
    """The plan, printed; None if the user wanted only the plan."""
    here, cache = Path.cwd(), places.cache_folder()
    project = base_of(here, app)
    options, origins = gather(RaceOptions, given, os.environ, project)
    if output.resume:
        _check_resumable(origins)
        folder = places.find_run(project, output.resume)
        seconds = options.time if origins["time"].startswith("--") else None
        planned = investigation.resume(folder, cache, printer, seconds, app, project=project)
        emitting.check(planned.question, output.emit, output.out, force=output.force)
    else:
        open_files.check(options.connections or ladder.MOST)
        found = discover(ask(app, options, here, cache))
        question = search.planned_question(found, found.subject)
        emitting.check(question, output.emit, output.out, force=output.force)
        terminal.print_findings(printer.console, found.findings)
        if output.dry_run:
            terminal.print_plan(printer.console, question, {})
            return None
        learnt = investigation.learn(found, printer)
        planned = investigation.plan(
            search.planned_question(found, learnt.subject),
            (*found.findings, *learnt.findings),
            project,
            cache,
            printer,
        )
    printer.planned(planned)
    return None if output.dry_run else planned


def _check_resumable(origins: Mapping[str, str]) -> None:
    changed = [
        place for name, place in origins.items() if place.startswith("--") and name != "time"
    ]
    if changed:
        raise UsageError(
            f"{', '.join(changed)} cannot change in a run that is resumed",
            hint="only --time and the output options go with --resume; or start a new run",
        )


def _emit(
    app: str | None,
    planned: Planned,
    result: Result,
    output: OutputOptions,
    notes: Console,
    results: Console,
) -> None:
    if not result.run.finished or result.advice is None:
        notes.print(f"! No files written: {_why_no_files(result)}", style="yellow")
        return
    folder = app if app and Path(app).is_dir() else None
    told = deploy.read(planned.folder)
    emitting.emit(told, output.emit, output.out, folder, notes, results, force=output.force)


def _why_no_files(result: Result) -> str:
    if not result.run.finished:
        return "the race is not finished"
    return "there is no winner yet" if result.validity.state == "valid" else "the run is invalid"

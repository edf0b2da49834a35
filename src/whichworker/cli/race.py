"""`whichworker race`: which arm is fastest on this app, on this machine?"""

from __future__ import annotations

import contextlib
import os
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click
from rich.console import Console

from whichworker.cli import consoles, emitting
from whichworker.cli.emitting import emit
from whichworker.cli.options import options_of
from whichworker.cli.progress import Printer
from whichworker.config.layers import gather
from whichworker.config.options import OutputOptions, RaceOptions
from whichworker.deployment import recipe
from whichworker.errors import UsageError
from whichworker.model import Question
from whichworker.question.ask import ask
from whichworker.question.own import base_of, permits_of
from whichworker.race import investigation, search
from whichworker.race.investigation import Plan
from whichworker.report import files, terminal
from whichworker.result import Result
from whichworker.store import places

INVALID = 3
SECRET_OPTIONS = ("--login", "--header")
INTERRUPTED = 130


@click.command()
@click.argument("app", required=False)
@options_of(RaceOptions, OutputOptions)
def race(app: str | None, **given: Any) -> int:
    """Race servers on an APP: a folder with a manage.py, MODULE:ATTRIBUTE, or builtin:django.

    Without APP the current folder is searched; the built-in Django project is used where it holds none. Results go to standard output,
    progress to standard error. Exit codes: 0 valid, 2 usage or tool error, 3 invalid, 130 interrupted (results kept).
    """
    output = OutputOptions(
        **{
            field: given.pop(field)
            for field in OutputOptions.__struct_fields__
            if given.get(field) is not None
        }
    )
    given = {
        name: value for name, value in given.items() if name not in OutputOptions.__struct_fields__
    }
    files.check_writable(json=output.json, html=output.html)
    notes = consoles.notes()
    results = notes if output.json == "-" else consoles.results()
    printer = Printer(notes)
    planned = _plan(app, given, output, printer, notes)
    if planned is None:
        return 0
    planned, result = _carry_out(planned, printer, notes)
    printer.close()
    written = files.write(result, json=output.json, html=output.html)
    with contextlib.suppress(
        OSError
    ):  # a reader that went away must not cost the exit code; the files are written
        terminal.print_result(results, result)
        for path in written:
            notes.print(f"wrote {path}", style="dim")
        if not result.run.finished:
            notes.print(f"continue with: {shlex.join(_resume_command(app, planned))}")
    if output.emit and result.run.finished and result.advice is not None:
        emit(
            recipe.read(planned.folder),
            output.emit,
            output.out,
            app if app and Path(app).is_dir() else None,
            notes,
            results,
        )
    elif output.emit:
        notes.print("! nothing to deploy is written: no arm is advised", style="yellow")
    return _exit_code(result, require_verdict=output.require_verdict)


def _carry_out(planned: Plan, printer: Printer, notes: Console) -> tuple[Plan, Result]:
    """The race; where it is the first step of a search, the second one after it."""
    command = shlex.join(["whichworker", *_without_secrets(sys.argv[1:])])
    result = investigation.carry_out(planned, printer, command)
    if result.run.finished and (whole := search.longer(planned, result)) is not None:
        printer.clear()
        notes.print(
            "no rank yet: the servers have all of the time, at the settings that are shown",
            style="dim",
        )
        return whole, investigation.carry_out(whole, printer, command)
    if (
        planned.question.search is None
        or not result.run.finished
        or (following := search.second(planned, result)) is None
    ):
        return planned, result
    printer.clear()
    notes.print(
        f"settings   {len(following.question.arms)} arms of the best servers, in what is left of the time",
        style="dim",
    )
    _print_plan(notes, following, following.question)
    best = investigation.carry_out(following, printer, command)
    if best.run.finished and best.validity.state == "invalid" and result.validity.state == "valid":
        printer.clear()
        notes.print(
            "the settings could not be told apart in time: what follows is the race of the servers",
            style="yellow",
        )
        return planned, result
    return following, best


def _without_secrets(words: Sequence[str]) -> list[str]:
    """The command line as it may be kept: what a login or a header says is not."""
    kept: list[str] = []
    for before, word in zip(("", *words), words, strict=False):
        option, equals, _ = word.partition("=")
        hidden = before in SECRET_OPTIONS or (equals and option in SECRET_OPTIONS)
        kept.append(
            word if not hidden else f"{option}=[secret]" if option in SECRET_OPTIONS else "[secret]"
        )
    return kept


def _plan(
    app: str | None, given: dict[str, Any], output: OutputOptions, printer: Printer, notes: Console
) -> Plan | None:
    here, cache = Path.cwd(), places.cache_folder()
    project = Path(app).resolve() if app and Path(app).is_dir() else here
    options, origins = gather(RaceOptions, given, os.environ, project)
    if output.resume:
        if app_given := [
            origin for name, origin in origins.items() if origin.startswith("--") and name != "time"
        ]:
            fact = f"{', '.join(app_given)} cannot be changed in a run that is resumed"
            raise UsageError(
                fact, hint="only --time, --json and --html go with --resume; or start a new run"
            )
        seconds = options.time if origins["time"].startswith("--") else None
        planned = investigation.resume(
            places.find_run(project, output.resume), cache, printer, seconds, app, project=project
        )
        emitting.check(planned.question, output.emit, output.out)
        if output.dry_run:
            _print_plan(notes, planned, planned.question)
            return None
    else:
        question, findings = ask(app, options, here, cache)
        emitting.check(question, output.emit, output.out)
        question = search.first(question) if search.wanted(question, options.search) else question
        terminal.print_findings(notes, findings)
        if output.dry_run:
            terminal.print_plan(notes, question, {})
            return None
        planned = investigation.plan(
            question, findings, project, cache, printer, permits_of(options, base_of(here, app))
        )
    printer.clear()
    _print_plan(notes, planned, planned.question)
    return planned


def _print_plan(notes: Console, planned: Plan, question: Question) -> None:
    terminal.print_plan(
        notes,
        question,
        {name: environment.version for name, environment in planned.environments.items()},
    )
    notes.print(f"run        {planned.run}{' (resumed)' if planned.resumed else ''}", style="dim")
    notes.print()


def _resume_command(app: str | None, planned: Plan) -> list[str]:
    return [
        sys.argv[0] if sys.argv[0].endswith("whichworker") else "whichworker",
        "race",
        *([app] if app else []),
        "--resume",
        planned.run,
    ]


def _undecided(result: Result) -> bool:
    return bool(result.undetermined) or (
        result.verdict is not None and result.verdict.state == "undecided"
    )


def _exit_code(result: Result, *, require_verdict: bool) -> int:
    if not result.run.finished:
        return INTERRUPTED
    if result.validity.state == "invalid" or (require_verdict and _undecided(result)):
        return INVALID
    return 0

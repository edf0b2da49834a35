"""`whichworker versus` and `whichworker gate`: two sides, measured side by side."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import click
import msgspec
from rich.text import Text

from whichworker import units
from whichworker.cli import live
from whichworker.cli.frame import command_line, consoles, exits
from whichworker.cli.frame.exits import Exit
from whichworker.cli.race import RacePrinter
from whichworker.config.layers import gather
from whichworker.config.options import RaceOptions
from whichworker.config.versus_options import GateOptions, VersusOptions
from whichworker.errors import UsageError
from whichworker.live.alongside import Page
from whichworker.process import scratch
from whichworker.question.ask import ask, discover
from whichworker.question.own import base_of
from whichworker.race import investigation
from whichworker.report import files, terminal
from whichworker.report.sides import ci, junit, release_steps
from whichworker.report.sides import versus as report
from whichworker.result import VersusResult, cleaned
from whichworker.servers import names
from whichworker.store import places
from whichworker.store.journal import FILE, Journal
from whichworker.versus import releases
from whichworker.versus.comparison import concluded
from whichworker.versus.plan import SECONDS, AskedSides, FoundSides, find, plan

ONLY_OF_A_RACE: dict[str, Any] = {
    "search": False,
    "slo": "",
    "rate": None,
    "capacity": False,
    "profile": False,
    "sessions": "login",
    "claims": "all",
}
"""Options that the configuration file may have for a race, and a comparison does not use."""
OUTCOMES = {"passed": Exit.OK, "failed": Exit.FAILED, "undecided": Exit.INVALID}


def versus(app: str | None, given: Mapping[str, Any], output: VersusOptions) -> int:
    """Measure both sides until the ratio is known, print and write."""
    if output.releases:
        return _releases(app, given, output)
    wanted = AskedSides(
        app=app,
        options=_options(app, given),
        revisions=tuple(output.app_at),
        width=units.parse_share(output.precision),
    )
    result = _carried_out(wanted, output)
    return _exit(result, Exit.OK) if result is not None else Exit.OK


def _releases(app: str | None, given: Mapping[str, Any], output: VersusOptions) -> int:
    """Race the last releases of one server, and print each beside the one before it."""
    files.check_writable(json=output.json)
    count = _count(output)
    options, here, cache = _options(app, given), Path.cwd(), places.cache_folder()
    notes, results = consoles.notes(), consoles.results(output.json)
    servers = names.split(options.servers)
    if len(servers) != 1 or len(options.python) > 1:
        raise UsageError(
            "--releases needs one server and one interpreter",
            hint="such as --servers granian-wsgi",
        )
    with live.shown(notes, wanted=output.live and not output.dry_run) as page:
        printer = RacePrinter(notes, page)
        found = discover(ask(app, options, here, cache))
        python, wish = found.question.app.python, found.asked.terms.resolution
        as_of = None if wish.locked else wish.as_of
        setups = releases.newest(servers[0], count, python, as_of, cache, printer.note)
        seconds = options.time if given.get("time") else releases.SECONDS_EACH * len(setups)
        options = msgspec.structs.replace(options, servers=",".join(setups), time=seconds)
        found = discover(ask(app, options, here, cache))
        printer.clear()
        if output.dry_run:
            terminal.print_plan(notes, found.question, {})
            return Exit.OK
        planned = plan(FoundSides((), (found,)), base_of(here, app), cache, printer)
        printer.planned(planned)
        result = investigation.carry_out(planned, printer, command_line.kept())
        printer.close()
        steps = releases.steps(Journal.read(planned.folder / FILE))
        written = files.write_json(result, output.json)
        consoles.report(notes, lambda: release_steps.print_steps(results, result, steps), written)
    return exits.of_run(finished=result.run.finished, valid=result.validity.state == "valid")


def _count(output: VersusOptions) -> int:
    """The number of releases; raises UsageError."""
    if output.app_at or output.markdown:
        raise UsageError(
            "--releases does not go with --app-at or --markdown", hint="leave out one of them"
        )
    text = output.releases
    if not text.isascii() or not text.isdigit() or not 2 <= int(text) <= releases.MOST:
        raise UsageError(
            f"--releases must be 2 to {releases.MOST}, not {text!r}", hint="such as --releases 5"
        )
    return int(text)


def gate(app: str | None, given: Mapping[str, Any], output: GateOptions) -> int:
    """Measure the folder against another version of it: has it lost more than the limit?"""
    files.check_writable(others=filter(None, [output.junit]))
    wanted = AskedSides(
        app=app,
        options=_options(app, given),
        revisions=(output.against,),
        most_loss=units.parse_share(output.max_loss),
        most_memory=units.parse_share(output.max_memory) if output.max_memory else None,
        most_start=units.parse_share(output.max_start) if output.max_start else None,
    )
    result = _carried_out(wanted, output, lambda found: _for_ci(found, output.junit))
    if result is None:
        return Exit.OK
    for line in ci.annotated(result, os.environ):
        click.echo(line, err=output.json == files.STANDARD_OUTPUT)
    return _exit(result, OUTCOMES[result.outcome])


def _carried_out(
    wanted: AskedSides,
    output: VersusOptions | GateOptions,
    write: Callable[[VersusResult], list[Path]] = lambda _: [],
) -> VersusResult | None:
    """The comparison, printed and written; None if the user wanted only the plan."""
    files.check_writable(json=output.json, markdown=output.markdown)
    page_wanted = output.live and not output.dry_run
    with live.shown(consoles.notes(), wanted=page_wanted) as page:
        result = _measured(wanted, page, dry_run=output.dry_run)
        if result is None:
            return None
        written = files.write_json(result, output.json)
        result = cleaned(result)
        if output.markdown:
            written.append(files.write_text(Path(output.markdown), report.render_markdown(result)))
        written += write(result)
        _print(result, output.json, written)
        return result


def _for_ci(result: VersusResult, path: str) -> list[Path]:
    """Write what a CI service reads: the JUnit file, and the summary of the step."""
    written = [files.write_text(Path(path), junit.render(result))] if path else []
    summary = ci.summarize(result, os.environ)
    return [*written, *([summary] if summary is not None else [])]


def _options(app: str | None, given: Mapping[str, Any]) -> RaceOptions:
    """The options of a race in this folder, without those that a comparison does not use.

    The servers and the time of a configuration file belong to a race of many setups.
    """
    options, origins = gather(RaceOptions, given, os.environ, base_of(Path.cwd(), app))
    named = origins["time"].startswith("--")
    servers = options.servers if origins["servers"].startswith("--") else ""
    return msgspec.structs.replace(
        options, **ONLY_OF_A_RACE, time=options.time if named else SECONDS, servers=servers
    )


def _measured(wanted: AskedSides, page: Page | None, *, dry_run: bool) -> VersusResult | None:
    """The comparison; None if the user wanted only the plan."""
    printer = RacePrinter(consoles.notes(), page)
    here, cache = Path.cwd(), places.cache_folder()
    project = base_of(here, wanted.app)
    with scratch.folder() as folder:
        found = find(wanted, here, cache, folder, printer)
        terminal.print_findings(printer.console, found.findings)
        if dry_run:
            report.print_sides(printer.console, found.setups, wanted.options.time or SECONDS)
            return None
        planned = plan(found, project, cache, printer)
        printer.planned(planned)
        investigation.carry_out(planned, printer, command_line.kept())
        printer.close()
        return concluded(Journal.read(planned.folder / FILE))


def _print(result: VersusResult, json: str, written: list[Path]) -> None:
    notes, results = consoles.notes(), consoles.results(json)
    consoles.report(notes, lambda: report.print_comparison(results, result), written)
    if not result.run.finished:
        again = "interrupted: a comparison is not continued, start it again"
        consoles.report(notes, lambda: notes.print(Text(again)))


def _exit(result: VersusResult, outcome: Exit) -> Exit:
    if not result.run.finished:
        return Exit.INTERRUPTED
    return Exit.INVALID if result.validity.state == "invalid" else outcome

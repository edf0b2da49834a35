"""`whichworker load`: what one address answers under a load, and how quickly."""

from __future__ import annotations

import contextlib
import os
import shlex
import sys
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.text import Text

from whichworker.cli import consoles
from whichworker.cli.options import options_of
from whichworker.cli.progress import LoadPrinter
from whichworker.config.layers import gather
from whichworker.config.options import LoadOptions, LoadRunOptions
from whichworker.loadtest import carry_out as laboratory
from whichworker.loadtest.plan import LoadPlan, plan
from whichworker.report import files, terminal
from whichworker.report import load as report
from whichworker.report.exports import parse_exports
from whichworker.result import LoadResult

FAILED = 1
INVALID = 3
INTERRUPTED = 130


@click.command()
@click.argument("target", metavar="URL|FILE")
@options_of(LoadOptions, LoadRunOptions)
def load(target: str, **given: Any) -> int:
    """Load a URL, or what a FILE in TOML describes, with HTTP/1.1 requests whose answers are checked.

    Without a rate it is a closed loop that finds the highest rate; with --rate or --stage an open loop, whose response times count from
    the intended time. Results go to standard output, progress to standard error. Exit codes: 0 valid and every answer right, 1 wrong
    answers or failures, 2 usage or tool error, 3 invalid, 130 interrupted (what was counted so far is shown).
    """
    running = {
        field: given.pop(field) for field in LoadRunOptions.__struct_fields__ if field in given
    }
    output = LoadRunOptions(
        **{field: value for field, value in running.items() if value is not None}
    )
    wanted = parse_exports(output.export)
    files.check_writable(json=output.json, hdr=output.hdr, wanted=wanted)
    notes = consoles.notes()
    options, origins = gather(LoadOptions, given, os.environ, Path.cwd(), "load")
    planned = plan(target, options, origins, owned=output.i_own_this_target)
    results = notes if output.json == "-" else consoles.results()
    report.print_question(results, planned.asked, planned.engine, planned.engine_reason)
    if output.dry_run:
        terminal.print_findings(results, planned.findings)
        results.print(Text.assemble(("takes      ", "dim"), laboratory.forecast(planned)))
        return 0
    result = _carry_out(planned, notes)
    if result is None:
        return INTERRUPTED
    written = files.write_load(result, json=output.json, hdr=output.hdr, wanted=wanted)
    with contextlib.suppress(
        OSError
    ):  # a reader that went away must not cost the exit code; the files are written
        report.print_load(results, result)
        for path in written:
            notes.print(f"wrote {path}", style="dim")
    return exit_code(result)


def exit_code(result: LoadResult) -> int:
    """0 for a valid load without failures, 1 with some, 3 for an invalid one, 130 for one that was cut short."""
    if not result.run.finished:
        return INTERRUPTED
    if result.validity.state == "invalid":
        return INVALID
    return FAILED if result.failures else 0


def _carry_out(planned: LoadPlan, notes: Console) -> LoadResult | None:
    """The result; None where it was interrupted before anything was counted."""
    printer = LoadPrinter(notes, laboratory.whole_seconds(planned))
    try:
        return laboratory.carry_out(planned, printer, shlex.join(["whichworker", *sys.argv[1:]]))
    except KeyboardInterrupt:
        printer.clear()
        notes.print(Text(f"interrupted {printer.reached}; nothing was counted", "yellow"))
        return None
    finally:
        printer.clear()

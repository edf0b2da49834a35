"""`whichworker load`: the rate and the response times of one URL under load."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.text import Text

from whichworker.cli.frame import command_line, consoles, exits
from whichworker.cli.frame.exits import Exit
from whichworker.cli.frame.progress import LoadPrinter
from whichworker.config.layers import gather
from whichworker.config.load_options import LoadOptions, LoadRunOptions
from whichworker.design.capacity import slo
from whichworker.loadtest import carry_out as laboratory
from whichworker.loadtest import thresholds
from whichworker.loadtest.plan import LoadPlan, plan
from whichworker.report import files, terminal
from whichworker.report import load as report
from whichworker.report.exports import parse_exports
from whichworker.result import LoadResult


def load(target: str, given: Mapping[str, Any], output: LoadRunOptions) -> int:
    """Plan, load, print and write."""
    wanted = parse_exports(output.export)
    files.check_writable(json=output.json, hdr=output.hdr, wanted=wanted)
    notes = consoles.notes()
    options, origins = gather(LoadOptions, given, os.environ, Path.cwd(), "load")
    planned = plan(target, options, origins, owned=output.i_own_this_target)
    objective = slo.parse(output.slo) if output.slo else None
    if objective is not None:
        thresholds.check(objective, planned)
    results = consoles.results(output.json)
    report.print_question(results, planned.asked, planned.engine, planned.engine_reason)
    if output.dry_run:
        terminal.print_findings(results, planned.findings)
        results.print(Text.assemble(("takes      ", "dim"), laboratory.forecast(planned)))
        return Exit.OK
    result = _carry_out(planned, notes)
    if result is None:
        return Exit.INTERRUPTED
    if objective is not None:
        result = thresholds.judged(result, objective)
    written = files.write_load(result, json=output.json, hdr=output.hdr, wanted=wanted)
    consoles.report(notes, lambda: report.print_load(results, result), written)
    return exit_code(result)


def exit_code(result: LoadResult) -> int:
    """That of a run whose failed responses count as a failed check.

    With an objective its clauses are the checks, and one that too few requests decide is invalid.
    """
    outcomes = [one.outcome for one in result.thresholds]
    return exits.of_run(
        finished=result.run.finished,
        valid=result.validity.state == "valid" and "undecided" not in outcomes,
        failed="missed" in outcomes if outcomes else bool(result.failures),
    )


def _carry_out(planned: LoadPlan, notes: Console) -> LoadResult | None:
    """The result; None if it was interrupted before anything was counted."""
    printer = LoadPrinter(notes, laboratory.whole_seconds(planned))
    try:
        return laboratory.carry_out(planned, printer, command_line.kept())
    except KeyboardInterrupt:
        printer.clear()
        notes.print(Text(f"interrupted {printer.reached}; nothing was counted", "yellow"))
        return None
    finally:
        printer.clear()

"""`whichworker explain`: what workers do, measured, side by side."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rich.text import Text

from whichworker.cli.frame import command_line, consoles, exits
from whichworker.cli.frame.exits import Exit
from whichworker.cli.frame.progress import Lines
from whichworker.config.layers import gather
from whichworker.config.study_options import ExplainOptions, ExplainRunOptions
from whichworker.environments import resolution
from whichworker.explain import explanation
from whichworker.explain.plan import ExplainRun, small_arm
from whichworker.report import explain as report
from whichworker.report import files
from whichworker.result.explain import ExplainedArm
from whichworker.servers import names
from whichworker.store import places
from whichworker.units import show_clock

PROJECT = "explain"


class ExplainPrinter(Lines):
    """One line for each worker that is done; drawn between measurements only."""

    def explained(self, arm: ExplainedArm) -> None:
        """A worker is done, or out."""
        if arm.state == "measured":
            self._line(Text(f"explained  {arm.name} in {show_clock(arm.seconds)}", "dim"))
        else:
            first = arm.failures[0].sample.partition("\n")[0] if arm.failures else "unknown"
            self._line(Text.assemble(("out        ", "red"), f"{arm.name}: {first}"))


def explain(workers: tuple[str, ...], given: Mapping[str, Any], output: ExplainRunOptions) -> int:
    """Plan, measure, print and write."""
    options, _ = gather(ExplainOptions, given, os.environ, Path.cwd(), "explain")
    wish = resolution.wished(latest=options.latest, exclude_newer=options.exclude_newer)
    planned = [small_arm(names.parse(worker), "") for worker in workers]
    files.check_writable(json=output.json, html=output.html, markdown=output.markdown)
    notes = consoles.notes()
    results = consoles.results(output.json)
    if output.dry_run:
        report.print_plan(results, planned, explanation.SECONDS_EACH[options.quick])
        return Exit.OK
    asked = ExplainRun(
        workers=workers,
        command=command_line.kept(),
        folder=places.new_run(Path(PROJECT)),
        cache=places.cache_folder(),
        quick=options.quick,
        resolution=wish,
    )
    printer = ExplainPrinter(notes)
    try:
        result = explanation.explain(asked, printer)
    finally:
        printer.clear()
    written = files.write_explain(
        result, json=output.json, html=output.html, markdown=output.markdown
    )
    consoles.report(notes, lambda: report.print_explain(results, result), written)
    valid = result.validity.state == "valid"
    return exits.of_run(finished=result.run.finished, valid=valid)

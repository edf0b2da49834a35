"""`whichworker explain`: what workers do, measured, side by side."""

from __future__ import annotations

import contextlib
import os
import shlex
import sys
from pathlib import Path
from typing import Any

import click
from rich.text import Text

from whichworker.cli import consoles
from whichworker.cli.options import options_of
from whichworker.cli.progress import Lines
from whichworker.config.layers import gather
from whichworker.config.options import ExplainOptions, ExplainRunOptions
from whichworker.explain import explanation
from whichworker.explain.plan import ExplainRun, small_arm, wanted
from whichworker.report import explain as report
from whichworker.report import files
from whichworker.result.explain import ExplainedArm
from whichworker.store import places
from whichworker.units import show_clock

INVALID = 3
INTERRUPTED = 130
PROJECT = "explain"


class ExplainPrinter(Lines):
    """One line for each worker that is done; drawn between measurements only."""

    def note(self, text: str) -> None:
        """Shown in place on a terminal; elsewhere not at all."""
        if self.live:
            self._draw(Text(f"  {text} …", "dim"))

    def explained(self, arm: ExplainedArm) -> None:
        """A worker is done, or out."""
        if arm.state == "measured":
            self._line(Text(f"explained  {arm.name} in {show_clock(arm.seconds)}", "dim"))
        else:
            first = arm.failures[0].sample.partition("\n")[0] if arm.failures else "unknown"
            self._line(Text.assemble(("out        ", "red"), f"{arm.name}: {first}"))


@click.command()
@click.argument("workers", nargs=-1, required=True, metavar="WORKER...")
@options_of(ExplainOptions, ExplainRunOptions)
def explain(workers: tuple[str, ...], **given: Any) -> int:
    """Explain WORKERs by what they are seen to do here: sync, gthread, gevent, asgi, uvicorn, waitress[threads=8] …

    Each serves the built-in Django project: how many requests overlap, what one blocking call does to the others, what overlaps inside
    one request, what is patched, which knobs do nothing, what threads and memory it takes. A name that is several servers' means
    gunicorn's own class. Exit codes: 0 valid, 2 usage or tool error, 3 nothing could be measured, 130 interrupted (what was done is shown).
    """
    running = {
        field: given.pop(field) for field in ExplainRunOptions.__struct_fields__ if field in given
    }
    output = ExplainRunOptions(
        **{field: value for field, value in running.items() if value is not None}
    )
    options, _ = gather(ExplainOptions, given, os.environ, Path.cwd(), "explain")
    planned = [small_arm(wanted(worker), "") for worker in workers]
    files.check_writable(json=output.json, html=output.html, markdown=output.markdown)
    notes = consoles.notes()
    results = notes if output.json == "-" else consoles.results()
    if output.dry_run:
        report.print_plan(results, planned, explanation.SECONDS_EACH[options.quick])
        return 0
    asked = ExplainRun(
        workers=workers,
        command=shlex.join(["whichworker", *sys.argv[1:]]),
        folder=places.new_run(Path(PROJECT)),
        cache=places.cache_folder(),
        quick=options.quick,
    )
    printer = ExplainPrinter(notes)
    try:
        result = explanation.explain(asked, printer)
    finally:
        printer.clear()
    written = files.write_explain(
        result, json=output.json, html=output.html, markdown=output.markdown
    )
    with contextlib.suppress(
        OSError
    ):  # a reader that went away must not cost the exit code; the files are written
        report.print_explain(results, result)
        for path in written:
            notes.print(f"wrote {path}", style="dim")
    if not result.run.finished:
        return INTERRUPTED
    return INVALID if result.validity.state == "invalid" else 0

"""`whichworker study`: a published comparison, measured again, correctly, ours beside theirs."""

from __future__ import annotations

import contextlib
import os
import secrets
import shlex
import sys
from pathlib import Path
from typing import Any

import click
from rich.table import Table

from whichworker import units
from whichworker.cli import consoles
from whichworker.cli.options import options_of
from whichworker.cli.progress import StudyPrinter
from whichworker.config.layers import gather
from whichworker.config.options import StudyOptions, StudyRunOptions
from whichworker.errors import UsageError
from whichworker.report import files
from whichworker.report import study as report
from whichworker.servers import names
from whichworker.store import places
from whichworker.studies import assembly, table
from whichworker.studies.options import StudyRun

INVALID = 3
INTERRUPTED = 130
PROJECT = "studies"


@click.command()
@click.argument("name", required=False)
@options_of(StudyOptions, StudyRunOptions)
def study(name: str | None, **given: Any) -> int:
    """Measure a published study again: better-django-worker, http-clients, sync-or-async or asgi-benchmarks.

    Without NAME the studies are listed. A run that was interrupted goes on with --resume. Exit codes: 0 valid, 2 usage or tool error,
    3 invalid, 130 interrupted (results kept).
    """
    running = {
        field: given.pop(field) for field in StudyRunOptions.__struct_fields__ if field in given
    }
    output = StudyRunOptions(
        **{field: value for field, value in running.items() if value is not None}
    )
    options, _ = gather(StudyOptions, given, os.environ, Path.cwd(), "study")
    notes = consoles.notes()
    if name is None:
        listing = Table(box=None, pad_edge=False, show_header=False, padding=(0, 2, 0, 0))
        for known, (title, _) in table.STUDIES.items():
            listing.add_row(known, title)
        consoles.results().print(listing)
        return 0
    measure = table.load(name)
    files.check_writable(json=output.json, html=output.html, markdown=output.markdown)
    results = notes if output.json == "-" else consoles.results()
    if output.dry_run:
        seconds = options.time or table.bound_seconds(name, quick=options.quick)
        results.print(
            f"{name}: {table.STUDIES[name][0]}; at most {units.show_clock(seconds)}, builds not counted"
        )
        return 0
    asked = _asked(name, options, output.resume)
    printer = StudyPrinter(notes)
    try:
        result = measure(asked, printer)
    finally:
        printer.clear()
    written = files.write_study(
        result, json=output.json, html=output.html, markdown=output.markdown
    )
    with contextlib.suppress(
        OSError
    ):  # a reader that went away must not cost the exit code; the files are written
        report.print_study(results, result)
        for path in written:
            notes.print(f"wrote {path}", style="dim")
        if not result.run.finished:
            notes.print(f"continue with: whichworker study {name} --resume {result.run.id}")
    if not result.run.finished:
        return INTERRUPTED
    return INVALID if result.validity.state == "invalid" else 0


def _asked(name: str, options: StudyOptions, resume: str) -> StudyRun:
    project = Path(PROJECT) / name  # runs of a study belong to no project of the user
    if resume and (options.quick or options.as_published):
        raise UsageError(
            "--quick and --as-published cannot be changed in a run that is resumed",
            hint="leave them out, or start a new run",
        )
    folder = places.find_run(project, resume) if resume else places.new_run(project)
    run = StudyRun(
        study=name,
        command=shlex.join(["whichworker", *sys.argv[1:]]),
        folder=folder,
        cache=places.cache_folder(),
        resume=bool(resume),
        quick=options.quick,
        as_published=options.as_published,
        seconds=options.time,
        seed=options.seed if options.seed is not None else secrets.randbelow(2**31),
        database=options.database,
        cache_kind=options.cache,
        servers=tuple(names.split(options.servers)),
    )
    return assembly.restored(run) if resume else run

"""`whichworker study`: a published comparison, measured again, correctly, ours beside theirs."""

from __future__ import annotations

import os
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rich.table import Table

from whichworker import units
from whichworker.cli import live
from whichworker.cli.frame import command_line, consoles, exits
from whichworker.cli.frame.exits import Exit
from whichworker.cli.frame.progress import StudyPrinter
from whichworker.config.layers import gather
from whichworker.config.study_options import StudyOptions, StudyRunOptions
from whichworker.environments import resolution
from whichworker.errors import UsageError
from whichworker.report import files
from whichworker.report import study as report
from whichworker.servers import names
from whichworker.store import places
from whichworker.studies import assembly, table
from whichworker.studies.options import StudyRun

PROJECT = "studies"


def study(name: str | None, given: Mapping[str, Any], output: StudyRunOptions) -> int:
    """List the studies, or plan, measure, print and write one."""
    options, _ = gather(StudyOptions, given, os.environ, Path.cwd(), "study")
    notes = consoles.notes()
    if name is None:
        listing = Table(box=None, pad_edge=False, show_header=False, padding=(0, 2, 0, 0))
        for known, (title, _) in table.STUDIES.items():
            listing.add_row(known, title)
        consoles.results().print(listing)
        return Exit.OK
    measure = table.load(name)
    files.check_writable(json=output.json, html=output.html, markdown=output.markdown)
    results = consoles.results(output.json)
    if output.dry_run:
        seconds = options.time or table.bound_seconds(name, quick=options.quick)
        results.print(
            f"{name}: {table.STUDIES[name][0]}; "
            f"at most {units.show_clock(seconds)}, builds not counted"
        )
        return Exit.OK
    asked = _asked(name, options, output.resume)
    printer = StudyPrinter(notes)
    with live.shown(notes, wanted=output.live) as page:
        if page is not None:
            page.follow(asked.folder)
        try:
            result = measure(asked, printer)
        finally:
            printer.clear()
        written = files.write_study(
            result, json=output.json, html=output.html, markdown=output.markdown
        )
        consoles.report(notes, lambda: report.print_study(results, result), written)
        if not result.run.finished:
            command = f"whichworker study {name} --resume {result.run.id}"
            consoles.report(notes, lambda: notes.print(f"continue with: {command}"))
    valid = result.validity.state == "valid"
    return exits.of_run(finished=result.run.finished, valid=valid)


def _asked(name: str, options: StudyOptions, resume: str) -> StudyRun:
    project = Path(PROJECT) / name  # runs of a study belong to no project of the user
    fixed = (options.quick, options.as_published, options.latest, options.exclude_newer)
    if resume and any(fixed):
        raise UsageError(
            "--quick, --as-published, --latest and --exclude-newer cannot change in a run that is"
            " resumed",
            hint="leave them out, or start a new run",
        )
    wish = resolution.wished(latest=options.latest, exclude_newer=options.exclude_newer)
    folder = places.find_run(project, resume) if resume else places.new_run(project)
    run = StudyRun(
        study=name,
        command=command_line.kept(),
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
        resolution=wish,
    )
    return assembly.restored(run) if resume else run

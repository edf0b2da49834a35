"""`whichworker init`: a commented whichworker.toml from what is discovered here."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
from rich.text import Text

from whichworker.apps.examine import Examiner
from whichworker.cli import consoles
from whichworker.cli.options import options_of
from whichworker.config.options import InitOptions
from whichworker.config.starter import starter
from whichworker.errors import UsageError
from whichworker.question.beginning import begin
from whichworker.report import files, terminal
from whichworker.store import places

FILE = "whichworker.toml"


@click.command()
@options_of(InitOptions)
def init(**given: Any) -> int:
    """Write whichworker.toml: what is discovered of the app in this folder, and every option worth setting, with a comment.

    The app is imported, nothing is started. Exit codes: 0, 2 usage error, or the file is there already.
    """
    options = InitOptions(**{name: value for name, value in given.items() if value is not None})
    folder = (
        Path(options.app).resolve() if options.app and Path(options.app).is_dir() else Path.cwd()
    )
    path = folder / FILE
    if path.exists() and not options.force:
        raise UsageError(
            f"{path} is there already",
            hint="--force writes over it; whichworker show config prints what holds",
        )
    found = begin(
        options.app or None,
        options.python or None,
        Path.cwd(),
        Examiner(places.cache_folder(), options.allow_outbound),
    )
    files.write_text(path, starter(found.facts, found.values))
    notes = consoles.notes()
    terminal.print_findings(notes, found.findings)
    consoles.results().print(Text(f"wrote {path}"))
    return 0

"""`whichworker init`: a commented whichworker.toml for the app in this folder."""

from __future__ import annotations

from pathlib import Path

from rich.text import Text

from whichworker.apps.examine import Examiner
from whichworker.cli.frame import consoles
from whichworker.cli.frame.exits import Exit
from whichworker.config.options import InitOptions
from whichworker.config.starter import starter
from whichworker.errors import UsageError
from whichworker.question.beginning import begin
from whichworker.question.own import base_of
from whichworker.report import files, terminal
from whichworker.store import places

FILE = "whichworker.toml"


def init(app: str | None, options: InitOptions) -> int:
    """Discover the app and write the file; raises UsageError if it exists."""
    path = base_of(Path.cwd(), app) / FILE
    if path.exists() and not options.force:
        raise UsageError(
            f"{path} exists already",
            hint="--force overwrites it; whichworker show config prints the settings",
        )
    examiner = Examiner(places.cache_folder(), options.allow_outbound)
    found = begin(
        app,
        options.python or None,
        Path.cwd(),
        examiner,
        allow_remote_database=options.allow_remote_database,
    )
    files.write_text(path, starter(found.facts, found.values))
    terminal.print_findings(consoles.notes(), found.findings)
    consoles.results().print(Text(f"wrote {path}"))
    return Exit.OK

"""The result of a race, written where the user wants it and printed."""

from __future__ import annotations

from rich.console import Console

from whichworker.cli.frame import consoles
from whichworker.config.shared_options import ResultOptions
from whichworker.report import files, terminal
from whichworker.result import Result


def check(options: ResultOptions) -> None:
    """Raise UsageError now for a file that could not be written later."""
    others = filter(None, (options.csv, options.svg))
    files.check_writable(
        json=options.json, html=options.html, markdown=options.markdown, others=others
    )


def report(result: Result, options: ResultOptions, results: Console, notes: Console) -> None:
    """Write the files, then print: `short` is one screen, and the default there."""
    written = files.write(
        result,
        json=options.json,
        html=options.html,
        markdown=options.markdown,
        csv=options.csv,
        svg=options.svg,
    )
    full = options.summary == "full" if options.summary else not results.is_terminal
    consoles.report(notes, lambda: terminal.print_result(results, result, full=full), written)

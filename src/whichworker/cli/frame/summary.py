"""How much of a result is printed."""

from __future__ import annotations

from rich.console import Console

from whichworker.report import terminal
from whichworker.result import Result


def print_summary(console: Console, result: Result, wanted: str | None) -> None:
    """`short` fits on a screen, and is the default there; a log has everything."""
    full = wanted == "full" if wanted else not console.is_terminal
    terminal.print_result(console, result, full=full)

"""Where the command line writes: results to standard output, notes to standard error."""

from __future__ import annotations

import sys

from rich.console import Console

PIPED_WIDTH = 120


def results() -> Console:
    """Standard output; wide where it is not a terminal, so that nothing is cut in a log."""
    return Console(highlight=False, markup=False, width=None if sys.stdout.isatty() else PIPED_WIDTH)


def notes() -> Console:
    """Standard error."""
    return Console(stderr=True, highlight=False, markup=False, width=None if sys.stderr.isatty() else PIPED_WIDTH)

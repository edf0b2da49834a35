"""Where the command line writes: results to standard output, notes to standard error."""

from __future__ import annotations

import io
import sys
from typing import NoReturn, TextIO

from rich.console import Console

PIPED_WIDTH = 120


class Plain(Console):
    """A console that leaves a reader who went away to its caller: the exit code tells of the measurement, not of the pipe."""

    def on_broken_pipe(self) -> NoReturn:
        """Raise BrokenPipeError, where the base class would end the process with 1."""
        raise BrokenPipeError


def results() -> Console:
    """Standard output; wide where it is not a terminal, so that nothing is cut in a log."""
    return _console(sys.stdout)


def notes() -> Console:
    """Standard error."""
    return _console(sys.stderr)


def _console(stream: TextIO | None) -> Console:
    """None is a stream that was closed before we began: then nobody reads."""
    file = stream or io.StringIO()
    return Plain(file=file, highlight=False, markup=False, width=None if file.isatty() else PIPED_WIDTH)

"""Where the command line writes: results to standard output, notes to standard error."""

from __future__ import annotations

import io
import sys
from typing import NoReturn, TextIO

from rich.console import Console

from whichworker import redaction

PIPED_WIDTH = 120


class Clean(io.StringIO):
    """A stream that lets no secret through which is known; rich writes whole lines, or frames."""

    def __init__(self, stream: TextIO) -> None:
        super().__init__()
        self.stream = stream

    @property
    def encoding(self) -> str:  # type: ignore[override]
        """That of the stream: rich chooses its characters by it."""
        return self.stream.encoding

    def write(self, text: str) -> int:
        """Write it without the secrets."""
        return self.stream.write(redaction.clean(text))

    def flush(self) -> None:
        """Flush the stream."""
        self.stream.flush()

    def isatty(self) -> bool:
        """Whether the stream is a terminal."""
        return self.stream.isatty()

    def fileno(self) -> int:
        """Of the stream."""
        return self.stream.fileno()


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
    file = Clean(stream) if stream else io.StringIO()
    return Plain(
        file=file, highlight=False, markup=False, width=None if file.isatty() else PIPED_WIDTH
    )

"""The output of the command line: results to standard output, notes to standard error."""

from __future__ import annotations

import contextlib
import io
import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import NoReturn, TextIO

from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment
from rich.text import Text

from whichworker import redaction, units
from whichworker.cli.frame import speech

PIPED_WIDTH = 120  # columns: a file or pipe has no width


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
    """A console for texts of servers, apps and logs: what acts on a terminal is shown instead.

    It raises for a closed pipe, so that the measurement decides the exit code.
    """

    def render(
        self, renderable: RenderableType, options: ConsoleOptions | None = None
    ) -> Iterator[Segment]:
        """The segments, which have no colours yet, so that any escape in them is foreign.

        Secrets are taken out before lines are wrapped or cut: half of one cannot be recognized.
        """
        if isinstance(renderable, Text):
            renderable = _without_secrets(renderable)
        for segment in super().render(renderable, options):
            text, style, control = segment
            yield segment if control else Segment(units.visible(text), style)

    def on_broken_pipe(self) -> NoReturn:
        """Raise BrokenPipeError, where the base class would end the process with 1."""
        raise BrokenPipeError


def results(json: str = "") -> Console:
    """Standard output, or the notes if the JSON goes there; wide if it is no terminal."""
    return notes() if json == "-" else _console(sys.stdout)


def notes() -> Console:
    """Standard error; nothing with --quiet."""
    console = _console(sys.stderr)
    console.quiet = speech.asked().quiet
    return console


def report(notes: Console, print_result: Callable[[], None], written: Iterable[Path] = ()) -> None:
    """Print a result and which files were written; a closed pipe must not cost the exit code."""
    with contextlib.suppress(BrokenPipeError):
        print_result()
        for path in written:
            notes.print(Text(f"wrote {path}", "dim"))


def _without_secrets(text: Text) -> Text:
    """The text itself, or a clean one in its style; styles of its parts are lost then."""
    plain = redaction.clean(text.plain)
    return text if plain == text.plain else text.blank_copy(plain)


def _console(stream: TextIO | None) -> Plain:
    """None is a stream that was closed before we began: then nobody reads."""
    file = Clean(stream) if stream else io.StringIO()
    return Plain(
        file=file, highlight=False, markup=False, width=None if file.isatty() else PIPED_WIDTH
    )

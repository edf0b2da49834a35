"""The exception in the log of a server, or of an import: its own first line is the fact."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import pairwise

MOST_LINES = 16
"""Of an exception that are shown: enough for a message of several lines."""
MOST_LETTERS = 300
"""Of its first line: some messages have a whole page in one line."""
BEGIN = re.compile(r"(?P<margin>[ |+]*)(?:\S+ +)*?Traceback \(most recent call last\)")
EXCEPTION = re.compile(r"[A-Za-z_][\w.]*(: |$)")
OF_THE_SERVER = re.compile(r"([\w.]*\.)?(HaltServer|SystemExit|KeyboardInterrupt|CancelledError)\b")
"""How a server ends after the exception of the app: they do not say why."""


def exception_at(lines: Sequence[str]) -> int | None:
    """The line of the last traceback that names its exception: its message may have many lines.

    None if there is no traceback, or only of the server's own end.
    """
    begins = [at for at, line in enumerate(lines) if BEGIN.match(line)]
    for begin, end in reversed([*pairwise([*begins, len(lines)])]):
        for at in range(begin + 1, end):
            text = _within(lines[begin], lines[at])
            if EXCEPTION.match(text):
                if OF_THE_SERVER.match(text):
                    break
                return at
    return None


def _within(first: str, line: str) -> str:
    """A line without the margin of its traceback, such as exception groups have."""
    match = BEGIN.match(first)
    margin = len(match["margin"]) if match else 0
    return line if line[:margin].strip(" |+") else line[margin:]


def fact_of(text: str) -> str:
    """The first line of the last exception, or an empty string."""
    lines = text.splitlines()
    at = exception_at(lines)
    return "" if at is None else lines[at].strip(" |+")[:MOST_LETTERS]


def shown(text: str, usual: int) -> str:
    """The `usual` number of last lines; or from the last exception on, if it begins before them."""
    lines = text.rstrip().splitlines()
    at, tail = exception_at(lines), max(0, len(lines) - usual)
    if at is None or at >= tail:
        return "\n".join(lines[tail:])
    return "\n".join(lines[at:][:MOST_LINES])

"""Standard output and standard error of any locale: a character they lack becomes its likeness."""

from __future__ import annotations

import codecs
import io
import os
import sys
import unicodedata

LIKENESS = "whichworker.likeness"
LOOKS_LIKE = {
    "–": "-",
    "−": "-",
    "×": "x",
    "±": "+/-",
    "µ": "u",
    "·": "*",
    "÷": "/",
    "≥": ">=",
    "≤": "<=",
    "→": "->",
    "✓": "+",
    "✗": "x",
    "σ": "sigma",
    "α": "alpha",
    "δ": "delta",
    "▲": "^",
    "▼": "v",
    "▶": ">",
}
"""Characters of our own output that have no ASCII letters in them."""


def likeness(error: UnicodeError) -> tuple[str, int]:
    """What to write for characters that an encoding lacks: an error handler of `codecs`."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    lost = error.object[error.start : error.end]
    return "".join(map(_like, lost)), error.end


def _like(letter: str) -> str:
    plain = unicodedata.normalize("NFKD", letter).encode("ascii", "ignore").decode()
    return LOOKS_LIKE.get(letter) or plain or "?"


def flush() -> OSError | None:
    """Flush standard output; the reason if it takes no more. Then nothing is left to be flushed."""
    try:
        if sys.stdout is not None:
            sys.stdout.flush()
    except OSError as error:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())  # Python flushes again at its end
        os.close(nowhere)
        return error
    return None


def adapt() -> None:
    """Let both streams take every text, from now on."""
    codecs.register_error(LIKENESS, likeness)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors=LIKENESS)

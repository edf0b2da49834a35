"""Which tool wrote a text, by what only that tool writes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from whichworker import foreign
from whichworker.errors import UsageError
from whichworker.secondhand import file_tools, text_tools
from whichworker.secondhand.printed import Printed

KNOWN = "wrk, wrk2, hey, oha, ab, k6 (text or JSON), locust (_stats.csv) and HttpArena"
MOST_BYTES = 20_000_000
"""Of a file: results are short, and raw samples are no result."""

TEXTS: tuple[tuple[Callable[[str], bool], Callable[[str], Iterator[Printed]]], ...] = (
    (lambda text: "test @" in text and "Requests/sec:" in text, text_tools.wrk),
    (lambda text: "Concurrency Level:" in text, text_tools.ab),
    (lambda text: "Summary:" in text and "Requests/sec:" in text, text_tools.hey_or_oha),
    (lambda text: "http_req_duration" in text, file_tools.k6_text),
    (lambda text: text.lstrip("\ufeff").startswith("Type,Name,Request Count"), file_tools.locust),
)
OBJECTS: tuple[tuple[str, Callable[[Mapping[str, Any]], Iterator[Printed]]], ...] = (
    ("metrics", file_tools.k6_json),
    ("summary", file_tools.oha_json),
    ("results", file_tools.arena),
)


def read(text: str, name: str) -> list[Printed]:
    """The runs in a text; raises UsageError if no known tool wrote it, or if it has no result."""
    found: list[Printed] = []
    if text.lstrip().startswith("{"):
        try:
            whole = foreign.json_in(text, dict[str, Any])
        except foreign.Unreadable as error:
            raise UsageError(f"{name} is no JSON: {error}", hint=f"it reads {KNOWN}") from error
        for key, reader in OBJECTS:
            if key in whole:
                found = list(reader(whole))
                break
    else:
        for fits, reader_of_text in TEXTS:
            if fits(text):
                found = list(reader_of_text(text.lstrip("\ufeff")))
                break
    found = [one for one in found if one.rate is not None or one.requests]
    if not found:
        raise UsageError(f"{name} has no result of a known tool", hint=f"it reads {KNOWN}")
    return found

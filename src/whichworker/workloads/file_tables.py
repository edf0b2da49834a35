"""The tables of a load file: their keys and types, and the place that every message names."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Annotated, Any, Literal, TypeVar

import msgspec
from msgspec import Meta, Struct, field

from whichworker.errors import UsageError

FOREIGN = {
    "connections": ("vus", "users", "concurrency"),
    "time": ("duration", "run_time"),
    "stages": ("spawn_rate", "ramp"),
    "rate": ("rps", "qps"),
    "url": ("base_url", "target"),
    "host": ("virtual_host", "server_name"),
    "deadline": ("timeout",),
    "insecure": ("verify", "insecureSkipTLSVerify"),
    "session": ("scenario", "scenarios", "task", "tasks", "user"),
    "request": ("endpoint", "endpoints"),
    "think_time": ("wait_time", "sleep"),
    "path": ("url", "uri"),
    "form": ("data", "params"),
    "capture": ("extract", "save"),
    "expect": ("assert", "status"),
}
"""Our key, and the names in other tools or other places of the file; only for hints."""
TOML_WORDS = {
    "object": "table",
    "array": "list",
    "str": "text",
    "int": "whole number",
    "float": "number",
    "bool": "true or false",
}
DOUBLE = {"request": "[[request]]", "session": "[[session]]", "step": "[[session.step]]"}

Weight = Annotated[int, Meta(ge=1, le=10_000)]
Texts = str | list[str]
Kind = TypeVar("Kind", bound=Struct)


class FileTable(Struct):
    """The keys of a load file."""

    url: str | None = None
    host: str | None = None
    connections: Annotated[int, Meta(ge=1)] | None = None
    rate: str | None = None
    arrivals: Literal["constant", "poisson"] | None = None
    time: str | None = None
    stages: list[Any] = []
    deadline: str | None = None
    ca: str | None = None
    insecure: bool | None = None
    request: list[Any] = []
    session: list[Any] = []


class StageTable(Struct):
    """The keys of a stage."""

    duration: str
    target: str
    start: str | None = field(default=None, name="from")


class AskTable(Struct, kw_only=True):
    """The keys of any request."""

    path: str
    name: str = ""
    method: str | None = None
    headers: dict[str, str] = {}
    body: str | None = None
    form: dict[str, str | int | float] | None = None
    json: Any = msgspec.UNSET
    expect: Texts = []
    check: dict[str, Texts] = {}


class RequestTable(AskTable, kw_only=True):
    """The keys of a request outside sessions."""

    weight: Weight = 1


class StepTable(AskTable, kw_only=True):
    """The keys of a step of a session."""

    capture: dict[str, str] = {}
    think_time: str | None = None


class SessionTable(Struct):
    """The keys of a session."""

    step: list[Any]
    name: str = ""
    weight: Weight = 1


@contextmanager
def naming(place: str) -> Iterator[None]:
    """Put the place before what is wrong there."""
    try:
        yield
    except UsageError as error:
        raise UsageError(f"{place}: {error.fact}", hint=error.hint) from error


Read = TypeVar("Read")


def each(tables: list[Any], what: str, read: Callable[[Any, int], Read]) -> Iterator[Read]:
    """Read each of several tables; a message names the table."""
    for number, table in enumerate(tables, start=1):
        name = table.get("name") if isinstance(table, dict) else None
        with naming(
            f"{what} {number} {name!r}" if isinstance(name, str) and name else f"{what} {number}"
        ):
            yield read(table, number)


def convert(table: Any, kind: type[Kind]) -> Kind:
    """Convert a table to this struct; raises UsageError for an unknown key or a wrong type."""
    known = kind.__struct_encode_fields__
    if isinstance(table, dict):
        for key in table:
            if key not in known:
                raise UsageError(f"unknown key {key!r}", hint=_suggest(key, known))
    try:
        return msgspec.convert(table, kind)
    except msgspec.ValidationError as error:
        fact, place = _tell(str(error))
        hint = (
            f"write {DOUBLE[place]} with two brackets"
            if place in DOUBLE
            else "see docs/guides/load-files.md"
        )
        raise UsageError(f"{place}: {fact}" if place else fact, hint=hint) from error


def _tell(text: str) -> tuple[str, str]:
    """The failure of a conversion in words of TOML, and the key at fault."""
    fact, _, place = text.replace("Object missing required field", "there is no").partition(
        " - at `$"
    )
    fact = re.sub(r"`([a-z| ]+)`", lambda kinds: _name_kinds(kinds[1].split(" | ")), fact).replace(
        "`", ""
    )
    return fact[:1].lower() + fact[1:], place.rstrip("`").lstrip(".").replace("[...]", "")


def _name_kinds(kinds: list[str]) -> str:
    return " or ".join(TOML_WORDS.get(kind, kind) for kind in kinds if kind != "null")


def _suggest(key: str, known: tuple[str, ...]) -> str:
    close = difflib.get_close_matches(key, known, n=1)
    words = close or [ours for ours, theirs in FOREIGN.items() if key in theirs and ours in known]
    return f"did you mean {words[0]}?" if words else f"one of {', '.join(known)}"


def unit_of(key: str, text: str | None, read: Callable[[str], float]) -> float | None:
    """The number of a text with a unit; None where it is left out."""
    if text is None:
        return None
    with naming(key):
        return read(text)

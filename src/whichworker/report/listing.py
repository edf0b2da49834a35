"""Lists for a terminal and as JSON: the requests of a race, and the facts about an app."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from msgspec import Struct
from rich.console import Console
from rich.table import Table
from rich.text import Text

from whichworker.model import Finding, Request
from whichworker.result import Found

LONGEST = 80
"""Characters of a body, or of a header's value, on a terminal."""


class ListedRequest(Struct, frozen=True, kw_only=True):
    """A request; a body that is no UTF-8 has replacement characters."""

    method: str
    path: str
    weight: int
    headers: tuple[tuple[str, str], ...]
    body: str
    origin: str


class RequestList(Struct, frozen=True, kw_only=True):
    """The requests of a race, and the ones left out in words.

    A race stops at the `refused` ones, and leaves out the `ambiguous` ones.
    """

    requests: tuple[ListedRequest, ...]
    left_out: str
    refused: tuple[str, ...]
    ambiguous: tuple[str, ...]
    findings: tuple[Finding, ...]


class FactList(Struct, frozen=True, kw_only=True):
    """The facts about an app by name, each with its origin."""

    app: dict[str, Found]
    findings: tuple[Finding, ...]


def listed(
    requests: Iterable[Request],
    origin: str,
    left_out: str,
    refused: Iterable[Request],
    ambiguous: Iterable[Request],
    findings: Sequence[Finding],
) -> RequestList:
    """The list of these requests, all of one origin."""
    rows = (
        ListedRequest(
            method=one.method,
            path=one.path,
            weight=one.weight,
            headers=one.headers,
            body=one.body.decode(errors="replace"),
            origin=origin,
        )
        for one in requests
    )
    return RequestList(
        requests=tuple(rows),
        left_out=left_out,
        refused=tuple(one.title for one in refused),
        ambiguous=tuple(one.title for one in ambiguous),
        findings=tuple(findings),
    )


def print_requests(console: Console, found: RequestList) -> None:
    """Each request with its weight, headers and body, then the origin and the ones left out."""
    table = _table("weight", "method", "path", "sent with")
    for one in found.requests:
        headers = [f"{name}: {_cut(value)}" for name, value in one.headers]
        extras = [*headers, *([f"body {_cut(one.body)}"] if one.body else [])]
        weight = Text(str(one.weight), justify="right")
        table.add_row(weight, Text(one.method), Text(one.path), Text(", ".join(extras), "dim"))
    console.print(table)
    for origin in dict.fromkeys(one.origin for one in found.requests):
        console.print(Text.assemble(("origin: ", "dim"), origin))
    if found.left_out:
        console.print(Text(found.left_out))
    if found.ambiguous:
        told = f"a race leaves out {', '.join(found.ambiguous)}: servers read // differently"
        console.print(Text(told))
    if found.refused:
        console.print(Text(f"refused without --allow-writes: {', '.join(found.refused)}", "yellow"))


def print_facts(console: Console, facts: Mapping[str, Found]) -> None:
    """Each fact with its origin."""
    table = _table("fact", "value", "origin")
    for name, fact in facts.items():
        table.add_row(Text(name), Text(fact.value), Text(fact.origin, "dim"))
    console.print(table)


def _table(*names: str) -> Table:
    table = Table(box=None, pad_edge=False, header_style="dim", padding=(0, 2, 0, 0))
    for name in names:
        table.add_column(name, overflow="fold")
    return table


def _cut(text: str) -> str:
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}…"

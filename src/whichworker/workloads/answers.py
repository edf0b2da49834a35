"""Correct responses of the built-in apps, made from the rows without framework, ORM, templates."""

from __future__ import annotations

import html
import json
from collections.abc import Callable, Iterable
from functools import cache
from importlib.resources import files
from typing import Any

from whichworker.model import Answer

JSON = (("Content-Type", "application/json"),)
HTML = (("Content-Type", "text/html; charset=utf-8"),)

Write = Callable[[Any], bytes]
"""How a framework writes JSON."""


def write_spaced(value: Any) -> bytes:
    """As Django's JsonResponse: a space after each comma and colon, ASCII only."""
    return json.dumps(value).encode()


def write_compact(value: Any) -> bytes:
    """As FastAPI: no spaces, UTF-8."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


def constant_list(write: Write = write_spaced) -> bytes:
    """Twenty small objects."""
    return write(
        [{"id": number, "name": f"item {number}", "even": number % 2 == 0} for number in range(20)]
    )


def owls(write: Write = write_spaced) -> bytes:
    """The rows of one family among the thirty seeded birds, in the order of their keys."""
    return write(_owls())


def owl_table() -> bytes:
    """The same rows as a page with a table."""
    rows = [[owl["id"], owl["name"], owl["family"], owl["wingspan_cm"]] for owl in _owls()]
    lines = [
        _cells("th", ["Number", "Name", "Family", "Wingspan, cm"]),
        *(_cells("td", row) for row in rows),
    ]
    return _page("Birds", ["<table>", *lines, "</table>"])


def slept(seconds: float) -> Callable[[Write], bytes]:
    """The response of a gateway that has slept this long."""
    return lambda write: write({"slept": seconds})


def cached(what: str) -> Callable[[Write], bytes]:
    """What the cache views say: hit or set."""
    return lambda write: write({"cache": what})


def country(number: int) -> Callable[[Write], bytes]:
    """The part of one upstream call that the app passes on."""
    return lambda write: write({"number": number, **countries()[number]})


def three_countries(*numbers: int) -> bytes:
    """The page of three calls, in the order of the calls."""
    found = [(number, countries()[number]) for number in numbers]
    lines = [
        f"<li>{each['code']}: {html.escape(each['name'])}, number {number}</li>"
        for number, each in found
    ]
    return _page("Three countries", ["<ol>", *lines, "</ol>"])


def colleges(write: Write) -> bytes:
    """The list of colleges."""
    return write(
        _listed(
            [
                {"id": number, **college}
                for number, college in enumerate(_circus()["colleges"], start=1)
            ]
        )
    )


def troupes(write: Write) -> bytes:
    """The list of troupes, each with its college's name."""
    found = _circus()
    rows = [
        {
            "id": number,
            "name": row["name"],
            "members": row["members"],
            "college__name": found["colleges"][row["college_id"] - 1]["name"],
        }
        for number, row in enumerate(found["troupes"], start=1)
    ]
    return write(_listed(rows))


def compressed_page() -> Answer:
    """The stored page as brotli's encoder compressed it once, at its default quality."""
    body = (files("whichworker.workloads") / "page.html.br").read_bytes()
    return Answer(status=200, headers=(*HTML, ("Content-Encoding", "br")), body=body)


@cache
def countries() -> list[dict[str, str]]:
    """The upstream's 253 countries by their number: code and name."""
    found = _read("upstream/countries.json")
    return [{"code": each["code"], "name": each["name"]} for each in found]


def _owls() -> list[dict[str, Any]]:
    birds = _read("django_project/aviary/birds.json")
    return [
        {"id": number, **bird}
        for number, bird in enumerate(birds, start=1)
        if bird["family"] == "owl"
    ]


def _circus() -> Any:
    return _read("django_project/circus/rows.json")


def _listed(rows: list[dict[str, Any]]) -> dict[str, Any]:
    return {"results": rows, "count": len(rows), "next": None}


def _cells(tag: str, row: Iterable[object]) -> str:
    return "<tr>" + "".join(f"<{tag}>{html.escape(str(cell))}</{tag}>" for cell in row) + "</tr>"


def _page(title: str, lines: list[str]) -> bytes:
    head = (
        f'<!doctype html>\n<html lang="en">\n<head><meta charset="utf-8">'
        f"<title>{title}</title></head>\n<body>\n"
    )
    return (head + "\n".join(lines) + "\n</body>\n</html>\n").encode()


def _read(path: str) -> Any:
    return json.loads((files("whichworker.samples") / path).read_text(encoding="utf-8"))

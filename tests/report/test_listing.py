"""The lists of requests and of facts, on a terminal."""

from __future__ import annotations

import io

from rich.console import Console

from whichworker.model import Request
from whichworker.report import listing
from whichworker.result import Found

REQUESTS = (
    Request(path="/a?b=[red]", weight=12),
    Request(method="POST", path="/c", headers=(("Accept", "x/y"),), body=b"k=" + b"v" * 90),
    Request(method="PUT", path="/d", body=b"\xff"),
)


def printed(width: int = 120) -> tuple[Console, io.StringIO]:
    out = io.StringIO()
    return Console(file=out, width=width, highlight=False, markup=False), out


def test_requests_with_everything_that_is_sent() -> None:
    told = listing.listed(REQUESTS, "a.log", "left out: 3 of POST", REQUESTS[1:2], REQUESTS[:1], ())
    console, out = printed(160)
    listing.print_requests(console, told)
    lines = [" ".join(line.split()) for line in out.getvalue().splitlines()]
    assert lines == [
        "weight method path sent with",
        "12 GET /a?b=[red]",
        f"1 POST /c Accept: x/y, body k={'v' * 78}…",
        "1 PUT /d body \ufffd",
        "origin: a.log",
        "left out: 3 of POST",
        "a race leaves out GET /a?b=[red]: servers read // differently",
        "refused without --allow-writes: POST /c",
    ]


def test_facts_with_their_origins_are_folded_and_not_cut() -> None:
    console, out = printed(40)
    path = "/srv/" + "x" * 60
    listing.print_facts(console, {"directory": Found(value=path, origin="found in shop")})
    text = "".join(line[11:].split("  ")[0].strip() for line in out.getvalue().splitlines()[1:])
    assert text == path

"""Objectives as people write them."""

from __future__ import annotations

import pytest

from whichworker.design.capacity.slo import parse
from whichworker.errors import UsageError


@pytest.mark.parametrize(
    ("text", "clauses"),
    [
        ("p99<300ms", [(0.01, 0.3)]),
        ("p99<300ms,errors<0.1%", [(0.01, 0.3), (0.001, None)]),
        (" p50 < 10ms , p99.9<1s ", [(0.5, 0.01), (0.001, 1.0)]),
        ("p50<10ms,p99.9<1s", [(0.5, 0.01), (0.001, 1.0)]),
        ("errors<1%", [(0.01, None)]),
    ],
)
def test_clauses(text: str, clauses: list[tuple[float, float | None]]) -> None:
    found = parse(text)
    assert [(round(clause.share, 9), clause.seconds) for clause in found.clauses] == clauses
    assert parse(found.text) == found, "as it is shown it can be typed"


@pytest.mark.parametrize(
    ("text", "routes"),
    [
        ("p99<200ms on /search, p99<100ms on /health,errors<0.1%", ["/search", "/health", ""]),
        ("errors<1% on 'POST /a,b',p50<1s on POST /orders", ["POST /a,b", "POST /orders"]),
        ('p99<1s on "the search, it\'s slow" , p99 < 1 s', ["the search, it's slow", ""]),
        ("p99<1s on /o'neil", ["/o'neil"]),
        ("p99<1s on search on a phone", ["search on a phone"]),
        ("p99<1s on /a, p50<1s on /a, errors<1% on /a, p99<2s on /a*", ["/a", "/a", "/a", "/a*"]),
    ],
)
def test_a_clause_may_be_on_a_route(text: str, routes: list[str]) -> None:
    found = parse(text)
    assert [clause.route for clause in found.clauses] == routes
    assert parse(found.text) == found, "as it is shown it can be typed"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "p99<1s on",
        "p99<1s on ''",
        "p99<1s onto /a",
        "on /a",
        "p99<1s on /a,,errors<1%",
        "p99<1s on /a,p99<2s on '/a'",
        "p99",
        "p99<",
        "p99>300ms",
        "p99<300",
        "p100<1s",
        "p99<2h",
        "errors<0",
        "errors<100%",
        "mean<1s",
        "p99<1s,p99<2s",
        "p99.999<1s",
    ],
)
def test_what_is_none_is_refused_with_a_hint(text: str) -> None:
    with pytest.raises(UsageError) as refused:
        parse(text)
    assert refused.value.hint or "number" in str(refused.value)

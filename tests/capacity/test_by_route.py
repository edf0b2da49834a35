"""Misses of each clause: of all requests, or of its route's only."""

from __future__ import annotations

from typing import NamedTuple

import pytest

from whichworker.capacity.by_route import Routes
from whichworker.design.capacity.slo import parse
from whichworker.model import Request, RouteTally, Tally
from whichworker.model.histogram import Histogram

MIX = (
    Request(path="/health"),
    Request(path="/search"),
    Request(method="POST", path="/search"),
    Request(path="/report"),
)


class Seen(NamedTuple):
    """Response times in milliseconds of a title's requests, in two slices, and the lost ones."""

    title: str
    first: list[int]
    second: list[int]
    lost: int = 0


def text_of(milliseconds: list[int]) -> str:
    times = Histogram()
    times.record_all([value * 1_000_000 for value in milliseconds])
    return times.to_hdr()


def tally_of(routes: Routes, *seen: Seen) -> tuple[Tally, Histogram]:
    counted: dict[str, RouteTally] = {}
    for one in seen:
        label = routes.labels.get(one.title)
        if label is None:
            continue
        assert label not in counted, "each title of these mixes has a label of its own"
        counted[label] = RouteTally(
            due=len(one.first) + len(one.second) + one.lost,
            slices=(text_of(one.first), text_of(one.second)),
        )
    every = text_of([value for one in seen for value in (*one.first, *one.second)])
    tally = Tally(
        engine="epoll",
        seconds=1.0,
        requests=0,
        statuses={},
        failures=(),
        service="",
        routes=counted,
    )
    return tally, Histogram.from_hdr(every)


HEALTH = Seen("GET /health", [1, 1, 1, 150], [1, 250], lost=2)
SEARCH = Seen("GET /search", [20, 130], [20, 130])
REPORT = Seen("GET /report", [900], [1000, 3000], lost=1)


def test_each_clause_counts_the_requests_of_its_route() -> None:
    slo = parse("p99<100ms on /health, p99<2s on /report, errors<1% on /health, p99<5s")
    routes = Routes(MIX, slo)
    tally, every = tally_of(routes, HEALTH, SEARCH, REPORT)
    found = routes.counts(tally, slices=False)
    assert routes.of_clauses(found, every, 3) == [(8, 4), (4, 2), (8, 2), (16, 3)]
    assert {name: (one.due, one.missed) for name, one in found.items()} == {
        "GET /health": (8, {"p99<100ms on /health": 4, "errors<1% on /health": 2}),
        "GET /search": (4, {}),
        "POST /search": (0, {}),
        "GET /report": (4, {"p99<2s on /report": 2}),
    }
    assert Histogram.from_hdr(found["GET /health"].response).count == 6
    assert not any(one.slices for one in found.values())


def test_titles_on_one_route_are_counted_together() -> None:
    many = (*MIX, *(Request(path=f"/{at}") for at in range(20)))
    routes = Routes(many, parse("p99<100ms on /search, p99<1s on GET *"))
    assert set(routes.labels.values()) == {"0,1", "0", "1"}, "a title may be on two routes"
    assert len(routes.titles["GET *"]) == 23
    tally = Tally(
        engine="epoll",
        seconds=1.0,
        requests=0,
        statuses={},
        failures=(),
        service="",
        routes={
            "0,1": RouteTally(due=3, slices=(text_of([20, 2000]),)),
            "0": RouteTally(due=4, slices=(text_of([30]), text_of([150, 10]))),
            "1": RouteTally(due=2, slices=(text_of([1, 1]),)),
        },
    )
    found = routes.counts(tally, slices=True)
    assert (found["/search"].due, found["/search"].missed) == (7, {"p99<100ms on /search": 4})
    assert (found["GET *"].due, found["GET *"].missed) == (5, {"p99<1s on GET *": 2})
    counts = [Histogram.from_hdr(text).count for text in found["/search"].slices]
    assert counts == [3, 2]


@pytest.mark.parametrize(
    ("text", "late"),
    [
        ("errors<1%", 0),
        ("p99<100ms", 7),
        ("p99<100ms,p50<10ms", 7),
        ("p99<100ms on /health", 2),
        ("p99<100ms on /health, p50<200ms on /health", 1),
        ("p99<100ms on /health, p99<2s on /report", 3),
        ("p99<100ms, p99<2s on /report", 5),
        ("p99<1400ms, p99<100ms on /health", 3),
    ],
)
def test_a_response_is_late_by_the_longest_time_of_its_route(text: str, late: int) -> None:
    routes = Routes(MIX, parse(text))
    tally, every = tally_of(routes, HEALTH, SEARCH, REPORT)
    assert routes.late(tally, every) == late


def test_without_routes_nothing_is_counted_apart() -> None:
    routes = Routes(MIX[:1], parse("p99<100ms"))
    assert (routes.labels, routes.bounded) == ({}, {})
    assert Routes(MIX[:2]).labels == {"GET /health": "0", "GET /search": "1"}

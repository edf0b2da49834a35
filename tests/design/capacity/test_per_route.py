"""Which requests a route of an objective stands for, and which routes are shown apart."""

from __future__ import annotations

import pytest

from whichworker.design.capacity import per_route
from whichworker.design.capacity.slo import parse
from whichworker.errors import UsageError
from whichworker.model import Request

MIX = (
    Request(path="/health"),
    Request(path="/search?q=a"),
    Request(path="/search?q=b", name="the search"),
    Request(path="/orders"),
    Request(method="POST", path="/orders"),
    Request(path="/orders/1"),
    Request(path="/unused", weight=0),
)


@pytest.mark.parametrize(
    ("route", "titles"),
    [
        ("/health", ["GET /health"]),
        ("GET /health", ["GET /health"]),
        ("the search", ["the search"]),
        ("/search", ["GET /search?q=a", "the search"]),
        ("/search?q=b", ["the search"]),
        ("/orders", ["GET /orders", "POST /orders"]),
        ("post /orders", ["POST /orders"]),
        ("/orders*", ["GET /orders", "POST /orders", "GET /orders/1"]),
        ("GET /orders*", ["GET /orders", "GET /orders/1"]),
        ("GET *", [one.title for one in MIX if one.method == "GET" and one.weight]),
    ],
)
def test_a_route_is_a_title_or_a_path(route: str, titles: list[str]) -> None:
    assert list(per_route.titles_on(route, MIX)) == titles


@pytest.mark.parametrize("route", ["/", "/healthz", "POST /health", "health", "/unused"])
def test_an_unknown_route_names_those_that_exist(route: str) -> None:
    with pytest.raises(UsageError, match="no request is") as refused:
        per_route.check(parse(f"p99<1s on {route}"), MIX)
    assert "'GET /health'" in refused.value.hint
    assert "/unused" not in refused.value.hint


def test_many_requests_are_not_all_listed() -> None:
    many = [Request(path=f"/{at}") for at in range(30)]
    with pytest.raises(UsageError) as refused:
        per_route.check(parse("p99<1s on /x"), many)
    assert refused.value.hint.endswith("'GET /7' or one of 22 more")


def test_requests_with_one_title_are_bounded_together() -> None:
    named = [Request(path="/a", name="api"), Request(path="/b", name="api")]
    assert per_route.titles_on("api", named) == ("api",)
    with pytest.raises(UsageError, match="'api' have other paths"):
        per_route.titles_on("/a", named)


def test_two_names_of_a_route_are_one_route() -> None:
    with pytest.raises(UsageError, match="bound the same requests"):
        per_route.check(parse("p99<1s on /health, p99<2s on GET /health"), MIX)
    per_route.check(parse("p99<1s on /health, p50<2s on /health, errors<1% on /health"), MIX)
    per_route.check(parse("p99<1s, p99<2s on /health"), MIX)
    per_route.check(None, ())


def test_each_request_of_a_small_mix_is_a_route() -> None:
    found = per_route.routes_of(MIX, parse("p99<1s on /health, p99<2s on /orders*"))
    assert list(found) == [*(one.title for one in MIX if one.weight), "/orders*"]
    assert found["/orders*"] == ("GET /orders", "POST /orders", "GET /orders/1")
    assert per_route.routes_of(MIX[:1]) == {}
    assert len(per_route.routes_of(MIX)) == 6


def test_of_a_large_mix_only_bounded_routes_are_shown() -> None:
    many = [Request(path=f"/{at}") for at in range(30)]
    assert per_route.routes_of(many) == {}
    found = per_route.routes_of(many, parse("p99<1s on /7, errors<1%, errors<1% on /2*"))
    assert {name: len(titles) for name, titles in found.items()} == {"GET /7": 1, "/2*": 11}

"""Capacities, causes and the user's own rate, in a terminal and on the page."""

from __future__ import annotations

import os
from pathlib import Path

from msgspec.structs import replace

from tests.report import samples
from tests.report.test_terminal import console_of, shown
from whichworker.report import curves, waiting
from whichworker.report.pages import race_page
from whichworker.report.second_stage import print_capacities, promises
from whichworker.result import Hot, Profile, Result, RouteTimes

GOLDEN = Path(__file__).parent / "golden" / "capacity.txt"


def printed(result: Result, width: int = 120) -> str:
    console = console_of(width)
    print_capacities(console, result)
    return shown(console)


def test_the_table_is_the_golden_one() -> None:
    found = printed(samples.sought())
    if os.environ.get("WHICHWORKER_UPDATE_GOLDEN"):
        GOLDEN.write_text(found, encoding="utf-8")
    assert found == GOLDEN.read_text(encoding="utf-8")


def test_a_race_without_a_second_stage_prints_nothing() -> None:
    assert printed(samples.race()).strip() == ""
    assert curves.latency(samples.race()) == ""


def test_what_is_not_certified_has_no_number() -> None:
    last = next(
        line
        for line in printed(samples.sought()).splitlines()
        if line.startswith("gunicorn-gevent ")
    )
    assert last.split()[1] == "–"


def test_samples_are_shown_with_their_shares() -> None:
    result = samples.sought()
    profile = Profile(
        samples=300, functions=(Hot(function="render (views.py)", share=0.4),), lock_share=0.91
    )
    arms = (replace(result.arms[0], profile=profile), *result.arms[1:])
    found = printed(replace(result, arms=arms))
    assert "300, the interpreter lock held in 91%" in found
    assert "40%  render (views.py)" in found


def test_a_test_without_a_time_says_none() -> None:
    """More requests of the percentile were lost than have a time."""
    result = samples.sought()
    capacity = result.arms[0].capacity_per_second
    assert capacity is not None
    assert capacity.passed is not None
    unknown = replace(capacity.passed, response_seconds=None, low=None, high=None)
    arm = replace(result.arms[0], capacity_per_second=replace(capacity, passed=unknown))
    (sentence,) = promises([arm])
    assert sentence.endswith("Its test: 24 s at 2,440/s, 112 of 58,560 requests over 50 ms")
    (sentence,) = promises([result.arms[0]])
    assert "/s, p99 31 ms (28 ms to 36 ms), 112 of" in sentence


def with_routes() -> Result:
    """The sample with two routes in the first finalist's test."""
    result = samples.sought()
    slo = "p99<50ms on /health, errors<1%"
    health = RouteTimes(
        name="GET /health",
        requests=18_000,
        lost=2,
        p50=0.002,
        p90=0.01,
        p99=0.047,
        missed={"p99<50ms on /health": 120},
    )
    report = RouteTimes(name="GET /<report>", requests=40, lost=0, p50=0.9, p90=None, p99=None)
    found = result.arms[0].capacity_per_second
    assert found is not None
    capacity = replace(
        found,
        slo=slo,
        binding="p99<50ms on /health",
        routes=(health, report),
        routes_rate_per_second=2400.0,
    )
    first = replace(result.arms[0], capacity_per_second=capacity)
    return replace(
        result, question=replace(result.question, slo=slo), arms=(first, *result.arms[1:])
    )


def test_each_route_has_a_line_at_the_validated_rate() -> None:
    lines = printed(with_routes()).splitlines()
    (at,) = [place for place, line in enumerate(lines) if "first missed" in line]
    assert "granian-wsgi at 2,400/s, first missed: p99<50ms on /health" in lines[at]
    assert lines[at + 1].split() == ["GET", "/health", "18,000", "2", "ms", "47", "ms", "120",
                                     "p99<50ms"]  # fmt: skip
    assert lines[at + 2].split() == ["GET", "/<report>", "40", "900", "ms", "–", "–"]
    assert "routes at" not in printed(samples.sought())


def test_the_page_has_each_route_at_the_validated_rate() -> None:
    page = race_page.render(with_routes())
    assert "Routes at the validated rate" in page
    assert "GET /&lt;report&gt;" in page
    assert "<td>120 <code>p99&lt;50ms on /health</code></td>" in page
    assert "Routes at the validated rate" not in race_page.render(samples.sought())


def test_the_page_has_the_curve_the_table_and_the_gates() -> None:
    page = race_page.render(samples.sought())
    assert 'id="capacity"' in page
    assert "Response time by rate of arrivals" in page
    assert page.count('class="curve p99"') >= 9
    assert "worker slots" in page
    assert 'id="gates"' in page
    assert 'id="capacity"' not in race_page.render(samples.race())


def test_each_route_has_a_line_below_its_setup() -> None:
    console = console_of(120)
    waiting.print_waits(console, samples.waited_by_route())
    lines = shown(console).splitlines()
    (at,) = [place for place, line in enumerate(lines) if line.startswith("granian-wsgi ")]
    assert lines[at + 1].split()[:6] == ["GET", "/health", "500", "µs", "/", "–"]
    assert lines[at + 2].split()[:6] == ["GET", "/report", "300", "ms", "/", "–"]
    assert lines[at + 2].split()[6:] == ["–"] * 3, "the other rates have no line of the route"

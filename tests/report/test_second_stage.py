"""Capacities, causes and the user's own rate, in a terminal and on the page."""

from __future__ import annotations

import os
from pathlib import Path

from msgspec.structs import replace

from tests.report import samples
from tests.report.test_terminal import console_of, shown
from whichworker.report import curves, html
from whichworker.report.second_stage import print_capacities
from whichworker.result import Hot, Profile, Result

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


def test_the_page_has_the_curve_the_table_and_the_gates() -> None:
    page = html.render(samples.sought())
    assert 'id="capacity"' in page
    assert "Response time by rate of arrivals" in page
    assert page.count('class="curve p99"') >= 9
    assert "worker slots" in page
    assert 'id="gates"' in page
    assert 'id="capacity"' not in html.render(samples.race())

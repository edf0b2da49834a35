"""The charts: where marks stand, what is joined as a tie, and what is left out rather than invented."""

from __future__ import annotations

import math
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable
from itertools import pairwise

import pytest
from msgspec.structs import replace

from whichworker.report import charts, svg
from whichworker.result import Claim, Estimate, Result

from . import samples

DRAWINGS = (charts.throughput, charts.cost, charts.blocks)


@pytest.mark.parametrize("draw", DRAWINGS)
@pytest.mark.parametrize("sample", [samples.race, samples.interrupted, samples.hostile])
def test_a_chart_is_well_formed_and_says_what_it_shows(draw: Callable[[Result], str], sample: Callable[[], Result]) -> None:
    root = ElementTree.fromstring(draw(sample()))
    assert root.get("role") == "img"
    identified = {element.get("id"): element.text for element in root.iter() if element.get("id")}
    assert identified[root.get("aria-labelledby")]
    assert identified[root.get("aria-describedby")]


@pytest.mark.parametrize("draw", DRAWINGS)
@pytest.mark.parametrize("sample", [samples.invalid, samples.unanswered, samples.sparse])
def test_a_chart_without_trustworthy_values_is_empty(draw: Callable[[Result], str], sample: Callable[[], Result]) -> None:
    assert draw(sample()) == ""


def test_relations_to_the_leader() -> None:
    found = {standing.arm.name: standing.relation for standing in charts.standings(samples.race())}
    assert found == {
        "granian-wsgi": "leader",
        "gunicorn-gthread": "tie",
        "gunicorn-gevent": "undetermined",
        "gunicorn-sync": "slower",
        "waitress": "slower",
        "granian-asgi-uvloop": "slower",
        "uvicorn[workers=2]": "dropped",
        "hypercorn-asyncio": "dropped",
        "daphne": "dropped",
    }


def test_an_arm_without_rank_and_rate_leads_nothing() -> None:
    assert {standing.relation for standing in charts.standings(samples.sparse())} == {"open", "dropped"}


def test_a_dropped_arm_without_ranks_stands_last() -> None:
    whole = samples.race()
    first = replace(whole.arms[0], state="dropped", rank_low=None, rank_high=None, throughput_per_second=None)
    ranked = charts.standings(replace(whole, arms=(first, *whole.arms[1:]), claims=(), ties=(), leader=whole.arms[1].name))
    assert (ranked[-1].arm.name, ranked[-1].relation, ranked[-1].ranks) == ("granian-wsgi", "dropped", None)


def test_a_claim_reads_from_both_sides() -> None:
    claim = Claim(better="a", worse="b", ratio=1.2, low=1.1, high=1.3)
    result = replace(samples.race(), claims=(claim,), ties=(("a", "c"),), undetermined=(("d", "a"),))
    assert charts.compare(result, "b", "a") == ("slower", claim)
    assert charts.compare(result, "a", "b") == ("faster", claim)
    assert charts.compare(result, "c", "a") == ("tie", None)
    assert charts.compare(result, "a", "d") == ("undetermined", None)
    assert charts.compare(result, "b", "c") == ("open", None)


@pytest.mark.parametrize(
    ("ties", "groups"),
    [
        ((), []),
        ((("a", "b"),), [[0, 1]]),
        ((("b", "a"), ("b", "c")), [[0, 1], [1, 2]]),
        ((("a", "b"), ("b", "c"), ("a", "c")), [[0, 1, 2]]),
        ((("a", "d"), ("c", "x"), ("b", "b")), [[0, 3]]),
    ],
)
def test_every_tied_pair_shares_a_group_and_no_other_pair_does(ties: tuple[tuple[str, str], ...], groups: list[list[int]]) -> None:
    assert charts.tie_groups("abcd", ties) == groups


@pytest.mark.parametrize("top", [0.0, 0.004, 1.0, 97.0, 3200.0, 123456.0])
def test_a_linear_scale_starts_at_zero_and_holds_its_top(top: float) -> None:
    scale = svg.linear(top)
    assert scale.zero_based
    assert scale.ticks[0] == 0 == scale.position(0)
    assert 0 <= scale.position(top) <= 100
    assert 2 <= len(scale.ticks) <= 7


@pytest.mark.parametrize(("low", "high"), [(1.0, 20.0), (38.5, 30913.0), (0.05, 0.9)])
def test_a_logarithmic_scale_keeps_its_ticks_apart(low: float, high: float) -> None:
    scale = svg.logarithmic(low, high)
    places = [scale.position(tick) for tick in scale.ticks]
    assert not scale.zero_based
    assert places and all(0 <= place <= 100 for place in places)
    assert all(right - left >= 11 - 1e-9 for left, right in pairwise(places))
    assert math.isclose(scale.position(low * high**0.5 / low**0.5), 50)


def test_rates_far_apart_get_a_logarithmic_axis() -> None:
    whole = samples.race()
    near, far = charts.throughput_scale(whole), replace(whole.arms[8], throughput_per_second=Estimate(value=12.0))
    scale = charts.throughput_scale(replace(whole, arms=(*whole.arms[:8], far)))
    assert near is not None and near.zero_based
    assert scale is not None and not scale.zero_based


def test_ratios_need_both_arms_in_the_block() -> None:
    whole = samples.race()
    without = tuple(window for window in whole.windows if (window.arm, window.block) != ("granian-wsgi", 2))
    found = charts.ratios(replace(whole, windows=without))
    assert "granian-wsgi" not in found
    assert sorted(found["gunicorn-gthread"]) == [0, 1, 3, 4, 5, 6, 7]
    assert sorted(found["daphne"]) == [0, 1, 3]


def test_a_long_name_keeps_its_end_and_its_whole_in_the_title() -> None:
    whole = samples.race()
    name = "granian-asgi-uvloop[workers=2,runtime_threads=4]"
    drawn = charts.cost(replace(whole, arms=(replace(whole.arms[0], name=name),)))
    assert f"<title>{name}</title>" in drawn
    assert "granian-asgi…_threads=4]" in drawn

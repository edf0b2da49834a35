"""The charts: positions of marks, ties, and gaps that stay gaps."""

from __future__ import annotations

import math
import statistics
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable
from itertools import pairwise

import pytest
from msgspec.structs import replace

from whichworker.report import charts, standings, svg, timeline
from whichworker.result import Claim, Ratio, Result

from . import samples

DRAWINGS = (charts.speed, charts.cost, timeline.steadiness)


@pytest.mark.parametrize("draw", DRAWINGS)
@pytest.mark.parametrize(
    "sample", [samples.race, samples.tied, samples.old, samples.interrupted, samples.hostile]
)
def test_a_chart_is_well_formed_and_says_what_it_shows(
    draw: Callable[[Result], str], sample: Callable[[], Result]
) -> None:
    root = ElementTree.fromstring(draw(sample()))
    assert root.get("role") == "img"
    identified = {element.get("id"): element.text for element in root.iter() if element.get("id")}
    assert identified[root.get("aria-labelledby")]
    assert identified[root.get("aria-describedby")]


@pytest.mark.parametrize("draw", DRAWINGS)
@pytest.mark.parametrize("sample", [samples.invalid, samples.unanswered, samples.sparse])
def test_a_chart_without_trustworthy_values_is_empty(
    draw: Callable[[Result], str], sample: Callable[[], Result]
) -> None:
    assert draw(sample()) == ""


def test_relations_to_the_leader() -> None:
    found = {
        standing.arm.name: standing.relation for standing in standings.standings(samples.race())
    }
    assert found == {
        "granian-wsgi": "leader",
        "gunicorn-gthread": "tie",
        "gunicorn-gevent": "undetermined",
        "gunicorn-sync": "slower",
        "waitress": "slower",
        "granian-asgi-uvloop": "slower",
        "uvicorn[workers=2]": "slower",
        "hypercorn-asyncio": "slower",
        "daphne": "slower",
    }


def test_before_verdicts_whoever_left_early_was_not_claimed_slower() -> None:
    found = {one.arm.name: one.relation for one in standings.standings(samples.old())}
    assert [found[name] for name in ("granian-asgi-uvloop", "uvicorn[workers=2]", "daphne")] == [
        "slower",
        "dropped",
        "dropped",
    ]


def test_an_arm_without_rank_and_rate_leads_nothing() -> None:
    assert {standing.relation for standing in standings.standings(samples.sparse())} == {"open"}


def test_a_setup_without_rank_and_rate_stands_last() -> None:
    whole = samples.old()
    first = replace(
        whole.arms[0], state="dropped", rank_low=None, rank_high=None, throughput_per_second=None
    )
    ranked = standings.standings(
        replace(
            whole,
            arms=(first, *whole.arms[1:]),
            claims=(),
            ties=(),
            undetermined=(),
            leader=whole.arms[1].name,
        )
    )
    assert (ranked[-1].arm.name, ranked[-1].relation, ranked[-1].ranks) == (
        "granian-wsgi",
        "dropped",
        None,
    )


def test_a_claim_reads_from_both_sides() -> None:
    claim = Claim(better="a", worse="b", ratio=1.2, low=1.1, high=1.3)
    result = replace(
        samples.race(), claims=(claim,), ties=(("a", "c"),), undetermined=(("d", "a"),)
    )
    assert standings.compare(result, "b", "a") == ("slower", claim)
    assert standings.compare(result, "a", "b") == ("faster", claim)
    assert standings.compare(result, "c", "a") == ("tie", None)
    assert standings.compare(result, "a", "d") == ("undetermined", None)
    assert standings.compare(result, "b", "c") == ("open", None)


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
def test_every_tied_pair_shares_a_group_and_no_other_pair_does(
    ties: tuple[tuple[str, str], ...], groups: list[list[int]]
) -> None:
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


def test_ratios_far_apart_get_a_logarithmic_axis() -> None:
    whole = samples.race()
    slow = Ratio(value=0.05, low=0.04, high=0.06, interval="95 %")
    near, far = charts.speed_scale(whole), replace(whole.arms[8], against_leader=slow)
    scale = charts.speed_scale(replace(whole, arms=(*whole.arms[:8], far)))
    assert near is not None and near.zero_based
    assert scale is not None and not scale.zero_based
    for shown in (near, scale):
        assert all(0 <= shown.position(value) <= 100 for value in (1 - 0.03, 1, 1 + 0.03))


def test_the_speed_chart_has_the_intervals_of_the_result() -> None:
    whole = samples.race()
    wide = Ratio(value=0.5, low=0.25, high=0.75, interval="95 %")
    result = replace(
        whole, arms=(whole.arms[0], replace(whole.arms[4], against_leader=wide)), ties=()
    )
    scale = charts.speed_scale(result)
    assert scale is not None
    root = ElementTree.fromstring(charts.speed(result))
    whiskers = [line for line in root.iter("line") if line.get("class") == "whisker slower"]
    span = next(line for line in whiskers if line.get("x1") != line.get("x2"))
    assert (span.get("x1"), span.get("x2")) == (
        f"{scale.position(0.25):.2f}%",
        f"{scale.position(0.75):.2f}%",
    )
    assert not [line for line in root.iter("line") if line.get("class") == "whisker leader"]
    assert (
        "waitress: 0.50× (0.25 to 0.75), 2,466 per second, slower than the leader."
        in charts.speed(result)
    )


def test_without_intervals_the_speed_is_the_ratio_of_the_rates() -> None:
    whole = samples.old()
    shown = charts.relative(whole)
    assert shown["granian-wsgi"] == (1.0, None, None)
    assert shown["daphne"] == (1102 / 3120, None, None)
    assert shown["waitress"][1] is not None, "that of the claim"
    assert charts.relative(replace(whole, leader=None)) == {}


def test_ratios_need_both_in_the_same_stretch() -> None:
    whole = samples.race()
    without = tuple(
        window for window in whole.windows if (window.arm, window.block) != ("granian-wsgi", 2)
    )
    found = timeline.over_time(replace(whole, windows=without))
    assert "granian-wsgi" not in found
    assert sorted(found["gunicorn-gthread"]) == [0, 1, 3, 4, 5, 6, 7]
    assert sorted(found["daphne"]) == [0, 1, 3]


def test_a_long_race_shares_dots_between_neighbouring_stretches() -> None:
    short, long_ = timeline.timeline(samples.race()), timeline.timeline(samples.large())
    assert (short.width, short.labels) == (1, tuple("01234567"))
    assert short.ratios["daphne"][4:] == (None,) * 4, "it left early"
    assert (long_.width, long_.labels[0], long_.labels[-1]) == (42, "0–41", "462–499")
    dots = sum(len(own) for own in long_.ratios.values())
    assert dots <= timeline.MOST_DOTS
    ratios = timeline.over_time(samples.large())
    name, own = next(iter(ratios.items()))
    first = statistics.median(own[stretch] for stretch in range(42))
    assert long_.ratios[name][0] == first


def test_every_stretch_is_in_its_place() -> None:
    whole = samples.race()
    windows = tuple(
        replace(window, cpu_seconds_per_request=None) if window.block == 1 else window
        for window in whole.windows
        if (window.arm, window.block) != ("gunicorn-gthread", 2)
    )
    rows = timeline.every_stretch(replace(whole, windows=windows))
    assert [row.name for row in rows] == [one.arm.name for one in standings.standings(whole)]
    second = rows[1]
    assert (second.name, second.count) == ("gunicorn-gthread", 7)
    rates, cpu = second.rates.split(" "), second.cpu.split(" ")
    assert (len(rates), len(cpu)) == (8, 8)
    assert [word.strip("\N{NO-BREAK SPACE}") for word in (rates[2], cpu[1], cpu[2])] == ["–"] * 3
    assert len({len(word) for word in rates}) == 1, "they stand below one another"


def test_ties_are_joined_only_while_their_lines_can_be_read() -> None:
    whole = samples.race()
    assert len(charts.brackets(whole)) == 2
    lead, *others = [one.arm.name for one in standings.standings(whole)]
    many = replace(whole, ties=tuple((lead, other) for other in others))
    assert charts.brackets(many) == []


def test_a_long_name_keeps_its_end_and_its_whole_in_the_title() -> None:
    whole = samples.race()
    name = "granian-asgi-uvloop[workers=2,runtime_threads=4]"
    drawn = charts.cost(replace(whole, arms=(replace(whole.arms[0], name=name),)))
    assert f"<title>{name}</title>" in drawn
    assert "granian-asgi…_threads=4]" in drawn

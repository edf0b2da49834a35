"""Pairs: claims, ties, ranks that say no more than the claims, and the forecast."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from whichworker.design import evidence
from whichworker.design.pairs import FARTHEST_FORECAST, Pair, Verdict, all_pairs, blocks_to_decide, common, compare, ranks, threshold

NAMES = "abcdef"
LIMIT = threshold(2, 0.05)
SPREAD = [0.01, -0.01, 0.005, -0.005]


def spread_around(mean: float, repeats: int = 1, scale: float = 1.0) -> list[float]:
    return [mean + scale * value for _ in range(repeats) for value in SPREAD]


def pair(first: str, second: str, verdict: Verdict) -> Pair:
    return Pair(first, second, 8, 0.0, -math.inf, math.inf, verdict)


@pytest.mark.parametrize(("contenders", "alpha", "limit"), [(2, 0.05, 20), (5, 0.05, 200), (12, 0.05, 1320), (12, 0.1, 660)])
def test_the_threshold_is_bonferroni_over_all_pairs(contenders: int, alpha: float, limit: float) -> None:
    assert threshold(contenders, alpha) == pytest.approx(limit)


@pytest.mark.parametrize(
    ("differences", "verdict"),
    [
        ([], "undetermined"),
        ([0.5, 0.5, 0.5], "undetermined"),
        (spread_around(0.5), "better"),
        (spread_around(-0.5), "worse"),
        (spread_around(0.0), "undetermined"),
        (spread_around(0.0, 20), "tie"),
        (spread_around(0.01, 50), "tie"),
        (spread_around(-0.01, 50), "tie"),
        (spread_around(0.05, 20), "better"),
        ([0.0] * 4, "tie"),
        ([0.1] * 4, "better"),
        ([-0.1] * 4, "worse"),
    ],
)
def test_compare(differences: list[float], verdict: Verdict) -> None:
    found = compare("a", "b", differences, limit=LIMIT, delta=0.03)
    assert (found.first, found.second, found.blocks, found.verdict) == ("a", "b", len(differences), verdict)


def test_turning_a_pair_round_turns_everything_round() -> None:
    seen = np.random.default_rng(5).normal(0.04, 0.03, 12).tolist()
    there = compare("a", "b", seen, limit=LIMIT, delta=0.03)
    back = compare("b", "a", [-value for value in seen], limit=LIMIT, delta=0.03)
    assert (back.mean, back.low, back.high) == pytest.approx((-there.mean, -there.high, -there.low))
    assert {there.verdict, back.verdict} in ({"better", "worse"}, {"tie"}, {"undetermined"})


def test_the_interval_is_the_intersection_of_all_intervals_from_the_first_decision_on() -> None:
    seen = np.random.default_rng(6).normal(0.02, 0.05, 15).tolist()
    found = compare("a", "b", seen, limit=LIMIT, delta=0.03)
    means = {n: (float(np.mean(seen[:n])), evidence.radius(seen[:n], LIMIT)) for n in range(4, 16)}
    assert found.low == max(mean - radius for mean, radius in means.values())
    assert found.high == min(mean + radius for mean, radius in means.values())


@pytest.mark.parametrize("mean", [-0.1, -0.05, 0.0, 0.05, 0.1])
def test_what_is_settled_stays_settled(mean: float) -> None:
    """A claim may shrink to a tie (better, but by less than δ); nothing goes back to undetermined, and no claim turns round."""
    rng = np.random.default_rng(7)
    for _ in range(5):
        seen = rng.normal(mean, 0.04, 60).tolist()
        verdicts = [compare("a", "b", seen[:n], limit=LIMIT, delta=0.03).verdict for n in range(4, 61)]
        settled = [verdict for verdict in verdicts if verdict != "undetermined"]
        assert verdicts[len(verdicts) - len(settled) :] == settled
        assert len(set(settled) - {"tie"}) <= 1
        assert "tie" not in settled or set(settled[settled.index("tie") :]) == {"tie"}


def test_only_common_blocks_are_compared_and_in_order() -> None:
    assert common({3: 7.0, 1: 5.0, 2: 1.0}, {1: 4.0, 3: 4.0, 4: 9.0}) == [1.0, 3.0]
    assert common({1: 1.0}, {2: 1.0}) == []


def test_all_pairs_come_in_the_order_given() -> None:
    logs = {name: dict.fromkeys(range(1, 5), 1.0) for name in "cab"}
    found = all_pairs(logs, contenders=3, delta=0.03, alpha=0.05)
    assert [(one.first, one.second) for one in found] == [("c", "a"), ("c", "b"), ("a", "b")]
    assert all_pairs({}, contenders=1, delta=0.03, alpha=0.05) == []
    assert all_pairs({"a": {1: 1.0}}, contenders=1, delta=0.03, alpha=0.05) == []


def test_the_number_of_contenders_is_that_of_the_start() -> None:
    """Whoever has failed since then still counts in the correction."""
    logs = {"a": dict(enumerate(spread_around(0.1))), "b": dict(enumerate([0.0] * 4))}
    assert all_pairs(logs, contenders=2, delta=0.03, alpha=0.05)[0].verdict == "better"
    assert all_pairs(logs, contenders=12, delta=0.03, alpha=0.05)[0].verdict == "undetermined"


@pytest.mark.parametrize(
    ("claims", "expected"),
    [
        ([], {"a": (1, 4), "b": (1, 4), "c": (1, 4), "d": (1, 4)}),
        ([("a", "b", "better")], {"a": (1, 3), "b": (2, 4), "c": (1, 4), "d": (1, 4)}),
        ([("a", "b", "worse")], {"a": (2, 4), "b": (1, 3), "c": (1, 4), "d": (1, 4)}),
        ([("a", "b", "tie"), ("c", "d", "undetermined")], {"a": (1, 4), "b": (1, 4), "c": (1, 4), "d": (1, 4)}),
        ([("a", "b", "better"), ("b", "c", "better")], {"a": (1, 2), "b": (2, 3), "c": (3, 4), "d": (1, 4)}),
        ([("c", "d", "better"), ("b", "c", "better"), ("a", "b", "better")], {"a": (1, 1), "b": (2, 2), "c": (3, 3), "d": (4, 4)}),
    ],
)
def test_ranks(claims: list[tuple[str, str, Verdict]], expected: dict[str, tuple[int, int]]) -> None:
    assert ranks("abcd", [pair(*claim) for claim in claims]) == expected


ORDERED = st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5)).filter(lambda two: two[0] < two[1]), max_size=15)


@given(edges=ORDERED, order=st.permutations(NAMES))
def test_ranks_imply_no_more_than_the_claims(edges: list[tuple[int, int]], order: list[str]) -> None:
    """One arm ranks wholly above another exactly where a chain of claims says that it is better."""
    beats = {(order[low], order[high]) for low, high in edges}
    for middle in order:
        beats |= {(a, d) for a, b in beats for c, d in beats if b == c == middle}
    found = ranks(NAMES, [pair(order[low], order[high], "better") for low, high in edges])
    for a in NAMES:
        assert 1 <= found[a][0] <= order.index(a) + 1 <= found[a][1] <= len(NAMES)
        for b in set(NAMES) - {a}:
            if found[a][1] < found[b][0]:
                assert (a, b) in beats
            if (a, b) in beats:
                assert found[a][0] < found[b][0] and found[a][1] < found[b][1]


@pytest.mark.parametrize(
    ("differences", "most"),
    [([], None), ([0.1], None), (spread_around(0.5), 1), (spread_around(0.0), 20), (spread_around(0.03, scale=5), 60)],
)
def test_forecast(differences: list[float], most: int | None) -> None:
    found = blocks_to_decide(differences, limit=LIMIT, delta=0.03)
    assert (found is None) == (most is None)
    assert found is None or 1 <= found <= (most or 0)


def test_a_gap_of_half_delta_takes_longest() -> None:
    gap = math.log1p(0.03)
    seen = [blocks_to_decide(spread_around(mean, scale=2), limit=LIMIT, delta=0.03) for mean in (0.0, gap / 2, gap, 3 * gap)]
    assert all(wait is not None for wait in seen)
    assert max(wait or 0 for wait in seen) == seen[1]


def test_no_forecast_where_it_takes_too_long() -> None:
    assert blocks_to_decide(spread_around(0.015, scale=100), limit=LIMIT, delta=0.03) is None


@pytest.mark.parametrize("mean", [0.0, 0.04, -0.06])
@pytest.mark.parametrize("limit", [20.0, 1320.0])
def test_the_forecast_comes_true_where_mean_and_spread_stay(mean: float, limit: float) -> None:
    """Repeating what was seen until the forecast is reached settles the pair, and half of that does not."""
    start = spread_around(mean, 2, scale=3)
    wait = blocks_to_decide(start, limit=limit, delta=0.03)
    assert wait is not None and wait < FARTHEST_FORECAST

    def settled(blocks: int) -> bool:
        seen = spread_around(mean, blocks // 4 + 1, scale=3)[:blocks]
        return compare("a", "b", seen, limit=limit, delta=0.03).verdict != "undetermined"

    assert settled(4 * math.ceil((len(start) + wait) * 1.05 / 4))
    assert not settled(max(4, 4 * ((len(start) + wait) // 8)))

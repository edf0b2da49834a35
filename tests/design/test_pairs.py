"""Pairs: the verdict of an interval, and ranks that say no more than the claims."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from whichworker.design.pairs import CLAIM, Aim, Pair, Verdict, ranks, threshold, verdict_of

NAMES = "abcdef"


def pair(first: str, second: str, verdict: Verdict) -> Pair:
    return Pair(first, second, 8, 0.0, -math.inf, math.inf, verdict)


@pytest.mark.parametrize(
    ("contenders", "alpha", "limit"),
    [(2, 0.05, 20), (5, 0.05, 200), (12, 0.05, 1320), (12, 0.1, 660)],
)
def test_the_threshold_is_bonferroni_over_all_pairs(
    contenders: int, alpha: float, limit: float
) -> None:
    assert threshold(contenders, alpha) == pytest.approx(limit)


@pytest.mark.parametrize(
    ("low", "high", "verdict"),
    [
        (-math.inf, math.inf, "undetermined"),
        (-0.05, 0.05, "undetermined"),
        (-0.03, 0.029, "undetermined"),
        (-0.029, 0.029, "tie"),
        (0.01, 0.02, "tie"),
        (-0.02, -0.01, "tie"),
        (0.01, 0.04, "better"),
        (0.2, math.inf, "better"),
        (-0.04, -0.01, "worse"),
        (-math.inf, -0.2, "worse"),
        (0.0, 0.2, "undetermined"),
    ],
)
def test_the_verdict_of_an_interval(low: float, high: float, verdict: Verdict) -> None:
    assert verdict_of(low, high, 0.03) == verdict


@pytest.mark.parametrize(
    ("aim", "low", "high", "met"),
    [
        (CLAIM, -0.05, 0.05, False),
        (CLAIM, 0.01, 0.5, True),
        (Aim(most_loss=0.05), 0.0, 0.051, True),
        (Aim(most_loss=0.05), 0.0, 0.052, False),
        (Aim(most_loss=0.05), 0.051, 0.2, False),
        (Aim(most_loss=0.05), 0.052, 0.2, True),
        (Aim(most_loss=0.05), -math.inf, math.inf, False),
        (Aim(most_loss=0.05), -math.inf, -0.3, True),
        (Aim(width=0.01), 0.20, 0.219, True),
        (Aim(width=0.01), 0.20, 0.221, False),
    ],
)
def test_an_aim_is_met_by_an_interval(aim: Aim, low: float, high: float, met: bool) -> None:
    """The first is faster by the ratio of the interval, so the second loses."""
    assert aim.met(low, high, 0.03) == met


@given(low=st.floats(-1, 1), width=st.floats(0, 1))
def test_turning_a_pair_round_turns_its_verdict_round(low: float, width: float) -> None:
    turned = {"better": "worse", "worse": "better"}
    there, back = verdict_of(low, low + width, 0.03), verdict_of(-low - width, -low, 0.03)
    assert back == turned.get(there, there)


@pytest.mark.parametrize(
    ("claims", "expected"),
    [
        ([], {"a": (1, 4), "b": (1, 4), "c": (1, 4), "d": (1, 4)}),
        ([("a", "b", "better")], {"a": (1, 3), "b": (2, 4), "c": (1, 4), "d": (1, 4)}),
        ([("a", "b", "worse")], {"a": (2, 4), "b": (1, 3), "c": (1, 4), "d": (1, 4)}),
        (
            [("a", "b", "tie"), ("c", "d", "undetermined")],
            {"a": (1, 4), "b": (1, 4), "c": (1, 4), "d": (1, 4)},
        ),
        (
            [("a", "b", "better"), ("b", "c", "better")],
            {"a": (1, 2), "b": (2, 3), "c": (3, 4), "d": (1, 4)},
        ),
        (
            [("c", "d", "better"), ("b", "c", "better"), ("a", "b", "better")],
            {"a": (1, 1), "b": (2, 2), "c": (3, 3), "d": (4, 4)},
        ),
    ],
)
def test_ranks(
    claims: list[tuple[str, str, Verdict]], expected: dict[str, tuple[int, int]]
) -> None:
    assert ranks("abcd", [pair(*claim) for claim in claims]) == expected


ORDERED = st.lists(
    st.tuples(st.integers(0, 5), st.integers(0, 5)).filter(lambda two: two[0] < two[1]), max_size=15
)


@given(edges=ORDERED, order=st.permutations(NAMES))
def test_ranks_imply_no_more_than_the_claims(
    edges: list[tuple[int, int]], order: list[str]
) -> None:
    """One arm ranks wholly above another exactly if a chain of claims says that it is better."""
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

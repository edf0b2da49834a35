"""A slice of a slow arm is not longer than it has to be."""

from __future__ import annotations

import pytest

from whichworker.design import slice_sizes


@pytest.mark.parametrize(
    ("turn", "skipped", "counted"),
    [(0.005, 3, 6), (0.02, 3, 5), (0.05, 1, 3), (0.15, 1, 3), (0.3, 1, 2), (0.6, 0, 2)],
)
def test_the_turns_of_a_slice(turn: float, skipped: int, counted: int) -> None:
    whole = slice_sizes.size(8, 8 / turn)
    assert (whole.uncounted / 8, whole.counted / 8) == (skipped, counted)
    assert whole.seconds == pytest.approx((skipped + counted + 1) * turn)
    assert skipped * turn >= slice_sizes.SKIPPED_SECONDS or turn > 0.5
    assert counted * turn >= slice_sizes.COUNTED_SECONDS


def test_a_profile_with_a_longer_beginning_counts() -> None:
    assert slice_sizes.size(8, 8 / 0.05, skipped_turns=6).uncounted == 48


@pytest.mark.parametrize(
    ("requests", "counted"), [(1.0, 24), (3.0, 24), (5.0, 25), (4.4, 25), (30.0, 30)]
)
def test_a_slice_counts_whole_sessions(requests: float, counted: int) -> None:
    alone = slice_sizes.SliceSize(8, 24, 0.4)
    whole = alone.of_sessions(requests)
    assert (whole.uncounted, whole.counted) == (8, counted)
    assert whole.seconds == pytest.approx(0.4 * counted / 24)

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
    ("turn", "skipped", "counted"), [(0.005, 3, 6), (0.05, 1, 3), (0.3, 1, 2), (0.6, 1, 2)]
)
def test_a_turn_of_sessions_is_a_whole_one_on_each_connection(
    turn: float, skipped: int, counted: int
) -> None:
    whole = slice_sizes.size(8, 8 * 5 / turn, requests_per_session=4.4)
    assert (whole.uncounted / 40, whole.counted / 40) == (skipped, counted)
    assert whole.seconds == pytest.approx((skipped + counted + 1) * turn)

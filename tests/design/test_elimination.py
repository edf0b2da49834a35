"""Kim & Nelson's factor: its limit, and how it grows."""

from __future__ import annotations

import math

import pytest

from whichworker.design.elimination import eta


@pytest.mark.parametrize("contenders", [2, 5, 12])
@pytest.mark.parametrize("alpha", [0.01, 0.05])
def test_eta_falls_to_its_limit(contenders: int, alpha: float) -> None:
    limit = math.log((contenders - 1) / (2 * alpha))
    found = [eta(alpha, contenders, nu) for nu in (3, 10, 100, 10**6)]
    assert found == sorted(found, reverse=True)
    assert found[-1] == pytest.approx(limit, rel=1e-4)
    assert found[0] > limit


def test_eta_grows_with_the_number_of_contenders() -> None:
    found = [eta(0.05, contenders, 30) for contenders in (2, 3, 6, 12, 40)]
    assert found == sorted(found)

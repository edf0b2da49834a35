"""The e-process against SciPy: integration of the mixture, Student's t, and what follows from the formula."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import integrate, stats

from whichworker.design import evidence
from whichworker.design.evidence import SCALES

LIMITS = (20.0, 40.0, 1320.0)
DIFFERENCES = st.lists(st.floats(-1, 1).map(lambda value: round(value, 6)), min_size=2, max_size=30).filter(
    lambda seen: np.std(seen) > 1e-4
)


def integrated(t: float, n: int) -> float:
    """The mixture likelihood ratio from its definition: an effect of N(0, g) standard deviations shifts t's noncentrality."""
    nu = n - 1

    def weighted(effect: float, scale: float) -> float:
        return float(stats.nct.pdf(t, nu, math.sqrt(n) * effect) * stats.norm.pdf(effect, scale=math.sqrt(scale)))

    total = 0.0
    for scale in SCALES:
        reach = 8 * math.sqrt(scale)
        centre = min(reach, max(-reach, t / math.sqrt(n)))
        points = sorted({0.0, centre})
        total += integrate.quad(weighted, -reach, reach, args=(scale,), points=points, limit=300, epsabs=1e-13)[0]
    return total / len(SCALES) / float(stats.t.pdf(t, nu))


@pytest.mark.parametrize("n", [2, 4, 8, 20])
@pytest.mark.parametrize("t", [0.0, 0.7, -2.0, 4.5])
def test_the_closed_formula_is_the_integral_of_its_definition(n: int, t: float) -> None:
    assert math.exp(evidence.log_evidence(t, n)) == pytest.approx(integrated(t, n), rel=1e-5)


@pytest.mark.parametrize("n", [2, 3, 5, 12, 60, 400])
@pytest.mark.parametrize("t", [0.0, 0.1, 1.0, -3.0, 12.0, 40.0])
def test_the_closed_formula_is_a_ratio_of_two_students(n: int, t: float) -> None:
    """With an effect of N(0, g) standard deviations, t is √(1+n·g) times Student's."""
    nu = n - 1
    ratios = [stats.t.logpdf(t, nu, scale=math.sqrt(1 + n * g)) - stats.t.logpdf(t, nu) for g in SCALES]
    assert evidence.log_evidence(t, n) == pytest.approx(float(np.logaddexp.reduce(ratios)) - math.log(len(SCALES)), abs=1e-9)


@pytest.mark.parametrize("n", [2, 4, 6, 30])
def test_infinite_t_is_the_limit_and_the_bound(n: int) -> None:
    bound = evidence.log_evidence(math.inf, n)
    assert bound == pytest.approx(evidence.log_evidence(1e9, n), abs=1e-6)
    expected = np.mean([(1 + n * g) ** ((n - 1) / 2) for g in SCALES])
    assert math.exp(bound) == pytest.approx(expected)
    assert evidence.log_evidence(-math.inf, n) == bound
    assert all(evidence.log_evidence(t, n) < bound for t in (0.0, 1.0, 50.0, 1e4))


@pytest.mark.parametrize(("n", "most"), [(3, 190), (4, 8399)])
def test_few_blocks_bound_the_evidence(n: int, most: int) -> None:
    assert round(math.exp(evidence.log_evidence(math.inf, n))) == most


@pytest.mark.parametrize("n", [4, 6, 30])
def test_expected_evidence_is_one_where_there_is_no_difference(n: int) -> None:
    """What makes it an e-value: its mean under the null is 1."""

    def weighted(t: float) -> float:
        return math.exp(evidence.log_evidence(t, n) + float(stats.t.logpdf(t, n - 1)))

    assert 2 * integrate.quad(weighted, 0, np.inf, limit=500)[0] == pytest.approx(1, abs=1e-4)


@pytest.mark.parametrize("limit", LIMITS)
@pytest.mark.parametrize("n", [4, 5, 6, 8, 12, 50, 500])
def test_critical_t_inverts_the_evidence(n: int, limit: float) -> None:
    t = evidence.critical_t(n, limit)
    if math.isinf(t):
        assert evidence.log_evidence(math.inf, n) <= math.log(limit)
    else:
        assert math.exp(evidence.log_evidence(t, n)) == pytest.approx(limit, rel=1e-6)


@pytest.mark.parametrize(("limit", "n"), [(20.0, 4), (40.0, 4), (60.0, 4), (400.0, 5), (1320.0, 6)])
def test_least_blocks_is_the_first_finite_critical_t(limit: float, n: int) -> None:
    least = evidence.least_blocks(limit)
    assert least <= n
    assert math.isfinite(evidence.critical_t(least, limit))
    assert math.isinf(evidence.critical_t(least - 1, limit))


@pytest.mark.parametrize("limit", LIMITS)
@settings(max_examples=60, deadline=None)
@given(seen=DIFFERENCES)
def test_the_interval_excludes_zero_exactly_when_the_evidence_suffices(limit: float, seen: list[float]) -> None:
    excludes = abs(float(np.mean(seen))) >= evidence.radius(seen, limit)
    assert excludes == (evidence.evidence(seen) >= limit)


def test_the_radius_is_the_published_one_for_a_single_scale(monkeypatch: pytest.MonkeyPatch) -> None:
    """s·√(ν(k-1)/((1-k/A)·n)) with k = (A/α²)^(1/n), for k < A."""
    scale, alpha, seen = 2.0, 0.05, [0.03, 0.05, 0.01, 0.07, 0.02, 0.04]
    monkeypatch.setattr(evidence, "SCALES", (scale,))
    monkeypatch.setattr(evidence, "_LOG_SCALE_WEIGHT", 0.0)
    evidence.critical_t.cache_clear()
    n, a = len(seen), 1 + len(seen) * scale
    k = (a / alpha**2) ** (1 / n)
    expected = float(np.std(seen, ddof=1)) * math.sqrt((n - 1) * (k - 1) / ((1 - k / a) * n))
    found = evidence.radius(seen, 1 / alpha)
    evidence.critical_t.cache_clear()
    assert k < a
    assert found == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize(
    ("seen", "t", "expected"),
    [
        ([0.1, 0.1, 0.1, 0.1], math.inf, lambda e: e > 90),
        ([-0.1, -0.1, -0.1, -0.1], -math.inf, lambda e: e > 90),
        ([0.0, 0.0, 0.0, 0.0], 0.0, lambda e: e < 1),
        ([0.5, -0.5, 0.5, -0.5], 0.0, lambda e: e < 1),
    ],
)
def test_differences_without_any_spread_or_mean(seen: list[float], t: float, expected: Callable[[float], bool]) -> None:
    assert evidence.t_statistic(seen) == t
    assert expected(evidence.evidence(seen))


@pytest.mark.parametrize("seen", [[], [0.2]])
def test_too_few_differences_are_no_evidence(seen: list[float]) -> None:
    assert evidence.evidence(seen) == 1.0
    assert math.isinf(evidence.critical_t(len(seen), 20.0))


def test_evidence_of_many_equal_differences_stays_finite() -> None:
    assert math.isfinite(evidence.evidence([0.25] * 2000))


@given(seen=DIFFERENCES)
def test_the_t_statistic_is_that_of_scipy(seen: list[float]) -> None:
    assert evidence.t_statistic(seen) == pytest.approx(float(stats.ttest_1samp(seen, 0).statistic), rel=1e-9, abs=1e-12)


@given(seen=DIFFERENCES, alpha=st.sampled_from([0.01, 0.05, 0.2]))
def test_the_fixed_interval_is_that_of_scipy(seen: list[float], alpha: float) -> None:
    low, high = stats.t.interval(1 - alpha, len(seen) - 1, loc=np.mean(seen), scale=stats.sem(seen))
    found = evidence.fixed_interval(seen, alpha)
    assert found is not None
    assert list(found) == pytest.approx([low, high])


def test_no_interval_of_fewer_than_two_values() -> None:
    assert evidence.fixed_interval([], 0.05) is None
    assert evidence.fixed_interval([3.0], 0.05) is None


def test_false_alarms_at_any_time_are_fewer_than_promised() -> None:
    """The chance that E ever reaches 20 is at most 1/20, however often one looks."""
    rng = np.random.default_rng(20)
    alarms = 0
    for _ in range(400):
        seen = rng.normal(0, 0.06, 40)
        alarms += any(evidence.evidence(seen[:n].tolist()) >= 20 for n in range(4, 41, 2))
    assert alarms <= 400 / 20

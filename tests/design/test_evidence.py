"""The e-process against SciPy: integration of the mixture, and Student's t."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import integrate, stats

from whichworker.design import evidence
from whichworker.design.evidence import SCALES, WEIGHTS

LIMITS = (20.0, 120.0, 1320.0)
SAMPLES = st.lists(
    st.floats(-1, 1).map(lambda value: round(value, 6)), min_size=2, max_size=30
).filter(lambda values: np.std(values) > 1e-4)


def log_evidence(t: float, freedom: float, units: float) -> float:
    return float(evidence.log_evidence(t, freedom, units))


def critical_t(limit: float, freedom: float, units: float) -> float:
    return float(evidence.critical_t(limit, freedom, units))


def integrated(t: float, freedom: float, units: float) -> float:
    """The mixture from its definition: an effect of N(0, g) rounds shifts t's noncentrality."""

    def weighted(effect: float, scale: float) -> float:
        shifted = stats.nct.pdf(t, freedom, math.sqrt(units) * effect)
        return float(shifted * stats.norm.pdf(effect, scale=math.sqrt(scale)))

    total = 0.0
    for scale, share in zip(SCALES, WEIGHTS, strict=True):
        reach = 8 * math.sqrt(scale)
        centre = min(reach, max(-reach, t / math.sqrt(units)))
        points = sorted({0.0, centre})
        total += (
            share
            * integrate.quad(
                weighted, -reach, reach, args=(scale,), points=points, limit=300, epsabs=1e-13
            )[0]
        )
    return total / float(stats.t.pdf(t, freedom))


@pytest.mark.parametrize(("freedom", "units"), [(1, 2), (9, 4), (7, 8), (30, 20)])
@pytest.mark.parametrize("t", [0.0, 0.7, -2.0, 4.5])
def test_the_closed_formula_is_the_integral_of_its_definition(
    t: float, freedom: float, units: float
) -> None:
    assert math.exp(log_evidence(t, freedom, units)) == pytest.approx(
        integrated(t, freedom, units), rel=1e-5
    )


@pytest.mark.parametrize(("freedom", "units"), [(1, 2), (10, 4), (11.5, 7.3), (60, 12), (400, 400)])
@pytest.mark.parametrize("t", [0.0, 0.1, 1.0, -3.0, 12.0, 40.0])
def test_the_closed_formula_is_a_ratio_of_two_students(
    t: float, freedom: float, units: float
) -> None:
    """With an effect of N(0, g) round deviations, t is √(1+n·g) times Student's."""
    scales = [math.sqrt(1 + units * g) for g in SCALES]
    ratios = [
        stats.t.logpdf(t, freedom, scale=scale) - stats.t.logpdf(t, freedom) for scale in scales
    ]
    expected = float(np.logaddexp.reduce(np.array(ratios) + np.log(WEIGHTS)))
    assert log_evidence(t, freedom, units) == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize(("s0", "d0"), [(0.1, 6.0), (0.02, 6.0)])
def test_with_a_prior_of_the_variance_it_is_the_moderated_formula(s0: float, d0: float) -> None:
    """A^(-1/2)·[(d0·s0² + Σd²)/(d0·s0² + Σd² - n²·g·d̄²/A)]^((d0+n)/2), as in measurement.md."""
    d = np.array([0.12, 0.05, 0.2, 0.09])
    n, total = len(d), d0 * s0**2 + float((d**2).sum())
    terms = []
    for g in SCALES:
        a = 1 + n * g
        terms.append(a**-0.5 * (total / (total - n**2 * g * d.mean() ** 2 / a)) ** ((d0 + n) / 2))
    freedom = d0 + n - 1
    variance = (d0 * s0**2 + float(((d - d.mean()) ** 2).sum())) / freedom
    t = float(d.mean()) / math.sqrt(variance / n)
    assert math.exp(log_evidence(t, freedom, n)) == pytest.approx(float(np.dot(WEIGHTS, terms)))


def test_the_shares_are_of_one() -> None:
    assert sum(WEIGHTS) == pytest.approx(1)


@pytest.mark.parametrize(("freedom", "units"), [(3, 4), (10, 4), (29, 30)])
def test_expected_evidence_is_one_where_there_is_no_difference(
    freedom: float, units: float
) -> None:
    """That makes it an e-value: its mean under the null is 1."""

    def weighted(t: float) -> float:
        return math.exp(log_evidence(t, freedom, units) + float(stats.t.logpdf(t, freedom)))

    assert 2 * integrate.quad(weighted, 0, np.inf, limit=500)[0] == pytest.approx(1, abs=1e-4)


@pytest.mark.parametrize("limit", LIMITS)
@pytest.mark.parametrize("freedom", [3, 6.5, 10, 15, 200, 5000])
@pytest.mark.parametrize("units", [1, 4, 7.5, 60, 3000])
def test_critical_t_inverts_the_evidence(limit: float, freedom: float, units: float) -> None:
    t = critical_t(limit, freedom, units)
    if math.isinf(t):
        assert all(
            share * (1 + units * g) ** (freedom / 2) <= limit
            for g, share in zip(SCALES, WEIGHTS, strict=True)
        )
    else:
        assert math.exp(log_evidence(t, freedom, units)) == pytest.approx(limit, rel=1e-6)


def test_whole_arrays_at_once_are_their_elements() -> None:
    freedom, units = np.array([[5.0, 9.0], [40.0, 3.0]]), np.array([[4.0, 7.0], [90.0, 1.0]])
    found = evidence.critical_t(120.0, freedom, units)
    assert found.shape == (2, 2)
    assert [float(value) for value in found.ravel()] == pytest.approx(
        [critical_t(120.0, *both) for both in zip(freedom.ravel(), units.ravel(), strict=True)]
    )


@pytest.mark.parametrize("limit", LIMITS)
def test_more_freedom_needs_less_evidence(limit: float) -> None:
    needed = [critical_t(limit, freedom, 20) for freedom in (5, 8, 15, 40, 200)]
    assert needed == sorted(needed, reverse=True)


@pytest.mark.parametrize("freedom", [3, 5, 10, 40, 500])
@pytest.mark.parametrize("probability", [0.9, 0.975, 0.995])
def test_the_quantile_is_students(freedom: float, probability: float) -> None:
    expected = float(stats.t.ppf(probability, freedom))
    assert evidence.student_quantile(probability, freedom) == pytest.approx(
        expected, rel=0.05 if freedom < 5 else 0.01
    )


@given(values=SAMPLES, alpha=st.sampled_from([0.01, 0.05, 0.2]))
def test_the_fixed_interval_is_that_of_scipy(values: list[float], alpha: float) -> None:
    low, high = stats.t.interval(
        1 - alpha, len(values) - 1, loc=np.mean(values), scale=stats.sem(values)
    )
    found = evidence.fixed_interval(values, alpha)
    assert found is not None
    assert list(found) == pytest.approx([low, high])


def test_no_interval_of_fewer_than_two_values() -> None:
    assert evidence.fixed_interval([], 0.05) is None
    assert evidence.fixed_interval([3.0], 0.05) is None


def test_false_alarms_at_any_time_are_fewer_than_promised() -> None:
    """The chance that E ever reaches 20 is at most 1/20, however often you look."""
    rng, looks = np.random.default_rng(20), np.arange(4, 41)
    values = rng.normal(0, 0.06, (2000, 40))
    sums, squares = (
        np.cumsum(values, axis=1)[:, looks - 1],
        np.cumsum(values**2, axis=1)[:, looks - 1],
    )
    variance = (squares - sums**2 / looks) / (looks - 1)
    t = sums / looks / np.sqrt(variance / looks)
    alarms = (evidence.log_evidence(t, looks - 1, looks) >= math.log(20)).any(axis=1)
    assert alarms.mean() <= 1 / 20

"""The triangular boundary: its variance against a two-way analysis, its shape, and who stays."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from whichworker.design.elimination import FIRST_DECISION, eta, paired_variance, survivors, worst_case_blocks

Logs = dict[str, list[float]]


def least_squares_residuals(table: np.ndarray) -> np.ndarray:
    """Residuals of the additive model fitted by least squares on dummy columns, block and arm."""
    blocks, arms = table.shape
    rows = [(b, a) for b in range(blocks) for a in range(arms)]
    design = np.array([[*(float(b == i) for i in range(blocks)), *(float(a == i) for i in range(arms))] for b, a in rows])
    values = table.reshape(-1)
    fitted = design @ np.linalg.lstsq(design, values, rcond=None)[0]
    return np.asarray(values - fitted)


@pytest.mark.parametrize(("blocks", "arms"), [(4, 2), (4, 12), (9, 5), (30, 3)])
def test_the_variance_is_twice_the_residual_mean_square_of_a_two_way_analysis(blocks: int, arms: int) -> None:
    rng = np.random.default_rng(blocks * 100 + arms)
    table = rng.normal(7, 0.05, (blocks, arms)) + rng.normal(0, 0.2, (blocks, 1)) + rng.normal(0, 0.3, (1, arms))
    freedom = (blocks - 1) * (arms - 1)
    assert paired_variance(table) == pytest.approx(2 * (least_squares_residuals(table) ** 2).sum() / freedom)


def test_two_arms_have_the_variance_of_their_differences() -> None:
    table = np.random.default_rng(3).normal(0, 1, (7, 2))
    assert paired_variance(table) == pytest.approx(float(np.var(table[:, 0] - table[:, 1], ddof=1)))


def test_neither_block_nor_arm_effects_are_variance() -> None:
    table = np.add.outer([0.3, -0.2, 0.9, 0.0], [1.0, 2.0, 5.0])
    assert paired_variance(table) == pytest.approx(0, abs=1e-20)


def test_the_variance_is_unbiased() -> None:
    rng = np.random.default_rng(8)
    seen = [paired_variance(rng.normal(0, 0.03, (4, 6))) for _ in range(3000)]
    assert np.mean(seen) == pytest.approx(2 * 0.03**2, rel=0.03)


@pytest.mark.parametrize("contenders", [2, 5, 12])
@pytest.mark.parametrize("alpha", [0.01, 0.05])
def test_eta_falls_to_its_limit(contenders: int, alpha: float) -> None:
    limit = math.log((contenders - 1) / (2 * alpha))
    seen = [eta(alpha, contenders, nu) for nu in (3, 10, 100, 10**6)]
    assert seen == sorted(seen, reverse=True)
    assert seen[-1] == pytest.approx(limit, rel=1e-4)
    assert seen[0] > limit


def test_eta_grows_with_the_number_of_contenders() -> None:
    seen = [eta(0.05, contenders, 30) for contenders in (2, 3, 6, 12, 40)]
    assert seen == sorted(seen)


def flat(**means: float) -> Logs:
    """Four blocks without any noise."""
    return {name: [mean] * FIRST_DECISION for name, mean in means.items()}


NOISE = [[0.02, -0.01, -0.01], [-0.02, 0.01, 0.01], [0.01, 0.01, -0.02], [-0.01, -0.01, 0.02]]


def noisy(repeats: int = 1, **means: float) -> Logs:
    """The same small noise again and again; it sums to nothing, so totals are those of the means."""
    return {name: [mean + row[place] for _ in range(repeats) for row in NOISE] for place, (name, mean) in enumerate(means.items())}


@pytest.mark.parametrize(
    ("logs", "kept"),
    [
        ({}, []),
        (flat(a=1.0), ["a"]),
        (flat(a=1.0, b=1.0), ["a", "b"]),
        (flat(a=1.0, b=0.999), ["a"]),
        (noisy(a=7.0, b=7.0, c=7.0), ["a", "b", "c"]),
        (noisy(a=7.0, b=6.99, c=7.0), ["a", "b", "c"]),
        (noisy(a=7.0, b=6.5, c=7.0), ["a", "c"]),
        (noisy(a=6.0, b=7.0, c=6.5), ["b"]),
        (noisy(20, a=7.0, b=6.98, c=7.0), ["a", "c"]),
        ({"a": [7.0, 7.1, 7.2], "b": [1.0, 1.1, 1.2]}, ["a", "b"]),
    ],
)
def test_survivors(logs: Logs, kept: list[str]) -> None:
    assert survivors(logs, contenders=max(2, len(logs)), delta=0.03, alpha=0.05) == kept


def test_one_arm_is_no_race() -> None:
    assert survivors({"a": [7.0] * 10}, contenders=1, delta=0.03, alpha=0.05) == ["a"]


def test_block_effects_change_nothing() -> None:
    logs = noisy(3, a=7.0, b=6.93, c=6.7)
    shift = np.random.default_rng(4).normal(0, 1, 12)
    moved = {name: (np.array(values) + shift).tolist() for name, values in logs.items()}
    given = {"contenders": 3, "delta": 0.03, "alpha": 0.05}
    assert survivors(moved, **given) == survivors(logs, **given)  # type: ignore[arg-type]


@pytest.mark.parametrize("delta", [0.01, 0.03, 0.1])
def test_the_margin_is_the_triangle_of_kim_and_nelson(delta: float) -> None:
    """The farthest total that still stays, found by bisection, is max(0, ηS²/δ' - δ'r/2) with δ' = ln(1+δ)."""
    noise, gap = noisy(2, a=0.0, b=0.0, c=0.0), math.log1p(delta)
    table = np.array(list(noise.values())).T
    expected = max(0.0, eta(0.05, 3, 7 * 2) * paired_variance(table) / gap - gap * 8 / 2)
    low, high = 0.0, 10.0
    for _ in range(60):
        middle = (low + high) / 2
        logs = {**noise, "c": [value - middle / 8 for value in noise["c"]]}
        low, high = (middle, high) if "c" in survivors(logs, contenders=3, delta=delta, alpha=0.05) else (low, middle)
    assert low == pytest.approx(expected, abs=1e-9)


def test_the_boundary_closes() -> None:
    """With the spread unchanged the margin only shrinks, so an arm that is behind by the same mean leaves and stays out."""
    staying = ["b" in survivors(noisy(repeats, a=7.0, b=6.98, c=7.0), contenders=3, delta=0.03, alpha=0.05) for repeats in range(1, 30)]
    assert staying == sorted(staying, reverse=True)
    assert staying[0] and not staying[-1]


@pytest.mark.parametrize("behind", [0.0, 0.01, 0.03, 0.05, 0.1, 0.3])
def test_who_is_farther_behind_leaves_no_later(behind: float) -> None:
    kept = survivors(noisy(2, a=7.0, b=7.0 - behind, c=7.0 - behind - 0.02), contenders=3, delta=0.03, alpha=0.05)
    assert "c" not in kept or "b" in kept


def test_by_the_worst_case_block_the_boundary_has_closed() -> None:
    logs = noisy(a=7.0, b=6.999, c=7.0)
    most = worst_case_blocks(logs, contenders=3, delta=0.03, alpha=0.05)
    repeats = math.ceil(most / FIRST_DECISION)
    assert most > FIRST_DECISION
    assert survivors(noisy(repeats, a=7.0, b=6.999, c=7.0), contenders=3, delta=0.03, alpha=0.05) == ["a", "c"]
    assert worst_case_blocks(logs, contenders=3, delta=0.3, alpha=0.05) == FIRST_DECISION


def test_the_best_is_seldom_dropped() -> None:
    """An arm better by exactly δ than eleven others; seed fixed, the error rate is α at most."""
    rng, lost = np.random.default_rng(12), 0
    for _ in range(100):
        means = {f"arm-{number}": math.log1p(0.03) * (number == 0) for number in range(12)}
        logs: Logs = {name: [] for name in means}
        for block in range(1, 60):
            for name, values in logs.items():
                values.append(means[name] + rng.normal(0, 0.03))
            if block >= FIRST_DECISION:
                kept = survivors(logs, contenders=12, delta=0.03, alpha=0.05)
                logs = {name: logs[name] for name in kept}
            if len(logs) == 1 or "arm-0" not in logs:
                break
        lost += "arm-0" not in logs
    assert lost <= 5 + 2 * math.sqrt(stats.binom.var(100, 0.05))

"""Rounds gathered by generation, and each pair's mean with its standard error.

A launch can be luckier than another of the same arm, so the generation is the unit: rounds tell the
noise within a launch, generations tell how much launches differ. The variance of a pair is

    V = R / Σ_e 1/(f·σ² + s²/n_e),

with s² the pair's variance between rounds, n_e its rounds in generation e, σ² the variance of
launches, which all arms share, and f the number of launches in the contrast (2, or 1.5 with a
twin). Both variances are moderated (Smyth 2004): they begin with pseudo-observations. R ≥ 1 is
Birge's ratio of the pair's own generations, for arms whose launches differ more than usual.
"""

from __future__ import annotations

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from whichworker.design.contrasts import Array, Weighed

ROUND_PSEUDO = 6.0
"""Pseudo-observations of a pair's variance between rounds, at the upper quartile of all pairs."""
LAUNCH_SD = 0.04
"""Assumed standard deviation of launches (log scale) before generations show it.

0.7-1.7 % were measured, 3 % at worst; the rest is for an arm of 10 % among them, which two
generations often do not show."""
LAUNCH_PSEUDO = 0.45
"""Generations that this standard deviation counts for. In simulation 5 % between four arms were
claimed within seven generations in 96 %, and an arm whose launches differ by 10 % was claimed
wrongly in 11 % of races (16 % with 0.035 and four observations shared by all arms, 5 % with one
generation at 0.05, which finds the 5 % in 36 %)."""
LAUNCH_FREEDOM = 12.0
"""Degrees of freedom of the variance of launches before generations tell: more than its
pseudo-observations, as the standard deviation taken is larger than any that was measured."""
FREEDOM_PER_GENERATION = 2.0
"""Degrees of freedom that a further generation adds: all arms tell the shared variance, but an arm
need not have it, so this does not grow with the number of arms."""
OWN_PSEUDO = 6.0
"""Pseudo-observations for launches that differ as much as the other arms' launches do."""
USUAL_LAUNCH_SD = 0.015
"""For the weights of generations while the variance of launches is estimated."""
UNKNOWN = 1e6
"""The variance of a round before any pair has met twice: too large for any decision."""
SMALLEST_EIGENVALUE = 1e-9
"""Relative to the largest; below it a contrast has no information but rounding errors."""
SLOPE_FREEDOM = 12
"""Degrees of freedom before a slope of the thermometer is fitted; until then it is 0."""
STEEPEST_SLOPE = 3.0
"""Slopes of -1.2 to -1.5 were measured; one beyond this is an accident."""


TINY = 1e-100
"""Keeps a division by zero away from values that are not used."""

Pairs = tuple[NDArray[np.int64], NDArray[np.int64]]
"""Indices of the first and the second arm of each pair."""


class Known(Struct, frozen=True):
    """Matrices over all arms: the log ratio row/column, its standard error, and what that rests on.

    `freedom` is in degrees, `units` in rounds: how many independent rounds the error is worth.
    `noise` is the standard deviation of one round's difference, `launches` the number of launches
    in it, `birge` the ratio R. `launch_sd` is the moderated deviation of launches.
    """

    mean: Array
    error: Array
    freedom: Array
    units: Array
    rounds: NDArray[np.int64]
    generations: NDArray[np.int64]
    noise: Array
    launches: Array
    birge: Array
    launch: LaunchSpread
    slope: float


class LaunchSpread(Struct, frozen=True):
    """The differences between launches: the moderated variance and its freedom.

    `seen_sd` is what generations alone tell, or what is usual if there is one generation only.
    """

    variance: float
    freedom: float
    seen_sd: float


class Stretch:
    """The rounds between two relaunches, in sums; y and the thermometer are kept apart."""

    def __init__(self, width: int, fresh: bool = False) -> None:
        self.width, self.fresh = width, fresh
        self.rounds: list[Weighed] = []
        self._summary: Summary | None = None

    def add(self, weighed: Weighed) -> None:
        self.rounds.append(weighed)
        self._summary = None

    def summary(self) -> Summary:
        """Least squares within the stretch; computed again only after a new round."""
        if self._summary is None:
            self._summary = summarise(self.rounds, self.width)
        return self._summary


class Summary(Struct, frozen=True):
    """Arm effects of a stretch (y, thermometer) with each round's share in their error.

    `shares` are rounds × 2 × arms: what each round contributes to the estimates beyond its part.
    `slopes` are rounds × 2: numerator and denominator of the thermometer's slope.
    """

    effects: Array
    shares: Array
    slopes: Array
    counts: NDArray[np.int64]
    together: NDArray[np.int64]


def summarise(rounds: list[Weighed], width: int) -> Summary:
    """Generalised least squares over the rounds of one stretch."""
    information = np.array([one.information for one in rounds])
    scores = np.array([[one.response, one.core] for one in rounds])
    present = np.array([one.present > 0 for one in rounds])
    counts = present.sum(axis=0)
    total = information.sum(axis=0)
    some = np.flatnonzero(counts)
    inverse = np.zeros((width, width))
    inverse[np.ix_(some, some)] = _pseudo_inverse(total[np.ix_(some, some)])
    effects = scores.sum(axis=0) @ inverse
    errors = scores - np.einsum("rij,kj->rki", information, effects)
    shares = errors @ inverse
    slopes = _slopes(rounds, information, scores, effects)
    together = present.astype(np.int64).T @ present.astype(np.int64)
    return Summary(effects, shares, slopes, counts, together)


def _pseudo_inverse(information: Array) -> Array:
    """The inverse on differences of arms, without the common level and arms that never met."""
    return np.asarray(
        np.linalg.pinv(information, rtol=SMALLEST_EIGENVALUE, hermitian=True), dtype=np.float64
    )


def _slopes(rounds: list[Weighed], information: Array, scores: Array, effects: Array) -> Array:
    """e_y'Pe_c and e_c'Pe_c of each round, where e are residuals after the arms."""
    y, c = effects
    fitted_c = information @ c
    cross = (
        np.array([one.cross for one in rounds]) - scores[:, 1] @ y - scores[:, 0] @ c + fitted_c @ y
    )
    square = np.array([one.square for one in rounds]) - 2 * scores[:, 1] @ c + fitted_c @ c
    return np.column_stack([cross, square])


class Generations:
    """All rounds of a race. `width` arms; the last is the twin of arm `twin_of`."""

    def __init__(self, width: int, twin_of: int) -> None:
        self.width, self.twin_of = width, twin_of
        self.stretches: list[Stretch] = []
        self.counts = np.zeros(width, dtype=np.int64)
        self._last: dict[int, int] = {}

    def add(self, weighed: Weighed, generations: dict[int, int]) -> None:
        """Enter one round; `generations` tells which launch of each arm it heard."""
        known = [arm for arm in generations if arm in self._last]
        renewed = sum(generations[arm] != self._last[arm] for arm in known)
        self._place(bool(known) and 2 * renewed >= len(known)).add(weighed)
        self._last.update(generations)
        self.counts += weighed.present > 0

    def _place(self, relaunched: bool) -> Stretch:
        """The stretch of the next round.

        If every round so far had launches of its own, launches and noise cannot be separated
        and need not be: all those rounds are one stretch of independent rounds.
        """
        if not self.stretches:
            self.stretches.append(Stretch(self.width))
            return self.stretches[-1]
        last = self.stretches[-1]
        if relaunched and len(self.stretches) == 1 and (last.fresh or len(last.rounds) == 1):
            last.fresh = True
        elif relaunched or last.fresh:
            self.stretches.append(Stretch(self.width))
        return self.stretches[-1]

    def slope(self) -> float:
        """The thermometer's slope: the median over rounds, weighted by what each could tell."""
        parts = [stretch.summary() for stretch in self.stretches]
        both = np.concatenate([part.slopes for part in parts])
        freedom = sum(
            int(part.counts.sum() - (part.counts > 0).sum() - len(part.slopes) + 1)
            for part in parts
        )
        heard = both[both[:, 1] > 1e-12]
        if freedom < SLOPE_FREEDOM or not len(heard):
            return 0.0
        slopes = heard[:, 0] / heard[:, 1]
        order = np.argsort(slopes)
        sums = np.cumsum(heard[order, 1])
        middle = float(slopes[order][np.searchsorted(sums, sums[-1] / 2)])
        return float(np.clip(middle, -STEEPEST_SLOPE, STEEPEST_SLOPE))

    def known(self) -> Known:
        """The estimates of every pair: two rows more than arms, `twin_of` and the twin, alone."""
        slope = self.slope()
        return _combine(
            [self._averaged(stretch, slope) for stretch in self.stretches], slope, self.width - 1
        )

    def _averaged(self, stretch: Stretch, slope: float) -> PairPart:
        """One stretch at this slope, with the mean of the twins as the value of their arm."""
        summary, width, arm = stretch.summary(), self.width, self.twin_of
        mapping = np.zeros((width, width + 1))
        mapping[: width - 1, : width - 1] = np.eye(width - 1)
        mapping[arm, width - 1] = mapping[width - 1, width] = 1.0
        launches = np.ones(width + 1)
        if summary.counts[-1] and summary.counts[arm]:
            mapping[arm, arm] = mapping[width - 1, arm] = 0.5
            launches[arm] = 0.5
        effects = (summary.effects[0] - slope * summary.effects[1]) @ mapping
        shares = (summary.shares[:, 0] - slope * summary.shares[:, 1]) @ mapping
        products = shares.T @ shares
        rows = [*range(width - 1), arm, width - 1]
        squares = np.diag(products)[:, None] + np.diag(products)[None, :] - 2 * products
        rounds = summary.together[np.ix_(rows, rows)]
        return PairPart(
            difference=effects[:, None] - effects[None, :],
            squares=np.maximum(squares, 0.0) * rounds.astype(float) ** 2,
            rounds=rounds,
            launches=(launches[:, None] + launches[None, :]) * (not stretch.fresh),
        )


class PairPart(Struct, frozen=True):
    """One stretch, for every pair: difference, sum of squares of its rounds, rounds, launches."""

    difference: Array
    squares: Array
    rounds: NDArray[np.int64]
    launches: Array


def _combine(parts: list[PairPart], slope: float, arms: int) -> Known:
    difference = np.array([part.difference for part in parts])
    rounds = np.array([part.rounds for part in parts])
    launches = np.array([part.launches for part in parts])
    first, second = np.triu_indices(arms, 1)
    pairs = (np.append(first, arms), np.append(second, arms + 1))
    noise, noise_freedom = _noise(np.array([part.squares for part in parts]), rounds, pairs)
    within = noise / np.maximum(rounds, 1)
    launch = _launch(difference, within, launches, rounds, pairs)
    here = rounds > 0
    weights = np.where(here, 1 / (within + launches * launch.variance + TINY), 0.0)
    total = np.maximum(weights.sum(axis=0), TINY)
    mean = (weights * difference).sum(axis=0) / total
    beyond_one = np.maximum(here.sum(axis=0) - 1, 0)
    scatter = (weights * (difference - mean) ** 2).sum(axis=0)
    birge = np.maximum((OWN_PSEUDO + scatter) / (OWN_PSEUDO + beyond_one), 1.0)
    variance = birge / total
    from_noise = (weights**2 * within).sum(axis=0) / total**2
    from_launches = (weights**2 * launches).sum(axis=0) * launch.variance / total**2
    parts = from_noise**2 / noise_freedom + from_launches**2 / launch.freedom + TINY
    return Known(
        mean=mean,
        error=np.where(here.any(axis=0), np.sqrt(variance), np.inf),
        freedom=(from_noise + from_launches) ** 2 / parts + TINY,
        units=np.clip(noise / np.maximum(variance, TINY), 1.0, np.maximum(rounds.sum(axis=0), 1)),
        rounds=rounds.sum(axis=0),
        generations=here.sum(axis=0),
        noise=np.sqrt(noise),
        launches=launches.max(axis=0),
        birge=birge,
        launch=launch,
        slope=slope,
    )


def _noise(squares: Array, rounds: NDArray[np.int64], pairs: Pairs) -> tuple[Array, Array]:
    """The moderated variance of one round for every pair, and its degrees of freedom."""
    freedom = np.maximum(rounds - 1, 0).sum(axis=0)
    totals = np.where(rounds > 1, squares, 0.0).sum(axis=0)
    heard = freedom[pairs] > 0
    if not heard.any():
        return np.full(freedom.shape, UNKNOWN), np.ones(freedom.shape)
    seen = totals[pairs][heard] / freedom[pairs][heard]
    prior = float(np.quantile(seen, 0.75))
    return (ROUND_PSEUDO * prior + totals) / (ROUND_PSEUDO + freedom), ROUND_PSEUDO + freedom


def _launch(
    difference: Array, within: Array, launches: Array, rounds: NDArray[np.int64], pairs: Pairs
) -> LaunchSpread:
    """The variance of launches that all arms share, moderated.

    Method of moments (DerSimonian & Laird 1986): the spread of a pair's generations beyond what the
    noise of their rounds explains, on average over pairs.
    """
    usual = USUAL_LAUNCH_SD**2
    first, second = pairs
    d, w, f = (values[:, first, second] for values in (difference, within, launches))
    heard = (rounds[:, first, second] > 1) & (f > 0)
    weights = np.where(heard, 1 / (w + f * usual + TINY), 0.0)
    several = (weights > 0).sum(axis=0) > 1
    if not several.any():
        return LaunchSpread(LAUNCH_SD**2, LAUNCH_FREEDOM, USUAL_LAUNCH_SD)
    weights, d, w, f = weights[:, several], d[:, several], w[:, several], f[:, several]
    total = weights.sum(axis=0)
    mean = (weights * d).sum(axis=0) / total
    shares = weights - weights**2 / total
    excess = float(((weights * (d - mean) ** 2).sum(axis=0) - (shares * w).sum(axis=0)).mean())
    weight = float((shares * f).sum(axis=0).mean())
    prior = LAUNCH_PSEUDO / usual
    variance = max(0.0, (prior * LAUNCH_SD**2 + excess) / (prior + weight))
    freedom = LAUNCH_FREEDOM + FREEDOM_PER_GENERATION * weight * usual
    return LaunchSpread(variance, freedom, max(0.0, excess / weight) ** 0.5)

"""The highest arrival rate that meets an objective: a posterior on a grid, and the next rate.

An objective's clause is missed by a share p of the requests; it is met while p is at most its
`share`. Near full load a queue decides p, and every queue is then about the same: a random walk
that is reflected at zero (Kingman 1962; Harrison 1985). Its steady tail is exponential in the
slack 1 - load, so p at a rate q is share^(u^g), where u is the slack at q over the slack at the
capacity, and g = 1 for a pure queue, less if slow requests or stalls are missed at any load. A
probe begins at an idle server, and what a random walk does until then is known, too: `reached`.

Misses come in clusters, which are as long as a queue's memory of variance/slack² requests. The
observation of a probe is therefore beta-binomial. Full load, slack, g and the variance are unknown:
all of them are on the grid, and integrated out; so is the speed of the core in each probe. Stalls
of the whole server are no part of the model: `Confirmation` counts those that a window shows.

A clause on a route counts that route's requests only, but they wait in the queue of all requests.
So a rate is always the rate of all, and a cluster is made by all. A route with a share f of the
requests has f of the arrivals and f of each cluster: any two of its requests are as correlated as
any two others.
"""

from __future__ import annotations

import math
import random
import statistics
from collections.abc import Sequence
from functools import cache

import msgspec
import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from whichworker.model import Clause, Slo

Array = NDArray[np.float64]

LOADS = 1 / (1 + np.exp(-np.linspace(-4.6, 6.0, 120)))
"""Capacities as shares of full load, from 1 % to 99.8 %, closer to each other near both ends."""
FULL_LOAD_SD, FULL_LOADS = 0.025, np.linspace(-2.0, 2.0, 5)
"""Full load was measured: the standard deviation of its logarithm, and the points in it."""
POWERS, POWER_WEIGHTS = np.array([0.25, 0.6, 1.1]), np.array([0.2, 0.3, 0.5])
"""g, and its prior."""
VARIANCES, VARIANCE_WEIGHTS = np.array([0.6, 1.2, 2.4, 5.0]), np.array([0.1, 0.3, 0.35, 0.25])
"""Squared variations of arrivals and services, added: 1 if only arrivals vary, 2 for M/M/1."""
SPEED_SD = 0.03
"""Of the speed of a core from window to window, beyond the thermometer's reading (log scale).

2.3 to 5.2 % were measured (benchmarks/RESULTS-known.md); near full load 3 % decide a window.
"""
SLOPE_SD = 0.5
"""Of the slope of the thermometer, as a share of it: 0.3 to 1.2 were measured. So a window far from
the usual speed is less certain."""
SPEEDS, SPEED_WEIGHTS = (-1.732, 0.0, 1.732), (1 / 6, 2 / 3, 1 / 6)
"""Three points of a normal distribution, exact to its fifth moment (Gauss and Hermite)."""
QUEUE_WEIGHT, QUEUE_SD = 0.6, 0.7
"""The prior share of servers whose queue decides their slack, and its standard deviation (log).

The others may have any capacity.
"""
UNTIMED_SLACK = 0.02
"""The usual slack of a clause without a time: servers fail when they are full."""
MOST_USUAL = 0.9
"""An objective that is short beside the service: there, the slack of a queue is no longer known."""
CLUSTERS = 1.4
"""Misses that come together, as a multiple of variance/slack²: 0.6 to 2 in simulated queues."""
LEAST_SLACK = 0.01
"""Closer to full load the memory of a queue counts as no longer: no probe lasts that long."""
LAUNCH_SD = 0.01
"""Standard deviation of the mean of a few launches, on the log scale."""
NEGLIGIBLE = 18.0
"""Points of the grid this far below the best, in nats, are dropped for speed."""
LEAST_P, MOST_P, MOST_CORRELATION = 1e-7, 0.995, 0.98
"""Limits, so that no logarithm is infinite."""
EXACT, MORE = 16, 24
"""Numbers of misses that are summed one by one, and points between them and larger numbers."""
QUANTILES = (0.3, 0.7)
"""Of the posterior, at random: probes on both sides of the capacity."""
MOST_LOAD = 1.0
"""No probe is above full load: what happens there does not depend on the objective."""
NARROW = 0.05
"""The relative width at which an interval is narrow."""
SLOPE, LEAST_TURNS = 0.7, 3
"""Of the CPU time of a request in the thermometer's reading, in logarithms (decision 23)."""
LOOKS_BACK = (3, 5, 8, 13, 21, 34)
"""Readings after which all probes are entered again. The first probes had no usual reading to be
compared with, and a core that was 15 % slower in one of them makes the capacity look lower."""
RETREAT, ADVANCE = 0.75, 1.1
"""The next rate after one at which other programs caused misses, or after one that is held again.

There a machine shows nothing: only at a rate that it holds beside them does a window tell.
"""
TAIL = 0.05
"""The probability below and above the interval."""
HOPELESS = 0.03
"""If the capacity is below this share of full load, the objective is not met at any rate."""


class RateProbe(Struct, frozen=True, kw_only=True):
    """One probe: `count` arrivals at `rate` per second, and the misses of each clause.

    The server was idle `settle_seconds` before the window of `window_seconds` began, and the core
    `speed` times as fast as usual, by the thermometer's reading of `turn_seconds`. The misses of a
    `bounded` one are at least those of a quiet machine: other programs can only add some. `counts`
    are the arrivals that each clause bounds (empty: all). The server never responded on `starved`
    connections, and on none for `silence_seconds`.
    """

    rate: float
    count: int
    missed: tuple[int, ...]
    settle_seconds: float
    window_seconds: float
    speed: float = 1.0
    turn_seconds: float | None = None
    bounded: bool = False
    counts: tuple[int, ...] = ()
    starved: int = 0
    silence_seconds: float = 0.0

    def misses(self, clauses: Sequence[Clause]) -> bool:
        """Whether a clause was missed by more of its requests than it allows."""
        return any(
            missed > clause.share * count
            for missed, count, clause in zip(self.missed, self.counted, clauses, strict=True)
        )

    @property
    def counted(self) -> tuple[int, ...]:
        """The arrivals that each clause bounds."""
        return self.counts or (self.count,) * len(self.missed)


class CapacityEstimate(Struct, frozen=True, kw_only=True):
    """The capacity in requests per second: the posterior's median, 5 % and 95 % quantiles."""

    value: float
    low: float
    high: float

    @property
    def narrow(self) -> bool:
        """Whether the 90 % interval is narrower than a twentieth of the value."""
        return self.high - self.low < NARROW * self.value


class Posterior:
    """The posterior of the capacity under one clause.

    `full` is the rate under full load. Points of the grid are rows of equal length.
    """

    def __init__(self, clause: Clause, full: float) -> None:
        self.clause = clause
        loads, fulls, self.powers, self.variances = _points()
        self.fulls = full * np.exp(FULL_LOAD_SD * fulls)
        self.slacks = 1 - loads
        self._log = _log_prior(clause, full, self)
        self._sorted: tuple[Array, Array] | None = None

    @property
    def capacities(self) -> Array:
        """The capacity of each point, per second."""
        return np.asarray(self.fulls * (1 - self.slacks))

    def observe(self, probe: RateProbe, missed: int, count: int | None = None) -> None:
        """Take in one probe; the clause bounds `count` of its requests [default: all]."""
        count = probe.count if count is None else count
        if not count:
            return
        seen = _log_at_most if probe.bounded else _log_beta_binomial
        parts = []
        for deviation, weight in zip(SPEEDS, SPEED_WEIGHTS, strict=True):
            spread = math.hypot(SPEED_SD, SLOPE_SD * math.log(probe.speed))
            speed = probe.speed * math.exp(spread * deviation)
            at = msgspec.structs.replace(probe, speed=speed)
            p, correlation = self._missed_share(at), self._correlation(at)
            parts.append(math.log(weight) + seen(missed, count, p, correlation))
        self._log += np.logaddexp.reduce(parts)
        self._log -= self._log.max()
        kept = self._log > -NEGLIGIBLE
        for name in ("fulls", "slacks", "powers", "variances", "_log"):
            setattr(self, name, getattr(self, name)[kept])
        self._sorted = None

    def quantile(self, q: float) -> float:
        """Of the capacity, per second."""
        rates, below = self._distribution()
        return float(np.exp(np.interp(q, below, rates)))

    def below(self, rate: float) -> float:
        """The probability that the capacity is below a rate."""
        rates, below = self._distribution()
        return float(np.interp(math.log(rate), rates, below))

    def _distribution(self) -> tuple[Array, Array]:
        """Logarithms of rates, and the probability of a capacity below each.

        Each point is spread by the differences of launches.
        """
        if self._sorted is None:
            from scipy import special  # not worth its import before a capacity is searched

            logs = np.log(self.capacities)
            weights = np.exp(self._log) / np.exp(self._log).sum()
            edges = np.arange(logs.min() - 0.06, logs.max() + 0.06, 0.002)
            mass = np.histogram(logs, edges, weights=weights)[0]
            reach = np.arange(-20, 21) * 0.002
            kernel = np.diff(special.ndtr(np.append(reach - 0.001, reach[-1] + 0.001) / LAUNCH_SD))
            spread = np.convolve(mass, kernel / kernel.sum(), mode="same")
            self._sorted = edges, np.append(0.0, np.cumsum(spread) / spread.sum())
        return self._sorted

    def _missed_share(self, probe: RateProbe) -> Array:
        served = probe.speed * self.fulls
        slack = 1 - probe.rate / served
        worst = math.log(self.clause.share)
        steady = np.exp(worst * (np.maximum(slack, 0) / self.slacks) ** self.powers)
        level = -worst * np.sqrt(self.variances) / (2 * self.slacks)
        drift = np.abs(slack) / np.sqrt(self.variances)
        parts = [
            reached(
                level,
                drift,
                probe.speed * self.fulls * (probe.settle_seconds + at * probe.window_seconds),
            )
            for at in (0.25, 0.75)
        ]
        return np.asarray(np.clip(steady * sum(parts) / 2, LEAST_P, MOST_P), dtype=np.float64)

    def _correlation(self, probe: RateProbe) -> Array:
        """Between two requests of a probe, from the size of the clusters at its rate."""
        slack = np.maximum(np.abs(1 - probe.rate / (probe.speed * self.fulls)), LEAST_SLACK)
        clusters = CLUSTERS * self.variances / slack**2
        correlation = np.minimum(clusters / (clusters + probe.count), MOST_CORRELATION)
        return np.asarray(correlation, dtype=np.float64)


def reached(level: Array, drift: Array, after: Array) -> Array:
    """The share of its steady tail that a reflected random walk from zero has after a time.

    The walk has variance 1 and this drift, towards zero or away from it: then the steady tail is 1.
    """
    from scipy import special

    root = np.sqrt(after)
    far = np.exp(2 * drift * level + special.log_ndtr(-(level + drift * after) / root))
    near = special.ndtr((drift * after - level) / root)
    return np.asarray(np.minimum(1.0, far + near), dtype=np.float64)


def _log_beta_binomial(missed: int, count: int, p: Array, correlation: Array) -> Array:
    from scipy import special

    total = 1 / correlation - 1
    a, b = p * total, (1 - p) * total
    seen = special.betaln(a + missed, b + count - missed) - special.betaln(a, b)
    return np.asarray(seen, dtype=np.float64)


def _log_at_most(missed: int, count: int, p: Array, correlation: Array) -> Array:
    """The logarithm of the chance of `missed` misses or fewer.

    A sum of the first EXACT numbers of misses, and by trapezoids over MORE points up to the others.
    """
    at = np.arange(missed + 1)
    if missed > EXACT:
        at = np.unique(np.append(at[:EXACT], np.geomspace(EXACT, missed, MORE).round())).astype(int)
    gaps = np.diff(at)
    weights = np.ones(at.size)
    weights[1:] += (gaps - 1) / 2
    weights[:-1] += (gaps - 1) / 2
    terms = [
        _log_beta_binomial(int(k), count, p, correlation) + _log_ways(count, int(k)) + math.log(w)
        for k, w in zip(at, weights, strict=True)
    ]
    total = np.logaddexp.reduce(terms)
    return np.asarray(np.minimum(0.0, total), dtype=np.float64)


def _log_ways(count: int, missed: int) -> float:
    return math.lgamma(count + 1) - math.lgamma(missed + 1) - math.lgamma(count - missed + 1)


@cache
def _points() -> tuple[Array, ...]:
    axes = np.meshgrid(LOADS, FULL_LOADS, POWERS, VARIANCES, indexing="ij")
    return tuple(np.asarray(axis.ravel(), dtype=np.float64) for axis in axes)


def _log_prior(clause: Clause, full: float, at: Posterior) -> Array:
    """Of each point: the slack follows from variance and time (Kingman), or may be any."""
    shape = (LOADS.size, FULL_LOADS.size, POWERS.size, VARIANCES.size)
    weights = np.exp(-0.5 * _points()[1] ** 2)
    for axis, part in ((2, POWER_WEIGHTS), (3, VARIANCE_WEIGHTS)):
        weights = (
            weights
            * np.broadcast_to(
                part.reshape([-1 if place == axis else 1 for place in range(4)]), shape
            ).ravel()
        )
    usual = np.full(at.slacks.size, UNTIMED_SLACK)
    if clause.seconds is not None:
        usual = -math.log(clause.share) / 2 * at.variances / (clause.seconds * full)
    odds, expected = (np.log(1 / part - 1) for part in (at.slacks, np.minimum(usual, MOST_USUAL)))
    step = float(np.log(1 / (1 - LOADS[1]) - 1) - np.log(1 / (1 - LOADS[0]) - 1))
    queue = np.exp(-0.5 * ((odds - expected) / QUEUE_SD) ** 2) * abs(step)
    queue /= QUEUE_SD * math.sqrt(2 * math.pi)
    return np.asarray(np.log(weights * (QUEUE_WEIGHT * queue + (1 - QUEUE_WEIGHT) / LOADS.size)))


class Search:
    """The search for one arm's capacity: the clause that binds first decides.

    `seen` are the probes that the posterior knows, `watched` are all in which a stall would show.
    """

    def __init__(self, slo: Slo, throughput: float, seed: int, busy: float = 1.0) -> None:
        self.slo, self.throughput, self.busy = slo, throughput, busy
        self.turns: list[float] = []
        self.posteriors = tuple(Posterior(clause, throughput) for clause in slo.clauses)
        self.seen: list[RateProbe] = []
        self.watched: list[RateProbe] = []
        self.seed = seed
        self.reach = math.inf

    def next_rate(self) -> float:
        """The most informative rate: a 30 % or 70 % quantile, not above full load."""
        choice = random.Random(f"{self.seed}/probes/{len(self.seen)}").choice(QUANTILES)
        rate = self._binding().quantile(choice)
        return min(MOST_LOAD * self.throughput, rate, self.reach)

    def observe(self, seen: RateProbe) -> None:
        """Take in one probe, of the search or at a rate that is being tested."""
        if seen.turn_seconds is not None:
            self.turns.append(seen.turn_seconds)
        self.seen.append(seen)
        self.watched.append(seen)
        if not seen.misses(self.slo.clauses):
            self.reach = max(self.reach, ADVANCE * seen.rate)
        elif seen.bounded and 2 * sum(one.bounded for one in self.seen) > len(self.seen):
            self.reach = min(self.reach, RETREAT * seen.rate)
        if seen.turn_seconds is not None and len(self.turns) in LOOKS_BACK:
            self._look_back()
        else:
            self._enter(seen)

    def _look_back(self) -> None:
        """Enter all probes again: the usual speed of the core is better known now."""
        self.posteriors = tuple(Posterior(one, self.throughput) for one in self.slo.clauses)
        for seen in self.seen:
            self._enter(seen)

    def _enter(self, seen: RateProbe) -> None:
        seen = msgspec.structs.replace(seen, speed=self.speed_at(seen.turn_seconds))
        for posterior, missed, count in zip(
            self.posteriors, seen.missed, seen.counted, strict=True
        ):
            posterior.observe(seen, missed, count)

    @property
    def usual_turn(self) -> float | None:
        """The median reading of the thermometer, in seconds; None until three are known."""
        return statistics.median(self.turns) if len(self.turns) >= LEAST_TURNS else None

    def speed_at(self, turn_seconds: float | None) -> float:
        """How fast the core makes this arm at this reading, over the median; 1 until 3 are known.

        The readings beside other loads, as in the ranking, are no measure: beside a full core they
        take longer.
        """
        usual = self.usual_turn
        if turn_seconds is None or usual is None:
            return 1.0
        return float((usual / turn_seconds) ** (SLOPE * self.busy))

    def found(self) -> CapacityEstimate:
        """The capacity so far."""
        value, low, high = (self._binding().quantile(q) for q in (0.5, TAIL, 1 - TAIL))
        return CapacityEstimate(value=value, low=low, high=high)

    @property
    def hopeless(self) -> bool:
        """Whether the objective is missed at the lowest rates."""
        return self._binding().quantile(0.5) <= HOPELESS * self.throughput

    def below(self, rate: float) -> float:
        """The probability that the capacity is below a rate, by the worst clause."""
        return max(posterior.below(rate) for posterior in self.posteriors)

    def quantile(self, q: float) -> float:
        """Of the capacity, by the worst clause; per second."""
        return min(posterior.quantile(q) for posterior in self.posteriors)

    def binding(self) -> str:
        """The clause that decides, as it was written."""
        return self._binding().clause.text

    def _binding(self) -> Posterior:
        return min(self.posteriors, key=lambda posterior: posterior.quantile(0.5))

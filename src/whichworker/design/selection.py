"""A race as a state machine of pure values: the next round, and what each round changes."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from whichworker.design import evidence, forecast, pairs
from whichworker.design.bridges import bridged
from whichworker.design.contrasts import Array, weigh
from whichworker.design.elimination import FIRST_DECISION, is_behind, rounds_needed
from whichworker.design.generations import Generations, Known
from whichworker.design.pairs import CLAIM, Aim, Pair, Verdict
from whichworker.design.rounds import TWIN, Heard, Round, random_round

TWIN_LIMIT = 20.0
"""E at which two copies of one arm differ, so that the run is invalid: α = 5 % at any time."""
SHOWN = 0.95
"""The probability of the plain interval that is shown beside an arm."""

LAST_LOOK_SHARE = 0.5
"""Kept of α for one look at the end: it needs half of the rounds of a claim at any time."""
FIRST_LOOK_SHARE = 0.9
"""Of that, for the first such look; each resumed race spends nine tenths of what is left."""
WORTH_WAITING = 2.0
"""An arm that cannot be the best stays while its claim is expected within this many times the
rounds so far: a race that finds its pick early should still report on the others."""

Claims = Literal["leader", "all"]


class Race:
    """Rounds in, decisions out.

    Every arm alive runs in each round. An arm leaves when it is claimed worse than one that is
    alive, or is not the best by more than δ. Then the pick is known; the leader goes on with those
    that have left without a claim. The race of the leader ends when all are claimed slower than
    it, or tied with it; with `claims="all"` it ends when all pairs meet the `aim`. When an arm
    alive fails, the arms that only it had driven out compete again. Claims are valid whenever you
    look. With `last_look` they spend half of α, and `close` spends the rest when the time is over.
    """

    def __init__(
        self,
        arms: Sequence[str],
        *,
        twin_of: str,
        delta: float,
        alpha: float,
        claims: Claims = "leader",
        seed: int = 1,
        last_look: bool = False,
        aim: Aim = CLAIM,
    ) -> None:
        self.arms, self.aim = tuple(arms), aim
        self.twin_of, self.claims, self.seed = twin_of, claims, seed
        self.delta, self.alpha = delta, alpha
        self.failed: set[str] = set()
        self.dropped: list[str] = []
        self.rounds = 0
        self._places = {name: place for place, name in enumerate((*self.arms, TWIN))}
        self._generations = Generations(len(self.arms) + 1, self._places[twin_of])
        self._kept_alpha = alpha * LAST_LOOK_SHARE if last_look else 0.0
        self._limit = pairs.threshold(max(2, len(self.arms)), alpha - self._kept_alpha)
        self._last_places: list[int] = []
        self._waited: tuple[int, list[str]] = (-1, [])
        self._low = np.full((len(self.arms),) * 2, -np.inf)
        self._high = np.full((len(self.arms),) * 2, np.inf)
        self._known: Known | None = None
        self._twin_evidence = 1.0

    @property
    def alive(self) -> list[str]:
        """Arms that can still turn out best."""
        return [name for name in self.arms if name not in self.failed and name not in self.dropped]

    @property
    def listed(self) -> list[str]:
        """Arms with enough rounds to say anything about them."""
        counts = self._generations.counts
        return [
            name
            for place, name in enumerate(self.arms)
            if name not in self.failed and counts[place] >= FIRST_DECISION
        ]

    @property
    def picked(self) -> bool:
        """Whether the pick is known: one arm is left, or those left are tied with the leader."""
        leader = self.leader()
        if leader is None or len(self.listed) < len(self.alive):
            return not self.alive
        return all(
            self._verdict(leader, name) != "undetermined" for name in self.alive if name != leader
        )

    def next_round(self) -> Round | None:
        """The next round, or None when nothing is left to decide."""
        names = self._running()
        if not names:
            return None
        if self.twin_of in names and TWIN not in self.failed:
            names.append(TWIN)
        return random_round(self.rounds + 1, names, self.seed)

    def enter(self, number: int, slices: Sequence[Heard]) -> None:
        """Take in one whole round. An arm without a slice is left alone for that round."""
        self.rounds = number
        heard = [one for one in slices if one.arm in self._places and math.isfinite(one.log_rate)]
        if len({one.arm for one in heard}) < 2:
            self._count_alone(heard)
            return
        places = np.array([self._places[one.arm] for one in heard], dtype=np.int64)
        weighed = weigh(
            places,
            len(self._places),
            np.array([one.at_seconds for one in heard]),
            np.array([one.log_rate for one in heard]),
            np.array([math.nan if one.core is None else one.core for one in heard]),
        )
        self._generations.add(weighed, {self._places[one.arm]: one.generation for one in heard})
        self._known = None
        self._last_places = sorted(set(places.tolist()) - {len(self.arms)})
        self._look(self._last_places)
        self._drop()

    def close(self) -> None:
        """The planned time is over: one look at the arms that ran until now, for what is kept of α.

        How long a race lasts does not depend on what it measures, so this is a test of fixed size:
        Student's intervals, Bonferroni over all pairs. Arms that left before have had their looks.
        """
        known, spent = self._now(), self._kept_alpha * FIRST_LOOK_SHARE
        self._kept_alpha -= spent
        if known is None or not spent:
            return
        every = max(2, len(self.arms))
        ran = np.array(self._last_places, dtype=np.int64)
        first, second = (ran[places] for places in np.triu_indices(len(ran), 1))
        met = known.rounds[first, second] >= FIRST_DECISION
        first, second = first[met], second[met]
        radius = known.error[first, second] * evidence.student_critical(
            spent / (every * (every - 1) / 2), known.freedom[first, second]
        )
        self._narrow(first, second, known.mean[first, second], radius)
        self._drop()

    def fail(self, name: str) -> None:
        """Take an arm out for good; those that only it had driven out compete again."""
        was_alive = name in self.alive
        self.failed.add(name)
        if was_alive:
            self.dropped.clear()
            self._drop()

    def pairs(self) -> list[Pair]:
        """The state of every pair of listed arms, in the order of the arms."""
        places = [self._places[name] for name in self.listed]
        return [self._pair(a, b) for at, a in enumerate(places) for b in places[at + 1 :]]

    def leader(self) -> str | None:
        """The fastest of the arms alive, by the mean over its pairs with the others."""
        alive = [
            self._places[name]
            for name in self.alive
            if self._generations.counts[self._places[name]]
        ]
        if not alive:
            return None
        known = self._now()
        if known is None:
            return self.arms[alive[0]]
        means = known.mean[np.ix_(alive, alive)].mean(axis=1)
        return self.arms[alive[int(np.argmax(means))]]

    def estimates(self) -> dict[str, tuple[float, float, float]]:
        """Log ratios to the leader with Student's 95 % intervals, on which no claim rests."""
        leader, known = self.leader(), self._now()
        if leader is None or known is None:
            return {}
        at, shown = self._places[leader], {}
        for name in self.listed:
            place = self._places[name]
            mean, error = float(known.mean[place, at]), float(known.error[place, at])
            half = error * evidence.student_quantile(
                (1 + SHOWN) / 2, float(known.freedom[place, at])
            )
            shown[name] = (0.0, 0.0, 0.0) if name == leader else (mean, mean - half, mean + half)
        return shown

    def twin_evidence(self) -> tuple[float, float | None]:
        """The largest E the twins ever showed against each other, and their mean log ratio."""
        known, at = self._now(), len(self.arms)
        if known is None or not known.rounds[at, at + 1]:
            return self._twin_evidence, None
        return self._twin_evidence, float(known.mean[at, at + 1])

    def rounds_to_decide(self, first: str, second: str) -> int | None:
        """Rounds that would likely settle this pair; None if settled, too few, or over 1000."""
        outlook = self._outlook(first, second)
        if outlook is None:
            return None
        return forecast.rounds_to_decide(outlook, limit=self._limit, gap=math.log1p(self.delta))

    def _outlook(self, first: str, second: str) -> forecast.Outlook | None:
        """The basis for a forecast of an open pair; None if settled or with too few rounds."""
        known, a, b = self._now(), self._places[first], self._places[second]
        if known is None or not {first, second} <= set(self.listed):
            return None
        if self._verdict(first, second) != "undetermined" or not known.rounds[a, b]:
            return None
        return forecast.Outlook(
            mean=float(known.mean[a, b]),
            noise=float(known.noise[a, b]),
            rounds=int(known.rounds[a, b]),
            generations=int(known.generations[a, b]),
            launches=float(known.launches[a, b]),
            launch_sd=known.launch.seen_sd,
            birge=float(known.birge[a, b]),
        )

    def rounds_to_pick(self, first: str, second: str) -> int | None:
        """How many more rounds until one of two arms that are alive leaves by the boundary alone.

        None if one has left already, or if it would take more than a thousand.
        """
        known, a, b = self._now(), self._places[first], self._places[second]
        if known is None or not {first, second} <= set(self.alive) or not known.rounds[a, b]:
            return None
        behind = abs(float(known.mean[a, b]))
        whole = rounds_needed(
            behind, *self._seen(a, b), contenders=len(self.arms), delta=self.delta, alpha=self.alpha
        )
        more = max(1, math.ceil(whole - known.rounds[a, b]))
        return more if more <= forecast.FARTHEST_FORECAST else None

    def _running(self) -> list[str]:
        working = [name for name in self.arms if name not in self.failed]
        if not working or (len(working) > 1 and self.rounds < FIRST_DECISION):
            return working
        if len(working) == 1:
            return [] if working[0] in self.listed else working  # a lost round is made up for
        if self.claims == "all":
            listed = set(self.listed)
            return [
                name
                for name in working
                if name not in listed
                or any(not self._settled(name, other) for other in working if other != name)
            ]
        return [*self.alive, *self._waiting()] if not self.picked else self._unplaced()

    def _waiting(self) -> list[str]:
        """Those that cannot be the best, and will likely be claimed slower soon."""
        if self._waited[0] != self.rounds:
            self._waited = (self.rounds, [*filter(self._claimed_soon, self._unclaimed())])
        return [name for name in self._waited[1] if name in self._unclaimed()]

    def _claimed_soon(self, name: str) -> bool:
        leader, more = self.leader(), round(WORTH_WAITING * self.rounds)
        outlook = self._outlook(leader, name) if leader else None
        return outlook is not None and forecast.settles(
            outlook, more, limit=self._limit, gap=math.log1p(self.delta)
        )

    def _unclaimed(self) -> list[str]:
        """Those that have left, while nobody is known to be faster than they are."""
        return [
            name
            for name in self.dropped
            if name not in self.failed
            and not any(
                self._verdict(name, other) == "worse" for other in self.arms if other != name
            )
        ]

    def _unplaced(self) -> list[str]:
        """The leader and the arms that left unclaimed: known not to be the best, not why."""
        leader = self.leader()
        open_ = [
            name
            for name in self._unclaimed()
            if leader and self._verdict(leader, name) == "undetermined"
        ]
        return [leader, *open_] if leader and open_ else []

    def _count_alone(self, heard: Iterable[Heard]) -> None:
        """A round of one arm compares nothing; it counts towards listing that arm."""
        for one in heard:
            self._generations.counts[self._places[one.arm]] += 1

    def _now(self) -> Known | None:
        if self._known is None and self._generations.stretches:
            met = np.flatnonzero(self._generations.counts[: len(self.arms)])
            self._known = bridged(self._generations.known(), met)
        return self._known

    def _look(self, places: list[int]) -> None:
        """Narrow the running intervals of all pairs with an arm that ran in the last round."""
        known = self._now()
        if known is None or self.rounds < FIRST_DECISION:
            return
        self._look_at_twins(known)
        first, second = np.triu_indices(len(self.arms), 1)
        ran = np.isin(np.arange(len(self.arms)), places)
        met = (known.rounds[first, second] >= FIRST_DECISION) & (ran[first] | ran[second])
        first, second = first[met], second[met]
        radius = known.error[first, second] * evidence.critical_t(
            self._limit, known.freedom[first, second], known.units[first, second]
        )
        self._narrow(first, second, known.mean[first, second], radius)

    def _narrow(
        self, first: NDArray[np.int64], second: NDArray[np.int64], mean: Array, radius: Array
    ) -> None:
        """Cut the running intervals of these pairs down to mean ± radius."""
        low = np.maximum(self._low[first, second], mean - radius)
        high = np.minimum(self._high[first, second], mean + radius)
        kept = low <= high  # an interval that contradicts those before it is left out
        first, second, low, high = first[kept], second[kept], low[kept], high[kept]
        self._low[first, second], self._high[first, second] = low, high
        self._low[second, first], self._high[second, first] = -high, -low

    def _look_at_twins(self, known: Known) -> None:
        at = (len(self.arms), len(self.arms) + 1)
        if known.rounds[at] >= FIRST_DECISION:
            t = known.mean[at] / known.error[at]
            seen = float(evidence.log_evidence(t, known.freedom[at], known.units[at]))
            self._twin_evidence = max(self._twin_evidence, math.exp(min(700.0, seen)))

    def _drop(self) -> None:
        """Take out the arms that are claimed worse, or are not the best by more than δ."""
        if self.claims == "all":
            return
        for name in [
            name
            for name in self.dropped
            if any(self._verdict(name, other) == "better" for other in self.alive)
        ]:
            self.dropped.remove(name)
        for name in self.alive:
            if any(
                self._verdict(name, other) == "worse" or self._behind(name, other)
                for other in self.alive
                if other != name
            ):
                self.dropped.append(name)

    def _behind(self, name: str, other: str) -> bool:
        """Whether an arm is not the best by more than δ, as that one is ahead of it."""
        known, a, b = self._now(), self._places[name], self._places[other]
        if known is None:
            return False
        ahead = float(known.mean[b, a])
        return is_behind(
            ahead, *self._seen(a, b), contenders=len(self.arms), delta=self.delta, alpha=self.alpha
        )

    def _seen(self, a: int, b: int) -> tuple[float, int, float]:
        """The standard error of a pair, its rounds and its degrees of freedom."""
        known = self._now()
        assert known is not None
        return float(known.error[a, b]), int(known.rounds[a, b]), float(known.freedom[a, b])

    def _verdict(self, first: str, second: str) -> Verdict:
        a, b = self._places[first], self._places[second]
        return pairs.verdict_of(
            float(self._low[a, b]), float(self._high[a, b]), math.log1p(self.delta)
        )

    def _settled(self, name: str, other: str) -> bool:
        """Whether a pair meets the aim."""
        a, b = sorted((self._places[name], self._places[other]))
        low, high = float(self._low[a, b]), float(self._high[a, b])
        known = self._now() if self.aim.generations else None
        enough = known is None or int(known.generations[a, b]) >= self.aim.generations
        return enough and self.aim.met(low, high, math.log1p(self.delta))

    def _pair(self, a: int, b: int) -> Pair:
        known = self._now()
        first, second = self.arms[a], self.arms[b]
        if known is None:
            return Pair(first, second, 0, 0.0, -math.inf, math.inf, "undetermined")
        return Pair(
            first,
            second,
            int(known.rounds[a, b]),
            float(known.mean[a, b]),
            float(self._low[a, b]),
            float(self._high[a, b]),
            self._verdict(first, second),
            float(known.error[a, b]),
        )

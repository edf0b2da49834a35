"""Races in virtual time, with the noise that was measured on a virtual machine.

The speed of the core is a sum of Ornstein-Uhlenbeck processes whose variogram is the measured one;
the thermometer reads most of it with an error of its own. Both are checked in test_simulated.py.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from msgspec import Struct

from whichworker.design.contrasts import Array
from whichworker.design.pairs import CLAIM, Aim
from whichworker.design.rounds import TWIN, Heard, Round
from whichworker.design.selection import Claims, Race

TIMES = 0.05 * 4.0 ** np.arange(6)
"""Correlation times in seconds; with variances that grow as √time the variogram grows as √h."""
SHARED, OWN = 0.0417, 0.0045
"""Variance of a difference over one second: the part that the thermometer reads, and the rest."""
SLOPE = -1.35
"""Change of log rate by change of the thermometer."""
READING_SD = 0.037
"""The thermometer's own error, on the log scale."""
SLICE_SD = 0.034
"""A slice's own noise: half of the variogram at no distance."""
LOAD_SECONDS = 0.5
"""Load after which an arm is launched again."""
RELAUNCH_SECONDS = 0.4
SHORTEST_SLICE, SLICE_AT_TENTH = 0.045, 0.150
"""Wall time of a slice of the fastest arm, and of one at a tenth of its rate."""


class Case(Struct, frozen=True):
    """The truth of a race. Sequences are by arm and repeat if they are short."""

    ratios: tuple[float, ...]
    noise: tuple[float, ...] = (SLICE_SD,)
    launches: tuple[float, ...] = (0.012,)
    heavy: bool = False
    thermometer: bool = True
    bursts: bool = False
    fresh: bool = False
    quiet: float = 1.0
    twin_ratio: float = 1.0


class Core:
    """The speed of a core as time goes on: log speed that the thermometer sees, and the rest."""

    def __init__(
        self, rng: np.random.Generator, *, quiet: float = 1.0, bursts: bool = False
    ) -> None:
        self.rng, self.bursts = rng, bursts
        variances = np.sqrt(TIMES)
        scale = 1 / float((2 * variances * (1 - np.exp(-1 / TIMES))).sum())
        self.deviations = np.sqrt(variances * scale) * quiet
        self.deviations = np.outer([math.sqrt(SHARED), math.sqrt(OWN)], self.deviations)
        self.state = self.deviations * rng.normal(size=self.deviations.shape)
        self.now = 0.0
        self.burst_ends = 0.0
        self.burst_begins = rng.exponential(0.5)

    def at(self, seconds: float) -> tuple[float, float]:
        """Both parts at a later moment."""
        kept = np.exp(-(seconds - self.now) / TIMES)
        fresh = self.rng.normal(size=self.state.shape)
        self.state = self.state * kept + self.deviations * np.sqrt(1 - kept**2) * fresh
        self.now = seconds
        seen, rest = self.state.sum(axis=1)
        return float(seen) + self._burst(seconds), float(rest)

    def _burst(self, seconds: float) -> float:
        """A neighbour that takes 30 % of the core for 5 to 500 ms, now and then."""
        if not self.bursts:
            return 0.0
        while seconds > self.burst_ends:
            self.burst_begins = self.burst_ends + self.rng.exponential(0.5)
            self.burst_ends = self.burst_begins + math.exp(
                self.rng.uniform(math.log(0.005), math.log(0.5))
            )
        return math.log(0.7) if seconds >= self.burst_begins else 0.0


class Virtual:
    """A case that is being run: time, launches and slices."""

    def __init__(self, case: Case, seed: int) -> None:
        self.case, self.rng = case, np.random.default_rng(seed)
        self.names = [f"arm-{place:02d}" for place in range(len(case.ratios))]
        self.core = Core(self.rng, quiet=case.quiet, bursts=case.bursts)
        self.seconds = 0.0
        self.generation = 0
        self.effects: dict[str, float] = {}
        self.load: dict[str, float] = {}

    def place(self, name: str) -> int:
        return 0 if name == TWIN else self.names.index(name)

    def length(self, name: str) -> float:
        """Wall seconds of a slice: longer for a slow arm."""
        slower = math.log10(1 / self.case.ratios[self.place(name)])
        return SHORTEST_SLICE + (SLICE_AT_TENTH - SHORTEST_SLICE) * min(max(slower, 0.0), 1.2)

    def run(self, planned: Round) -> list[Heard]:
        """One round; survivors are launched again after a second of load each."""
        names = sorted(set(planned.order))
        if (
            not self.effects
            or self.case.fresh
            or np.mean([self.load[name] for name in names]) >= LOAD_SECONDS
        ):
            self._relaunch(names)
        return [self._slice(place, name) for place, name in enumerate(planned.order)]

    def _relaunch(self, names: Sequence[str]) -> None:
        self.generation += 1
        if self.generation > 1 and not self.case.fresh:
            self.seconds += RELAUNCH_SECONDS * len(names)
        for name in names:
            deviation = self.case.launches[self.place(name) % len(self.case.launches)]
            self.effects[name] = self._draw(deviation)
            self.load[name] = 0.0

    def _draw(self, deviation: float) -> float:
        if self.case.heavy:
            return float(deviation * self.rng.standard_t(3) / math.sqrt(3))
        return float(deviation * self.rng.normal())

    def _slice(self, place: int, name: str) -> Heard:
        case, length = self.case, 2.0 if self.case.fresh else self.length(name)
        at = self.seconds + length / 2
        self.seconds += length
        self.load[name] += length - 0.01
        seen, rest = self.core.at(at)
        noise = self._draw(case.noise[self.place(name) % len(case.noise)])
        rate = math.log(
            1000 * case.ratios[self.place(name)] * (case.twin_ratio if name == TWIN else 1.0)
        )
        reading = (
            seen / SLOPE + READING_SD * self.rng.normal()
            if case.thermometer and not case.fresh
            else None
        )
        return Heard(
            name,
            place,
            self.generation,
            rate + self.effects[name] + seen + rest + noise,
            at,
            reading,
        )


class Ending(Struct, frozen=True):
    """How a race went: seconds and rounds, false claims, seconds to each arm's departure."""

    race: Race
    seconds: float
    rounds: int
    generations: int
    false: int
    twin: float
    left: dict[str, float]


def simulate(
    case: Case,
    seed: int,
    *,
    seconds: float = math.inf,
    rounds: int = 200,
    delta: float = 0.03,
    claims: Claims = "leader",
    aim: Aim = CLAIM,
) -> Ending:
    """Run one race until it is decided, or for so long."""
    virtual = Virtual(case, seed)
    race = Race(
        virtual.names,
        twin_of=virtual.names[0],
        delta=delta,
        alpha=0.05,
        claims=claims,
        seed=seed,
        last_look=True,
        aim=aim,
    )
    left: dict[str, float] = {}
    while race.rounds < rounds and virtual.seconds < seconds and (planned := race.next_round()):
        race.enter(planned.number, virtual.run(planned))
        for name in race.dropped:
            left.setdefault(name, virtual.seconds)
    if race.next_round():
        race.close()
    return Ending(
        race,
        virtual.seconds,
        race.rounds,
        virtual.generation,
        false_claims(race, case),
        race.twin_evidence()[0],
        left,
    )


def false_claims(race: Race, case: Case) -> int:
    """Claims and ties that contradict the truth."""
    ratio = dict(zip(race.arms, case.ratios, strict=True))
    wrong = 0
    for pair in race.pairs():
        truth = math.log(ratio[pair.first] / ratio[pair.second])
        wrong += pair.verdict == "better" and truth <= 0
        wrong += pair.verdict == "worse" and truth >= 0
        wrong += pair.verdict == "tie" and abs(truth) > math.log1p(race.delta) + 1e-9
    return wrong


def variogram(values: Array, seconds: Array, distances: Sequence[float]) -> list[float]:
    """The standard deviation of differences at about these distances."""
    found = []
    for distance in distances:
        other = np.searchsorted(seconds, seconds + distance)
        inside = other < len(seconds)
        found.append(float(np.std(values[other[inside]] - values[: len(values)][inside])))
    return found

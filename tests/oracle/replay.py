"""Races replayed from recorded slices: labels are dealt anew, gaps and launch effects are planted,
and the race never knows."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from whichworker.design.rounds import TWIN, Heard
from whichworker.design.selection import TWIN_LIMIT, Race

FILE = Path(__file__).parents[2] / "benchmarks" / "recorded.json"
Place = Literal["quiet", "neighbour"]
PREFLIGHT_SECONDS = 1.6
"""What the preflight of an arm takes (seen: 19 s for twelve)."""
LOAD_SECONDS = 1.0
USUAL_SECONDS, USUAL_OTHER_SECONDS = 22.0, 1.4
"""The usual protocol: each arm once, so long, one after the other."""


class Recorded(Struct, frozen=True):
    """Slices of identical launches in the order of time: seconds, log rate and log turn of the
    thermometer (nan: unknown).

    `taken` is the wall time of each, those that were refused before it included; `launch` is what
    a launch takes.
    """

    at: NDArray[np.float64]
    logs: NDArray[np.float64]
    turns: NDArray[np.float64]
    taken: NDArray[np.float64]
    launch: float


class Ending(Struct, frozen=True):
    """What a replayed race came to; `seconds` are wall time until the pick was known, preflight
    included."""

    pick: str | None
    picked: bool
    seconds: float
    false_claims: int
    rounds: int
    valid: bool = True


def recorded(place: Place = "quiet") -> Recorded:
    """What benchmarks/record.py has measured."""
    found = json.loads(FILE.read_text(encoding="utf-8"))[place]
    rows = np.array(
        [
            [at, rate, np.nan if turn is None else turn]
            for at, _, rate, turn, refused in found["slices"]
            if not refused
        ]
    )
    gaps = np.diff(rows[:, 0], prepend=rows[0, 0] - 0.06)
    taken = np.where(
        gaps < 1.0, gaps, np.median(gaps)
    )  # a longer gap is a launch of everything, which races have of their own
    return Recorded(
        rows[:, 0],
        np.log(rows[:, 1]),
        np.log(rows[:, 2]),
        taken,
        float(np.mean(found["launch_seconds"])),
    )


class Stream:
    """Slices one after the other from a random place on; at the end it goes on at the beginning,
    as if that came later."""

    def __init__(self, seen: Recorded, rng: np.random.Generator) -> None:
        self.seen, self.place, self.seconds = seen, int(rng.integers(seen.at.size)), 0.0

    def next(self) -> tuple[float, float, float | None]:
        """Its middle in seconds, its log rate, and the thermometer."""
        at = self.place % self.seen.at.size
        self.place += 1
        self.seconds += float(self.seen.taken[at])
        turn = float(self.seen.turns[at])
        return self.seconds, float(self.seen.logs[at]), None if np.isnan(turn) else turn

    def skip(self, seconds: float) -> None:
        """Nothing is measured for so long: what was recorded meanwhile is passed over."""
        ends = self.seconds + seconds
        while self.seconds < ends:
            self.next()


def replay(
    seen: Recorded,
    gaps: Sequence[float],
    rng: np.random.Generator,
    *,
    launch_sd: float = 0.012,
    most_seconds: float = 300.0,
    delta: float = 0.03,
    to_the_end: bool = False,
) -> Ending:
    """One race of arms whose log rates differ by `gaps`, with launches that differ by `launch_sd`.

    It ends when its pick is known, or `to_the_end`.
    """
    names = [f"arm-{place:02d}" for place in range(len(gaps))]
    by_name = dict(zip(names, gaps, strict=True))
    by_name[TWIN] = gaps[0]
    race = Race(names, twin_of=names[0], delta=delta, alpha=0.05, seed=int(rng.integers(2**31)))
    stream, generation, loaded = Stream(seen, rng), 1, 0.0
    launches = {name: rng.normal(0, launch_sd) for name in by_name}
    while (planned := race.next_round()) is not None and stream.seconds < most_seconds:
        slices = []
        for place, name in enumerate(planned.order):
            at, log, turn = stream.next()
            slices.append(
                Heard(name, place, generation, log + by_name[name] + launches[name], at, turn)
            )
        race.enter(planned.number, slices)
        if race.picked and race.listed and not to_the_end:
            break
        loaded += float(np.median(seen.taken))
        if loaded >= LOAD_SECONDS:
            stream.skip(seen.launch * len(set(planned.order)))
            generation, loaded = generation + 1, 0.0
            launches = {name: rng.normal(0, launch_sd) for name in by_name}
    wrong = 0
    for pair in race.pairs():
        first, second = by_name[pair.first], by_name[pair.second]
        wrong += (pair.verdict == "better" and first <= second) or (
            pair.verdict == "worse" and first >= second
        )
    whole = stream.seconds + PREFLIGHT_SECONDS * len(gaps)
    return Ending(
        race.leader(), race.picked, whole, wrong, race.rounds, race.twin_evidence()[0] < TWIN_LIMIT
    )


def fixed(
    seen: Recorded, gaps: Sequence[float], rng: np.random.Generator, *, launch_sd: float = 0.012
) -> Ending:
    """The usual protocol: each arm once, 22 s, one after the other; the fastest mean is the
    pick."""
    stream, means = Stream(seen, rng), []
    for gap in gaps:
        began, logs = stream.seconds, []
        while stream.seconds - began < USUAL_SECONDS:
            logs.append(stream.next()[1])
        means.append(float(np.mean(logs)) + gap + rng.normal(0, launch_sd))
        stream.skip(USUAL_OTHER_SECONDS)
    return Ending(f"arm-{int(np.argmax(means)):02d}", True, stream.seconds, 0, 0)

"""Races from recorded windows of identical arms: labels permuted per launch, gaps planted on top."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from whichworker.design.race import TWIN, Race

FILE = Path(__file__).parents[2] / "benchmarks" / "recorded.json"
START_SECONDS = 1.4
"""Start, right answer, warm-up and stop of a launch: what a window costs beside itself."""
FIXED_SECONDS = 22.0


class Recorded(Struct, frozen=True):
    """Logarithms of requests per second, by block, launch and window."""

    logs: NDArray[np.float64]
    window_seconds: float

    @property
    def launches(self) -> NDArray[np.float64]:
        """One window of each launch, by block and launch: the first, as in a race."""
        return np.asarray(self.logs[:, :, 0], dtype=np.float64)


def recorded() -> Recorded:
    """What benchmarks/record.py has written."""
    read = json.loads(FILE.read_text(encoding="utf-8"))
    return Recorded(np.log(np.asarray(read["requests_per_second"], dtype=np.float64)), read["window_seconds"])


class Ending(Struct, frozen=True):
    """How a replay ended: the arm at the top, the seconds until it was known and until the ranks were, and how many claims are false."""

    pick: str | None
    picked_seconds: float
    seconds: float
    false_claims: int
    blocks: int


def replay(seen: Recorded, gaps: Sequence[float], rng: np.random.Generator, *, most: int = 60, delta: float = 0.03) -> Ending:
    """One race of arms whose logarithms of rates differ by `gaps`, from recorded blocks drawn with replacement."""
    names = [f"arm-{place:02d}" for place in range(len(gaps))]
    race = Race(names, twin_of=names[0], delta=delta, alpha=0.05, seed=int(rng.integers(2**31)))
    seconds, picked = 0.0, None
    while (block := race.next_block()) and block.number <= most:
        launches = rng.permutation(seen.launches[rng.integers(seen.launches.shape[0])])
        rates = {}
        for at, name in enumerate(block.order):
            gap = gaps[0 if name == TWIN else names.index(name)]
            rates[name] = math.exp(launches[at % launches.size] + gap)
        race.enter(rates)
        seconds += len(block.order) * (seen.window_seconds + START_SECONDS)
        picked = (picked or seconds) if race.picked else None
    wrong = 0
    by_name = dict(zip(names, gaps, strict=True))
    for pair in race.pairs():
        first, second = by_name[pair.first], by_name[pair.second]
        wrong += (pair.verdict == "better" and first <= second) or (pair.verdict == "worse" and first >= second)
    return Ending(race.leader(), picked or seconds, seconds, wrong, race.blocks)


def fixed(seen: Recorded, gaps: Sequence[float], rng: np.random.Generator) -> Ending:
    """The usual protocol: each arm once, for 22 s, one after the other; whoever has the highest mean is the winner.

    The machine's own drift is that of the recorded blocks in their order, from a random one on; a launch is a launch, and its window noise
    is that of the mean of 44 windows.
    """
    start = rng.integers(seen.logs.shape[0])
    block_means = seen.logs.mean(axis=(1, 2))
    launch_means = seen.logs.mean(axis=2)
    totals = []
    for at, gap in enumerate(gaps):
        block = (start + at) % seen.logs.shape[0]
        launch = rng.integers(seen.logs.shape[1])
        windows = seen.logs[block, launch] - launch_means[block, launch]
        noise = rng.choice(windows, size=round(FIXED_SECONDS / seen.window_seconds)).mean()
        totals.append(block_means[block] + (launch_means[block, launch] - block_means[block]) + noise + gap)
    whole = len(gaps) * (FIXED_SECONDS + START_SECONDS)
    return Ending(f"arm-{int(np.argmax(totals)):02d}", whole, whole, 0, 1)

"""When the requests of an open loop are due: a pure function of its stages, without a clock.

Arrivals at rate 1 (every whole number, or the running sum of exponential gaps) go through the
inverse of the rate's integral. So a constant rate has no error that grows, and a Poisson stream
keeps its law on ramps and steps.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import accumulate

import numpy as np
from numpy.typing import NDArray

from whichworker.model import Pace, Stage

CHUNK = 4096  # arrivals at a time: computing them takes well below 1 ms

Floats = NDArray[np.float64]


def expected(stages: tuple[Stage, ...]) -> float:
    """How many requests the stages ask for: the integral of the rate."""
    return sum(stage.arrivals for stage in stages)


def due_seconds(stages: tuple[Stage, ...], units: Floats) -> Floats:
    """When arrivals at rate 1 are due, in seconds since the first stage began; inf after the last.

    `units` (1-d) are positions on the integral of the rate: 0 is due as soon as the rate is not 0.
    """
    due = np.full(units.shape, np.inf)
    starts = [0.0, *accumulate(stage.seconds for stage in stages)]
    areas = [0.0, *accumulate(stage.arrivals for stage in stages)]
    for stage, start, before, after in zip(stages, starts, areas, areas[1:], strict=False):
        inside = (units >= before) & (units < after)
        due[inside] = start + _invert(stage, units[inside] - before)
    return due


def arrivals(pace: Pace, seed: int, limit: int | None = None) -> Iterator[NDArray[np.int64]]:
    """The due times in nanoseconds from the begin, in order, in chunks; at most `limit` of them.

    The same seed gives the same arrivals on every engine.
    """
    rng = np.random.Generator(np.random.PCG64(seed))
    left, position, first = limit if limit is not None else 1 << 62, 0.0, 0
    while left > 0:
        if pace.arrivals == "poisson":
            units = position + np.cumsum(rng.standard_exponential(CHUNK))
            position = float(units[-1])
        else:
            units = np.arange(first, first + CHUNK, dtype=np.float64)
            first += CHUNK
        due = due_seconds(pace.stages, units)
        due = due[np.isfinite(due)][:left]
        left -= due.size
        if due.size:
            yield np.rint(due * 1e9).astype(np.int64)
        if due.size < CHUNK:
            return


def _invert(stage: Stage, areas: Floats) -> Floats:
    """The seconds t at which r·t + a·t²/2 = area, in the form that is stable for a near 0."""
    slope = (stage.end_rate - stage.start_rate) / stage.seconds
    root = np.sqrt(np.maximum(0.0, stage.start_rate**2 + 2 * slope * areas))
    denominator = stage.start_rate + root
    return np.divide(2 * areas, denominator, out=np.zeros_like(areas), where=denominator > 0)

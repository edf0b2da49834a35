"""What exports may tell of a load: all of a valid run, of an invalid one only what was counted."""

from __future__ import annotations

import datetime
import math

import numpy as np
from hdrh.histogram import HdrHistogram

from whichworker.model import PHASES
from whichworker.result import Distribution, LoadResult

FEWEST_BEYOND = 10
NS = 1e9

HISTOGRAMS = ("response", "service", "iteration", "send_lag", "receive_delay", *PHASES)


class Spread:
    """The values of one histogram, ascending: seconds and how many, exact to 0.1 %."""

    def __init__(self, text: str) -> None:
        hdr = HdrHistogram.decode(text.encode("ascii"))
        counts = np.ctypeslib.as_array(hdr.counts)
        self._steps: list[tuple[float, int]] = []
        self._middles: list[tuple[float, int]] = []
        for slot in np.flatnonzero(counts).tolist():
            lowest, count = hdr.get_value_from_index(slot), int(counts[slot])
            highest = hdr.get_highest_equivalent_value(lowest)
            self._steps.append((highest / NS, count))
            self._middles.append(((lowest + highest) / 2 / NS, count))
        self.count = sum(count for _, count in self._steps)

    @property
    def total(self) -> float:
        """The sum of all values in seconds."""
        return sum(value * count for value, count in self._middles)

    def count_up_to(self, seconds: float) -> int:
        """How many values are at most this; a value counts as the middle of its slot."""
        return sum(count for value, count in self._middles if value <= seconds)

    def percentile(self, q: float) -> float | None:
        """The nearest rank in seconds; None where fewer than ten values lie beyond it."""
        if self.count * (1 - q) < FEWEST_BEYOND - 1e-9:
            return None
        rank, seen = max(1, math.ceil(q * self.count - 1e-9 * self.count)), 0
        for value, count in self._steps:
            seen += count
            if seen >= rank:
                return value
        return None


class Measured:
    """A result as exports see it; `times` are its distributions by the words of `HISTOGRAMS`, `began` is when the window opened (epoch)."""

    def __init__(self, result: LoadResult) -> None:
        self.result = result
        self.valid = result.validity.state == "valid"
        asked = result.question
        started = datetime.datetime.fromisoformat(result.run.started).timestamp()
        self.began = started + asked.ramp_seconds + asked.warmup_seconds
        self.failed = sum(result.errors.values())
        self.tried = result.requests + self.failed
        self.closed = asked.arrivals is None
        self.times = self._times() if self.valid else {}

    def rate(self, count: float) -> float | None:
        """So many per second of the window; None of an invalid run."""
        return count / self.result.seconds if self.valid and self.result.seconds > 0 else None

    def spread(self, name: str) -> Spread | None:
        """The histogram of this name; None where there is none, where it is empty, and of an invalid run."""
        text = self.result.histograms.get(name) if self.valid else None
        found = Spread(text) if text else None
        return found if found is not None and found.count else None

    def per_second(self) -> list[tuple[float, float]]:
        """When each second of the window began (epoch), and the right answers in it; the last may be a part of a second."""
        rates = self.result.per_second if self.valid else ()
        counts = [float(round(rate)) for rate in rates]
        if counts:
            counts[-1] = max(0.0, self.result.requests - sum(counts[:-1]))
        return [(self.began + place, count) for place, count in enumerate(counts)]

    def _times(self) -> dict[str, Distribution]:
        result = self.result
        every = {
            "response": result.response_seconds,
            "service": result.service_seconds,
            "iteration": result.iteration_seconds,
            "send_lag": result.send_lag_seconds,
            "receive_delay": result.receive_delay_seconds,
            **result.phases,
        }
        return {name: times for name, times in every.items() if times is not None}

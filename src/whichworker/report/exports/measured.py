"""The values that exports may show of a load: all of a valid run, only counts of an invalid one."""

from __future__ import annotations

import datetime

from whichworker.model import PHASES
from whichworker.model.histogram import Histogram
from whichworker.result import Distribution, LoadResult

NS, MS = 1e9, 1e3
"""Nanoseconds and milliseconds in a second."""

HISTOGRAMS = ("response", "service", "iteration", "send_lag", "receive_delay", *PHASES)
K6_TIMES = {
    "service": "http_req_duration",
    **{name: f"{name}_duration" for name in ("response", "iteration")},
    **{name: f"http_req_{name}" for name in PHASES if name != "tls"},
    "tls": "http_req_tls_handshaking",
}
"""The names of k6 for its times, in milliseconds; other times keep their names here."""


class Measured:
    """A result, prepared for exports.

    `times` are its distributions by the words of `HISTOGRAMS`, `counts` the counts of k6 by its
    names, `users` the connections that were busy throughout (None in an open loop), and `began`
    the opening of the window (epoch).
    """

    def __init__(self, result: LoadResult) -> None:
        self.result = result
        self.valid = result.validity.state == "valid"
        asked = result.question
        started = datetime.datetime.fromisoformat(result.run.started).timestamp()
        self.began = started + asked.ramp_seconds + asked.warmup_seconds
        self.failed = sum(result.errors.values())
        self.tried = result.requests + self.failed
        self.users = asked.connections if asked.arrivals is None else None
        self.times: dict[str, Distribution] = {}
        if self.valid:
            every = {
                **{name: getattr(result, f"{name}_seconds") for name in HISTOGRAMS[:5]},
                **result.phases,
            }
            self.times = {name: times for name, times in every.items() if times is not None}
        self.counts = {"data_received": result.bytes_received, "data_sent": result.bytes_sent}
        if result.iterations is not None:
            self.counts["iterations"] = result.iterations
        if result.scheduled is not None:
            self.counts["dropped_iterations"] = result.dropped

    def rate(self, count: float) -> float | None:
        """This count per second of the window; None for an invalid run."""
        return count / self.result.seconds if self.valid and self.result.seconds > 0 else None

    def histogram(self, name: str) -> Histogram | None:
        """The histogram of this name; None if it is missing or empty, or the run is invalid."""
        text = self.result.histograms.get(name) if self.valid else None
        found = Histogram.from_hdr(text) if text else None
        return found if found and found.count else None

    def per_second(self) -> list[tuple[float, float]]:
        """The start of each second of the window (epoch), and its correct responses.

        The last may be a part of a second.
        """
        counts = [float(round(rate)) for rate in (self.result.per_second if self.valid else ())]
        if counts:
            counts[-1] = max(0.0, self.result.requests - sum(counts[:-1]))
        return [(self.began + place, count) for place, count in enumerate(counts)]


def in_milliseconds(times: Distribution, names: dict[str, str]) -> dict[str, float]:
    """The statistics of a distribution that the sample supports, by other names."""
    values = {other: getattr(times, name) for other, name in names.items()}
    return {other: value * MS for other, value in values.items() if value is not None}

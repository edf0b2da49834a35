"""A log-linear histogram of nanoseconds, exact to 0.1 %, that other tools can read."""

from __future__ import annotations

import math
import zlib
from collections.abc import Iterator, Sequence

import numpy as np
from hdrh.codec import (
    HdrCookieException,
    HdrHistogramSettingsException,
    HdrLengthException,
)
from hdrh.histogram import HdrHistogram
from numpy.typing import NDArray

SUB_BUCKET_BITS = 10  # 1024 buckets an octave: what HdrHistogram needs for three digits
HIGHEST_NS = 3600 * 10**9  # one hour: HdrHistogram needs a bound
SIGNIFICANT_DIGITS = 3  # 0.1 %, far below the noise of any server
FEWEST_BEYOND = 10  # values above a percentile: with fewer, one of them moves it too much
HDR_ERRORS = (
    HdrCookieException,
    HdrHistogramSettingsException,
    HdrLengthException,
    LookupError,
    MemoryError,
    OverflowError,
    RuntimeError,
    TypeError,
    ValueError,
    zlib.error,
)
"""The errors of hdrh for a text that it did not write."""
FEW = 4000  # values; from about here on one pass over all slots is cheaper than one by one

_LINEAR_BITS = SUB_BUCKET_BITS + 1


def _index_of(value: int) -> int:
    shift = value.bit_length() - _LINEAR_BITS
    return (shift << SUB_BUCKET_BITS) + (value >> shift) if shift > 0 else value


def _bounds_of(index: int) -> tuple[int, int]:
    """The lowest and the highest value that count as one."""
    shift = max(0, (index >> SUB_BUCKET_BITS) - 1)
    lowest = (index - (shift << SUB_BUCKET_BITS)) << shift
    return lowest, lowest + (1 << shift) - 1


SLOTS = _index_of(HIGHEST_NS) + 1


class Histogram:
    """Counts of nanoseconds from 0 to one hour; histograms merge by adding counts.

    The buckets are HdrHistogram's with three digits, so the exchange loses nothing.
    """

    def __init__(self) -> None:
        self._counts: NDArray[np.int64] = np.zeros(SLOTS, dtype=np.int64)
        self.count = 0
        self._least = HIGHEST_NS
        self._most = 0

    def record(self, value: int) -> None:
        """Count one value in nanoseconds; raises ValueError outside 0 .. one hour."""
        self.record_all((value,))

    def record_all(self, values: Sequence[int] | NDArray[np.int64]) -> None:
        """Count values in nanoseconds; raises ValueError, counting none, outside 0 .. one hour."""
        taken = np.asarray(values, dtype=np.int64)
        if not taken.size:
            return
        least, most = int(taken.min()), int(taken.max())
        if least < 0 or most > HIGHEST_NS:
            raise ValueError(f"not between 0 ns and one hour: {least if least < 0 else most} ns")
        # _index_of for all at once: a float's exponent is the bit length of an integer below 2**53.
        shift = np.maximum(0, np.frexp(taken.astype(np.float64))[1].astype(np.int64) - _LINEAR_BITS)
        places = (shift << SUB_BUCKET_BITS) + (taken >> shift)
        if taken.size < FEW:
            np.add.at(self._counts, places, 1)  # no array of all slots for a handful of values
        else:
            self._counts += np.bincount(places, minlength=SLOTS)
        self._note(int(taken.size), least, most)

    def record_repeated(self, value: int, times: int) -> None:
        """Count one value in nanoseconds many times."""
        if times:
            self._counts[_index_of(value)] += times
            self._note(times, value, value)

    def add_counts(self, counts: bytes, least: int, most: int) -> None:
        """Add counts of all `SLOTS` buckets (int64) with their least and greatest values."""
        added = np.frombuffer(counts, dtype="<i8")
        self._counts += added
        if total := int(added.sum()):
            self._note(total, least, most)

    def merge(self, other: Histogram) -> None:
        """Add the counts of another histogram to this one."""
        self._counts += other._counts
        self._note(other.count, other._least, other._most)

    def count_above(self, value: int) -> int:
        """How many values are in buckets above the one of `value` nanoseconds."""
        return int(self._counts[_index_of(min(value, HIGHEST_NS)) + 1 :].sum())

    def _note(self, count: int, least: int, most: int) -> None:
        self.count += count
        self._least = min(self._least, least)
        self._most = max(self._most, most)

    def _recorded(self) -> Iterator[tuple[int, int]]:
        return ((int(index), int(self._counts[index])) for index in np.flatnonzero(self._counts))

    def _middles(self) -> Iterator[tuple[float, int]]:
        return ((sum(_bounds_of(index)) / 2, count) for index, count in self._recorded())

    @property
    def min(self) -> int | None:
        """The least value in nanoseconds, None when there is none."""
        return self._least if self.count else None

    @property
    def max(self) -> int | None:
        """The greatest value in nanoseconds, None when there is none."""
        return self._most if self.count else None

    @property
    def mean(self) -> float | None:
        """The mean in nanoseconds, within 0.05 % by the middles of the buckets; None if empty."""
        total = sum(value * count for value, count in self._middles())
        return total / self.count if self.count else None

    @property
    def stdev(self) -> float | None:
        """The standard deviation in nanoseconds; None if empty."""
        mean = self.mean
        if mean is None:
            return None
        return math.sqrt(
            sum((value - mean) ** 2 * count for value, count in self._middles()) / self.count
        )

    def percentile(self, q: float) -> int | None:
        """The least value (ns, within 0.1 %) that a share `q` does not exceed; None if empty.

        The nearest rank, ceil(q·n), as HdrHistogram reports it: the highest value of its bucket.
        Raises ValueError unless 0 <= q <= 1.
        """
        if not 0 <= q <= 1:
            raise ValueError(f"not a share between 0 and 1: {q}")
        # A product such as 0.07 · 100 is a little above 7 in binary and must not become rank 8.
        rank = max(1, math.ceil(q * self.count - 1e-9 * self.count))
        seen = 0
        for index, count in self._recorded():
            seen += count
            if seen >= rank:
                return min(_bounds_of(index)[1], self._most)
        return None

    def supported_percentile(self, q: float, lost: int = 0) -> float | None:
        """The percentile in seconds; None if fewer than ten values lie beyond it: n·(1-q) < 10.

        So p50 needs 20 values, p99 1000 and p99.9 10 000. Reports print this, never `percentile`.
        `lost` more values are longer than all that were recorded: None if it is one of them.
        """
        every = self.count + lost
        if every * (1 - q) < FEWEST_BEYOND - 1e-9 or q * every > self.count:
            return None
        value = self.percentile(q * every / self.count) if self.count else None
        return None if value is None else value / 1e9

    def to_hdr(self) -> str:
        """Write as HdrHistogram V2 (base64): 1 ns to one hour, three significant digits."""
        hdr = HdrHistogram(1, HIGHEST_NS, SIGNIFICANT_DIGITS)
        # The slots are the same on both sides, in the same order.
        np.ctypeslib.as_array(hdr.counts)[:SLOTS] = self._counts
        places = np.flatnonzero(self._counts)
        if places.size:
            hdr.total_count = self.count
            hdr.min_value, hdr.max_value = (
                _bounds_of(int(places[0]))[0],
                _bounds_of(int(places[-1]))[0],
            )
        return str(hdr.encode().decode("ascii"))

    @classmethod
    def from_hdr(cls, text: str) -> Histogram:
        """Read an HdrHistogram V2 of nanoseconds; `min` and `max` become those of buckets.

        Raises ValueError for another text.
        """
        histogram = cls()
        try:
            hdr = HdrHistogram.decode(text.encode("ascii"))
        except HDR_ERRORS as error:
            raise ValueError(f"not a histogram: {error}") from error
        if hdr.significant_figures != SIGNIFICANT_DIGITS or hdr.lowest_trackable_value != 1:
            raise ValueError("not a histogram of nanoseconds with three significant digits")
        counts = np.ctypeslib.as_array(hdr.counts)[:SLOTS].astype(np.int64)
        if counts.size and counts.min() < 0:
            raise ValueError("not a histogram: a negative count")
        places = np.flatnonzero(counts)
        if places.size:
            histogram._counts[: counts.size] = counts
            histogram._note(
                int(counts.sum()), _bounds_of(int(places[0]))[0], _bounds_of(int(places[-1]))[1]
            )
        return histogram

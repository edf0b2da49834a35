"""A log-linear histogram of nanoseconds, exact to 0.1 %, that other tools can read."""

from __future__ import annotations

import math
from array import array
from collections.abc import Iterator, Sequence

from hdrh.histogram import HdrHistogram

SUB_BUCKET_BITS = 10
HIGHEST_NS = 3600 * 10**9
SIGNIFICANT_DIGITS = 3
FEWEST_BEYOND = 10

_LINEAR_BITS = SUB_BUCKET_BITS + 1


def _index_of(value: int) -> int:
    shift = value.bit_length() - _LINEAR_BITS
    return (shift << SUB_BUCKET_BITS) + (value >> shift) if shift > 0 else value


def _bounds_of(index: int) -> tuple[int, int]:
    """The lowest and the highest value that count as one."""
    shift = max(0, (index >> SUB_BUCKET_BITS) - 1)
    lowest = (index - (shift << SUB_BUCKET_BITS)) << shift
    return lowest, lowest + (1 << shift) - 1


class Histogram:
    """Counts of nanoseconds from 0 to one hour; histograms merge by adding counts.

    Buckets are those of HdrHistogram with three significant digits, so that nothing is lost in the exchange.
    """

    def __init__(self) -> None:
        self._counts = array("q", bytes(8 * (_index_of(HIGHEST_NS) + 1)))
        self.count = 0
        self._least = HIGHEST_NS
        self._most = 0

    def record(self, value: int) -> None:
        """Count one value in nanoseconds; raises ValueError outside 0 .. one hour."""
        self.record_all((value,))

    def record_all(self, values: Sequence[int]) -> None:
        """Count many values in nanoseconds; raises ValueError, and counts none, if one is outside 0 .. one hour."""
        if not len(values):
            return
        least, most = min(values), max(values)
        if least < 0 or most > HIGHEST_NS:
            raise ValueError(f"not between 0 ns and one hour: {least if least < 0 else most} ns")
        counts, linear, bits = self._counts, _LINEAR_BITS, SUB_BUCKET_BITS
        for value in values:  # _index_of, without a call for each value
            shift = value.bit_length() - linear
            counts[(shift << bits) + (value >> shift) if shift > 0 else value] += 1
        self._note(len(values), least, most)

    def merge(self, other: Histogram) -> None:
        """Add the counts of another histogram to this one."""
        for index, count in other._recorded():
            self._counts[index] += count
        self._note(other.count, other._least, other._most)

    def _note(self, count: int, least: int, most: int) -> None:
        self.count += count
        self._least = min(self._least, least)
        self._most = max(self._most, most)

    def _recorded(self) -> Iterator[tuple[int, int]]:
        return ((index, count) for index, count in enumerate(self._counts) if count)

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
        """The mean in nanoseconds, within 0.05 % by the middles of the buckets; None when there is no value."""
        return sum(value * count for value, count in self._middles()) / self.count if self.count else None

    @property
    def stdev(self) -> float | None:
        """The standard deviation of the values in nanoseconds, None when there is no value."""
        mean = self.mean
        if mean is None:
            return None
        return math.sqrt(sum((value - mean) ** 2 * count for value, count in self._middles()) / self.count)

    def percentile(self, q: float) -> int | None:
        """The least value, in nanoseconds within 0.1 %, that a share `q` of the values does not exceed; None if empty.

        This is the nearest rank, ceil(q·n), as HdrHistogram gives it: the highest value of its bucket.
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

    def supported_percentile(self, q: float) -> float | None:
        """The percentile in seconds, or None where fewer than ten values lie beyond it: n·(1-q) < 10.

        So p50 needs 20 values, p99 1000 and p99.9 10 000. Reports print this one, never `percentile`.
        """
        value = self.percentile(q)
        if value is None or self.count * (1 - q) < FEWEST_BEYOND - 1e-9:
            return None
        return value / 1e9

    def to_hdr(self) -> str:
        """Write as HdrHistogram V2 (base64): nanoseconds, 1 ns to one hour, three significant digits."""
        hdr = HdrHistogram(1, HIGHEST_NS, SIGNIFICANT_DIGITS)
        for index, count in self._recorded():
            hdr.record_value(_bounds_of(index)[0], count)
        return str(hdr.encode().decode("ascii"))

    @classmethod
    def from_hdr(cls, text: str) -> Histogram:
        """Read an HdrHistogram V2 of nanoseconds; `min` and `max` are then those of their buckets."""
        histogram = cls()
        hdr = HdrHistogram.decode(text.encode("ascii"))
        for place, count in enumerate(hdr.counts):  # the iterators of hdrh visit every empty slot a hundred times slower
            if count:
                index = _index_of(int(hdr.get_value_from_index(place)))
                histogram._counts[index] += int(count)
                histogram._note(int(count), *_bounds_of(index))
        return histogram

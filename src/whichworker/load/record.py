"""The histograms of one run, filled in batches so that a request costs no more than an append.

A row is `ROW` times (ns) in the order of their names. An open loop has a row for each request, a
closed one for each whose response came in pieces.
"""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from whichworker.model.histogram import FEW, Histogram

BUCKET_NS = 50_000_000  # 50 ms: the unit of rates over time; the engine in C has the same
FEWEST_SLICES = 10  # in a window long enough, and fewer than twice as many
ROW = 7
DUE, FREED, BEGAN, START, SENT, FIRST, NOW = range(ROW)

Times = NDArray[np.int64]


def rehearse() -> None:
    """Fill unused histograms: NumPy's first calls take tens of ms, outside a run."""
    for paced in (False, True):
        record = Record(0, BUCKET_NS, paced=paced)
        record.add_rows(array("q", range(ROW)))
        record.add_prompt(array("q", range(FEW)), array("q", range(FEW)), 0)


def slice_seconds(window_seconds: float) -> float:
    """How wide the slices of a window are that was filled to its end."""
    width = BUCKET_NS
    while window_seconds * 1e9 > 2 * FEWEST_SLICES * width:
        width *= 2
    return width / 1e9


class Record:
    """Histograms of a window [opens, closes) in ns, cut into equal slices.

    Slices are of response times in open loop, else of service times. They are as wide as a bucket
    at first; whenever there are too many, two become one. So a run that ends early has slices too.
    """

    def __init__(self, opens: int, closes: int, *, paced: bool) -> None:
        self._opens = opens
        self._closes = closes
        self._paced = paced
        self._slices: list[Histogram] = []
        self._routes: dict[str, list[Histogram]] = {}
        self._width = BUCKET_NS
        self.buckets: Counter[int] = Counter()
        self.service = Histogram()
        self.send_lag = Histogram()
        self.receive_delay = Histogram()
        self.iteration = Histogram()
        self.phases: dict[str, Histogram] = {}
        self.in_flight_ns = 0
        self.requests = 0
        self.last_ns = 0
        self.silence_ns = 0
        self._last_any_ns = 0

    def cut(self, closes: int) -> None:
        """End the window earlier than planned."""
        self._closes = closes

    def add_prompt(self, latencies: array[int], sends: array[int], bucket: int) -> int:
        """Count a closed loop's responses that came in one piece in one bucket; return how many."""
        if not latencies:
            return 0
        service, sending = np.asarray(latencies), np.asarray(sends)
        self._slice_at(bucket * BUCKET_NS).record_all(service)
        self.phase("sending").record_all(sending)
        self.phase("waiting").record_all(np.maximum(0, service - sending))
        self.phase("receiving").record_repeated(0, service.size)
        self.requests += service.size
        self.in_flight_ns += int(service.sum())
        return int(service.size)

    def add_rows(self, flat: array[int], label: str = "") -> int:
        """Count rows whose due time (closed loop: completion) is in the window; return how many.

        In open loop, those of a route are also counted apart, under its `label`.
        """
        rows = np.asarray(flat, dtype=np.int64).reshape(-1, ROW)
        starts, ends = rows[:, START], rows[:, NOW]
        if self._paced:
            inside = np.minimum(ends, self._closes) - np.maximum(starts, self._opens)
            self.in_flight_ns += int(np.maximum(0, inside).sum())
        placed = rows[:, DUE] if self._paced else ends
        rows = rows[(placed >= self._opens) & (placed < self._closes)]
        if not rows.size:
            return 0
        due, freed, began, start, sent, first, now = rows.T
        self.last_ns = max(self.last_ns, int(now.max()))
        if self._paced:
            self.send_lag.record_all(np.maximum(0, began - np.maximum(due, freed)))
            self.phase("blocked").record_all(np.maximum(0, freed - due))
            self._record_slices(due, now - due, label)
            self.service.record_all(now - start)
        else:
            self._record_slices(now, now - start)
            self.in_flight_ns += int((now - start).sum())
        self.phase("sending").record_all(np.maximum(0, sent - start))
        self.phase("waiting").record_all(np.maximum(0, first - np.maximum(sent, start)))
        self.phase("receiving").record_all(now - first)
        self.requests += len(rows)
        return len(rows)

    def add_silence(self, every: Sequence[array[int]]) -> None:
        """Note how long requests waited while no response came, of all new rows.

        A silence may begin before the window.
        """
        parts = [np.asarray(flat, dtype=np.int64).reshape(-1, ROW) for flat in every]
        rows = np.concatenate(parts)[:, [START, NOW]]
        if not rows.size:
            return
        starts, ends = rows[np.argsort(rows[:, 1])].T
        since = np.maximum(starts, np.append(self._last_any_ns, ends[:-1]))
        silences = (np.minimum(ends, self._closes) - since)[ends >= self._opens]
        self.silence_ns = max(self.silence_ns, int(silences.max(initial=0)))
        self._last_any_ns = int(ends[-1])

    def phase(self, name: str) -> Histogram:
        """The histogram of a phase by its name in `model.PHASES`."""
        return self.phases.setdefault(name, Histogram())

    def _record_slices(self, placed: Times, values: Times, label: str = "") -> None:
        """Values (ns) by where they belong in the window."""
        offsets = placed - self._opens
        buckets, counts = np.unique(offsets // BUCKET_NS, return_counts=True)
        self.buckets.update(dict(zip(buckets.tolist(), counts.tolist(), strict=True)))
        self._slice_at(int(offsets.max()))  # first, as it may make slices wider
        places = offsets // self._width
        for place in np.unique(places).tolist():
            part = values[places == place]
            self._slices[place].record_all(part)
            if label:
                _slice_of(self._routes.setdefault(label, []), place).record_all(part)

    def _slice_at(self, offset: int) -> Histogram:
        while offset // self._width >= 2 * FEWEST_SLICES:
            self._width *= 2
            self._slices = _folded(self._slices)
            self._routes = {label: _folded(slices) for label, slices in self._routes.items()}
        return _slice_of(self._slices, offset // self._width)

    def main(self) -> Histogram:
        """All slices as one."""
        whole = Histogram()
        for part in self._slices:
            whole.merge(part)
        return whole

    def slices(self, label: str = "") -> tuple[str, ...]:
        """The histogram of each slice, of all requests or of a route's, as HdrHistogram V2."""
        parts = self._routes.get(label, []) if label else self._slices
        return tuple(part.to_hdr() for part in parts)


def _slice_of(slices: list[Histogram], place: int) -> Histogram:
    """The slice at a place; those before it are added if they are missing."""
    slices += [Histogram() for _ in range(place + 1 - len(slices))]
    return slices[place]


def _folded(slices: list[Histogram]) -> list[Histogram]:
    """Each two slices as one."""
    for even, odd in zip(slices[::2], slices[1::2], strict=False):
        even.merge(odd)
    return slices[::2]

"""What is counted between the opening and the closing of a window, at no cost to the requests in it."""

from __future__ import annotations

import time
from array import array
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from whichworker.load.histogram import Histogram
from whichworker.load.mix import Ask
from whichworker.model import Failure, Load, Tally

BUCKET_NS = 50_000_000
NEVER = 1 << 63
FLOOD = 100
FLUSH_VALUES = 500_000

_SCHEDSTAT = Path("/proc/self/schedstat")


def read_run_delay() -> float:
    """Seconds this process was runnable but did not run; 0.0 where the kernel does not say."""
    try:
        return int(_SCHEDSTAT.read_text().split()[1]) / 1e9
    except (FileNotFoundError, PermissionError):
        return 0.0


class Failures:
    """How often each kind of failure was seen, with the first sample of each."""

    def __init__(self) -> None:
        self.total = 0
        self._counts: Counter[str] = Counter()
        self._samples: dict[str, str] = {}

    def add(self, kind: str, sample: str) -> None:
        """Count one failure of a kind from `model.FAILURE_KINDS`."""
        self.total += 1
        self._counts[kind] += 1
        self._samples.setdefault(kind, sample)

    @property
    def flooded(self) -> bool:
        """True when so much went wrong that going on would teach nothing."""
        return self.total >= FLOOD

    def freeze(self) -> tuple[Failure, ...]:
        """All of them, in the order in which the kinds were first seen."""
        return tuple(Failure(kind=kind, count=self._counts[kind], sample=sample) for kind, sample in self._samples.items())


class Window:
    """The window of one run. Right answers are found in `Ask.latencies`, so counting them is taking lengths.

    `edge` is the next time, in ns, at which `cross` must be called before anything else is counted.
    """

    def __init__(self, load: Load, asks: list[Ask], begins_ns: int) -> None:
        self.opens = begins_ns + round((load.stagger_seconds + load.settle_seconds) * 1e9)
        self.closes = self.opens + round(load.window_seconds * 1e9)
        self.edge = self.opens
        self.is_open = False
        self.received = 0
        self.reconnects = 0
        self.wrong: Counter[int] = Counter()
        self.failures = Failures()
        self._asks = asks
        self._planned_seconds = load.window_seconds
        self._histogram = Histogram()
        self._right: Counter[int] = Counter()
        self._requests = 0
        self._latency_ns = 0
        self._carried_ns = 0
        self._buckets: list[int] = []
        self._seconds = 0.0
        self._bytes = 0
        self._aside: list[array[int]] = []
        self._cpu = 0.0
        self._delay = 0.0

    def cross(self, now: int, starts: Iterable[int]) -> None:
        """Pass every edge up to now; `starts` are the times (ns) at which what is in flight was sent, 0 for idle."""
        if not self.is_open and self.edge == self.opens:
            self._open(starts)
        while self.is_open and self.edge <= now:
            if self.edge >= self.closes:
                self._close(starts)
            else:
                self._end_bucket()
                self.edge = min(self.edge + BUCKET_NS, self.closes)

    def abandon(self, now: int, starts: Iterable[int]) -> None:
        """End the run here: what was counted stays, for the seconds that the window was open."""
        if self.is_open:
            self.closes = max(now, self.opens + 1)
            self._close(starts)
        elif self.edge != NEVER:
            self._forget()
            self.edge = NEVER

    def add_broken(self, started: int, now: int) -> None:
        """Count the time in flight of a request that got no right answer."""
        if self.is_open and started:
            self._carried_ns += now - started

    def flush(self) -> None:
        """Move what was recorded into the histogram before it fills the memory."""
        if self.is_open and sum(len(ask.latencies) for ask in self._asks) > FLUSH_VALUES:
            self._set_aside()
            self._digest()

    def _forget(self) -> None:
        for ask in self._asks:
            del ask.latencies[:]

    def _open(self, starts: Iterable[int]) -> None:
        self._forget()
        # Every right answer adds all of its latency; the part before the window is taken off here, once.
        self._carried_ns = -sum(max(0, self.opens - start) for start in starts if start)
        self.received = self.reconnects = 0
        self.wrong.clear()
        self.is_open = True
        self.edge = min(self.opens + BUCKET_NS, self.closes)
        self._cpu, self._delay = time.process_time(), read_run_delay()

    def _end_bucket(self) -> None:
        right = self._requests + sum(len(ask.latencies) for ask in self._asks)
        self._buckets.append(right - sum(self._buckets))

    def _close(self, starts: Iterable[int]) -> None:
        self._cpu, self._delay = time.process_time() - self._cpu, read_run_delay() - self._delay
        self._end_bucket()
        self._set_aside()
        # What is still in flight counts up to here; its part before the window was taken off at the opening.
        self._carried_ns += sum(max(0, self.closes - start) for start in starts if start)
        self._bytes = self.received
        self._seconds = (self.closes - self.opens) / 1e9
        self.is_open = False
        self.edge = NEVER

    def _set_aside(self) -> None:
        for ask in self._asks:
            self._right[ask.request.answer.status] += len(ask.latencies)
            self._requests += len(ask.latencies)
            self._aside.append(ask.latencies)
            ask.latencies = array("q")

    def _digest(self) -> None:
        for latencies in self._aside:
            self._latency_ns += sum(latencies)
            self._histogram.record_all(latencies)
        self._aside.clear()

    def to_tally(self, engine: str) -> Tally:
        """What was counted. A run that ended before its window has no requests, and its failures say why."""
        self._digest()  # not at the closing: answers that are still awaited would wait for it
        seconds = self._seconds or self._planned_seconds
        statuses = self._right + self.wrong
        return Tally(
            engine=engine,
            seconds=seconds,
            requests=self._requests,
            statuses={str(status): statuses[status] for status in sorted(statuses)},
            failures=self.failures.freeze(),
            service=self._histogram.to_hdr(),
            per_bucket=tuple(self._buckets),
            mean_in_flight=(self._latency_ns + self._carried_ns) / 1e9 / seconds,
            reconnects=self.reconnects,
            bytes_received=self._bytes,
            cpu_seconds=self._cpu,
            run_delay_seconds=self._delay,
        )

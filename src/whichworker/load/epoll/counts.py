"""The window of one run: its edges, the counts between them, and the generator's own use."""

from __future__ import annotations

import time
from array import array
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from whichworker.load.mix import Ask, labels_of
from whichworker.load.record import BUCKET_NS, ROW, Record
from whichworker.model import CheckCount, Failure, Load, RouteTally, Tally

NEVER = 1 << 63  # ns, later than any reading of the clock
FLUSH_ROWS = 40_000  # rows of 56 bytes, 2 MB: more would cost memory, fewer more pauses

_SCHEDSTAT = Path("/proc/self/schedstat")
_STATUS = Path("/proc/self/status")


def read_run_delay() -> float:
    """Seconds this process was runnable but did not run; 0.0 if the kernel hides it."""
    try:
        return int(_SCHEDSTAT.read_text().split()[1]) / 1e9
    except OSError:  # not there, not allowed, or no file descriptor left
        return 0.0


def read_peak_memory() -> int:
    """Peak resident memory in bytes (VmHWM: ru_maxrss includes the parent's before the exec)."""
    line = next(line for line in _STATUS.read_text().splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) * 1024


class Failures:
    """How often each kind of failure occurred, with a first sample; `flood` are too many."""

    def __init__(self, flood: int | None) -> None:
        self.total = 0
        self._flood = flood if flood is not None else NEVER
        self._counts: Counter[str] = Counter()
        self._samples: dict[str, str] = {}

    def add(self, kind: str, sample: str) -> None:
        """Count one failure of a kind from `model.FAILURE_KINDS`."""
        self.total += 1
        self._counts[kind] += 1
        self._samples.setdefault(kind, sample)

    @property
    def flooded(self) -> bool:
        """True when there are so many failures that going on would teach nothing."""
        return self.total >= self._flood

    def freeze(self) -> tuple[Failure, ...]:
        """All of them, in the order of their first occurrences."""
        return tuple(
            Failure(kind=kind, count=self._counts[kind], sample=sample)
            for kind, sample in self._samples.items()
        )


class WindowCounts:
    """The counts of one run; correct responses are counted by the lengths of the asks' arrays.

    `edge` is the next time, in ns, at which `cross` must be called before anything else is counted.
    """

    def __init__(self, load: Load, asks: list[Ask], begins_ns: int) -> None:
        self.begins = begins_ns
        self.opens = begins_ns + round((load.stagger_seconds + load.settle_seconds) * 1e9)
        self.closes = self.opens + round(load.window_seconds * 1e9)
        self.edge = self.opens
        self.is_open = False
        self.received = self.sent = self.reconnects = 0
        self.scheduled: int | None = None
        self.stranded = self.starved = self.dropped = self.most_backlog = self.most_in_flight = 0
        self.iterations: int | None = 0 if load.sessions else None
        self.wrong: Counter[int] = Counter()
        self.failures = Failures(load.flood)
        self.connecting, self.shaking, self.delays, self.visits = (
            array("q"),
            array("q"),
            array("q"),
            array("q"),
        )
        self._labels = dict.fromkeys(labels_of(load), 0)
        self._routes = load.routes if self._labels else {}
        self._asks = asks
        self._paced = load.pace is not None
        self._planned_seconds = load.window_seconds
        self.record = Record(self.opens, self.closes, paced=self._paced)
        self._right: Counter[str] = Counter()
        self._carried_ns = 0
        self._tried = 0
        self._buckets: list[int] = []
        self._seconds = 0.0
        self._bytes = (0, 0)
        self._reopened = 0
        self._cpu = self._delay = 0.0
        self._cpu_at_begin = time.process_time()

    def cross(self, now: int, starts: Iterable[int]) -> None:
        """Pass every edge up to now; `starts` (ns) are of the requests in flight, 0 for idle."""
        if not self.is_open and self.edge == self.opens:
            self._open(starts)
        while self.is_open and self.edge <= now:
            self._end_bucket()
            if self.edge >= self.closes:
                self._close(starts)
            else:
                self.edge = min(self.edge + BUCKET_NS, self.closes)

    def end(self, now: int, starts: Iterable[int]) -> None:
        """End the window here: what was counted stays, for the seconds that it was open."""
        if self.is_open:
            self.closes = max(now, self.opens + 1)
            self.record.cut(self.closes)
            self._end_bucket()
            self._close(starts)
        elif self.edge != NEVER:
            self._forget()
            self.edge = NEVER

    def note_due(self, ask: Ask, due: int) -> None:
        """An open loop's request is due at this time (ns), whether it is sent or given up."""
        if self._routes and ask.name in self._routes and self.opens <= due < self.closes:
            self._labels[self._routes[ask.name]] += 1

    def add_broken(self, started: int, now: int, due: int = 0) -> None:
        """Count the time in flight of a request without a correct response."""
        self.add_lost(now, due)
        if not started:
            return
        if self._paced:
            self._carried_ns += max(0, min(now, self.closes) - max(started, self.opens))
            self._tried += self.opens <= due < self.closes
        elif self.is_open:
            self._carried_ns += now - started
            self._tried += 1

    def add_lost(self, now: int, due: int) -> None:
        """Count a request without a correct response that was due before the window it reached."""
        self.stranded += self._paced and 0 < due < self.opens <= now

    def flush(self, least: int = FLUSH_ROWS) -> None:
        """Move an open loop's rows into histograms, if there are enough.

        As seldom as memory allows: it takes milliseconds, and requests due meanwhile are late. A
        closed loop does so with every bucket.
        """
        if sum(len(ask.rows) for ask in self._asks) < least * ROW:
            return
        self.record.add_silence([ask.rows for ask in self._asks])
        for ask in self._asks:
            rows, ask.rows = ask.rows, array("q")
            ask.right += len(rows) // ROW
            if rows:
                label = self._routes.get(ask.name, "")
                self._right[ask.name] += self.record.add_rows(rows, label)

    def right_so_far(self) -> int:
        """Correct responses of the whole run."""
        return sum(ask.right + len(ask.rows) // ROW for ask in self._asks)

    def _take_closed(self, *, count: bool) -> int:
        taken = 0
        for ask in self._asks:
            latencies, sends, slow = ask.latencies, ask.sends, ask.slow
            ask.latencies, ask.sends, ask.slow = array("q"), array("q"), array("q")
            ask.right += len(latencies) + len(slow) // ROW
            if count:
                right = self.record.add_prompt(latencies, sends, len(self._buckets))
                right += self.record.add_rows(slow) if slow else 0
                self._right[ask.name] += right
                taken += right
        return taken

    def _forget(self) -> None:
        if not self._paced:
            self._take_closed(count=False)

    def _open(self, starts: Iterable[int]) -> None:
        self._forget()
        if not self._paced:
            # A correct response adds all of its latency; subtract the part before the window, once.
            begun = [start for start in starts if start]
            self._carried_ns = -sum(max(0, self.opens - start) for start in begun)
            self._tried = -len(begun)
        self._bytes = (self.received, self.sent)
        self._reopened = self.reconnects
        self.wrong.clear()
        for ask in self._asks:
            ask.statuses.clear()
        self.is_open = True
        self.edge = min(self.opens + BUCKET_NS, self.closes)
        self._cpu, self._delay = time.process_time(), read_run_delay()

    def _end_bucket(self) -> None:
        if not self._paced:
            self._buckets.append(self._take_closed(count=True))

    def _close(self, starts: Iterable[int]) -> None:
        self._cpu, self._delay = time.process_time() - self._cpu, read_run_delay() - self._delay
        if not self._paced:
            # Requests in flight count up to here; the part before the window is subtracted already.
            begun = [start for start in starts if start]
            self._carried_ns += sum(max(0, self.closes - start) for start in begun)
            self._tried += len(begun)
        received, sent = self._bytes
        self._bytes = (self.received - received, self.sent - sent)
        self._reopened = self.reconnects - self._reopened
        self._seconds = (self.closes - self.opens) / 1e9
        self.is_open = False
        self.edge = NEVER

    def to_tally(self, engine: str) -> Tally:
        """The counts. A run that ended before its window has none; its failures give the reason."""
        if self._paced:
            self.flush(0)
        else:
            self._take_closed(count=False)  # complete after the closing
        record, seconds = self.record, self._seconds or self._planned_seconds
        for name, times in (("connecting", self.connecting), ("tls", self.shaking)):
            if times:
                record.phase(name).record_all(times)
        record.receive_delay.record_all(self.delays)
        record.iteration.record_all(self.visits)
        whole = record.main()
        service = record.service if self._paced else whole
        received, sent = self._bytes if self._seconds else (0, 0)
        return Tally(
            engine=engine,
            seconds=seconds,
            requests=record.requests,
            statuses=self._statuses(),
            failures=self.failures.freeze(),
            service=service.to_hdr(),
            response=whole.to_hdr() if self._paced else None,
            send_lag=record.send_lag.to_hdr() if self._paced else None,
            receive_delay=record.receive_delay.to_hdr() if self.delays else None,
            phases={name: histogram.to_hdr() for name, histogram in record.phases.items()},
            slices=record.slices() if self._seconds else (),
            per_bucket=self._per_bucket(),
            attempts=record.requests + self._tried,
            scheduled=self.scheduled,
            stranded=self.stranded,
            starved=self.starved,
            silence_seconds=record.silence_ns / 1e9,
            dropped=self.dropped,
            most_backlog=self.most_backlog,
            most_in_flight=self.most_in_flight,
            mean_in_flight=(record.in_flight_ns + self._carried_ns) / 1e9 / seconds,
            iterations=self.iterations,
            iteration=record.iteration.to_hdr() if self.iterations is not None else None,
            checks=self._checks(),
            per_request=dict(self._right),
            routes={
                label: RouteTally(due=due, slices=record.slices(label))
                for label, due in self._labels.items()
            },
            reconnects=self._reopened if self._seconds else 0,
            bytes_received=received,
            bytes_sent=sent,
            cpu_seconds=self._cpu if self._seconds else 0.0,
            run_delay_seconds=self._delay if self._seconds else 0.0,
            total_cpu_seconds=time.process_time() - self._cpu_at_begin,
            total_requests=self.right_so_far(),
            memory_bytes=read_peak_memory(),
            drained_seconds=max(0, record.last_ns - self.closes) / 1e9 if self._paced else 0.0,
        )

    def _per_bucket(self) -> tuple[int, ...]:
        if not self._paced:
            return tuple(self._buckets)
        buckets = -(-(self.closes - self.opens) // BUCKET_NS) if self._seconds else 0
        return tuple(self.record.buckets[place] for place in range(buckets))

    def _statuses(self) -> dict[str, int]:
        statuses = Counter(self.wrong)
        for ask in self._asks:
            if ask.request.answer.status is None:
                statuses += ask.statuses
            else:
                statuses[ask.request.answer.status] += self._right[ask.name]
        return {str(status): statuses[status] for status in sorted(statuses) if statuses[status]}

    def _checks(self) -> tuple[CheckCount, ...]:
        """Correct responses passed all checks of their requests; `ask.checks` counts the others."""
        counts: dict[str, CheckCount] = {}
        for ask in self._asks:
            for name, (passes, fails, sample) in ask.checks.items():
                before = counts.get(name, CheckCount(name=name, passes=0, fails=0))
                counts[name] = CheckCount(
                    name=name,
                    passes=before.passes + ask.right + passes,
                    fails=before.fails + fails,
                    sample=before.sample or sample,
                )
        return tuple(counts.values())

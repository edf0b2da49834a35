"""The counts of all threads of the native engine, as one Tally."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from whichworker.load.epoll.counts import read_peak_memory
from whichworker.load.mix import Ask, labels_of
from whichworker.load.native.judge import Judge
from whichworker.load.record import BUCKET_NS, FEWEST_SLICES
from whichworker.model import PHASES, CheckCount, Failure, Load, RouteTally, Tally
from whichworker.model.histogram import Histogram

if TYPE_CHECKING:
    from whichworker.load._native import Engine

Part = tuple["Engine", Judge]
Slices = Callable[[int], tuple[bytes, int, int]]
"""The counts, the least and the greatest value (ns) of a thread's slice, by its place."""

_TASKS = Path("/proc/self/task")


def read_run_delay() -> float:
    """Seconds this process's threads were runnable but did not run; 0.0 if the kernel hides it."""
    total = 0
    with suppress(OSError):  # connections may have taken the last open file
        for task in _TASKS.iterdir():
            with suppress(OSError):  # a thread that has just ended, or a kernel that does not say
                total += int((task / "schedstat").read_text().split()[1])
    return total / 1e9


class Usage:
    """CPU time of the generator: in the window, and from the begin to the end of counting."""

    def __init__(self) -> None:
        self._begin = time.process_time()
        self._opened: tuple[float, float] | None = None
        self.window = (0.0, 0.0)
        self.total_cpu_seconds = 0.0

    def mark(self, opens: bool) -> None:
        """Note an edge of the window."""
        seen = time.process_time(), read_run_delay()
        if opens:
            self._opened = seen
        elif self._opened is not None:
            self.window = seen[0] - self._opened[0], max(0.0, seen[1] - self._opened[1])

    def end(self) -> None:
        """The counting is done."""
        self.total_cpu_seconds = time.process_time() - self._begin


def build_tally(
    engine: str, load: Load, asks: list[Ask], opens: int, parts: list[Part], usage: Usage
) -> Tally:
    """Add up the counts of all threads; percentiles come from the added counts."""
    every = [part.totals() for part, _ in parts]
    totals: Counter[str] = Counter()
    for one in every:
        totals.update(one)
    open_ns = max(one["closes"] for one in every) - opens
    seconds = open_ns / 1e9 if open_ns > 0 else load.window_seconds
    widths = [one["slice_width"] for one in every]
    stretches = _merge_slices([partial(part.histogram, "whole") for part, _ in parts], widths)
    whole = Histogram()
    for stretch in stretches:
        whole.merge(stretch)
    paced = load.pace is not None
    right, total_right, statuses, buckets = _add_tables(parts)
    delay = _merge(parts, "receive_delay")
    per_request: Counter[str] = Counter()
    for ask, count in zip(asks, right, strict=True):
        per_request[ask.name] += count
    return Tally(
        engine=engine,
        seconds=seconds,
        requests=totals["requests"],
        statuses={str(status): int(statuses[status]) for status in np.flatnonzero(statuses)},
        failures=_add_failures(parts),
        service=(_merge(parts, "service") if paced else whole).to_hdr(),
        response=whole.to_hdr() if paced else None,
        send_lag=_merge(parts, "send_lag").to_hdr() if paced else None,
        receive_delay=delay.to_hdr() if delay.count else None,
        phases=_add_phases(parts, paced=paced),
        slices=tuple(stretch.to_hdr() for stretch in stretches),
        per_bucket=tuple(int(count) for count in buckets[: max(0, -(-open_ns // BUCKET_NS))]),
        attempts=totals["attempts"],
        scheduled=totals["scheduled"] if paced else None,
        stranded=totals["stranded"],
        starved=totals["starved"],
        silence_seconds=min(one["silence"] for one in every) / 1e9 if paced else 0.0,
        dropped=totals["dropped"],
        # Threads peak at different times: the sums over several of them are upper bounds.
        most_backlog=totals["most_backlog"],
        most_in_flight=totals["most_in_flight"],
        mean_in_flight=totals["flight_ns"] / 1e9 / seconds,
        checks=_add_checks(asks, total_right, parts),
        per_request=dict(per_request),
        routes={name: _add_route(at, parts, widths) for at, name in enumerate(labels_of(load))},
        reconnects=totals["reconnects"],
        bytes_received=totals["received"],
        bytes_sent=totals["sent"],
        cpu_seconds=usage.window[0],
        run_delay_seconds=usage.window[1],
        total_cpu_seconds=usage.total_cpu_seconds,
        total_requests=totals["total_correct"],
        memory_bytes=read_peak_memory(),
        drained_seconds=max(0, *(one["last"] - one["closes"] for one in every), 0) / 1e9
        if paced
        else 0.0,
    )


def _merge(parts: list[Part], name: str, at: int = 0) -> Histogram:
    merged = Histogram()
    for engine, _ in parts:
        merged.add_counts(*engine.histogram(name, at))
    return merged


def _add_route(number: int, parts: list[Part], widths: list[int]) -> RouteTally:
    def slices_of(engine: Engine) -> Slices:
        return lambda at: engine.route(number, at)[1]

    slices = _merge_slices([slices_of(engine) for engine, _ in parts], widths)
    return RouteTally(
        due=sum(engine.route(number, 0)[0] for engine, _ in parts),
        slices=tuple(one.to_hdr() for one in slices),
    )


def _merge_slices(every: list[Slices], widths: list[int]) -> list[Histogram]:
    """The slices of all threads; those of a thread that ended early are narrower, and joined."""
    widest = max(widths)
    merged: list[Histogram] = []
    for slices, width in zip(every, widths, strict=True):
        for at in range(2 * FEWEST_SLICES):
            place = at * width // widest
            merged += [Histogram() for _ in range(place + 1 - len(merged))]
            merged[place].add_counts(*slices(at))
    while merged and not merged[-1].count:
        merged.pop()
    return merged


def _add_phases(parts: list[Part], *, paced: bool) -> dict[str, str]:
    names = [name for name in PHASES if name != "tls" and (paced or name != "blocked")]
    merged = {name: _merge(parts, name) for name in names}
    return {name: histogram.to_hdr() for name, histogram in merged.items() if histogram.count}


def _add_tables(parts: list[Part]) -> tuple[list[int], list[int], np.ndarray, np.ndarray]:
    tables = [engine.tables() for engine, _ in parts]
    asks = list(zip(*(table[0] for table in tables), strict=True))
    right, total_right = ([sum(one[at] for one in ask) for ask in asks] for at in (0, 1))
    statuses = sum(np.frombuffer(table[1], dtype=np.int64) for table in tables)
    buckets = sum(np.frombuffer(table[2], dtype=np.int64) for table in tables)
    return right, total_right, np.asarray(statuses), np.asarray(buckets)


def _add_failures(parts: list[Part]) -> tuple[Failure, ...]:
    counts: Counter[str] = Counter()
    samples: dict[str, str] = {}
    for _, judge in parts:
        counts.update(judge.counts)
        samples = judge.samples | samples
    return tuple(
        Failure(kind=kind, count=counts[kind], sample=sample) for kind, sample in samples.items()
    )


def _add_checks(
    asks: list[Ask], total_right: list[int], parts: list[Part]
) -> tuple[CheckCount, ...]:
    """Correct responses passed every check of their requests; the judges counted the others."""
    passes: Counter[str] = Counter()
    for ask, right in zip(asks, total_right, strict=True):
        for check in ask.request.checks:
            passes[check.name] += right
    fails: Counter[str] = Counter()
    samples: dict[str, str] = {}
    names = list(passes)
    for _, judge in parts:
        passes.update(judge.passes)
        fails.update(judge.fails)
        samples = judge.check_samples | samples
    return tuple(
        CheckCount(name=name, passes=passes[name], fails=fails[name], sample=samples.get(name, ""))
        for name in names
    )

"""A seat: the lasting connections to one server setup, and the slices of load sent on them."""

from __future__ import annotations

import io
import os
import time
from array import array
from bisect import bisect_right
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Protocol

import msgspec
from msgspec import Struct

from whichworker.errors import UsageError
from whichworker.load.mix import check_load
from whichworker.load.quiet import no_collection
from whichworker.model import Failure, Load, SliceOrder, SliceTally

SCHEDSTAT_BYTES = 100  # three numbers of 20 digits at most


class Seat(Protocol):
    """Connections to one address that persist between slices of load."""

    engine: str

    def slice(self, order: SliceOrder) -> SliceTally:
        """Send one slice of load and wait until nothing is in flight."""
        ...

    def close(self) -> None:
        """Close every connection."""
        ...


class Course(Struct, frozen=True):
    """Times of one slice (CLOCK_MONOTONIC ns).

    `stopped` is the last moment of sending, `times` are of correct responses.
    """

    began: int
    stopped: int
    ended: int
    reconnects: int
    most_in_flight: int
    times: array[int]


UNBEGUN = Course(0, 0, 0, 0, 0, array("q"))


class Meter:
    """What this process itself uses: seconds on a CPU, and seconds of waiting for one.

    The kernel's file stays open: opening it after a slice would take longer than anything else.
    """

    def __init__(self) -> None:
        self._file: io.FileIO | None = None
        with suppress(OSError):  # not there, or not allowed: then no delay is known
            self._file = io.FileIO("/proc/self/schedstat")
        self.cpu_seconds = self.run_delay_seconds = 0.0

    @contextmanager
    def measure(self) -> Iterator[None]:
        """Measure it for one slice, without any garbage collection meanwhile."""
        with no_collection():
            delay, cpu = self._read_delay(), time.process_time()
            try:
                yield
            finally:
                self.cpu_seconds = time.process_time() - cpu
                self.run_delay_seconds = self._read_delay() - delay

    def clear(self) -> None:
        """Nothing was used."""
        self.cpu_seconds = self.run_delay_seconds = 0.0

    def close(self) -> None:
        """Close the file."""
        if self._file is not None:
            self._file.close()

    def _read_delay(self) -> float:
        return (
            int(os.pread(self._file.fileno(), SCHEDSTAT_BYTES, 0).split()[1]) / 1e9
            if self._file is not None
            else 0.0
        )


def check_seat(load: Load) -> None:
    """Raises UsageError for a load that cannot be sent in slices."""
    check_load(load)
    reason = ""
    if load.tls is not None:
        reason = "TLS"
    elif load.pace is not None:
        reason = "a pace"
    elif any(step.think_seconds for session in load.sessions for step in session.steps):
        reason = "think times"
    if reason:
        raise UsageError(
            f"slices of load are not possible with {reason}",
            hint="use a whole run of the generator",
        )


def seat_load(load: Load) -> Load:
    """The part of a load that a seat uses; raises UsageError if slices cannot send it."""
    check_seat(load)
    return msgspec.structs.replace(
        load, limit=None, stagger_seconds=0.0, settle_seconds=0.0, drain=True, receive_delay=False
    )


def check_order(order: SliceOrder) -> None:
    """Raises UsageError for a slice in which nothing could be counted."""
    if order.uncounted < 0 or order.counted < 1 or order.most_seconds <= 0 or order.start < 0:
        raise UsageError(
            "a slice needs a response to count and time for it",
            hint="counted and most_seconds are above zero",
        )


def requests_of(order: SliceOrder, connections: int) -> int:
    """How many requests a slice begins: enough to keep all connections busy to the last count."""
    return order.uncounted + order.counted + connections


def tally_slice(
    engine: str,
    order: SliceOrder,
    course: Course,
    *,
    failures: tuple[Failure, ...],
    reopened: int,
    meter: Meter,
) -> SliceTally:
    """Count what an order asks for in the times of a slice."""
    times, first = course.times, order.uncounted
    # After the last sending not all connections were busy, so those responses do not count.
    last = min(bisect_right(times, course.stopped), first + order.counted)
    counted = max(0, last - first)
    opened = closed = 0
    if counted:
        opened, closed = times[first - 1] if first else course.began, times[last - 1]
    return SliceTally(
        engine=engine,
        requests=counted,
        seconds=(closed - opened) / 1e9,
        opened_ns=opened,
        closed_ns=closed,
        began_ns=course.began,
        ended_ns=course.ended,
        responses=len(times),
        failures=failures,
        reopened=reopened,
        reconnects=course.reconnects,
        cpu_seconds=meter.cpu_seconds,
        run_delay_seconds=meter.run_delay_seconds,
        most_in_flight=course.most_in_flight,
        times=tuple(moment - course.began for moment in times) if order.profile else (),
    )

"""The process that generates load: it reads Tasks from stdin, writes Words to stdout.

Run as `python -m whichworker.load.child PARENT CORE...`. It ends with its stdin or its parent.
"""

from __future__ import annotations

import ctypes
import gc
import os
import resource
import signal
import sys
from collections.abc import Callable
from typing import BinaryIO

import msgspec
from msgspec import Struct

from whichworker.errors import UsageError
from whichworker.load import engines
from whichworker.load.seat import Seat
from whichworker.model import Load, SliceOrder, SliceTally, Tally

# Options of prctl(2), from linux/prctl.h.
_PR_SET_PDEATHSIG = 1
_PR_SET_TIMERSLACK = 29


class Whole(Struct, frozen=True, tag=True):
    """Run a load to its end on new connections. Replies: Opens, Going and Done."""

    load: Load


class Sit(Struct, frozen=True, tag=True):
    """Make a seat, in place of any other of this name. Reply: Seated."""

    name: str
    load: Load


class Turn(Struct, frozen=True, tag=True):
    """Send a slice of load from a seat. Reply: SliceDone."""

    order: SliceOrder


class Leave(Struct, frozen=True, tag=True):
    """Close a seat, if it exists. Reply: SeatLeft."""

    name: str


Task = Whole | Sit | Turn | Leave


class GeneratorReady(Struct, frozen=True, tag=True):
    """The process is pinned and waits for the next task."""


class Opens(Struct, frozen=True, tag=True):
    """A run has begun; CLOCK_MONOTONIC nanoseconds of its window."""

    opens_ns: int
    closes_ns: int


class Going(Struct, frozen=True, tag=True):
    """A run is under way: seconds since it began, correct responses and failures so far."""

    seconds: float
    right: int
    failures: int


class Unusable(Struct, frozen=True, tag=True):
    """The load cannot be run: a UsageError with its hint."""

    fact: str
    hint: str


class Done(Struct, frozen=True, tag=True):
    """A run is over."""

    tally: Tally


class Seated(Struct, frozen=True, tag=True):
    """A seat was made; nothing was sent yet."""

    engine: str


class SliceDone(Struct, frozen=True, tag=True):
    """A slice is over."""

    tally: SliceTally


class SeatLeft(Struct, frozen=True, tag=True):
    """A seat's connections are closed."""


Word = GeneratorReady | Opens | Going | Unusable | Done | Seated | SliceDone | SeatLeft
Say = Callable[[Word], None]

_TASKS: msgspec.json.Decoder[Task] = msgspec.json.Decoder(Task)


def main(parent: int, cores: tuple[int, ...]) -> None:
    """Serve tasks until stdin ends."""
    _die_with(parent)
    # A shell's background jobs are born ignoring it.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    os.sched_setaffinity(0, cores)
    _allow_many_sockets()
    serve(sys.stdin.buffer, sys.stdout.buffer)


def serve(tasks: BinaryIO, words: BinaryIO) -> None:
    """Carry out each Task of `tasks` and write the Words to `words`; both are lines of JSON."""

    def say(word: Word) -> None:
        words.write(msgspec.json.encode(word) + b"\n")
        words.flush()

    seats = _Seats()
    say(GeneratorReady())
    for line in tasks:
        try:
            _carry_out(_TASKS.decode(line), seats, say)
        except UsageError as error:
            say(Unusable(error.fact, error.hint))
    seats.close()


def _carry_out(task: Task, seats: _Seats, say: Say) -> None:
    if isinstance(task, Turn):
        say(SliceDone(seats.slice(task.order)))
    elif isinstance(task, Sit):
        say(Seated(seats.make(task.name, task.load)))
    elif isinstance(task, Leave):
        seats.leave(task.name)
        say(SeatLeft())
    else:
        tally = engines.run(
            task.load,
            lambda opens_ns, closes_ns: say(Opens(opens_ns, closes_ns)),
            lambda *seen: say(Going(*seen)),
        )
        say(Done(tally))


class _Seats:
    """The seats of this process by name."""

    def __init__(self) -> None:
        self._seats: dict[str, Seat] = {}

    def make(self, name: str, load: Load) -> str:
        """Make a seat, in place of any other of this name, and return its engine's name."""
        self.leave(name)
        seat = self._seats[name] = engines.take_seat(load)
        # Now, as slices leave no time for it; the objects of this moment live as long as the seat.
        gc.collect()
        gc.freeze()
        return seat.engine

    def slice(self, order: SliceOrder) -> SliceTally:
        """Send one slice of load; raises UsageError for an unknown seat."""
        if order.seat not in self._seats:
            raise unknown_seat(order.seat)
        return self._seats[order.seat].slice(order)

    def leave(self, name: str) -> None:
        """Close a seat, if it exists."""
        seat = self._seats.pop(name, None)
        if seat is not None:
            seat.close()

    def close(self) -> None:
        """Close every seat."""
        for name in tuple(self._seats):
            self.leave(name)
        gc.unfreeze()


def unknown_seat(name: str) -> UsageError:
    """The error for an order to a seat that does not exist."""
    return UsageError(f"no seat is called {name!r}", hint="call seat() before its first slice")


def _die_with(parent: int) -> None:
    """End with the parent, which may have ended already, and wake up on time."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "cannot ask to end with the parent")
    # In ns: sleeps of an open loop end on time, not 50 µs later.
    libc.prctl(_PR_SET_TIMERSLACK, 1, 0, 0, 0)
    if os.getppid() != parent:
        raise SystemExit("the process that started this one is gone")


def _allow_many_sockets() -> None:
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


if __name__ == "__main__":
    main(int(sys.argv[1]), tuple(int(core) for core in sys.argv[2:]))

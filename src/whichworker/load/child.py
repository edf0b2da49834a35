"""The process that generates load: reads one Task a line from stdin, answers each with its Words on stdout.

Run as `python -m whichworker.load.child PARENT CORE...`. It ends with its stdin, and is killed with its parent.
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

_PR_SET_PDEATHSIG = 1
_PR_SET_TIMERSLACK = 29


class Whole(Struct, frozen=True, tag=True):
    """A load to run to its end, on connections of its own: Opens, Going and Done."""

    load: Load


class Sit(Struct, frozen=True, tag=True):
    """A seat to make, in the place of any other of this name: Seated."""

    name: str
    load: Load


class Turn(Struct, frozen=True, tag=True):
    """A slice of load for a seat: Sliced."""

    order: SliceOrder


class Leave(Struct, frozen=True, tag=True):
    """A seat to close, if it is there: Left."""

    name: str


Task = Whole | Sit | Turn | Leave


class Ready(Struct, frozen=True, tag=True):
    """The process is pinned and waits for tasks."""


class Opens(Struct, frozen=True, tag=True):
    """A run has begun; CLOCK_MONOTONIC nanoseconds of its window."""

    opens_ns: int
    closes_ns: int


class Going(Struct, frozen=True, tag=True):
    """A run is under way: seconds since its begin, right answers and failures so far."""

    seconds: float
    right: int
    failures: int


class Unusable(Struct, frozen=True, tag=True):
    """The load cannot be run as it was asked for; a UsageError, with its hint."""

    fact: str
    hint: str


class Done(Struct, frozen=True, tag=True):
    """A run is over."""

    tally: Tally


class Seated(Struct, frozen=True, tag=True):
    """A seat was made; nothing was sent yet."""

    engine: str


class Sliced(Struct, frozen=True, tag=True):
    """A slice is over."""

    tally: SliceTally


class Left(Struct, frozen=True, tag=True):
    """A seat's connections are closed."""


Word = Ready | Opens | Going | Unusable | Done | Seated | Sliced | Left
Say = Callable[[Word], None]

_TASKS: msgspec.json.Decoder[Task] = msgspec.json.Decoder(Task)


def main(parent: int, cores: tuple[int, ...]) -> None:
    """Serve tasks until stdin ends."""
    _die_with(parent)
    signal.signal(
        signal.SIGINT, signal.default_int_handler
    )  # a shell's background jobs are born ignoring it
    os.sched_setaffinity(0, cores)
    _allow_many_sockets()
    serve(sys.stdin.buffer, sys.stdout.buffer)


def serve(tasks: BinaryIO, words: BinaryIO) -> None:
    """Carry out each Task of `tasks`, a JSON line each, and write what happens to `words`, a JSON line each."""

    def say(word: Word) -> None:
        words.write(msgspec.json.encode(word) + b"\n")
        words.flush()

    seats = _Seats()
    say(Ready())
    for line in tasks:
        try:
            _carry_out(_TASKS.decode(line), seats, say)
        except UsageError as error:
            say(Unusable(error.fact, error.hint))
    seats.close()


def _carry_out(task: Task, seats: _Seats, say: Say) -> None:
    if isinstance(task, Turn):
        say(Sliced(seats.slice(task.order)))
    elif isinstance(task, Sit):
        say(Seated(seats.make(task.name, task.load)))
    elif isinstance(task, Leave):
        seats.leave(task.name)
        say(Left())
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
        """Make a seat, in the place of any other of this name; the name of its engine."""
        self.leave(name)
        seat = self._seats[name] = engines.take_seat(load)
        # Before any slice: no collection has time in it, and what is there by now is here to stay.
        gc.collect()
        gc.freeze()
        return seat.engine

    def slice(self, order: SliceOrder) -> SliceTally:
        """Send one slice of load; raises UsageError for a seat that is not there."""
        if order.seat not in self._seats:
            raise UsageError(
                f"no seat is called {order.seat!r}",
                hint="make it with seat() before its first slice",
            )
        return self._seats[order.seat].slice(order)

    def leave(self, name: str) -> None:
        """Close a seat, if it is there."""
        seat = self._seats.pop(name, None)
        if seat is not None:
            seat.close()

    def close(self) -> None:
        """Close every seat."""
        for name in tuple(self._seats):
            self.leave(name)
        gc.unfreeze()


def _die_with(parent: int) -> None:
    """Wake up on time, and be killed when the parent ends; it may have ended before this was asked for, so look afterwards."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "cannot ask to end with the parent")
    libc.prctl(
        _PR_SET_TIMERSLACK, 1, 0, 0, 0
    )  # sleeps of an open loop end on time, not 50 µs later
    if os.getppid() != parent:
        raise SystemExit("the process that started this one is gone")


def _allow_many_sockets() -> None:
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


if __name__ == "__main__":
    main(int(sys.argv[1]), tuple(int(core) for core in sys.argv[2:]))

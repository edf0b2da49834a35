"""The process that generates load: reads one Load a line from stdin, answers with the window and the Tally on stdout.

Run as `python -m whichworker.load.child PARENT CORE...`. It ends with its stdin, and is killed with its parent.
"""

from __future__ import annotations

import ctypes
import os
import resource
import signal
import sys
from typing import BinaryIO

import msgspec
from msgspec import Struct

from whichworker.errors import UsageError
from whichworker.load import engine
from whichworker.model import Load, Tally

_PR_SET_PDEATHSIG = 1
_PR_SET_TIMERSLACK = 29


class Ready(Struct, frozen=True, tag=True):
    """The process is pinned and waits for loads."""


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


Word = Ready | Opens | Going | Unusable | Done


def main(parent: int, cores: tuple[int, ...]) -> None:
    """Serve loads until stdin ends."""
    _die_with(parent)
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background jobs are born ignoring it
    os.sched_setaffinity(0, cores)
    _allow_many_sockets()
    serve(sys.stdin.buffer, sys.stdout.buffer)


def serve(loads: BinaryIO, words: BinaryIO) -> None:
    """Run each Load of `loads`, a JSON line each, and write what happens to `words`, a JSON line each."""

    def say(word: Word) -> None:
        words.write(msgspec.json.encode(word) + b"\n")
        words.flush()

    say(Ready())
    for line in loads:
        load = msgspec.json.decode(line, type=Load)
        try:
            say(Done(engine.run(load, lambda opens_ns, closes_ns: say(Opens(opens_ns, closes_ns)), lambda *seen: say(Going(*seen)))))
        except UsageError as error:
            say(Unusable(error.fact, error.hint))


def _die_with(parent: int) -> None:
    """Wake up on time, and be killed when the parent ends; it may have ended before this was asked for, so look afterwards."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "cannot ask to end with the parent")
    libc.prctl(_PR_SET_TIMERSLACK, 1, 0, 0, 0)  # sleeps of an open loop end on time, not 50 µs later
    if os.getppid() != parent:
        raise SystemExit("the process that started this one is gone")


def _allow_many_sockets() -> None:
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


if __name__ == "__main__":
    main(int(sys.argv[1]), tuple(int(core) for core in sys.argv[2:]))

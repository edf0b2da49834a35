"""The engine in C: the loads and the counts of the one in Python, for a fraction of the CPU time.

Each thread has its own engine, with a share of the connections, of the limit, of the arrivals and
of the memory.
An engine runs without the interpreter's lock in turns of about 0.1 s; between turns Python feeds
arrivals and handles signals. Python has the last word on every response: the engine accepts only
those that were judged correct here before.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from time import monotonic_ns
from types import ModuleType
from typing import TYPE_CHECKING

from whichworker.errors import UsageError
from whichworker.load.allowance import RESPONSE_BYTES
from whichworker.load.mix import Ask, deal, labels_of, prepare_asks
from whichworker.load.native.judge import NO_ROUTE, Judge
from whichworker.load.native.tally import Usage, build_tally
from whichworker.load.pacer import arrivals
from whichworker.load.quiet import quiet_collector
from whichworker.model import Load, Tally

if TYPE_CHECKING:
    from whichworker.load._native import Engine

_native: ModuleType | None
try:
    import whichworker.load._native as _native
except ImportError as error:
    _native = None
    _missing = str(error)
else:
    _missing = ""

ENGINE = "native"
CURE = (
    "install gcc and the headers of libc (Debian: apt install gcc libc6-dev), "
    "then install whichworker again"
)
TURN_NS = 100_000_000  # 0.1 s: Ctrl-C feels prompt, and the lock is taken ten times a second
AHEAD_NS = 1_000_000_000  # arrivals are fed 1 s ahead: ten turns, should Python be late
HEAD_START_NS = 5_000_000  # 5 ms from the plan to the first request, for starting the threads
PROGRESS_SECONDS = 1.0  # what a person can follow

Announce = Callable[[int, int], None]
Progress = Callable[[float, int, int], None]


def available() -> bool:
    """Whether the extension was built."""
    return _native is not None


def missing_reason() -> str:
    """Why the engine cannot be used, or an empty string. `CURE` says what to do about it."""
    return (
        ""
        if _native is not None
        else f"it was not built when whichworker was installed ({_missing})"
    )


def run(load: Load, announce: Announce, progress: Progress | None = None) -> Tally:
    """Run one load to its end and return the counts of its window.

    `announce` is called once, before the first request, with the CLOCK_MONOTONIC nanoseconds at
    which the window opens and closes; `progress`, about once a second, with the seconds since the
    begin and the correct responses and failures so far. An interrupt ends the window early. Raises
    UsageError for a load that this engine cannot run.
    """
    asks = _check(load)
    usage = Usage()
    with quiet_collector():  # before the crew, whose first request is due in a few milliseconds
        crew = _Crew(load, asks, usage, progress)
        try:
            announce(crew.opens, crew.closes)
            crew.run()
        except KeyboardInterrupt:
            usage.mark(False)  # what was counted so far is the result
        finally:
            crew.close()
            usage.end()
    return build_tally(
        ENGINE,
        load,
        asks,
        crew.opens,
        [(share.engine, share.judge) for share in crew.shares],
        usage,
    )


def _check(load: Load) -> list[Ask]:
    if _native is None:
        raise UsageError(f"the native engine is not available: {missing_reason()}", hint=CURE)
    if load.tls is not None or load.sessions:
        what = "TLS" if load.tls is not None else "sessions"
        raise UsageError(
            f"the native engine cannot run {what}",
            hint="use the engine epoll, or the engine auto",
        )
    return prepare_asks(load)


def _split(whole: int, parts: int) -> list[int]:
    return [whole // parts + (at < whole % parts) for at in range(parts)]


def make_engine(
    load: Load,
    judge: Judge,
    times: tuple[int, int, int],
    *,
    number: int = 0,
    threads: int = 1,
    slices: bool = False,
) -> Engine:
    """Make the engine of one of a load's threads, without requests yet.

    `times` are its begin and its window (ns); an engine that runs slices needs none.
    Raises UsageError for an address that cannot be used.
    """
    assert _native is not None
    begins, opens, closes = times
    address = load.address
    try:
        engine: Engine = _native.Engine(
            host=address.host,
            port=address.port,
            path=os.fsencode(address.path),
            address=str(address),
            connections=_split(load.connections, threads)[number],
            begins=begins,
            opens=opens,
            closes=closes,
            stagger=round(load.stagger_seconds * 1e9),
            deadline=round(load.deadline_seconds * 1e9),
            limit=-1 if load.limit is None else _split(load.limit, threads)[number],
            flood=-1 if load.flood is None else load.flood,
            memory=_split(RESPONSE_BYTES, threads)[number],
            backlog=-(-load.pace.backlog // threads) if load.pace else -1,
            spin=load.spins,
            stamps=load.receive_delay and not address.path,
            timerfd=False,
            slices=slices,
            keep_alive=load.keep_alive,
            ends=-1
            if load.overtime_seconds is None
            else closes + round(load.overtime_seconds * 1e9),
            judge=judge.judge,
            fail=judge.fail,
        )
    except ValueError as error:
        raise UsageError(f"not an address that can be used: {address}", seen=str(error)) from None
    return engine


class _Share:
    """One thread's part of the load."""

    def __init__(
        self, load: Load, asks: list[Ask], number: int, threads: int, times: tuple[int, int, int]
    ) -> None:
        self.judge = Judge(asks)
        self.right = self.failures = 0
        self.error: BaseException | None = None
        self._begins = times[0]
        self._number, self._threads = number, threads
        self._chunks = arrivals(load.pace, load.seed, load.limit) if load.pace else iter(())
        self._taken = 0
        self._fed_until = 0 if load.pace else 1 << 62
        self.engine = make_engine(load, self.judge, times, number=number, threads=threads)
        numbers = {label: number for number, label in enumerate(labels_of(load))}
        for ask in asks:
            route = numbers.get(load.routes.get(ask.name, ""), NO_ROUTE)
            self.judge.teach(self.engine, ask, route)

    def feed(self) -> None:
        """Keep the engine ahead of its arrivals by more than a turn."""
        until = monotonic_ns() + AHEAD_NS
        while self._fed_until < until:
            chunk = next(self._chunks, None)
            if chunk is None:
                self._fed_until = 1 << 62
                self.engine.feed(b"", False)
                return
            mine = (
                chunk[(self._number - self._taken) % self._threads :: self._threads] + self._begins
            )
            self._taken += chunk.size
            self._fed_until = int(chunk[-1]) + self._begins
            self.engine.feed(mine.tobytes(), True)

    def turn(self, until: int) -> bool:
        """Run until this time (ns); true while there is something left to do."""
        self.feed()
        goes_on = bool(self.engine.turn(until))
        totals = self.engine.totals()
        self.right, self.failures = totals["total_correct"], totals["failures"]
        return goes_on


class _Crew:
    """All shares of a load, a thread each; a single one runs in the calling thread."""

    def __init__(
        self, load: Load, asks: list[Ask], usage: Usage, progress: Progress | None
    ) -> None:
        threads = max(1, min(load.threads, load.connections))
        decks = [deal(asks, load.seed + number).tobytes() for number in range(threads)]
        begins = monotonic_ns() + HEAD_START_NS
        self.opens = begins + round((load.stagger_seconds + load.settle_seconds) * 1e9)
        self.closes = self.opens + round(load.window_seconds * 1e9)
        self.shares = [
            _Share(load, asks, number, threads, (begins, self.opens, self.closes))
            for number in range(threads)
        ]
        for share, deck in zip(self.shares, decks, strict=True):
            share.engine.set_deck(deck)
        self._begins = begins
        self._usage = usage
        self._flood = load.flood
        self._progress = progress
        self._told = time.monotonic()
        # A turn ends at each edge of the window, to read what the generator has used by then.
        self._edges = [self.opens, self.closes]

    def run(self) -> None:
        """Run every share to its end; raises the error of any of them."""
        if len(self.shares) == 1:
            self._pump(self.shares[0])
        else:
            self._run_threads()
        for share in self.shares:
            if share.error is not None:
                raise share.error

    def close(self) -> None:
        """Close every socket."""
        for share in self.shares:
            share.engine.close()

    def _run_threads(self) -> None:
        cores = sorted(os.sched_getaffinity(0))
        threads = [
            threading.Thread(
                target=self._pump_pinned, args=(share, cores[at % len(cores)]), name=f"load {at}"
            )
            for at, share in enumerate(self.shares)
        ]
        try:
            for thread in threads:
                thread.start()
            for thread in threads:
                while thread.is_alive():
                    thread.join(TURN_NS / 1e9)  # in steps: signals are handled between them
                    self._look_around()
        finally:
            self._stop()
            for thread in threads:
                thread.join()

    def _pump_pinned(self, share: _Share, core: int) -> None:
        try:
            os.sched_setaffinity(0, {core})
            self._pump(share)
        except BaseException as error:  # noqa: BLE001 - raised again by the waiting thread
            share.error = error
            self._stop()

    def _pump(self, share: _Share) -> None:
        edges = self._edges if share is self.shares[0] else []
        alone = len(self.shares) == 1
        while share.turn(min([monotonic_ns() + TURN_NS, *edges[:1]])):
            if edges and monotonic_ns() >= edges[0]:
                self._usage.mark(edges.pop(0) == self.opens)
            if alone:
                self._look_around()
        if edges == [self.closes]:
            self._usage.mark(False)

    def _look_around(self) -> None:
        failures = sum(share.failures for share in self.shares)
        if self._flood is not None and failures >= self._flood:
            self._stop()
        now = time.monotonic()
        if self._progress is not None and now - self._told >= PROGRESS_SECONDS:
            self._told = now
            self._progress(
                (monotonic_ns() - self._begins) / 1e9,
                sum(share.right for share in self.shares),
                failures,
            )

    def _stop(self) -> None:
        for share in self.shares:
            share.engine.stop()

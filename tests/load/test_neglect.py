"""Requests that a server neglects count as lost, on both engines: before, in and after a window."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable
from typing import Literal

import pytest

from whichworker.load import engines
from whichworker.load.native import engine as native
from whichworker.model import Address, Answer, Load, Pace, Request, Stage, Tally

Handler = Callable[[socket.socket], None]
Start = Callable[[Handler], Address]
Engine = Literal["epoll", "native"]

HELLO = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"
SETTLE, WINDOW, RATE, EVERY = 0.4, 0.6, 100.0, 100
"""Seconds before the window, and of it; requests per second, and all of them."""
built = pytest.mark.skipif(not native.available(), reason=native.missing_reason())
ENGINES = pytest.mark.parametrize("engine", ["epoll", pytest.param("native", marks=built)])


class Neglectful:
    """Answers, but the first `neglected` connections never, and no more than `most` requests."""

    def __init__(self, neglected: int = 0, most: int = 1_000_000, work: float = 0.0) -> None:
        self.neglected, self.left, self.work = neglected, most, work
        self.connections = 0
        self.served: dict[int, int] = {}
        self._lock = threading.Lock()

    def __call__(self, sock: socket.socket) -> None:
        with self._lock:
            number = self.connections
            self.connections += 1
        while sock.recv(65536):
            with self._lock:
                self.left -= number >= self.neglected
            if number < self.neglected or self.left < 0:
                continue  # until the other side closes
            time.sleep(self.work)
            sock.sendall(HELLO)
            self.served[number] = self.served.get(number, 0) + 1


def sent(address: Address, engine: Engine, **more: object) -> Tally:
    pace = Pace(stages=(Stage(SETTLE + WINDOW, RATE, RATE),))
    usual: dict[str, object] = {"pace": pace, "connections": 8, "deadline_seconds": 1.5}
    load = Load(
        address=address,
        host="localhost",
        requests=(Request(path="/hi", answer=Answer(body=b"hello")),),
        settle_seconds=SETTLE,
        window_seconds=WINDOW,
        engine=engine,
        flood=None,
        **(usual | more),  # type: ignore[arg-type]
    )
    return engines.run(load, lambda opens, closes: None)


def lost(tally: Tally) -> int:
    assert tally.scheduled is not None
    return tally.scheduled - tally.requests


@ENGINES
def test_requests_that_are_stuck_when_the_window_opens_count(start: Start, engine: Engine) -> None:
    tally = sent(start(Neglectful(neglected=3)), engine)
    assert lost(tally) == 0, "all that was due in the window found another connection"
    assert tally.stranded == 3
    assert [(failure.kind, failure.count) for failure in tally.failures] == [("timeout", 3)]


@ENGINES
def test_a_failure_that_ended_before_the_window_does_not_count(
    start: Start, engine: Engine
) -> None:
    tally = sent(start(Neglectful(neglected=3)), engine, deadline_seconds=0.15)
    assert (lost(tally), tally.stranded) == (0, 0)


@ENGINES
def test_a_late_but_correct_response_is_not_stranded(start: Start, engine: Engine) -> None:
    tally = sent(start(Neglectful(work=0.3)), engine, connections=64)
    assert (lost(tally), tally.stranded, tally.failures) == (0, 0, ())


@ENGINES
@pytest.mark.parametrize("answered", [0, 20, 70])
def test_a_frozen_server_loses_all_that_it_had_and_the_queue(
    start: Start, engine: Engine, answered: int
) -> None:
    tally = sent(start(Neglectful(most=answered)), engine)
    assert sum(failure.count for failure in tally.failures) == EVERY - answered
    assert lost(tally) + tally.stranded == EVERY - answered
    assert lost(tally) == pytest.approx(min(EVERY - answered, RATE * WINDOW), abs=4)
    assert {failure.kind for failure in tally.failures} == {"timeout"}


@ENGINES
def test_after_its_overtime_a_run_waits_no_more(start: Start, engine: Engine) -> None:
    tally = sent(start(Neglectful(most=70)), engine, deadline_seconds=20.0, overtime_seconds=0.25)
    assert lost(tally) + tally.stranded == EVERY - 70
    texts = [failure.sample for failure in tally.failures]
    assert texts
    assert all("within 0.25 s after the window" in text for text in texts)


@ENGINES
def test_what_comes_in_the_overtime_still_counts(start: Start, engine: Engine) -> None:
    address = start(Neglectful(work=0.3))
    tally = sent(address, engine, connections=64, overtime_seconds=5.0)
    assert (lost(tally), tally.failures) == (0, ())


@ENGINES
def test_open_connections_take_turns(start: Start, engine: Engine) -> None:
    server = Neglectful(work=0.02)
    burst, calm = Stage(0.1, 200.0, 200.0), Stage(SETTLE + WINDOW - 0.1, 40.0, 40.0)
    tally = sent(start(server), engine, pace=Pace(stages=(burst, calm)))
    assert lost(tally) == 0
    assert server.connections > 1
    shares = server.served.values()
    assert max(shares) - min(shares) < calm.arrivals / 2, "the last one used would have them all"


@ENGINES
def test_connections_that_never_had_a_response_are_starved(start: Start, engine: Engine) -> None:
    assert sent(start(Neglectful(neglected=2)), engine).starved == 2
    assert sent(start(Neglectful()), engine).starved == 0


@ENGINES
def test_connections_that_had_one_are_not(start: Start, engine: Engine) -> None:
    tally = sent(start(Neglectful(most=70)), engine, connections=1)
    assert tally.starved < sum(failure.count for failure in tally.failures)


STALL = 0.3
"""Seconds, for all connections at once."""


class Stalling:
    """Answers at once, but nobody for STALL seconds or a little more after `at` requests."""

    def __init__(self, at: int) -> None:
        self.left, self.stalled_seconds = at, 0.0
        self._lock = threading.Lock()

    def __call__(self, sock: socket.socket) -> None:
        while sock.recv(65536):
            with self._lock:
                self.left -= 1
                if self.left == 0:
                    began = time.monotonic()
                    time.sleep(STALL)
                    self.stalled_seconds = time.monotonic() - began
            sock.sendall(HELLO)


@ENGINES
@pytest.mark.parametrize("at", [30, 65], ids=["across the opening", "inside"])
def test_a_silence_is_as_long_as_the_stall(start: Start, engine: Engine, at: int) -> None:
    server = Stalling(at)
    tally = sent(start(server), engine, connections=64)
    assert (lost(tally), tally.failures) == (0, ())
    assert tally.silence_seconds == pytest.approx(server.stalled_seconds, rel=0.5)


@ENGINES
def test_a_slow_request_beside_others_is_no_silence(start: Start, engine: Engine) -> None:
    tally = sent(start(Neglectful(work=STALL)), engine, connections=64)
    assert tally.silence_seconds < STALL / 2

"""Requests that are counted apart by their routes: both engines, the lost ones, and sessions."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

from whichworker.load import engines
from whichworker.load.native import engine as native
from whichworker.model import (
    Address,
    Load,
    Pace,
    Request,
    RouteTally,
    Session,
    Stage,
    Step,
    Tally,
)
from whichworker.model.histogram import Histogram

pytestmark = pytest.mark.alone

Start = Callable[[Callable[[socket.socket], None]], Address]

HELLO = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"
BROKEN = b"HTTP/1.1 500 Oh\r\nContent-Length: 0\r\n\r\n"
SLOW_SECONDS = 0.05
MIX = (Request(path="/fast", weight=9), Request(path="/slow"), Request(path="/broken"))
ROUTES = {"GET /fast": "fast", "GET /slow": "slow", "GET /broken": "wrong"}
ENGINES = ["epoll", *(["native"] if native.available() else [])]


def serve(sock: socket.socket) -> None:
    while request := sock.recv(65536):
        time.sleep(SLOW_SECONDS if b" /slow" in request else 0.0)
        sock.sendall(BROKEN if b" /broken" in request else HELLO)


def sent(address: Address, engine: str, rate: float = 220.0, **more: Any) -> Tally:
    words: dict[str, Any] = {
        "requests": MIX,
        "connections": 30,
        "window_seconds": 1.0,
        "routes": ROUTES,
        "pace": Pace(stages=(Stage(1.1, rate, rate),)),
    }
    load = Load(
        address=address,
        host="localhost",
        settle_seconds=0.1,
        flood=None,
        engine=engine,  # type: ignore[arg-type]
        **(words | more),
    )
    return engines.run(load, lambda opens, closes: None)


def times_of(tally: RouteTally) -> Histogram:
    whole = Histogram()
    for part in tally.slices:
        whole.merge(Histogram.from_hdr(part))
    return whole


@pytest.mark.parametrize("engine", ENGINES)
def test_each_route_has_its_requests_and_its_times(start: Start, engine: str) -> None:
    tally = sent(start(serve), engine)
    fast, slow, wrong = (tally.routes[label] for label in ("fast", "slow", "wrong"))
    assert (fast.due, slow.due, wrong.due) == pytest.approx((180, 20, 20), abs=2)
    assert fast.due + slow.due + wrong.due == tally.scheduled == 220
    assert (times_of(fast).count, times_of(slow).count) == (fast.due, slow.due)
    assert not times_of(wrong).count, "a wrong response is a lost request of its route"
    assert (times_of(slow).min or 0) >= SLOW_SECONDS * 1e9
    assert (times_of(fast).percentile(0.5) or 0) < SLOW_SECONDS * 1e9
    assert tally.requests == fast.due + slow.due


def test_the_engines_agree(start: Start) -> None:
    address = start(serve)
    dues = [
        {label: one.due for label, one in sent(address, engine, seed=7).routes.items()}
        for engine in ENGINES
    ]
    assert all(one == dues[0] for one in dues)


@pytest.mark.parametrize("engine", ENGINES)
def test_what_nobody_asked_for_is_not_counted(start: Start, engine: str) -> None:
    address = start(serve)
    assert sent(address, engine, routes={}).routes == {}
    assert list(sent(address, engine, routes={"GET /slow": "slow"}).routes) == ["slow"]
    assert sent(address, engine, pace=None, window_seconds=0.2).routes == {}


@pytest.mark.parametrize("engine", ENGINES)
def test_requests_with_one_label_are_one_route(start: Start, engine: str) -> None:
    tally = sent(start(serve), engine, routes={"GET /fast": "good", "GET /slow": "good"})
    assert tally.routes["good"].due == tally.requests == times_of(tally.routes["good"]).count


@pytest.mark.parametrize("engine", ENGINES)
def test_a_long_window_has_the_slices_of_the_whole(start: Start, engine: str) -> None:
    tally = sent(
        start(serve),
        engine,
        window_seconds=2.5,
        pace=Pace(stages=(Stage(2.6, 220, 220),)),
    )
    parts = [tally.routes[label].slices for label in ("fast", "slow")]
    counts = [[Histogram.from_hdr(one).count for one in slices] for slices in parts]
    whole = [Histogram.from_hdr(one).count for one in tally.slices]
    assert 10 <= len(whole) < 20
    for at, count in enumerate(whole):
        assert count == sum(one[at] for one in counts if at < len(one))


@pytest.mark.parametrize("engine", ENGINES)
def test_arrivals_that_were_never_sent_are_lost_for_their_routes(start: Start, engine: str) -> None:
    released = threading.Event()

    def hold(sock: socket.socket) -> None:
        while sock.recv(65536):
            released.wait(5)
            sock.sendall(HELLO)

    tally = sent(
        start(hold),
        engine,
        connections=1,
        deadline_seconds=0.3,
        window_seconds=0.3,
        pace=Pace(stages=(Stage(0.4, 220, 220),), backlog=40),
    )
    released.set()
    assert tally.dropped
    dues = {label: one.due for label, one in tally.routes.items()}
    assert sum(dues.values()) == tally.scheduled == 66
    assert dues == pytest.approx({"fast": 54, "slow": 6, "wrong": 6}, abs=6)
    assert not any(times_of(one).count for one in tally.routes.values())


@pytest.mark.skipif("native" not in ENGINES, reason=native.missing_reason())
def test_threads_share_the_routes(start: Start) -> None:
    tally = sent(start(serve), "native", threads=2)
    assert sum(one.due for one in tally.routes.values()) == tally.scheduled
    assert times_of(tally.routes["slow"]).count == tally.routes["slow"].due


def test_each_step_of_a_session_has_a_route(start: Start) -> None:
    steps = (Step(request=MIX[0]), Step(request=MIX[1]), Step(request=MIX[0]))
    tally = sent(
        start(serve),
        "epoll",
        40,
        requests=(),
        sessions=(Session(name="visit", steps=steps),),
    )
    fast, slow = tally.routes["fast"], tally.routes["slow"]
    assert slow.due == pytest.approx(40, abs=4)
    assert fast.due == pytest.approx(80, abs=8)
    assert times_of(fast).count == fast.due
    assert (times_of(slow).min or 0) >= SLOW_SECONDS * 1e9


def test_a_step_that_fails_leaves_the_next_ones_undue(start: Start) -> None:
    steps = (Step(request=MIX[2]), Step(request=MIX[0]))
    tally = sent(
        start(serve), "epoll", 40, requests=(), sessions=(Session(name="visit", steps=steps),)
    )
    assert (tally.routes["wrong"].due, tally.routes["fast"].due) == (40, 0)

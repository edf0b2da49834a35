"""The open loop: sent when due, timed from then, whatever the server does."""

from __future__ import annotations

import itertools
import socket
import threading
import time
from collections.abc import Callable

import pytest

from whichworker.load.epoll.engine import run
from whichworker.model import Address, Answer, Load, Pace, Request, Stage, Tally
from whichworker.model.histogram import Histogram

pytestmark = pytest.mark.alone

Start = Callable[[Callable[[socket.socket], None]], Address]

HELLO = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"
LAST = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello"
RIGHT = Answer(body=b"hello")


def steady(rate: float, seconds: float, **more: object) -> Pace:
    return Pace(stages=(Stage(seconds, rate, rate),), **more)  # type: ignore[arg-type]


def ask(
    address: Address, pace: Pace, *, connections: int = 8, window: float = 1.0, **more: object
) -> Tally:
    load = Load(
        address=address,
        host="localhost",
        requests=(Request(path="/hi", answer=RIGHT),),
        connections=connections,
        settle_seconds=0.0,
        window_seconds=window,
        pace=pace,
        flood=None,
        **more,  # type: ignore[arg-type]
    )
    return run(load, lambda opens, closes: None)


def replying(answer: bytes = HELLO, delay: float = 0.0) -> Callable[[socket.socket], None]:
    def handler(sock: socket.socket) -> None:
        while sock.recv(65536):
            time.sleep(delay)
            sock.sendall(answer)
            if answer is LAST:
                return

    return handler


def test_everything_due_is_sent_and_counted(start: Start) -> None:
    tally = ask(start(replying()), steady(500, 1))
    assert tally.failures == ()
    assert tally.requests == tally.scheduled == tally.attempts == tally.total_requests == 500
    assert tally.dropped == 0
    assert tally.statuses == {"200": 500}
    assert tally.response is not None
    assert tally.send_lag is not None
    for text in (
        tally.response,
        tally.send_lag,
        tally.service,
        *(tally.phases[name] for name in ("blocked", "sending", "waiting", "receiving")),
    ):
        assert Histogram.from_hdr(text).count == 500
    assert sum(Histogram.from_hdr(part).count for part in tally.slices) == 500
    assert tally.bytes_sent == 500 * len(b"GET /hi HTTP/1.1\r\nHost: localhost\r\n\r\n")
    assert tally.bytes_received == pytest.approx(500 * len(HELLO), abs=len(HELLO))


def test_waiting_for_a_connection_counts_from_the_intended_time(start: Start) -> None:
    # One connection, 20 ms an answer, due every 10 ms: each waits 10 ms longer than the one before.
    tally = ask(start(replying(delay=0.02)), steady(100, 0.5), connections=1, window=0.5)
    assert tally.requests == tally.scheduled == 50
    assert tally.response is not None
    response, service = Histogram.from_hdr(tally.response), Histogram.from_hdr(tally.service)
    blocked, lag = (
        Histogram.from_hdr(tally.phases["blocked"]),
        Histogram.from_hdr(tally.send_lag or ""),
    )
    assert (response.max or 0) > 0.45e9
    assert (service.percentile(0.5) or 0) < 0.1e9
    assert (blocked.max or 0) > 0.4e9
    assert (lag.percentile(0.9) or 0) < 0.1e9  # the generator itself was on time
    assert tally.most_backlog > 10
    assert tally.most_in_flight == 1


def test_a_full_backlog_drops_and_says_so(start: Start) -> None:
    tally = ask(start(replying(delay=0.1)), steady(200, 0.5, backlog=5), connections=1, window=0.5)
    assert tally.scheduled == 100
    assert tally.most_backlog == 5
    assert tally.dropped + tally.requests == 100
    assert tally.dropped > 50


def test_connections_are_opened_when_needed_and_kept(start: Start) -> None:
    seen = itertools.count()
    lock = threading.Lock()
    accepted: list[int] = []

    def handler(sock: socket.socket) -> None:
        with lock:
            accepted.append(next(seen))
        replying()(sock)

    tally = ask(start(handler), steady(50, 1), connections=32)
    assert tally.requests == 50
    assert len(accepted) < 5


def test_a_server_that_closes_after_each_answer(start: Start) -> None:
    tally = ask(start(replying(LAST)), steady(200, 0.5), connections=16, window=0.5)
    assert tally.failures == ()
    assert tally.requests == 100
    assert tally.reconnects == pytest.approx(100, abs=3)
    assert Histogram.from_hdr(tally.phases["connecting"]).count == 100


def test_a_limit_ends_the_run(start: Start) -> None:
    tally = ask(start(replying()), steady(1000, 60), window=60, limit=100)
    assert (tally.requests, tally.scheduled) == (100, 100), "and not the 60,000 of its minute"


def test_arrivals_nobody_listens_to_fail_and_none_is_lost() -> None:
    with socket.create_server(("127.0.0.1", 0)) as gone:
        port = gone.getsockname()[1]
    tally = ask(Address("127.0.0.1", port), steady(200, 0.5), window=0.5)
    assert [(failure.kind, failure.count) for failure in tally.failures] == [("connect", 100)]
    assert tally.requests == 0
    assert tally.scheduled == 100


def test_what_is_late_is_still_awaited_and_what_is_too_late_is_a_timeout(start: Start) -> None:
    tally = ask(start(replying(delay=0.3)), steady(20, 0.5), connections=20, window=0.5)
    assert (tally.requests, tally.failures) == (10, ())
    tally = ask(
        start(replying(delay=2.0)),
        steady(20, 0.5),
        connections=20,
        window=0.5,
        deadline_seconds=0.4,
    )
    assert [(failure.kind, failure.count) for failure in tally.failures] == [("timeout", 10)]


def test_a_poisson_stream_repeats_with_its_seed(start: Start) -> None:
    address = start(replying())
    pace = steady(300, 0.5, arrivals="poisson")
    first, again, other = (
        ask(address, pace, window=0.5, seed=seed).scheduled for seed in (1, 1, 2)
    )
    assert first == again != other


def test_receive_delay_is_measured_when_asked_for(start: Start) -> None:
    tally = ask(start(replying()), steady(200, 0.5), window=0.5, receive_delay=True)
    assert tally.receive_delay is not None
    assert Histogram.from_hdr(tally.receive_delay).count >= 90
    assert ask(start(replying()), steady(100, 0.2), window=0.2).receive_delay is None


def test_a_spinning_pace(start: Start) -> None:
    tally = ask(start(replying()), steady(500, 0.5, spin=True), window=0.5)
    assert tally.requests == 250


def test_mean_in_flight_obeys_littles_law(start: Start) -> None:
    tally = ask(start(replying(delay=0.05)), steady(100, 1.0), connections=30)
    mean = Histogram.from_hdr(tally.service).mean
    assert mean is not None
    assert tally.mean_in_flight == pytest.approx(100 * mean / 1e9, rel=0.15)

"""The engine against servers that are right, wrong, slow, gone and odd."""

from __future__ import annotations

import gc
import socket
import threading
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from whichworker.errors import UsageError
from whichworker.load.epoll.engine import run
from whichworker.model import Address, Answer, Load, Request, Tally
from whichworker.model.histogram import Histogram

Start = Callable[[Callable[[socket.socket], None]], Address]

HELLO = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 5\r\n\r\nhello"
BIG = b"x" * 300_000
RIGHT = Answer(headers=(("content-type", "text/plain"),), body=b"hello")


def replying(*pieces: bytes, close: bool = False) -> Callable[[socket.socket], None]:
    """Answer every request with these pieces, a send each."""

    def handler(sock: socket.socket) -> None:
        while sock.recv(65536):
            if close:  # its end comes with the response, so it never crosses a request
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_CORK, 1)
            for piece in pieces:
                sock.sendall(piece)
            if close:
                return

    return handler


def ask(
    address: Address,
    *requests: Request,
    connections: int = 3,
    window: float = 0.2,
    deadline: float = 5.0,
    settle: float = 0.02,
) -> Tally:
    load = Load(
        address=address,
        host="localhost",
        requests=requests or (Request(path="/hi", answer=RIGHT),),
        connections=connections,
        settle_seconds=settle,
        window_seconds=window,
        stagger_seconds=0.01,
        deadline_seconds=deadline,
    )
    return run(load, lambda opens, closes: None)


def kinds(tally: Tally) -> set[str]:
    return {failure.kind for failure in tally.failures}


def test_right_answers_are_counted(start: Start) -> None:
    announced: list[tuple[int, int]] = []
    load = Load(
        address=start(replying(HELLO)),
        host="localhost",
        requests=(Request(answer=RIGHT),),
        connections=4,
        settle_seconds=0.05,
        window_seconds=0.22,
    )
    tally = run(load, lambda opens, closes: announced.append((opens, closes)))
    histogram = Histogram.from_hdr(tally.service)
    assert [closes - opens for opens, closes in announced] == [220_000_000]
    assert (tally.engine, tally.failures, tally.reconnects) == ("epoll", (), 0)
    assert tally.seconds == pytest.approx(0.22)
    assert tally.requests == sum(tally.per_bucket) == histogram.count > 0
    assert len(tally.per_bucket) == 5
    assert tally.statuses == {"200": tally.requests}
    assert 0 < tally.mean_in_flight <= 4.001
    assert tally.bytes_received == pytest.approx(tally.requests * len(HELLO), abs=4 * len(HELLO))
    assert tally.cpu_seconds > 0
    assert tally.run_delay_seconds >= 0
    assert histogram.mean is not None
    assert tally.mean_in_flight == pytest.approx(
        tally.requests * histogram.mean / 1e9 / tally.seconds, rel=0.25
    )


CHUNKED = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nTransfer-Encoding: chunked\r\n\r\n"
ODD_BUT_RIGHT = {
    "in two pieces": (replying(HELLO[:30], HELLO[30:]), Request(answer=RIGHT)),
    "body apart": (replying(HELLO[:-5], HELLO[-5:]), Request(answer=RIGHT)),
    "chunked": (replying(CHUNKED + b"5\r\nhello\r\n0\r\n\r\n"), Request(answer=RIGHT)),
    "chunked in pieces": (
        replying(CHUNKED, b"2\r\nhe\r\n", b"3\r\nllo\r\n", b"0\r\n\r\n"),
        Request(answer=RIGHT),
    ),
    "interim": (replying(b"HTTP/1.1 100 Continue\r\n\r\n" + HELLO), Request(answer=RIGHT)),
    "big": (
        replying(b"HTTP/1.1 200 OK\r\nContent-Length: 300000\r\n\r\n" + BIG),
        Request(answer=Answer(body=BIG)),
    ),
    "any body": (replying(HELLO), Request()),
    "head": (replying(HELLO[:-5]), Request(method="HEAD")),
    "no content": (
        replying(b"HTTP/1.1 204 No Content\r\n\r\n"),
        Request(answer=Answer(status=204, body=b"")),
    ),
    "expected error": (
        replying(b"HTTP/1.1 404 No\r\nContent-Length: 0\r\n\r\n"),
        Request(answer=Answer(status=404)),
    ),
}


@pytest.mark.parametrize(("handler", "request_"), ODD_BUT_RIGHT.values(), ids=ODD_BUT_RIGHT)
def test_odd_but_right(
    start: Start, handler: Callable[[socket.socket], None], request_: Request
) -> None:
    tally = ask(start(handler), request_)
    assert tally.failures == ()
    assert tally.requests == sum(tally.per_bucket) > 0
    assert tally.statuses == {str(request_.answer.status): tally.requests}
    assert tally.reconnects == 0


ENDING = {
    "said": replying(HELLO.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"), close=True),
    "not said": replying(HELLO, close=True),
    "close-delimited": replying(
        b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\n", b"hello", close=True
    ),
    "HTTP/1.0": replying(HELLO.replace(b"HTTP/1.1", b"HTTP/1.0"), close=True),
}


@pytest.mark.parametrize("handler", ENDING.values(), ids=ENDING)
def test_a_connection_for_each_request(
    start: Start, handler: Callable[[socket.socket], None]
) -> None:
    tally = ask(start(handler))
    assert tally.failures == ()
    assert tally.requests > 0
    assert tally.reconnects > 0


def test_dates_change_and_are_no_failure(start: Start) -> None:
    def handler(sock: socket.socket) -> None:
        number = 0
        while sock.recv(65536):
            number += 1
            sock.sendall(HELLO.replace(b"\r\n\r\n", b"\r\nDate: %d\r\n\r\n" % (number % 200)))

    tally = ask(start(handler))
    assert tally.failures == ()
    assert tally.requests > 0


FAILING = {
    "status": (
        replying(b"HTTP/1.1 500 No\r\nContent-Length: 12\r\n\r\nServer Error"),
        "status",
        "GET /hi: expected status 200, got 500; body starts 'Server Error'",
    ),
    "header": (
        replying(HELLO.replace(b"plain", b"html")),
        "header",
        "GET /hi: expected header content-type: 'text/plain', got 'text/html'",
    ),
    "body": (
        replying(HELLO.replace(b"hello", b"hallo")),
        "body",
        "GET /hi: expected a body of 5 bytes, got 5; from byte 1 on expected 'ello', got 'allo'",
    ),
    "garbage": (
        replying(b"SSH-2.0-OpenSSH\r\n"),
        "framing",
        "GET /hi: not a status line: 'SSH-2.0-OpenSSH\\r\\n'",
    ),
    "both framings": (
        replying(CHUNKED.replace(b"\r\n\r\n", b"\r\nContent-Length: 5\r\n\r\n")),
        "framing",
        "GET /hi: both a transfer-encoding and a content-length",
    ),
    "too much": (
        replying(HELLO + b"!"),
        "framing",
        "GET /hi: bytes after the end of the response: b'!'",
    ),
    "half": (
        replying(HELLO[:-2], close=True),
        "reset",
        "GET /hi: connection closed after a part of the response",
    ),
    "nothing": (
        replying(close=True),
        "reset",
        "GET /hi: connection closed before any byte of the response",
    ),
}


@pytest.mark.parametrize(("handler", "kind", "sample"), FAILING.values(), ids=FAILING)
def test_a_flood_of_failures_ends_the_run(
    start: Start, handler: Callable[[socket.socket], None], kind: str, sample: str
) -> None:
    tally = ask(start(handler), window=600.0)
    assert [(failure.kind, failure.sample) for failure in tally.failures] == [(kind, sample)]
    assert tally.failures[0].count >= 100
    assert tally.requests == 0
    assert 0 < tally.seconds <= 600
    assert set(tally.statuses) <= {"200", "500"}


def test_failures_among_right_answers(start: Start) -> None:
    def handler(sock: socket.socket) -> None:
        number = 0
        while sock.recv(65536):
            number += 1
            sock.sendall(HELLO.replace(b"hello", b"wrong") if number == 3 else HELLO)

    tally = ask(start(handler), connections=2)
    assert [(failure.kind, failure.count) for failure in tally.failures] == [("body", 2)]
    assert tally.requests > 0


def test_no_answer_is_a_timeout(start: Start) -> None:
    tally = ask(start(replying()), window=0.1, deadline=0.15)
    assert kinds(tally) == {"timeout"}
    assert tally.failures[0].sample == "GET /hi: no complete response within 0.15 s"
    assert tally.requests == 0
    assert tally.mean_in_flight > 0


@pytest.mark.alone
def test_an_answer_after_the_window_is_awaited_and_not_counted(start: Start) -> None:
    def handler(sock: socket.socket) -> None:
        sock.recv(65536)
        sock.settimeout(0.4)
        with pytest.raises(TimeoutError):
            sock.recv(1)
        sock.sendall(HELLO)

    tally = ask(start(handler), window=0.1, settle=0.0)
    assert (tally.requests, tally.failures, tally.statuses) == (0, (), {})
    assert tally.mean_in_flight == pytest.approx(3, rel=0.3)


def test_refused_connections_end_the_run() -> None:
    with socket.create_server(("127.0.0.1", 0)) as unused:
        address = Address("127.0.0.1", unused.getsockname()[1])
    tally = ask(address, connections=1, window=600.0)
    assert kinds(tally) == {"connect"}
    assert tally.failures[0].sample == f"GET /hi: Connection refused by {address}"
    assert tally.requests == 0


def test_a_server_that_dies_under_load() -> None:
    listening = socket.create_server(("127.0.0.1", 0))
    address = Address("127.0.0.1", listening.getsockname()[1])

    def serve_a_few_and_die() -> None:
        sock, _ = listening.accept()
        with sock, listening:
            for _ in range(20):
                sock.recv(65536)
                sock.sendall(HELLO)

    thread = threading.Thread(target=serve_a_few_and_die)
    thread.start()
    tally = ask(address, connections=1, window=600.0)
    thread.join()
    assert "connect" in kinds(tally)
    assert kinds(tally) <= {"connect", "reset"}


def test_a_large_request_is_sent_in_parts(start: Start) -> None:
    body = b"y" * 5_000_000
    seen: list[int] = []

    def handler(sock: socket.socket) -> None:
        while True:
            total = 0
            while total < len(body):
                data = sock.recv(1 << 20)
                if not data:
                    return
                total += len(data.partition(b"\r\n\r\n")[2] if data.startswith(b"POST") else data)
            seen.append(total)
            sock.sendall(HELLO)

    tally = ask(
        start(handler), Request(method="POST", body=body, answer=RIGHT), connections=2, window=0.4
    )
    assert tally.failures == ()
    assert set(seen) == {len(body)}


def test_the_mix_is_the_declared_one(start: Start) -> None:
    asked: Counter[bytes] = Counter()

    def handler(sock: socket.socket) -> None:
        while data := sock.recv(65536):
            path = data.split()[1]
            asked[path] += 1
            sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n" + path)

    requests = tuple(
        Request(path=path, weight=weight, answer=Answer(body=path.encode()))
        for path, weight in (("/a", 3), ("/b", 1), ("/c", 0))
    )
    tally = ask(start(handler), *requests, connections=1)
    assert tally.failures == ()
    assert set(asked) == {b"/a", b"/b"}
    assert abs(asked[b"/a"] - 3 * asked[b"/b"]) <= 4


def test_nothing_is_left_behind(start: Start) -> None:
    address = start(replying(HELLO))
    before = len(list(Path("/proc/self/fd").iterdir()))
    assert gc.isenabled()
    ask(address)
    assert gc.isenabled()
    assert gc.get_freeze_count() == 0
    # The server's side of a connection ends in its own time; ours may not be there at all.
    assert len(list(Path("/proc/self/fd").iterdir())) <= before + 3


@pytest.mark.parametrize(("connections", "window"), [(0, 0.1), (1, 0.0)])
def test_a_load_that_cannot_be_run(connections: int, window: float) -> None:
    with pytest.raises(UsageError, match="a load needs"):
        ask(Address("127.0.0.1", 1), connections=connections, window=window)


def test_a_load_without_weight() -> None:
    with pytest.raises(UsageError, match="a load needs"):
        ask(Address("127.0.0.1", 1), Request(weight=0))


@pytest.mark.parametrize("close", [False, True])
@pytest.mark.parametrize("several", [False, True])
def test_a_limit_is_kept_exactly_and_ends_the_run(start: Start, close: bool, several: bool) -> None:
    seen: list[int] = []

    def handler(sock: socket.socket) -> None:
        while sock.recv(65536):
            seen.append(1)
            sock.sendall(
                HELLO.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n") if close else HELLO
            )
            if close:
                return

    requests = (Request(path="/a", answer=RIGHT), Request(path="/b", answer=RIGHT))[: 1 + several]
    load = Load(
        address=start(handler),
        host="localhost",
        requests=requests,
        connections=7,
        settle_seconds=0.0,
        window_seconds=60.0,
        limit=200,
    )
    tally = run(load, lambda opens, closes: None)
    assert (
        tally.requests
        == tally.total_requests
        == len(seen)
        == sum(tally.per_request.values())
        == 200
    )
    assert tally.attempts == 200
    assert tally.seconds < 30
    assert sum(tally.per_bucket) == 200


@pytest.mark.alone
def test_progress_is_told_once_a_second(start: Start) -> None:
    told: list[tuple[float, int, int]] = []
    load = Load(
        address=start(replying(HELLO)),
        host="localhost",
        requests=(Request(answer=RIGHT),),
        connections=2,
        settle_seconds=0.0,
        window_seconds=2.3,
    )
    tally = run(load, lambda opens, closes: None, lambda *seen: told.append(seen))
    assert [round(seconds) for seconds, _, _ in told] == [1, 2]
    assert 0 < told[0][1] < told[1][1] <= tally.requests
    assert told[1][2] == 0


def test_phases_add_up(start: Start) -> None:
    def handler(sock: socket.socket) -> None:
        while sock.recv(65536):
            sock.sendall(HELLO[:-2])
            threading.Event().wait(0.02)
            sock.sendall(HELLO[-2:])

    tally = ask(start(handler))
    assert tally.failures == ()
    counts = {name: Histogram.from_hdr(text) for name, text in tally.phases.items()}
    assert {counts[name].count for name in ("sending", "waiting", "receiving")} == {tally.requests}
    assert (counts["receiving"].min or 0) >= 0.015e9
    assert sum(Histogram.from_hdr(part).count for part in tally.slices) == tally.requests


def test_without_keep_alive_each_request_has_a_connection_of_its_own(start: Start) -> None:
    asked: list[int] = []

    def handler(sock: socket.socket) -> None:
        count = 0
        while sock.recv(65536):
            sock.sendall(HELLO)
            count += 1
        asked.append(count)

    load = Load(
        address=start(handler),
        host="localhost",
        requests=(Request(answer=RIGHT),),
        connections=3,
        settle_seconds=0.0,
        window_seconds=0.2,
        keep_alive=False,
    )
    tally = run(load, lambda opens, closes: None)
    assert not tally.failures
    assert tally.requests > 3
    assert set(asked) == {1}

"""A lost request is a failure; a connection closed while it was idle is not, on both engines."""

from __future__ import annotations

import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Literal

import pytest
from tests.load.conftest import Listener

from whichworker.load import engines
from whichworker.load.native import engine as native
from whichworker.model import Address, Answer, Load, Pace, Request, Stage, Tally

Ending = Callable[[socket.socket], None]
Engine = Literal["epoll", "native"]

HELLO = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"
RESET_ON_CLOSE = struct.pack("ii", 1, 0)
LIMIT, CONNECTIONS = 40, 4
built = pytest.mark.skipif(not native.available(), reason=native.missing_reason())
ENGINES = pytest.mark.parametrize("engine", ["epoll", pytest.param("native", marks=built)])
METHODS = pytest.mark.parametrize("method", ["GET", "POST"])


class Server:
    """Gives the first response of each connection; `losing` gets the next request, whole."""

    def __init__(self, losing: Ending) -> None:
        self.received = self.answered = self.lost = 0
        self._losing = losing
        self._lock = threading.Lock()

    def __call__(self, sock: socket.socket) -> None:
        self._count("received", sock.recv(65536))
        self._count("answered", HELLO)
        sock.sendall(HELLO)
        waiting = sock.recv(65536, socket.MSG_PEEK)
        self._count("lost", waiting)
        if waiting:
            self._losing(sock)

    def _count(self, name: str, data: bytes) -> None:
        with self._lock:
            setattr(self, name, getattr(self, name) + bool(data))


WORK_SECONDS = 0.03
"""Longer than an end that crosses a request."""


def hang_up(sock: socket.socket) -> None:
    """As a worker ends that has read the request."""
    sock.recv(65536)


def reset(sock: socket.socket) -> None:
    """As a worker is killed in the middle of the work."""
    sock.recv(65536)
    time.sleep(WORK_SECONDS)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_ON_CLOSE)


def leave_late(sock: socket.socket) -> None:
    """As a worker ends in its work on something else, with a request in its queue."""
    time.sleep(WORK_SECONDS)


def close_for_writing(sock: socket.socket) -> None:
    """As a server ends its responses and still reads."""
    sock.shutdown(socket.SHUT_WR)
    sock.recv(65536)
    sock.recv(65536)


def close_with_the_response(sock: socket.socket) -> None:
    """The end arrives in one segment with the response, so the next request is always too late."""
    sock.recv(65536)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_CORK, 1)
    sock.sendall(HELLO)


def dawdle(sock: socket.socket) -> None:
    """As a server without keep-alive that says nothing of it, and is not quick to close."""
    sock.recv(65536)
    sock.sendall(HELLO)
    time.sleep(WORK_SECONDS)


def load(
    address: Address, engine: Engine, method: str, pace: Pace | None = None, keep_alive: bool = True
) -> Tally:
    return engines.run(
        Load(
            address=address,
            host="localhost",
            requests=(
                Request(
                    method=method,
                    path="/order",
                    body=b"item=1" if method == "POST" else b"",
                    answer=Answer(status=200, body=b"hello"),
                ),
            ),
            connections=CONNECTIONS,
            limit=LIMIT,
            settle_seconds=0.0,
            window_seconds=30.0,
            engine=engine,
            pace=pace,
            keep_alive=keep_alive,
        ),
        lambda opens, closes: None,
    )


@pytest.fixture(params=["tcp", "unix"])
def serve(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Callable[[Server], Address]]:
    listeners: list[Listener] = []

    def begin(server: Server) -> Address:
        sock = None
        if request.param == "unix":
            sock = socket.socket(socket.AF_UNIX)
            sock.bind(str(tmp_path / "socket"))
            sock.listen(128)
        listeners.append(Listener(server, sock))
        return listeners[-1].address

    yield begin
    for listener in listeners:
        listener.close()


@ENGINES
@METHODS
@pytest.mark.parametrize("losing", [hang_up, reset, leave_late, close_for_writing])
def test_a_request_that_had_arrived_is_lost_and_never_sent_again(
    serve: Callable[[Server], Address], engine: Engine, method: str, losing: Ending
) -> None:
    server = Server(losing)
    address = serve(server)
    tally = load(address, engine, method)
    if losing is leave_late and address.path and method == "GET":
        # A Unix socket says that nobody read it, and it is safe.
        assert (tally.requests, tally.failures) == (LIMIT, ())
        return
    assert tally.attempts == LIMIT
    assert server.answered + server.lost == LIMIT
    assert tally.requests == server.answered
    assert server.lost >= LIMIT // 4
    assert {failure.kind: failure.count for failure in tally.failures} == {"reset": server.lost}


@ENGINES
@METHODS
def test_a_request_that_met_a_closed_connection_is_sent_on_another(
    start: Callable[[Ending], Address], engine: Engine, method: str
) -> None:
    tally = load(start(close_with_the_response), engine, method)
    assert (tally.requests, tally.failures) == (LIMIT, ())
    assert tally.reconnects >= LIMIT - CONNECTIONS


@ENGINES
@METHODS
@pytest.mark.parametrize("pace", [None, Pace(stages=(Stage(10.0, 200.0, 200.0),))])
def test_a_load_without_keep_alive_sends_nothing_on_a_used_connection(
    start: Callable[[Ending], Address], engine: Engine, method: str, pace: Pace | None
) -> None:
    tally = load(start(dawdle), engine, method, pace, keep_alive=False)
    assert (tally.requests, tally.failures) == (LIMIT, ())
    assert load(start(dawdle), engine, method, pace).failures

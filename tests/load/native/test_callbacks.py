"""After a callback has raised, the engine calls no other one: an exception is set meanwhile."""

from __future__ import annotations

import os
import socket
from array import array
from collections.abc import Callable, Iterator
from pathlib import Path
from time import monotonic_ns
from typing import TYPE_CHECKING, Any

import pytest

from whichworker.load.native import engine as native

if TYPE_CHECKING:
    from whichworker.load._native import Engine

pytestmark = pytest.mark.skipif(not native.available(), reason=native.missing_reason())

SECOND = 1_000_000_000
MANY = 8  # connections that fail at the same moment
WIRE = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"

Raised = list[str]


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    """Its kernel makes connections, and nobody responds."""
    with socket.create_server(("127.0.0.1", 0), backlog=128) as listening:
        yield listening


def engine_of(raised: Raised, port: int = 1, path: bytes = b"", **more: Any) -> Engine:
    """An engine whose callbacks note the call and raise; `fail` only if `fatal` is in its text."""
    from whichworker.load import _native

    fatal = more.pop("fatal", "")

    def fail(kind: str, number: int, text: str, seen: bytes) -> None:
        if fatal in text:
            raised.append(text)
            raise ZeroDivisionError(len(raised))

    def judge(number: int, head: bytes, body: bytes | None) -> bool:
        raised.append("judge")
        raise ZeroDivisionError(len(raised))

    now = monotonic_ns()
    words: dict[str, Any] = {
        "host": "127.0.0.1",
        "port": port,
        "path": path,
        "address": "there",
        "connections": MANY,
        "begins": now,
        "opens": now,
        "closes": now + 60 * SECOND,
        "stagger": 0,
        "deadline": SECOND // 10,
        "limit": -1,
        "flood": -1,
        "memory": 1 << 20,
        "backlog": -1,
        "spin": False,
        "stamps": False,
        "timerfd": False,
        "slices": False,
        "keep_alive": True,
        "ends": -1,
        "judge": judge,
        "fail": fail,
    }
    engine = _native.Engine(**words | more)
    engine.add_request(WIRE, False, 200, None, (), False, False, 60, -1)
    return engine


def turn_until_raised(engine: Engine) -> None:
    try:
        with pytest.raises(ZeroDivisionError, match=r"^1$"):
            engine.turn(monotonic_ns() + 10 * SECOND)
    finally:
        engine.close()


def test_deadlines_of_many_connections(listener: socket.socket) -> None:
    raised: Raised = []
    turn_until_raised(engine_of(raised, listener.getsockname()[1]))
    assert raised == ["no complete response within 0.1 s"]


@pytest.mark.parametrize("backlog", [-1, 100])
def test_refusals_of_many_connections(tmp_path: Path, backlog: int) -> None:
    path = os.fsencode(tmp_path / "socket")
    with socket.socket(socket.AF_UNIX) as bound:
        bound.bind(path)
    raised: Raised = []
    engine = engine_of(raised, path=path, backlog=backlog)
    engine.feed(array("q", [monotonic_ns()] * MANY).tobytes(), True)
    turn_until_raised(engine)
    assert raised == ["Connection refused by there"]


def test_arrivals_that_found_no_connection(listener: socket.socket) -> None:
    raised: Raised = []
    now = monotonic_ns()
    engine = engine_of(
        raised,
        listener.getsockname()[1],
        connections=1,
        backlog=100,
        closes=now + SECOND // 10,
        fatal="no free connection",
    )
    engine.feed(array("q", [now] * MANY).tobytes(), False)
    turn_until_raised(engine)
    assert raised == ["no free connection within 0.1 s after the window"]


def test_bytes_on_idle_connections(listener: socket.socket) -> None:
    raised: Raised = []
    engine = engine_of(raised, listener.getsockname()[1], slices=True)
    peers = []
    for _ in range(MANY):
        ours = socket.create_connection(listener.getsockname())
        peers.append(listener.accept()[0])
        peers[-1].sendall(b"surprise")
        engine.adopt(ours.detach())
    try:
        with pytest.raises(ZeroDivisionError, match=r"^1$"):
            engine.look()
        assert raised == ["bytes that belong to no request"]
        with pytest.raises(OSError, match="interrupted"):
            engine.look()
        assert len(raised) == 1
    finally:
        engine.close()
        for peer in peers:
            peer.close()


def test_responses_of_many_connections(start: Callable[..., Any]) -> None:
    def respond(sock: socket.socket) -> None:
        while sock.recv(65536):
            sock.sendall(b"HTTP/1.1 404 No\r\nContent-Length: 0\r\n\r\n")

    raised: Raised = []
    turn_until_raised(engine_of(raised, start(respond).port, deadline=10 * SECOND))
    assert raised == ["judge"]

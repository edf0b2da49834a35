"""Requests as bytes, one answer fetched, and the judgement of an answer."""

from __future__ import annotations

import socket
from collections.abc import Callable

import pytest

from whichworker.errors import UsageError
from whichworker.load.http1 import FramingError, Response, encode_request, fetch, judge_answer
from whichworker.model import Address, Answer, Request

Start = Callable[[Callable[[socket.socket], None]], Address]


def test_get() -> None:
    wire = encode_request(Request(path="/a?b=1", headers=(("Accept", "*/*"),)), "example.test")
    assert wire == b"GET /a?b=1 HTTP/1.1\r\nHost: example.test\r\nAccept: */*\r\n\r\n"


def test_body() -> None:
    wire = encode_request(Request(method="POST", path="/", body=b"\x00\xff"), "h")
    assert wire == b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\n\x00\xff"


def test_post_without_a_body_says_so() -> None:
    assert b"Content-Length: 0\r\n" in encode_request(Request(method="POST"), "h")


@pytest.mark.parametrize(
    ("request_", "host"),
    [
        (Request(path="/a\r\nX: y"), "h"),
        (Request(path="/a b"), "h"),
        (Request(path="a"), "h"),
        (Request(path="/é"), "h"),
        (Request(method="GET /x"), "h"),
        (Request(method="CONNECT"), "h"),
        (Request(headers=(("X", "a\nb"),)), "h"),
        (Request(headers=(("X", "a\rb"),)), "h"),
        (Request(headers=(("X: y", "a"),)), "h"),
        (Request(headers=(("X", "€"),)), "h"),
        (Request(headers=(("Content-Length", "5"),)), "h"),
        (Request(headers=(("transfer-encoding", "chunked"),)), "h"),
        (Request(), "h\r\nX: y"),
    ],
)
def test_refused_requests(request_: Request, host: str) -> None:
    with pytest.raises(UsageError):
        encode_request(request_, host)


def test_fetch(start: Start) -> None:
    asked = []

    def answer(sock: socket.socket) -> None:
        asked.append(sock.recv(1000))
        sock.sendall(b"HTTP/1.1 200 OK\r\n\r\nhel")
        sock.sendall(b"lo")

    response = fetch(start(answer), Request(path="/x"), "h", 10)
    assert (response.status, response.body) == (200, b"hello")
    assert asked == [b"GET /x HTTP/1.1\r\nHost: h\r\n\r\n"]


def test_fetch_garbage(start: Start) -> None:
    def greet(sock: socket.socket) -> None:
        sock.recv(1000)
        sock.sendall(b"SSH-2.0")

    with pytest.raises(FramingError):
        fetch(start(greet), Request(), "h", 10)


def test_fetch_of_no_answer(start: Start) -> None:
    def hang_up(sock: socket.socket) -> None:
        sock.recv(1000)

    with pytest.raises(FramingError, match="closed"):
        fetch(start(hang_up), Request(), "h", 10)


def test_fetch_times_out(start: Start) -> None:
    def say_nothing(sock: socket.socket) -> None:
        while sock.recv(1000):
            pass

    with pytest.raises(TimeoutError):
        fetch(start(say_nothing), Request(), "h", 0.05)


def response(status: int = 200, body: bytes = b"hello") -> Response:
    return Response(status=status, headers=(("content-type", "text/plain"), ("x", "1")), body=body, framing="length", keep_alive=True)


@pytest.mark.parametrize(
    ("answer", "seen", "expected"),
    [
        (Answer(), response(), None),
        (Answer(headers=(("Content-Type", "text/plain"),), body=b"hello"), response(), None),
        (Answer(), response(500, b"Server Error"), ("status", "expected status 200, got 500; body starts 'Server Error'")),
        (Answer(headers=(("X", "2"),)), response(), ("header", "expected header X: '2', got '1'")),
        (Answer(headers=(("Y", "2"),)), response(), ("header", "expected header Y: '2', got none")),
        (
            Answer(body=b"help"),
            response(),
            ("body", "expected a body of 4 bytes, got 5; from byte 3 on expected 'p', got 'lo'"),
        ),
        (Answer(body=b"hello!"), response(), ("body", "expected a body of 6 bytes, got 5; from byte 5 on expected '!', got ''")),
    ],
)
def test_judgement(answer: Answer, seen: Response, expected: tuple[str, str] | None) -> None:
    assert judge_answer(answer, seen) == expected

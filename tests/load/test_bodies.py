"""Bodies are compared as they arrive, with the verdicts of bodies that are kept; both engines."""

from __future__ import annotations

import gc
import hashlib
import socket
import sys
from collections.abc import Callable
from itertools import pairwise
from typing import Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from whichworker.load import engines
from whichworker.load.allowance import Allowance
from whichworker.load.framing import FramingError, Response, ResponseParser, parse_head
from whichworker.load.http1 import SAMPLE_CHARACTERS, judge_request
from whichworker.load.mix import Ask
from whichworker.load.native import engine as native
from whichworker.model import Address, Answer, Check, Load, Request

Handler = Callable[[socket.socket], None]
Start = Callable[[Handler], Address]
Engine = Literal["epoll", "native"]
Verdict = tuple[tuple[str, str] | None, list[tuple[str, str]]] | str

built = pytest.mark.skipif(not native.available(), reason=native.missing_reason())
ENGINES = pytest.mark.parametrize("engine", ["epoll", pytest.param("native", marks=built)])

# JSON, with line ends, a zero and no UTF-8 in it; longer than a sample.
EXPECTED = b'{"n": 7, "text": "' + b"abcdefghij\\r\\n" * 20 + b'", "end": "caf\xc3\xa9"}\n'
LONG = 3 * 1024 * 1024
MEMORY = 256 * 1024
"""A small part of LONG, and room for one read and a header block."""


def changed(body: bytes, at: int) -> bytes:
    return body[:at] + bytes([body[at] ^ 1]) + body[at + 1 :]


BODIES = {
    "right": EXPECTED,
    "wrong at the start": changed(EXPECTED, 0),
    "wrong in the middle": changed(EXPECTED, len(EXPECTED) // 2),
    "wrong at the end": changed(EXPECTED, len(EXPECTED) - 1),
    "too short": EXPECTED[:-1],
    "much too short": EXPECTED[:5],
    "empty": b"",
    "too long": EXPECTED + b"!",
    "twice": EXPECTED * 2,
    "something else": b"Internal Server Error",
}
ANSWERS = {
    "body": Answer(body=EXPECTED),
    "empty body": Answer(body=b""),
    "status and body": Answer(status=201, body=EXPECTED),
    "header": Answer(body=EXPECTED, headers=(("x-name", "Bert"),)),
    "contains": Answer(body=EXPECTED, contains=(b"caf", b"nowhere")),
    "JSON": Answer(body=EXPECTED, json=(("n", "7"), ("end", '"café"'))),
    "other JSON": Answer(body=EXPECTED, json=(("n", "8"),)),
    "digest": Answer(body=EXPECTED, sha256=hashlib.sha256(EXPECTED).hexdigest()),
    "JSON alone": Answer(json=(("n", "7"),)),
    "nothing": Answer(status=None),
    "status": Answer(status=200),
    "other status": Answer(status=201),
}
CHECKS = {
    "none": (),
    "status": (Check(name="s", answer=Answer(status=404)),),
    "text": (Check(name="t", answer=Answer(contains=(b"abc",))),),
    "body": (Check(name="b", answer=Answer(body=EXPECTED[:5])),),
}


def framed(body: bytes, framing: str, sizes: list[int]) -> bytes:
    """A response with this body; `sizes` are of its chunks, and the last has the rest."""
    head = b"HTTP/1.1 200 OK\r\nX-Name: Ann\r\n"
    if framing == "length":
        return head + b"Content-Length: %d\r\n\r\n" % len(body) + body
    if framing == "close":
        return head + b"\r\n" + body
    wire, left = head + b"Transfer-Encoding: chunked\r\n\r\n", body
    for size in [*sizes, len(body)]:
        piece, left = left[:size], left[size:]
        wire += b"%x\r\n%b\r\n" % (len(piece), piece) if piece else b""
    return wire + b"0\r\n\r\n"


def cut(data: bytes, cuts: list[int]) -> list[bytes]:
    edges = sorted({min(place, len(data)) for place in cuts} | {0, len(data)})
    return [data[begin:end] for begin, end in pairwise(edges)]


def kept_verdict(request: Request, wire: bytes) -> Verdict:
    """The verdict on a response that came at once and was kept whole."""
    return verdict_of(request, ResponseParser(request.method), [wire])


def verdict_of(request: Request, parser: ResponseParser, pieces: list[bytes]) -> Verdict:
    try:
        for piece in pieces:
            parser.feed(piece)
        response = parser.finish()
    except FramingError as error:
        return str(error)
    return judge_request(request, response)


def compared_verdict(request: Request, pieces: list[bytes]) -> Verdict:
    ask, allowance = Ask(request, b""), Allowance(MEMORY)
    whole = allowance.left
    parser = ResponseParser(
        request.method,
        expected=request.answer.body or b"",
        kept=ask.kept,
        allowance=allowance,
    )
    verdict = verdict_of(request, parser, pieces)
    parser.release()
    assert allowance.left == whole, "all memory is given back"
    return verdict


def native_verdict(request: Request, pieces: list[bytes]) -> Verdict:
    from whichworker.load import _native

    parser = _native.Parser(
        request.method == "HEAD", expected=request.answer.body or b"", kept=Ask(request, b"").kept
    )
    for piece in pieces:
        parser.feed(piece)
    state = parser.finish()
    if state != "done":
        return state
    _, block, body, _, _, _ = parser.response()
    head = parse_head(block, request.method)
    response = Response(
        status=head.status,
        headers=head.headers,
        body=body,
        framing=head.framing,
        keep_alive=head.keep_alive,
    )
    return judge_request(request, response)


responses = given(
    body=st.sampled_from(sorted(BODIES)),
    noise=st.none() | st.tuples(st.integers(0, len(EXPECTED)), st.binary(max_size=5)),
    answer=st.sampled_from(sorted(ANSWERS)),
    checks=st.sampled_from(sorted(CHECKS)),
    framing=st.sampled_from(["length", "chunked", "close"]),
    method=st.sampled_from(["GET", "GET", "GET", "HEAD"]),
    sizes=st.lists(st.integers(1, 200), max_size=4),
    missing=st.sampled_from([0, 0, 0, 1, 40]),
    cuts=st.lists(st.integers(0, 2 * len(EXPECTED) + 150), max_size=8),
)


def drawn(
    body: str,
    noise: tuple[int, bytes] | None,
    answer: str,
    checks: str,
    framing: str,
    method: str,
    sizes: list[int],
    missing: int,
    cuts: list[int],
) -> tuple[Request, bytes, list[bytes]]:
    """A request, a response to it, and its pieces; the last `missing` bytes do not come."""
    content = BODIES[body]
    if noise is not None:
        content = content[: noise[0]] + noise[1] + content[noise[0] + 1 :]
    wire = framed(content, framing, sizes)
    if method == "HEAD":
        wire = wire[: wire.find(b"\r\n\r\n") + 4]
    wire = wire[: len(wire) - missing]
    return (
        Request(method=method, answer=ANSWERS[answer], checks=CHECKS[checks]),
        wire,
        cut(wire, cuts),
    )


@responses
def test_verdicts_are_those_of_kept_bodies(**case: Any) -> None:
    request, wire, pieces = drawn(**case)
    assert compared_verdict(request, pieces) == kept_verdict(request, wire)


@built
@responses
def test_verdicts_are_those_of_kept_bodies_in_c(**case: Any) -> None:
    request, wire, pieces = drawn(**case)
    kept = kept_verdict(request, wire)
    if isinstance(kept, str):  # the texts of framing errors are not those of the one in Python
        kept = "truncated"
    assert native_verdict(request, pieces) == kept


def pieces_of(wire: bytes) -> list[bytes]:
    return [wire[at : at + 65536] for at in range(0, len(wire), 65536)]


CASES = pytest.mark.parametrize(
    ("body", "expected", "kept", "fits"),
    [
        (b"x" * LONG, b"x" * LONG, LONG, True),
        (b"x" * LONG, b"x" * (LONG - 1) + b"y", LONG, True),
        (b"x" * LONG, b"x" * (LONG - 1), LONG, True),
        (b"x" * LONG, b"y" + b"x" * (LONG - 1), LONG, False),
        (b"x" * LONG, b"", SAMPLE_CHARACTERS, True),
        (b"x" * LONG, b"", LONG, False),
    ],
    ids=["right", "wrong at the end", "too long", "wrong at the start", "not needed", "unknown"],
)


@CASES
def test_what_is_kept_in_python(body: bytes, expected: bytes, kept: int, fits: bool) -> None:
    allowance = Allowance(MEMORY)
    parser = ResponseParser("GET", expected=expected, kept=kept, allowance=allowance)
    pieces = pieces_of(framed(body, "length", []))
    if fits:
        response = [parser.feed(piece) for piece in pieces][-1]
        assert response is not None
        assert response.body == body[: kept if not expected else None]
    else:
        with pytest.raises(MemoryError):
            for piece in pieces:
                parser.feed(piece)
    parser.release()
    assert allowance.left == MEMORY


@built
@CASES
def test_what_is_kept_in_c(body: bytes, expected: bytes, kept: int, fits: bool) -> None:
    from whichworker.load import _native

    parser = _native.Parser(expected=expected, kept=kept, memory=MEMORY)
    state = [parser.feed(piece) for piece in pieces_of(framed(body, "length", []))][-1]
    assert state == ("done" if fits else "no memory")
    if fits:
        assert parser.response()[2] == body[: kept if not expected else None]


def test_an_expected_body_is_not_copied() -> None:
    parser = ResponseParser("GET", expected=EXPECTED)
    response = parser.feed(framed(EXPECTED, "length", []))
    assert response is not None
    assert response.body is EXPECTED


@pytest.mark.parametrize("framing", ["length", "chunked", "close"])
def test_a_parser_leaves_nothing_to_collect(framing: str) -> None:
    expected = bytes(bytearray(EXPECTED))
    before = sys.getrefcount(expected)
    gc.disable()  # as during a load
    try:
        parser = ResponseParser("GET", expected=expected)
        parser.feed(framed(EXPECTED[:-1], framing, [9]))
        parser.finish()
        del parser
        assert sys.getrefcount(expected) == before
    finally:
        gc.enable()


def load_of(address: Address, engine: Engine, request: Request, **more: Any) -> Load:
    words: dict[str, Any] = {"connections": 2, "limit": 12, "window_seconds": 30.0} | more
    return Load(
        address=address,
        host="localhost",
        requests=(request,),
        settle_seconds=0.0,
        engine=engine,
        flood=None,
        **words,
    )


def in_turn(*wires: bytes) -> Handler:
    """Each connection gets the responses in turn, in two pieces; one without a length ends it."""

    def handler(sock: socket.socket) -> None:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        number = 0
        while sock.recv(65536):
            wire = wires[number % len(wires)]
            number += 1
            sock.sendall(wire[:100])
            sock.sendall(wire[100:])
            if b"Content-Length" not in wire and b"chunked" not in wire:
                return

    return handler


@ENGINES
@pytest.mark.parametrize("framing", ["length", "chunked", "close"])
@pytest.mark.parametrize("name", sorted(BODIES))
def test_a_load_judges_them_so(start: Start, engine: Engine, framing: str, name: str) -> None:
    wire = framed(BODIES[name], framing, [7, 100])
    for answer in ("body", "header", "JSON", "other status", "status"):
        request = Request(path="/x", answer=ANSWERS[answer])
        kept = kept_verdict(request, wire)
        assert not isinstance(kept, str)
        tally = engines.run(
            load_of(start(in_turn(wire)), engine, request), lambda opens, closes: None
        )
        failures = [(failure.kind, failure.sample) for failure in tally.failures]
        if kept[0] is None:
            assert failures == []
            assert tally.requests == 12
        else:
            assert failures == [(kept[0][0], f"GET /x: {kept[0][1]}")]
            assert tally.requests == 0


@ENGINES
def test_right_and_wrong_in_turn(start: Start, engine: Engine) -> None:
    """What one response left behind does not change the verdict on the next."""
    names = ("right", "too long", "right", "wrong in the middle", "right", "too short")
    wires = [framed(BODIES[name], "length", []) for name in names]
    request = Request(answer=replace(ANSWERS["JSON"], headers=(("x-name", "Ann"),)))
    tally = engines.run(
        load_of(start(in_turn(*wires)), engine, request, connections=1), lambda opens, closes: None
    )
    assert tally.requests == 6
    assert [(failure.kind, failure.count) for failure in tally.failures] == [("body", 6)]

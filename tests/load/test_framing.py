"""The response parser: tables, every split, and bytes nobody planned for."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from whichworker.load.framing import (
    HEAD_LIMIT_BYTES,
    FramingError,
    Response,
    ResponseParser,
    TruncatedError,
    parse_head,
)

OK = b"HTTP/1.1 200 OK\r\n"
GIVEN = [  # name, method, bytes, status, body, framing, keep alive
    ("length", "GET", OK + b"Content-Length: 5\r\n\r\nhello", 200, b"hello", "length", True),
    ("length zero", "GET", OK + b"Content-Length: 0\r\n\r\n", 200, b"", "length", True),
    (
        "same length twice",
        "GET",
        OK + b"Content-Length: 2\r\ncontent-length: 2\r\n\r\nhi",
        200,
        b"hi",
        "length",
        True,
    ),
    (
        "no reason",
        "GET",
        b"HTTP/1.1 404\r\nContent-Length: 2\r\n\r\nno",
        404,
        b"no",
        "length",
        True,
    ),
    (
        "close",
        "GET",
        OK + b"Connection: close\r\nContent-Length: 2\r\n\r\nhi",
        200,
        b"hi",
        "length",
        False,
    ),
    (
        "close among tokens",
        "GET",
        OK + b"Connection: a, Close\r\nContent-Length: 2\r\n\r\nhi",
        200,
        b"hi",
        "length",
        False,
    ),
    ("1.0", "GET", b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nhi", 200, b"hi", "length", False),
    (
        "1.0 kept alive",
        "GET",
        b"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 2\r\n\r\nhi",
        200,
        b"hi",
        "length",
        True,
    ),
    (
        "chunked",
        "GET",
        OK + b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
        200,
        b"hello",
        "chunked",
        True,
    ),
    (
        "chunks, extension, trailer",
        "GET",
        OK
        + b"Transfer-Encoding: Chunked\r\n\r\n3;a=b\r\nhel\r\n02 \r\nlo\r\n0\r\nX-Sum: 1\r\n\r\n",
        200,
        b"hello",
        "chunked",
        True,
    ),
    (
        "chunk of line ends",
        "GET",
        OK + b"Transfer-Encoding: chunked\r\n\r\n4\r\n\r\n\r\n\r\n0\r\n\r\n",
        200,
        b"\r\n\r\n",
        "chunked",
        True,
    ),
    ("head", "HEAD", OK + b"Content-Length: 5\r\n\r\n", 200, b"", "none", True),
    ("204", "GET", b"HTTP/1.1 204 No Content\r\n\r\n", 204, b"", "none", True),
    (
        "304",
        "GET",
        b"HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n",
        304,
        b"",
        "none",
        True,
    ),
    (
        "interim",
        "GET",
        b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n"
        + OK
        + b"Content-Length: 2\r\n\r\nhi",
        200,
        b"hi",
        "length",
        True,
    ),
]

REFUSED = [
    ("garbage", b"hello there"),
    ("wrong version", b"HTTP/2.0 200 OK\r\n\r\n"),
    ("wrong minor version", b"HTTP/1.2 200 OK\r\n\r\n"),
    ("status of two digits", b"HTTP/1.1 20 OK\r\n\r\n"),
    ("status 600", b"HTTP/1.1 600 No\r\n\r\n"),
    ("no header name", OK + b": x\r\n\r\n"),
    ("space before the colon", OK + b"Content-Length : 2\r\n\r\nhi"),
    ("folded header", OK + b"X: a\r\n b\r\nContent-Length: 2\r\n\r\nhi"),
    ("bare line feed", OK + b"X: a\nContent-Length: 2\r\n\r\nhi"),
    ("bare carriage return", OK + b"X: a\rb\r\n\r\n"),
    ("null byte", OK + b"X: a\0b\r\n\r\n"),
    ("both framings", OK + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
    ("two lengths", OK + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello"),
    ("two lengths in one", OK + b"Content-Length: 5, 6\r\n\r\nhello"),
    ("negative length", OK + b"Content-Length: -5\r\n\r\nhello"),
    ("signed length", OK + b"Content-Length: +5\r\n\r\nhello"),
    ("empty length", OK + b"Content-Length:\r\n\r\nhello"),
    (
        "length with digits of another script",
        OK + "Content-Length: \u00b2\r\n\r\nhi".encode("latin-1"),
    ),
    ("length above the limit", OK + b"Content-Length: 999999999999\r\n\r\n"),
    ("length of twenty digits", OK + b"Content-Length: 99999999999999999999\r\n\r\n"),
    ("unknown coding", OK + b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n"),
    (
        "chunked twice",
        OK + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    ),
    ("chunked in 1.0", b"HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
    ("chunk size is no number", OK + b"Transfer-Encoding: chunked\r\n\r\nxyz\r\n"),
    ("chunk size with a prefix", OK + b"Transfer-Encoding: chunked\r\n\r\n0x5\r\nhello\r\n"),
    ("chunk size empty", OK + b"Transfer-Encoding: chunked\r\n\r\n\r\n"),
    ("chunk longer than its size", OK + b"Transfer-Encoding: chunked\r\n\r\n3\r\nhello\r\n"),
    ("chunk above the limit", OK + b"Transfer-Encoding: chunked\r\n\r\nfffffffff\r\n"),
    ("endless chunk line", OK + b"Transfer-Encoding: chunked\r\n\r\n1;" + b"a" * 5000),
    ("bad trailer", OK + b"Transfer-Encoding: chunked\r\n\r\n0\r\nno trailer\r\n\r\n"),
    ("endless trailers", OK + b"Transfer-Encoding: chunked\r\n\r\n0\r\n" + b"a: b\r\n" * 20000),
    ("endless header", OK + b"a: b\r\n" * 20000),
    ("endless status line", b"HTTP/1.1 200 " + b"a" * (HEAD_LIMIT_BYTES + 1)),
    ("switching protocols", b"HTTP/1.1 101 Switching Protocols\r\n\r\n"),
    ("endless interim answers", b"HTTP/1.1 100 Continue\r\n\r\n" * 17),
]


@pytest.mark.parametrize(
    ("method", "data", "status", "body", "framing", "keep_alive"),
    [c[1:] for c in GIVEN],
    ids=[c[0] for c in GIVEN],
)
def test_answers_at_every_split(
    method: str, data: bytes, status: int, body: bytes, framing: str, keep_alive: bool
) -> None:
    for at in range(1, len(data)):
        parser = ResponseParser(method)
        assert parser.feed(data[:at]) is None, data[:at]
        response = parser.feed(data[at:])
        assert response is not None
        assert (response.status, response.body, response.framing, response.keep_alive) == (
            status,
            body,
            framing,
            keep_alive,
        )
        assert parser.leftover == b""
        assert parser.finish() is response


@pytest.mark.parametrize(
    ("method", "data"), [(case[1], case[2]) for case in GIVEN], ids=[case[0] for case in GIVEN]
)
def test_byte_by_byte_and_left_over(method: str, data: bytes) -> None:
    parser = ResponseParser(method)
    seen = [parser.feed(data[at : at + 1]) for at in range(len(data))]
    assert seen[:-1] == [None] * (len(data) - 1)
    assert seen[-1] is not None
    again = ResponseParser(method)
    assert again.feed(data + b"more") == seen[-1]
    assert again.leftover == b"more"


@pytest.mark.parametrize("data", [case[1] for case in REFUSED], ids=[case[0] for case in REFUSED])
def test_refused(data: bytes) -> None:
    with pytest.raises(FramingError):
        ResponseParser("GET").feed(data)
    parser = ResponseParser("GET")
    with pytest.raises(FramingError):
        for at in range(len(data)):
            parser.feed(data[at : at + 1])


def test_close_delimited() -> None:
    parser = ResponseParser("GET")
    assert parser.feed(OK + b"\r\nhel") is None
    assert parser.feed(b"lo") is None
    response = parser.finish()
    assert (response.body, response.framing, response.keep_alive) == (b"hello", "close", False)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"HTTP/1.1 2",
        OK + b"Content-Length: 5\r\n\r\nhel",
        OK + b"Transfer-Encoding: chunked\r\n\r\n5\r\nh",
    ],
)
def test_truncated(data: bytes) -> None:
    parser = ResponseParser("GET")
    assert parser.feed(data) is None
    with pytest.raises(TruncatedError, match="closed in the middle"):
        parser.finish()


@pytest.mark.parametrize(
    "data",
    [
        b"Content-Length: 6\r\n\r\n",
        b"\r\nsixsix",
        b"Transfer-Encoding: chunked\r\n\r\n3\r\nsix\r\n3\r\n",
    ],
)
def test_body_limit(data: bytes) -> None:
    with pytest.raises(FramingError, match="body above 5 bytes"):
        ResponseParser("GET", body_limit=5).feed(OK + data)


def test_header_names_are_lowered_and_values_kept() -> None:
    head = parse_head(OK + b"X-Name: \t Caf\xe9 \r\nx-name: 2", "GET")
    assert head.headers == (("x-name", "Café"), ("x-name", "2"))


TOKENS = st.text("abcdefgXYZ-_09", min_size=1, max_size=12).map(lambda text: "X" + text)
VALUE_LETTERS = [chr(code) for code in (*range(0x20, 0x7F), *range(0x80, 0x100))]
# Only blanks and tabs are trimmed from a value; str.strip() would remove the no-break space too.
VALUES = st.text(VALUE_LETTERS, max_size=20).map(lambda text: text.strip(" \t"))


def feed_in_pieces(parser: ResponseParser, data: bytes, cuts: list[int]) -> Response | None:
    edges = sorted({min(cut, len(data)) for cut in cuts} | {0, len(data)})
    response = None
    for begin, end in pairwise(edges):
        response = parser.feed(data[begin:end])
    return response


@given(
    status=st.integers(200, 599).filter(lambda status: status not in (204, 304)),
    headers=st.lists(st.tuples(TOKENS, VALUES), max_size=4),
    pieces=st.lists(st.binary(min_size=1, max_size=40), max_size=4),
    chunked=st.booleans(),
    cuts=st.lists(st.integers(0, 400), max_size=6),
)
def test_round_trip(
    status: int, headers: list[tuple[str, str]], pieces: list[bytes], chunked: bool, cuts: list[int]
) -> None:
    body = b"".join(pieces)
    framing = ("Transfer-Encoding", "chunked") if chunked else ("Content-Length", str(len(body)))
    lines = [
        f"HTTP/1.1 {status} Because",
        *(f"{name}: {value}" for name, value in [*headers, framing]),
        "",
        "",
    ]
    wire = (
        b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces) + b"0\r\n\r\n"
        if chunked
        else body
    )
    response = feed_in_pieces(
        ResponseParser("GET"), "\r\n".join(lines).encode("latin-1") + wire, cuts
    )
    assert response is not None
    assert (response.status, response.body, response.keep_alive) == (status, body, True)
    assert response.headers[:-1] == tuple((name.lower(), value) for name, value in headers)


@given(
    base=st.sampled_from([b"", *(case[2] for case in GIVEN), *(case[1][:200] for case in REFUSED)]),
    at=st.integers(0, 200),
    noise=st.binary(max_size=60),
    gone=st.integers(0, 8),
    method=st.sampled_from(["GET", "HEAD"]),
    cuts=st.lists(st.integers(0, 260), max_size=5),
)
def test_any_bytes_raise_framing_errors_only(
    base: bytes, at: int, noise: bytes, gone: int, method: str, cuts: list[int]
) -> None:
    data = base[:at] + noise + base[at + gone :]
    parser = ResponseParser(method)
    try:
        feed_in_pieces(parser, data, cuts)
        parser.finish()
    except FramingError:
        pass

"""Requests as bytes, one answer fetched, and the judgement of an answer."""

from __future__ import annotations

import hashlib
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import pytest
import trustme
from hypothesis import given
from hypothesis import strategies as st

from whichworker.errors import UsageError
from whichworker.load.http1 import (
    FramingError,
    Response,
    encode_request,
    family_of,
    fetch,
    find_json,
    judge_answer,
    judge_request,
)
from whichworker.load.tls import tls_context
from whichworker.model import Address, Answer, Check, Request, Tls

Start = Callable[[Callable[[socket.socket], None]], Address]


def test_get() -> None:
    wire = encode_request(Request(path="/a?b=1", headers=(("Accept", "*/*"),)), "example.test")
    assert wire == b"GET /a?b=1 HTTP/1.1\r\nHost: example.test\r\nAccept: */*\r\n\r\n"


def test_body() -> None:
    wire = encode_request(Request(method="POST", path="/", body=b"\x00\xff"), "h")
    assert wire == b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\n\x00\xff"


def test_a_request_has_its_own_host_or_that_of_the_load() -> None:
    named = Request(headers=(("Accept", "*/*"), ("HOST", "shop.example:8443")))
    assert (
        encode_request(named, "127.0.0.1:8000")
        == b"GET / HTTP/1.1\r\nHost: shop.example:8443\r\nAccept: */*\r\n\r\n"
    )


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
        (Request(headers=(("Host", "a"), ("host", "b"))), "h"),
        (Request(headers=(("Host", "a\r\nX: y"),)), "h"),
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


@pytest.mark.parametrize(
    ("address", "family"),
    [
        (Address("127.0.0.1", 80), socket.AF_INET),
        (Address("::1", 80), socket.AF_INET6),
        (Address("", 0, "/run/app.sock"), socket.AF_UNIX),
    ],
)
def test_families(address: Address, family: socket.AddressFamily) -> None:
    assert family_of(address) == family


def test_fetch_over_a_unix_socket(tmp_path: Path) -> None:
    path = str(tmp_path / "s")
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listening:
        listening.bind(path)
        listening.listen()

        def serve() -> None:
            accepted, _ = listening.accept()
            with accepted:
                accepted.sendall(
                    b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n" + accepted.recv(1000)[4:8]
                )

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            assert (
                fetch(Address("", 0, path), Request(path="/abc"), "localhost", 10).body == b"/abc"
            )
        finally:
            thread.join()


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A certificate for 127.0.0.1 and shop.example, with its authority behind it, and its key."""
    folder = tmp_path_factory.mktemp("certificate")
    authority = trustme.CA()
    issued = authority.issue_cert("shop.example", "127.0.0.1")
    cert, key = folder / "cert.pem", folder / "key.pem"
    cert.write_bytes(issued.cert_chain_pems[0].bytes() + authority.cert_pem.bytes())
    key.write_bytes(issued.private_key_pem.bytes())
    return cert, key


class Encrypted:
    """A server behind TLS and what it was asked."""

    def __init__(self, start: Start, certificate: tuple[Path, Path]) -> None:
        self.asked: list[tuple[str | None, bytes]] = []
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(*certificate)
        self._context.set_alpn_protocols(["h2", "http/1.1"])
        self.address = start(self._serve)

    def _serve(self, sock: socket.socket) -> None:
        with self._context.wrap_socket(sock, server_side=True) as encrypted:
            self.asked.append((encrypted.selected_alpn_protocol(), encrypted.recv(1000)))
            encrypted.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi")


@pytest.fixture
def encrypted(start: Start, certificate: tuple[Path, Path]) -> Iterator[Encrypted]:
    """A server with that certificate; its contexts are forgotten afterwards."""
    yield Encrypted(start, certificate)
    tls_context.cache_clear()


@pytest.mark.parametrize("name", ["127.0.0.1", "shop.example"])
def test_fetch_over_tls(encrypted: Encrypted, certificate: tuple[Path, Path], name: str) -> None:
    tls = Tls(server_name=name, ca_file=str(certificate[0]))
    assert fetch(encrypted.address, Request(path="/x"), name, 10, tls).body == b"hi"
    assert encrypted.asked == [("http/1.1", f"GET /x HTTP/1.1\r\nHost: {name}\r\n\r\n".encode())]


def test_fetch_of_anyone_when_told_so(encrypted: Encrypted) -> None:
    assert (
        fetch(
            encrypted.address,
            Request(),
            "h",
            10,
            Tls(server_name="elsewhere.example", verify=False),
        ).status
        == 200
    )


@pytest.mark.parametrize(("name", "own"), [("shop.example", False), ("elsewhere.example", True)])
def test_fetch_of_a_stranger(
    encrypted: Encrypted, certificate: tuple[Path, Path], name: str, *, own: bool
) -> None:
    tls = Tls(server_name=name, ca_file=str(certificate[0]) if own else "")
    with pytest.raises(ssl.SSLCertVerificationError):
        fetch(encrypted.address, Request(), name, 10, tls)
    assert not encrypted.asked


def test_fetch_over_tls_where_none_is_spoken(start: Start) -> None:
    def answer(sock: socket.socket) -> None:
        sock.recv(1000)
        sock.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")

    with pytest.raises(ssl.SSLError):
        fetch(start(answer), Request(), "h", 10, Tls(server_name="h", verify=False))


def test_fetch_times_out_in_the_handshake(start: Start) -> None:
    def say_nothing(sock: socket.socket) -> None:
        while sock.recv(1000):
            pass

    with pytest.raises(TimeoutError):
        fetch(start(say_nothing), Request(), "h", 0.05, Tls(server_name="h", verify=False))


def test_contexts() -> None:
    checked, unchecked = (
        tls_context(Tls(server_name="h")),
        tls_context(Tls(server_name="h", verify=False)),
    )
    assert (checked.verify_mode, checked.check_hostname) == (ssl.CERT_REQUIRED, True)
    assert (unchecked.verify_mode, unchecked.check_hostname) == (ssl.CERT_NONE, False)
    assert tls_context(Tls(server_name="h")) is checked


def test_authorities_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot be read: No such file or directory") as caught:
        tls_context(Tls(server_name="h", ca_file=str(tmp_path / "none.pem")))
    assert "PEM" in caught.value.hint
    for text in (
        "",
        "no certificate",
        "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
    ):
        (tmp_path / "ca.pem").write_text(text, encoding="ascii")
        with pytest.raises(UsageError, match="no certificate in it"):
            tls_context(Tls(server_name="h", ca_file=str(tmp_path / "ca.pem")))


def response(status: int = 200, body: bytes = b"hello") -> Response:
    return Response(
        status=status,
        headers=(("content-type", "text/plain"), ("x", "1")),
        body=body,
        framing="length",
        keep_alive=True,
    )


@pytest.mark.parametrize(
    ("answer", "seen", "expected"),
    [
        (Answer(), response(), None),
        (Answer(headers=(("Content-Type", "text/plain"),), body=b"hello"), response(), None),
        (
            Answer(),
            response(500, b"Server Error"),
            ("status", "expected status 200, got 500; body starts 'Server Error'"),
        ),
        (Answer(headers=(("X", "2"),)), response(), ("header", "expected header X: '2', got '1'")),
        (Answer(headers=(("Y", "2"),)), response(), ("header", "expected header Y: '2', got none")),
        (
            Answer(body=b"help"),
            response(),
            ("body", "expected a body of 4 bytes, got 5; from byte 3 on expected 'p', got 'lo'"),
        ),
        (
            Answer(body=b"hello!"),
            response(),
            ("body", "expected a body of 6 bytes, got 5; from byte 5 on expected '!', got ''"),
        ),
    ],
)
def test_judgement(answer: Answer, seen: Response, expected: tuple[str, str] | None) -> None:
    assert judge_answer(answer, seen) == expected


TREE = (
    b'{"count": 3, "items": [{"name": "apple", "price": 1.50}, []], '
    b'"0": {"yes": true, "none": null}}'
)
DIGEST = hashlib.sha256(b"hello").hexdigest()
ZEROS = "0" * 64


@pytest.mark.parametrize(
    ("answer", "body", "text"),
    [
        (Answer(contains=(b"ell", b"o")), b"hello", None),
        (
            Answer(contains=(b"ell", b"x")),
            b"hello",
            "expected a body that contains 'x', got 5 bytes that start 'hello'",
        ),
        (Answer(contains=(b"x",)), b"", "expected a body that contains 'x', got an empty body"),
        (Answer(sha256=DIGEST), b"hello", None),
        (Answer(sha256=DIGEST.upper()), b"hello", None),
        (
            Answer(sha256=ZEROS),
            b"hello",
            f"expected a body with SHA-256 {ZEROS}, got {DIGEST} of 5 bytes that start 'hello'",
        ),
        (Answer(json=(("count", "3"), ("items.0.name", '"apple"'))), TREE, None),
        (Answer(json=(("count", "3.0"), ("items.0.price", "1.5"))), TREE, None),
        (Answer(json=(("0.yes", "true"), ("0.none", "null"), ("items.1", "[]"))), TREE, None),
        (Answer(json=(("items.0", '{"price": 15e-1, "name": "apple"}'),)), TREE, None),
        (Answer(json=(("count", "4"),)), TREE, "expected 4 at count, got 3"),
        (Answer(json=(("count", '"3"'),)), TREE, 'expected "3" at count, got 3'),
        (Answer(json=(("0.yes", "1"),)), TREE, "expected 1 at 0.yes, got true"),
        (Answer(json=(("count", "true"),)), b'{"count": 1}', "expected true at count, got 1"),
        (Answer(json=(("a", "[1]"),)), b'{"a": [true]}', "expected [1] at a, got [true]"),
        (Answer(json=(("a", "[]"),)), b'{"a": {}}', "expected [] at a, got {}"),
        (Answer(json=(("0.none.x", "1"),)), TREE, "expected 1 at 0.none.x, got no 'x' in null"),
        (
            Answer(json=(("items.2", "1"),)),
            b'{"items": [1, 2]}',
            "expected 1 at items.2, got no '2' in [1,2]",
        ),
        (
            Answer(json=(("items.-1", "1"),)),
            b'{"items": [1]}',
            "expected 1 at items.-1, got no '-1' in [1]",
        ),
        (
            Answer(json=(("items.²", "1"),)),
            b'{"items": [1]}',
            "expected 1 at items.², got no '²' in [1]",
        ),
        (
            Answer(json=(("a", "1"),)),
            b"<html>",
            "expected 1 at a, got no JSON but 6 bytes that start '<html>'",
        ),
        (
            Answer(json=(("a", "1"),)),
            b'"\xff"',
            "expected 1 at a, got no JSON but 3 bytes that start '\"�\"'",
        ),
        (
            Answer(json=(("a", "1"),)),
            b'"' + b"x" * 99 + b'"',
            f"""expected 1 at a, got no 'a' in "{"x" * 59}…""",
        ),
    ],
)
def test_judgement_of_bodies(answer: Answer, body: bytes, text: str | None) -> None:
    assert judge_answer(answer, response(body=body)) == (None if text is None else ("body", text))


def test_any_status_is_right() -> None:
    assert judge_answer(Answer(status=None), response(599)) is None
    assert judge_answer(Answer(status=None, body=b"x"), response(599)) is not None


@given(st.binary() | st.integers(1, 5000).map(lambda depth: b"[" * depth + b"]" * depth), st.text())
def test_any_body_is_searched_or_refused(body: bytes, path: str) -> None:
    try:
        found = find_json(body, path)
    except LookupError as error:
        assert error.args[0]
    else:
        assert msgspec.json.encode(found) in msgspec.json.encode(msgspec.json.decode(body))


SMALL = Check(name="small", answer=Answer(status=None, body=b"hi"))
POLITE = Check(name="polite", answer=Answer(status=None, contains=(b"please",)))
PLAIN = Check(name="plain", answer=Answer(status=None, headers=(("Content-Type", "text/plain"),)))
NOT_SMALL = "expected a body of 2 bytes, got 5; from byte 1 on expected 'i', got 'ello'"
NOT_POLITE = "expected a body that contains 'please', got 5 bytes that start 'hello'"


@pytest.mark.parametrize(
    ("request_", "verdict", "failed"),
    [
        (Request(), None, []),
        (Request(checks=(PLAIN,)), None, []),
        (Request(checks=(PLAIN, SMALL)), ("check", f"small: {NOT_SMALL}"), [("small", NOT_SMALL)]),
        (
            Request(checks=(POLITE, PLAIN, SMALL)),
            ("check", f"polite: {NOT_POLITE}"),
            [("polite", NOT_POLITE), ("small", NOT_SMALL)],
        ),
        (
            Request(answer=Answer(status=201), checks=(PLAIN, SMALL)),
            ("status", "expected status 201, got 200; body starts 'hello'"),
            [("small", NOT_SMALL)],
        ),
    ],
)
def test_judgement_of_requests(
    request_: Request, verdict: tuple[str, str] | None, failed: list[tuple[str, str]]
) -> None:
    assert judge_request(request_, response()) == (verdict, failed)

"""Sessions, encrypted connections and local sockets: the careful path of the engine."""

from __future__ import annotations

import contextlib
import itertools
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import trustme

from whichworker.load.epoll.engine import run
from whichworker.model import (
    Address,
    Answer,
    Capture,
    Check,
    Load,
    Pace,
    Request,
    Session,
    Stage,
    Step,
    Tally,
    Tls,
)
from whichworker.model.histogram import Histogram

Start = Callable[[Callable[[socket.socket], None]], Address]

HELLO = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"
FORM = (("Content-Type", "application/x-www-form-urlencoded"),)


def answer(status: str, body: bytes = b"", *headers: str) -> bytes:
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *headers]
    return "\r\n".join([*lines, "", ""]).encode() + body


def read_request(sock: socket.socket, held: bytes = b"") -> bytes:
    while b"\r\n\r\n" not in held:
        data = sock.recv(65536)
        if not data:
            return b""
        held += data
    head, _, body = held.partition(b"\r\n\r\n")
    length = next(
        (
            int(line.split(b":")[1])
            for line in head.split(b"\r\n")
            if line.lower().startswith(b"content-length")
        ),
        0,
    )
    while len(body) < length:
        body += sock.recv(65536)
    return head + b"\r\n\r\n" + body


class Site:
    """A login behind a one-time token, a cookie that opens the list."""

    def __init__(self, *, refuse: bool = False) -> None:
        self.refuse = refuse
        self.numbers = itertools.count(1)
        self.seen: list[bytes] = []
        self.lock = threading.Lock()

    def __call__(self, sock: socket.socket) -> None:
        while request := read_request(sock):
            with self.lock:
                self.seen.append(request)
            sock.sendall(self.reply(request))

    def reply(self, request: bytes) -> bytes:
        if request.startswith(b"GET /login"):
            fresh = f"t{next(self.numbers)}"
            return answer(
                "200 OK",
                f'<input name="token" value="{fresh}">'.encode(),
                f"Set-Cookie: csrf={fresh}; Path=/",
            )
        if request.startswith(b"POST /login"):
            body = request.rpartition(b"\r\n\r\n")[2]
            token = body.partition(b"token=")[2]
            if self.refuse or b"Cookie: csrf=" + token not in request:
                return answer("403 Forbidden", b"no")
            return answer("302 Found", b"", "Set-Cookie: session=open; Path=/", "Location: /list")
        if b"session=open" in request:
            return answer("200 OK", b'{"count": 3}', "Content-Type: application/json")
        return answer("401 Unauthorized", b"who?")


def login(think: float = 0.0) -> Session:
    page = Request(path="/login", answer=Answer(contains=(b"token",)), name="login page")
    post = Request(
        method="POST",
        path="/login",
        headers=FORM,
        body=b"user=me&token=${token}",
        answer=Answer(status=302),
        name="log in",
    )
    count = Check(name="three rows", answer=Answer(status=None, json=(("count", "3"),)))
    rows = Request(path="/list", checks=(count,), name="list")
    return Session(
        name="visitor",
        steps=(
            Step(
                request=page,
                captures=(Capture(name="token", source="regex", key='value="([^"]+)"'),),
            ),
            Step(request=post, think_seconds=think),
            Step(request=rows),
        ),
    )


def visit(
    address: Address,
    session: Session,
    *,
    limit: int | None = None,
    window: float = 0.3,
    pace: Pace | None = None,
    users: int = 3,
) -> Tally:
    load = Load(
        address=address,
        host="localhost",
        requests=(),
        sessions=(session,),
        connections=users,
        settle_seconds=0.0,
        window_seconds=window,
        limit=limit,
        flood=None,
        pace=pace,
    )
    return run(load, lambda opens, closes: None)


def test_users_log_in_with_their_own_tokens_and_cookies(start: Start) -> None:
    site = Site()
    tally = visit(start(site), login(), limit=20, window=30)
    assert tally.failures == ()
    assert tally.iterations == 20
    assert tally.requests == 60
    assert tally.per_request == {"login page": 20, "log in": 20, "list": 20}
    assert tally.statuses == {"200": 40, "302": 20}
    assert [(check.name, check.passes, check.fails) for check in tally.checks] == [
        ("three rows", 20, 0)
    ]
    assert tally.iteration is not None
    assert Histogram.from_hdr(tally.iteration).count == 20
    # Every iteration begins with an empty jar.
    assert not [
        request
        for request in site.seen
        if request.startswith(b"GET /login") and b"Cookie" in request
    ]


def test_a_refused_login_fails_loudly_and_ends_the_iteration(start: Start) -> None:
    site = Site(refuse=True)
    tally = visit(start(site), login(), limit=5, window=30)
    assert [(failure.kind, failure.count) for failure in tally.failures] == [("status", 5)]
    assert "log in: expected status 302, got 403" in tally.failures[0].sample
    assert tally.iterations == 0
    assert not [request for request in site.seen if request.startswith(b"GET /list")]


def test_a_value_that_is_not_there_is_a_failure(start: Start) -> None:
    def handler(sock: socket.socket) -> None:
        while read_request(sock):
            sock.sendall(answer("200 OK", b"no token here"))

    session = login()
    page = Step(request=Request(path="/login"), captures=session.steps[0].captures)
    tally = visit(
        start(handler), Session(name="s", steps=(page, *session.steps[1:])), limit=2, window=30
    )
    assert [(failure.kind, failure.count) for failure in tally.failures] == [("capture", 2)]


def test_failed_checks_are_counted_by_name(start: Start) -> None:
    checks = tuple(
        Check(name=name, answer=Answer(contains=(text,)))
        for name, text in (("greets", b"hello"), ("parts", b"bye"))
    )
    session = Session(name="s", steps=(Step(request=Request(checks=checks)),))

    def handler(sock: socket.socket) -> None:
        while read_request(sock):
            sock.sendall(HELLO)

    tally = visit(start(handler), session, limit=4, window=30)
    assert [(check.name, check.passes, check.fails) for check in tally.checks] == [
        ("greets", 4, 0),
        ("parts", 0, 4),
    ]
    assert [(failure.kind, failure.count) for failure in tally.failures] == [("check", 4)]
    assert "parts" in tally.checks[1].sample or "bye" in tally.checks[1].sample


@pytest.mark.alone
def test_users_think(start: Start) -> None:
    tally = visit(start(Site()), login(think=0.1), limit=6, window=30)
    assert tally.iterations == 6
    assert tally.iteration is not None
    assert (Histogram.from_hdr(tally.iteration).min or 0) >= 0.09e9
    assert (Histogram.from_hdr(tally.service).max or 0) < 0.1e9 * 5


def test_sessions_arrive_at_a_pace(start: Start) -> None:
    pace = Pace(stages=(Stage(0.5, 40.0, 40.0),))
    tally = visit(start(Site()), login(), window=0.5, pace=pace, users=10)
    assert tally.failures == ()
    assert tally.scheduled == tally.iterations == 20
    assert tally.total_requests == 60
    assert tally.response is not None


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def encrypted(start: Start, authority: trustme.CA) -> Address:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("localhost").configure_cert(context)

    def handler(sock: socket.socket) -> None:
        with contextlib.suppress(OSError), context.wrap_socket(sock.dup(), server_side=True) as tls:
            while tls.recv(65536):
                tls.sendall(HELLO)

    return start(handler)


@pytest.fixture
def ca_file(authority: trustme.CA, tmp_path: Path) -> str:
    path = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(str(path))
    return str(path)


def encrypt(address: Address, tls: Tls, *, paced: bool = False) -> Tally:
    pace = Pace(stages=(Stage(0.3, 200.0, 200.0),)) if paced else None
    load = Load(
        address=address,
        host="localhost",
        requests=(Request(answer=Answer(body=b"hello")),),
        connections=3,
        settle_seconds=0.0,
        window_seconds=0.3,
        tls=tls,
        pace=pace,
        deadline_seconds=2.0,
    )
    return run(load, lambda opens, closes: None)


@pytest.mark.parametrize("paced", [False, True])
def test_tls_with_an_authority_of_ones_own(encrypted: Address, ca_file: str, paced: bool) -> None:
    tally = encrypt(encrypted, Tls(server_name="localhost", ca_file=ca_file), paced=paced)
    assert tally.failures == ()
    assert tally.requests > 20
    assert 1 <= Histogram.from_hdr(tally.phases["tls"]).count <= 3
    assert 1 <= Histogram.from_hdr(tally.phases["connecting"]).count <= 3


@pytest.mark.parametrize(
    ("name", "trusted", "verify", "kinds"),
    [
        ("localhost", False, True, ["tls"]),
        ("other.test", True, True, ["tls"]),
        ("other.test", False, False, []),
    ],
)
def test_certificates_are_verified_unless_told(
    encrypted: Address, ca_file: str, name: str, trusted: bool, verify: bool, kinds: list[str]
) -> None:
    tally = encrypt(
        encrypted, Tls(server_name=name, ca_file=ca_file if trusted else "", verify=verify)
    )
    assert [failure.kind for failure in tally.failures] == kinds
    assert bool(tally.requests) == (not kinds)


def test_no_tls_spoken_there(start: Start) -> None:
    def handler(sock: socket.socket) -> None:
        sock.recv(65536)
        sock.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")

    tally = encrypt(start(handler), Tls(server_name="localhost", verify=False))
    assert [failure.kind for failure in tally.failures] == ["tls"]


@contextlib.contextmanager
def listening(
    family: socket.AddressFamily, where: str | tuple[str, int]
) -> Iterator[socket.socket]:
    with socket.socket(family) as listener:
        listener.bind(where)
        listener.listen(16)
        threads: list[threading.Thread] = []

        def serve(sock: socket.socket) -> None:
            with sock, contextlib.suppress(OSError):
                while sock.recv(65536):
                    sock.sendall(HELLO)

        def accept() -> None:
            with contextlib.suppress(OSError):
                while True:
                    threads.append(threading.Thread(target=serve, args=(listener.accept()[0],)))
                    threads[-1].start()

        acceptor = threading.Thread(target=accept)
        acceptor.start()
        try:
            yield listener
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            acceptor.join()
            for thread in threads:
                thread.join()


@pytest.mark.parametrize("paced", [False, True])
def test_unix_sockets(tmp_path: Path, paced: bool) -> None:
    path = str(tmp_path / "app.sock")
    with listening(socket.AF_UNIX, path):
        tally = local(Address("", 0, path), paced=paced)
    assert tally.failures == ()
    assert tally.requests > 20


def test_ipv6() -> None:
    with listening(socket.AF_INET6, ("::1", 0)) as listener:
        tally = local(Address("::1", listener.getsockname()[1]))
    assert tally.failures == ()
    assert tally.requests > 20


def local(address: Address, *, paced: bool = False) -> Tally:
    pace = Pace(stages=(Stage(0.2, 200.0, 200.0),)) if paced else None
    load = Load(
        address=address,
        host="localhost",
        requests=(Request(),),
        connections=2,
        settle_seconds=0.0,
        window_seconds=0.2,
        pace=pace,
    )
    return run(load, lambda opens, closes: None)

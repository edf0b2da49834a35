"""The upstream's server over real sockets: same bytes, in order, after the delay, bounded."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.resources import files
from pathlib import Path

import pytest
from tests.conftest import missing

from whichworker.environments import interpreters
from whichworker.environments.installer import uv_path
from whichworker.errors import UsageError
from whichworker.services.upstream import Upstream

FOLDER = Path(str(files("whichworker.samples") / "upstream"))
COUNTRIES = json.loads((FOLDER / "countries.json").read_text(encoding="utf-8"))


@contextmanager
def serving(python: str) -> Iterator[int]:
    """The port of a server run by this interpreter."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        number: int = probe.getsockname()[1]
    with subprocess.Popen([python, "-B", str(FOLDER / "server.py"), f"127.0.0.1:{number}"]) as run:
        try:
            deadline = time.monotonic() + 20
            while Upstream(number).complaint(Path("/")) and time.monotonic() < deadline:
                time.sleep(0.02)
            yield number
        finally:
            run.kill()


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    """A server of this module's own."""
    with serving(sys.executable) as number:
        yield number


def talk(port: int, sent: bytes) -> bytes:
    """Everything that comes back until the server closes."""
    with socket.create_connection(("127.0.0.1", port), timeout=10) as client:
        client.sendall(sent)
        found = b""
        while piece := client.recv(65536):
            found += piece
        return found


def get(target: str, *fields: str, version: str = "1.1", close: bool = True) -> bytes:
    lines = [
        f"GET {target} HTTP/{version}",
        "Host: upstream",
        *fields,
        *(["Connection: close"] if close else []),
        "",
        "",
    ]
    return "\r\n".join(lines).encode()


def status(answer: bytes) -> int:
    return int(answer.split(b" ", 2)[1])


def test_there_are_253_countries_in_the_order_of_their_codes() -> None:
    codes = [row["code"] for row in COUNTRIES]
    assert len(set(codes)) == len(codes) == 253
    assert codes == sorted(codes)
    assert all(
        set(row) == {"code", "name"} and len(row["code"]) == 2 and row["name"] for row in COUNTRIES
    )


@pytest.mark.parametrize("number", [0, 7, 252])
def test_a_country_is_the_same_bytes_each_time(port: int, number: int) -> None:
    body = json.dumps({"number": number, **COUNTRIES[number]}).encode()
    head = (
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n"
    ).encode()
    assert (
        talk(port, get(f"/countries/{number}"))
        == talk(port, get(f"/countries/{number}?delay=0.001"))
        == head + body
    )


def test_requests_sent_ahead_are_answered_in_their_order(port: int) -> None:
    sent = (
        get("/countries/1?delay=0.05", close=False)
        + get("/countries/2", close=False)
        + get("/countries/3?delay=0.01")
    )
    answers = talk(port, sent)
    places = [answers.index(f'"number": {number},'.encode()) for number in (1, 2, 3)]
    assert places == sorted(places)
    assert answers.count(b"HTTP/1.1 200") == 3


def test_a_request_in_pieces_is_one_request(port: int) -> None:
    with socket.create_connection(("127.0.0.1", port), timeout=10) as client:
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for byte in get("/countries/9"):
            client.sendall(bytes([byte]))
        assert b'"number": 9' in client.makefile("rb").read()


def test_it_never_answers_before_the_delay_is_over(port: int) -> None:
    began = time.monotonic()
    assert status(talk(port, get("/countries/5?delay=0.3"))) == 200
    assert time.monotonic() - began >= 0.3


@pytest.mark.parametrize(
    ("sent", "expected"),
    [
        (get("/countries/253"), 404),
        (get("/countries/-1"), 404),
        (get("/countries/007"), 404),
        (get("/"), 404),
        (get("/countries/1?delay=31"), 400),
        (get("/countries/1?delay=nan"), 400),
        (get("/countries/1?delay=-1"), 400),
        (get("/countries/1?other=1"), 400),
        (get("/countries/1").replace(b"GET", b"POST"), 405),
        (get("/countries/1", "Content-Length: 5") + b"hello", 400),
        (get("/countries/1", "Transfer-Encoding: chunked") + b"0\r\n\r\n", 400),
        (get("/countries/1", "Content-Length: 0"), 200),
        (get("/countries/1", version="1.0", close=False), 200),
        (b"hello\r\n\r\n", 400),
        (b"GET /" + b"x" * 9000 + b" HTTP/1.1\r\n\r\n", 431),
        (b"GET / HTTP/1.1\r\n" + b"x" * 9000, 431),
    ],
)
def test_what_it_does_not_do_it_says(port: int, sent: bytes, expected: int) -> None:
    assert status(talk(port, sent)) == expected


def test_a_connection_is_kept_and_a_client_that_leaves_costs_nothing(port: int) -> None:
    with socket.create_connection(("127.0.0.1", port), timeout=10) as client:
        for _ in range(3):
            client.sendall(get("/countries/1", close=False))
            assert client.recv(4096).startswith(b"HTTP/1.1 200")
        client.sendall(get("/countries/1?delay=30", close=False))
    assert status(talk(port, get("/countries/1"))) == 200


def test_many_requests_ahead_are_all_answered(port: int) -> None:
    count = 5000
    answers = talk(port, get("/countries/1", close=False) * count + get("/countries/2"))
    assert answers.count(b"HTTP/1.1 200 OK") == count + 1


def test_it_counts_what_it_served_and_how_late_it_was(port: int) -> None:
    before = Upstream(port).stats()
    talk(port, get("/countries/1?delay=0.02"))
    after = Upstream(port).stats()
    assert after.requests == before.requests + 1
    assert len(after.lag_counts) == len(after.lag_edges_seconds) + 1
    assert sum(after.lag_counts) > sum(before.lag_counts)
    assert after.cpu_seconds >= before.cpu_seconds > 0
    assert after.lag_maximum_seconds > 0


@pytest.mark.parametrize("version", ["3.6", "3.7", "3.8", "3.10", "3.12", "3.13"])
def test_any_interpreter_will_do(version: str) -> None:
    try:
        python = interpreters.find(version, uv_path())
    except UsageError:
        if version in ("3.12", "3.13"):
            missing(f"no Python {version} here")
        pytest.skip(f"no Python {version} here, and none of that age can be expected")
    with serving(python) as old:
        sent = (
            get("/countries/1", close=False) * 2000
            + get("/countries/2?delay=0.01", close=False)
            + get("/countries/3")
        )
        assert talk(old, sent).count(b"HTTP/1.1 200 OK") == 2002

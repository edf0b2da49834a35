"""Twelve large responses at once, by `whichworker load`: what the generator keeps of them."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.load.conftest import Listener

from whichworker.load.native import engine as native

BODY = b"abcdefghij" * 6_000_000
CONNECTIONS = 12
PIECE = 50_000_000  # bytes of each response that are in flight before any is complete
MEGABYTE = 1_000_000
WHOLE_MB = CONNECTIONS * len(BODY) // MEGABYTE  # 720 MB: what was kept once
INVALID = 3
built = pytest.mark.skipif(not native.available(), reason=native.missing_reason())
pytestmark = pytest.mark.alone  # 12 × 60 MB, and the bounds on time are for one load
ENGINES = pytest.mark.parametrize("engine", ["epoll", pytest.param("native", marks=built)])


class Server:
    """Sends most of twelve responses, and the rest only when all are there, or one has failed."""

    def __init__(self) -> None:
        self._begun = 0
        self._lock = threading.Lock()
        self._complete = threading.Event()

    def __call__(self, sock: socket.socket) -> None:
        try:
            while sock.recv(65536):
                sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(BODY))
                sock.sendall(memoryview(BODY)[:PIECE])
                with self._lock:
                    self._begun += 1
                    if self._begun > CONNECTIONS:  # one of them has only looked
                        self._complete.set()
                while self._begun > 1 and not self._complete.wait(0.1):
                    if _has_left(sock):
                        return
                sock.sendall(memoryview(BODY)[PIECE:])
        finally:
            if self._begun > 1:
                self._complete.set()


def _has_left(sock: socket.socket) -> bool:
    """Whether the client has closed its connection, as it does after a failure."""
    try:
        return not sock.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT)
    except BlockingIOError:
        return False
    except OSError:
        return True


@pytest.fixture
def url() -> Iterator[str]:
    listener = Listener(Server())
    yield f"http://{listener.address}/"
    listener.close()


def loaded(folder: Path, *words: str) -> tuple[int, dict[str, Any]]:
    """The exit status and the result of `whichworker load`."""
    path = folder / "result.json"
    counts = ["--connections", str(CONNECTIONS), "--requests", str(CONNECTIONS)]
    bounds = ["--time", "60s", "--deadline", "60s", "--json", str(path)]
    done = subprocess.run(
        [sys.executable, "-m", "whichworker", "load", *words, *counts, *bounds],
        capture_output=True,
        text=True,
        check=False,
        timeout=150,
    )
    assert path.exists(), done.stderr
    return done.returncode, json.loads(path.read_text(encoding="utf-8"))


@ENGINES
def test_bodies_without_a_condition(url: str, engine: str, tmp_path: Path) -> None:
    _, result = loaded(tmp_path, url, "--engine", engine)
    assert (result["requests"], result["errors"]) == (CONNECTIONS, {})
    assert result["memory_bytes"] < 120 * MEGABYTE


@pytest.mark.slow  # a file of 60 MB is read as TOML
@ENGINES
def test_bodies_that_are_expected(url: str, engine: str, tmp_path: Path) -> None:
    """The expected one is there a few times: in the task, as it is read, and for the engine."""
    path = tmp_path / "large.toml"
    lines = [f'url = "{url}"', "[[request]]", 'path = "/"', f'expect = "body={BODY.decode()}"']
    path.write_text("\n".join(lines), encoding="utf-8")
    _, result = loaded(tmp_path, str(path), "--engine", engine)
    assert (result["requests"], result["errors"]) == (CONNECTIONS, {})
    assert result["memory_bytes"] < 400 * MEGABYTE < WHOLE_MB * MEGABYTE


@ENGINES
def test_bodies_that_nobody_knows(url: str, engine: str, tmp_path: Path) -> None:
    status, result = loaded(tmp_path, url, "--engine", engine, "--expect", "contains=abc")
    assert status == INVALID
    assert result["validity"]["state"] == "invalid"
    assert (
        "no memory is left for responses: use fewer connections"
        in (result["validity"]["reasons"][0])
    )
    assert set(result["errors"]) == {"exhausted"}
    assert result["memory_bytes"] < 680 * MEGABYTE < WHOLE_MB * MEGABYTE

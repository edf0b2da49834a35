"""Loads of servers that drop requests, know their name, or compress: cases of the table here."""

from __future__ import annotations

import gzip
import json
import subprocess
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from tests.cases.command import run, written
from tests.load.conftest import Listener
from tests.load.test_lost import ENGINES, LIMIT, METHODS, Server, reset

PAGE = b"<h1>Welcome to the shop</h1>"
INVALID = 3
"""The exit code of a load with failures on a busy machine, too."""


class Site(BaseHTTPRequestHandler):
    """A shop that has one name, and that compresses its page if the client accepts it."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        """Respond to one request."""
        known = self.headers.get_all("Host") == ["shop.test"]
        zipped = known and "gzip" in self.headers.get("Accept-Encoding", "")
        body = gzip.compress(PAGE, mtime=0) if zipped else PAGE if known else b"no such site"
        self.send_response(200 if known else 421)
        if zipped:
            self.send_header("Content-Encoding", "gzip")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    # The name `format` is the base class's.
    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Say nothing."""


@pytest.fixture
def site() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Site) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        thread.join()


def loaded(
    folder: Path, *arguments: str
) -> tuple[dict[str, Any], subprocess.CompletedProcess[str]]:
    """The result of a small load, and the command that has ended."""
    options = ("--connections", "4", "--json", "-")
    done = run(folder, "load", *arguments, *options)
    assert done.stdout, done.stderr
    return json.loads(done.stdout), done


@ENGINES
@METHODS
def test_case_01_reset_after_work(engine: str, method: str, tmp_path: Path) -> None:
    server = Server(reset)
    listener = Listener(server)
    url = f"http://127.0.0.1:{listener.address.port}/"
    how = ("--method", method, "--engine", engine, "--requests", str(LIMIT))
    told, done = loaded(tmp_path, url, *how)
    listener.close()
    assert done.returncode in (1, INVALID), done.stderr
    assert told["attempts"] == LIMIT
    assert told["errors"] == {"reset": server.lost}
    assert server.lost >= LIMIT // 4
    looked = 1 if method == "GET" else 0  # what may write is not sent to look at it
    assert server.received + server.lost == LIMIT + looked


def test_case_02_load_host_header(site: str, tmp_path: Path) -> None:
    told, done = loaded(
        tmp_path,
        site,
        "--header",
        "Host: shop.test",
        "--requests",
        "20",
        "--expect",
        "contains=Wel",
    )
    assert (done.returncode, told["statuses"]) == (0, {"200": 20}), done.stderr
    request = (
        '[[request]]\npath = "/"\nheaders = { Host = "shop.test" }\nexpect = "contains=Welcome"\n'
    )
    written(tmp_path, {"shop.toml": f'url = "{site}"\n{request}'})
    told, done = loaded(tmp_path, "shop.toml", "--requests", "20")
    assert (done.returncode, told["statuses"]) == (0, {"200": 20}), done.stderr
    _, done = loaded(tmp_path, site, "--requests", "20")
    assert done.returncode in (1, INVALID)
    assert "expected status 200, got 421" in done.stderr


def test_case_03_load_gzip_expect(site: str, tmp_path: Path) -> None:
    headers = ("--header", "Host: shop.test", "--header", "Accept-Encoding: gzip")
    expect = ("--expect", "contains=Welcome to the shop", "--requests", "20")
    told, done = loaded(tmp_path, site, *headers, *expect)
    assert (done.returncode, told["requests"], told["errors"]) == (0, 20, {}), done.stderr
    told, _ = loaded(tmp_path, site, *headers, "--expect", "contains=bought", "--requests", "20")
    assert told["errors"] == {"body": 20}
    assert "Welcome to the shop" in told["failures"][0]["sample"], "as a reader would see it"

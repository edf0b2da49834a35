"""A fixture for pytest: does the app hold a rate within an objective?

    def test_checkout(whichworker):
        whichworker.holds("/checkout", "50/s", "p99<200ms")

The app of the folder is served once for all tests, as `whichworker serve` does it. Its setup is the
option `whichworker_servers` of pytest's configuration [default: gthread].
"""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

START_SECONDS, STOP_SECONDS = 120.0, 15.0
"""For the environment and the start of the server, and for its graceful stop."""
LOAD_SECONDS = 10.0
"""Of one load by default: p99 needs 300 requests."""
PAUSE_SECONDS = 0.1
MOST_LOG = 1000
"""Characters of the end of the log in a message."""
COMMAND = (sys.executable, "-m", "whichworker")
SETUPS = "whichworker_servers"


class Objectives:
    """The app of a folder, served until the tests are over; the fixture `whichworker`."""

    def __init__(self, folder: Path, servers: str) -> None:
        self.folder, self.servers = folder, servers
        self.port = _free_port()
        self._server: subprocess.Popen[bytes] | None = None
        # a full pipe would stop the server; `stop` closes this file
        self._log = tempfile.TemporaryFile()  # noqa: SIM115 - it lives as long as the server

    def holds(
        self, path: str, rate: str, objective: str, *, seconds: float = LOAD_SECONDS
    ) -> dict[str, Any]:
        """Send requests at random times, and fail if they miss the objective.

        `rate` is such as 50/s, `objective` such as p99<200ms,errors<0.1%. Returns the result as the
        published JSON has it. The test fails, too, if the app does not start, or if the machine or
        the number of requests decides nothing.
        """
        self.start()
        url = f"http://127.0.0.1:{self.port}{path}"
        options = ("--rate", rate, "--arrivals", "poisson", "--time", f"{seconds:g}s")
        done = subprocess.run(
            [*COMMAND, "load", url, *options, "--slo", objective, "--json", "-"],
            capture_output=True,
            text=True,
            check=False,
            cwd=self.folder,
        )
        if done.returncode not in (0, 1, 3):
            pytest.fail(f"{path}: {done.stderr.strip()}", pytrace=False)
        result: dict[str, Any] = json.loads(done.stdout)
        if done.returncode == 1:
            pytest.fail(f"{path} at {rate}: {_missed(result)}", pytrace=False)
        if done.returncode == 3:
            pytest.fail(f"{path} at {rate} is not decided: {_undecided(result)}", pytrace=False)
        return result

    def start(self) -> None:
        """Start the server, if it does not run yet; fails the test if it does not start."""
        if self._server is not None:
            return
        bind = ("--bind", f"127.0.0.1:{self.port}")
        self._server = subprocess.Popen(
            [*COMMAND, "serve", "--servers", self.servers, *bind],
            cwd=self.folder,
            stdout=subprocess.DEVNULL,
            stderr=self._log,
        )
        ends = time.monotonic() + START_SECONDS
        while not _accepts(self.port):
            if self._server.poll() is not None or time.monotonic() > ends:
                pytest.fail(f"the app did not start: {self._end()}", pytrace=False)
            time.sleep(PAUSE_SECONDS)

    def stop(self) -> None:
        """Stop the server, if it runs."""
        if self._server is not None:
            self._end()
        self._log.close()

    def _end(self) -> str:
        """End the server; returns the end of its log."""
        assert self._server is not None
        self._server.terminate()
        try:
            self._server.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._server.kill()
            self._server.wait()
        self._server = None
        self._log.seek(0)
        return self._log.read().decode(errors="replace").strip()[-MOST_LOG:]


def _missed(result: dict[str, Any]) -> str:
    parts = [
        f"{one['clause']} is missed by {one['missed']:,} of {one['requests']:,} requests"
        for one in result["thresholds"]
        if one["outcome"] == "missed"
    ]
    return "; ".join(parts)


def _undecided(result: dict[str, Any]) -> str:
    reasons = [*result["validity"]["reasons"]]
    reasons += [
        f"{one['requests']:,} requests are too few for {one['clause']}: give it more seconds"
        for one in result["thresholds"]
        if one["outcome"] == "undecided"
    ]
    return "; ".join(reasons)


def _free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def _accepts(port: int) -> bool:
    with socket.socket() as one:
        one.settimeout(1.0)
        return one.connect_ex(("127.0.0.1", port)) == 0


def pytest_addoption(parser: pytest.Parser) -> None:
    """The setup that serves the app."""
    parser.addini(SETUPS, "Server setup of the fixture `whichworker`", default="gthread")


@pytest.fixture(scope="session")
def whichworker(request: pytest.FixtureRequest) -> Iterator[Objectives]:
    """The app of the folder in which pytest runs, under one server."""
    app = Objectives(Path(request.config.rootpath), request.config.getini(SETUPS))
    try:
        yield app
    finally:
        app.stop()

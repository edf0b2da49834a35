"""Serving as a user does: one arm in the foreground, several under one table."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import pytest
from tests.conftest import PROJECTS, processes_with

from whichworker.process.sockets import is_listening

pytestmark = pytest.mark.servers
TOOL = [sys.executable, "-m", "whichworker"]
APP = ["faults:application"]


def run(
    *arguments: str, state: Path, folder: Path = PROJECTS, **environment: str
) -> subprocess.CompletedProcess[str]:
    """Run the tool in the folder of the faulty app."""
    return subprocess.run(
        [*TOOL, *arguments],
        cwd=folder,
        env={**os.environ, "WHICHWORKER_STATE": str(state), **environment},
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )


class Served:
    """The tool while it serves; what it writes is taken in as it comes."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        self.out: list[str] = []
        self.err: list[str] = []
        assert process.stdout is not None
        assert process.stderr is not None
        self._threads = [
            threading.Thread(target=self._take, args=pair)
            for pair in ((process.stdout, self.out), (process.stderr, self.err))
        ]
        for thread in self._threads:
            thread.start()

    def _take(self, stream: IO[str], lines: list[str]) -> None:
        lines.extend(iter(stream.readline, ""))

    def until(self, pattern: str, lines: list[str] | None = None) -> re.Match[str]:
        """The first match on standard output, or in the lines of standard error."""
        lines = self.out if lines is None else lines
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            if match := re.search(pattern, "".join(lines)):
                return match
            assert self.process.poll() is None, "".join(self.err)
            time.sleep(0.02)
        raise AssertionError(f"{pattern} not in {self.out}, {self.err}")

    def end(self, number: signal.Signals) -> int:
        """The exit code after this signal."""
        self.process.send_signal(number)
        code = self.process.wait(60)
        for thread in self._threads:
            thread.join()
        return code


@contextlib.contextmanager
def served(
    *arguments: str, state: Path, folder: Path = PROJECTS, **environment: str
) -> Iterator[Served]:
    """The tool, serving; ended with the block."""
    with subprocess.Popen(
        [*TOOL, "serve", *arguments],
        cwd=folder,
        env={**os.environ, "WHICHWORKER_STATE": str(state), "PYTHONUNBUFFERED": "1", **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            yield Served(process)
        finally:
            process.kill()


def ask(url: str) -> int:
    with urllib.request.urlopen(url, timeout=10) as response:
        status: int = response.status
        return status


def nothing_is_left(state: Path) -> bool:
    return not processes_with(f"TMPDIR={state}") and not [
        path for path in state.rglob("*") if path.is_file()
    ]


@pytest.mark.parametrize(
    ("arguments", "fact", "hint"),
    [
        ([], "no server is named", "whichworker serve faults:application --servers gthread"),
        (["--servers", "granian"], "not unique", "full name"),
        (["--servers", "waitress", "--bind", "0.0.0.0:8000"], "loopback only", "proxy"),
        (
            ["--servers", "waitress", "--bind", "example:8000"],
            "not a numeric address",
            "127.0.0.1:8000",
        ),
        (["--servers", "waitress", "--cores", "9999"], "core 9999 cannot be used", "usable here"),
        (["--servers", "waitress", "--cores", "all"], "not a list of cores", "0,2-3"),
        (["--servers", "waitress", "--json", "-"], "--json is used only with --once", ""),
        (["--servers", "waitress", "--once", "--json", "/no/such/folder/x"], "no folder", "mkdir"),
        (["--servers", "waitress", "--python", "2.1"], "no Python 2.1", ""),
        (["--servers", "waitress[threads=0]"], "at least 1", ""),
        (
            ["--servers", "uvicorn"],
            "uvicorn cannot be served: it speaks asgi, and the app has no asgi callable",
            "",
        ),
    ],
)
def test_bad_input_is_a_usage_error_with_a_hint(
    arguments: list[str], fact: str, hint: str, tmp_path: Path
) -> None:
    done = run("serve", *APP, *arguments, state=tmp_path)
    assert done.returncode == 2, done.stderr
    assert fact in done.stderr
    assert hint in done.stderr
    assert "Traceback" not in done.stderr


def test_an_address_that_is_taken_is_an_error_only_where_it_was_asked_for(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        done = run("serve", *APP, "--servers", "waitress", "--bind", address, state=tmp_path)
    assert done.returncode == 2
    assert f"{address} is in use" in done.stderr


def test_a_dry_run_shows_the_commands_and_starts_nothing(tmp_path: Path) -> None:
    done = run(
        "serve",
        *APP,
        "--dry-run",
        "--servers",
        "waitress,gunicorn-sync",
        "--bind",
        "127.0.0.1:8123",
        state=tmp_path,
    )
    assert done.returncode == 0, done.stderr
    assert "http://127.0.0.1:8123/" in done.stdout
    assert "http://127.0.0.1:8124/" in done.stdout
    assert "faults:application" in done.stdout
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_one_arm_serves_until_it_is_told_to_stop(number: signal.Signals, tmp_path: Path) -> None:
    with served(*APP, "--servers", "waitress", "--bind", "127.0.0.1:0", state=tmp_path) as tool:
        url = tool.until(r"address +(http://127\.0\.0\.1:\d+/)\n")[1]
        tool.until(r"up +in .+ status 200")
        assert re.search(
            r"command +\S*/overlays/waitress-\S*/bin/python .*faults:application", "".join(tool.out)
        )
        assert re.search(r"deploy +waitress-serve .*faults:application", "".join(tool.out))
        assert [ask(url) for _ in range(3)] == [200] * 3
        assert tool.end(number) == 0
    assert "stopping" in "".join(tool.err)
    assert not is_listening(int(url.rstrip("/").rpartition(":")[2]))
    assert nothing_is_left(tmp_path)


def test_a_free_port_is_taken_where_8000_is_not(tmp_path: Path) -> None:
    with contextlib.ExitStack() as stack:
        with contextlib.suppress(OSError):
            stack.enter_context(socket.create_server(("127.0.0.1", 8000)))
        with served(*APP, "--servers", "waitress", state=tmp_path) as tool:
            port = int(tool.until(r"address +http://127\.0\.0\.1:(\d+)/\n")[1])
            assert port > 8000
            tool.until(r"up +in ")
            assert tool.end(signal.SIGINT) == 0
        assert f"Port 8000 is in use, so the first server listens on {port}" in "".join(tool.err)


def test_an_app_that_cannot_be_imported_is_refused_before_anything_starts(tmp_path: Path) -> None:
    done = run("serve", *APP, "--servers", "waitress", state=tmp_path, FAULT="import")
    assert done.returncode == 2
    assert "the app refuses to be imported" in done.stderr
    assert not list(tmp_path.iterdir())


TALKING = """
import sys

if "gunicorn" in sys.argv[0]:
    raise RuntimeError("not by this server")

def application(environ, start_response):
    print("asked for", environ["PATH_INFO"], file=sys.stderr, flush=True)
    start_response("200 OK", [("Content-Length", "0")])
    return [b""]
"""


def test_a_server_that_does_not_start_is_a_failure_with_its_log(tmp_path: Path) -> None:
    (tmp_path / "talking.py").write_text(TALKING)
    done = run(
        "serve",
        "talking:application",
        "--servers",
        "gunicorn-sync",
        state=tmp_path / "state",
        folder=tmp_path,
    )
    assert done.returncode == 2
    assert "RuntimeError: not by this server" in done.stderr
    assert "its log, above, may say why" in done.stderr
    assert nothing_is_left(tmp_path / "state")


def test_what_the_server_writes_is_on_standard_error_at_once(tmp_path: Path) -> None:
    (tmp_path / "talking.py").write_text(TALKING)
    arguments = ("talking:application", "--servers", "waitress", "--bind", "127.0.0.1:0")
    with served(*arguments, state=tmp_path / "state", folder=tmp_path) as tool:
        url = tool.until(r"address +(http://\S+/)\n")[1]
        ask(f"{url}something")
        tool.until(r"asked for /something", tool.err)
        assert tool.end(signal.SIGINT) == 0
    assert "asked for" not in "".join(tool.out)


def test_a_server_killed_from_outside_is_a_failure_that_says_so(tmp_path: Path) -> None:
    with served(
        *APP, "--servers", "gunicorn-sync", "--bind", "127.0.0.1:0", state=tmp_path
    ) as tool:
        tool.until(r"up +in ")
        for pid in processes_with(f"TMPDIR={tmp_path}"):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        assert tool.process.wait(30) == 2
        assert tool.end(signal.SIGINT) == 2
    assert "gunicorn-sync ended by itself" in "".join(tool.err)
    assert nothing_is_left(tmp_path)


def test_a_killed_tool_leaves_nothing_running(tmp_path: Path) -> None:
    with served(*APP, "--servers", "waitress", "--bind", "127.0.0.1:0", state=tmp_path) as tool:
        tool.until(r"up +in ")
        assert processes_with(f"TMPDIR={tmp_path}")
        tool.end(signal.SIGKILL)
    deadline = time.monotonic() + 5
    while processes_with(f"TMPDIR={tmp_path}"):
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_one_status_of_several_as_json(tmp_path: Path) -> None:
    done = run(
        "serve",
        *APP,
        "--servers",
        "waitress,gunicorn-sync,uvicorn",
        "--bind",
        "127.0.0.1:0",
        "--once",
        "--json",
        "-",
        state=tmp_path,
    )
    assert done.returncode == 2, "one of them failed"
    status = json.loads(done.stdout)
    assert status["schema"] == "urn:whichworker:status:1"
    services = {service["name"]: service for service in status["services"]}
    assert {name: service["state"] for name, service in services.items()} == {
        "waitress": "up",
        "gunicorn-sync": "up",
        "uvicorn": "failed",
    }
    assert services["waitress"]["processes"] == 1
    assert services["waitress"]["memory_bytes"] > 1e6
    assert services["waitress"]["segments_per_second"] in (0, None)
    assert "no asgi callable" in services["uvicorn"]["failure"]
    assert "waitress" in done.stderr, "the table is for people, so it goes where no program reads"
    assert nothing_is_left(tmp_path)


def test_several_are_shown_as_lines_where_there_is_no_terminal(tmp_path: Path) -> None:
    with served(
        *APP, "--servers", "waitress,gunicorn-sync", "--bind", "127.0.0.1:0", state=tmp_path
    ) as tool:
        line = tool.until(
            r"(?m)^waitress (127\.0\.0\.1:\d+) up, processes 1, threads \d+, .*memory [\d.]+ MB"
        )
        tool.until(r"(?m)^gunicorn-sync 127\.0\.0\.1:\d+ up, ")
        assert ask(f"http://{line[1]}/") == 200
        assert tool.end(signal.SIGINT) == 0
    assert "stopping" in "".join(tool.err)
    assert nothing_is_left(tmp_path)


def test_what_dies_is_said_to_be_restarting(tmp_path: Path) -> None:
    with served(
        *APP, "--servers", "waitress,gunicorn-sync", "--bind", "127.0.0.1:0", state=tmp_path
    ) as tool:
        tool.until(r"(?m)^waitress \S+ up, ")
        for pid in processes_with(f"TMPDIR={tmp_path}"):
            with contextlib.suppress(OSError, ProcessLookupError):
                if b"waitress" in Path(f"/proc/{pid}/cmdline").read_bytes():
                    os.kill(pid, signal.SIGKILL)
        tool.until(r"(?m)^waitress \S+ restarting 1")
        tool.until(r"(?m)^waitress \S+ up \(restarts 1\), ")
        assert tool.end(signal.SIGTERM) == 0


@pytest.mark.parametrize("arms", [["waitress"], ["waitress", "waitress[threads=2]"]])
def test_a_second_ctrl_c_kills_what_does_not_stop(arms: list[str], tmp_path: Path) -> None:
    with served(
        *APP,
        "--servers",
        ",".join(arms),
        "--bind",
        "127.0.0.1:0",
        state=tmp_path,
        FAULT="ignore-term",
    ) as tool:
        tool.until(r"up +in " if len(arms) == 1 else r"(?m)^waitress \S+ up, ")
        if len(arms) > 1:
            tool.until(r"(?m)^waitress\[threads=2\] \S+ up, ")
        tool.process.send_signal(signal.SIGINT)
        tool.until("stopping", tool.err)
        assert tool.end(signal.SIGINT) == 130
    assert nothing_is_left(tmp_path)

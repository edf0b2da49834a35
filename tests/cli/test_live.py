"""`race --live` and `whichworker live` as a user runs them, with real servers."""

from __future__ import annotations

import http.client
import json
import os
import re
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import msgspec
import pytest
from tests.cli.test_own_app import APP, TOOL, run

pytestmark = [pytest.mark.servers, pytest.mark.timeout(400)]

ADDRESS = re.compile(r"http://127\.0\.0\.1:\d+/[\w-]+/")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    place = tmp_path / "shop"
    place.mkdir()
    (place / "wsgi.py").write_text(APP)
    return place


def events(address: str) -> Iterator[tuple[str, str]]:
    """Names and data of the events of a page, until the stream ends."""
    place = urlsplit(address)
    connection = http.client.HTTPConnection(place.netloc, timeout=90)
    try:
        connection.request("GET", f"{place.path}events")
        response, name = connection.getresponse(), ""
        while line := response.fp.readline().decode():
            if line.startswith("event: "):
                name = line.split()[1]
            if line.startswith("data: "):
                yield name, line.removeprefix("data: ")
    finally:
        connection.close()


def started(folder: Path, *words: str) -> subprocess.Popen[str]:
    environment = {**os.environ, "WHICHWORKER_STATE": str(folder.parent / "state")}
    environment.pop("VIRTUAL_ENV", None)
    return subprocess.Popen(
        [*TOOL, *words],
        cwd=folder,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def address_of(command: subprocess.Popen[str]) -> str:
    """The address that the command prints."""
    assert command.stdout is not None
    said = ""
    for line in command.stdout:
        said += line
        if found := ADDRESS.search(line):
            return found[0]
    raise AssertionError(said)


def test_a_race_is_seen_from_its_begin_to_its_end(folder: Path) -> None:
    asked = ("--servers", "gthread,waitress", "--url", "/a", "--time", "25s", "--no-search")
    with started(folder, "race", *asked, "--seed", "3", "--live", "--json", "r.json") as command:
        address = address_of(command)
        phases, last, headline, servers = [], "", "", set()
        for name, data in events(address):
            shown = msgspec.json.decode(data)
            last = name
            servers |= {server["name"] for server in shown.get("servers", ())}
            if shown.get("standing"):
                phases.append(shown["standing"]["phase"])
                headline = shown["standing"]["headline"]
        rest = command.communicate(timeout=120)[0]
        assert command.returncode in (0, 3), rest
    assert last == "over"
    assert any(phase.startswith("Round") for phase in phases)
    assert phases[-1] == "Finished"
    assert {"gunicorn-gthread", "waitress"} <= servers
    result = json.loads((folder / "r.json").read_text())
    reasons = "; ".join(result["validity"]["reasons"])  # of a machine that is too busy
    assert headline == (f"Invalid: {reasons}" if reasons else result["verdict"]["headline"])
    with pytest.raises(OSError):
        next(events(address))


def test_the_page_can_stop_the_race(folder: Path) -> None:
    asked = ("--servers", "gthread,waitress", "--url", "/a", "--time", "120s", "--no-search")
    with started(folder, "race", *asked, "--live") as command:
        place = urlsplit(address_of(command))
        for _, data in events(f"http://{place.netloc}{place.path}"):
            shown = msgspec.json.decode(data)
            if shown.get("standing") and shown["standing"]["phase"].startswith("Round"):
                break
        connection = http.client.HTTPConnection(place.netloc, timeout=30)
        own = {"Origin": f"http://{place.netloc}"}
        connection.request("POST", f"{place.path}stop", headers=own)
        assert connection.getresponse().status == 202
        connection.close()
        said = command.communicate(timeout=120)[0]
    assert command.returncode == 130, said
    assert "continue with: whichworker race" in said


def test_a_kept_run_is_shown_until_ctrl_c(folder: Path) -> None:
    asked = ("--servers", "waitress", "--url", "/a", "--time", "12s", "--no-search")
    assert run(folder, "race", *asked).returncode in (0, 3)
    with started(folder, "live") as command:
        _, data = next(events(address_of(command)))
        assert msgspec.json.decode(data)["standing"]["state"] == "finished"
        command.send_signal(signal.SIGINT)
        rest = command.communicate(timeout=60)[0]
    assert command.returncode == 0, rest
    assert "Traceback" not in rest


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("live",), "there is no run yet"),
        (("live", "nothing"), "there is no run 'nothing'"),
        (("live", "--port", "http"), "--port must be a port"),
        (("live", "--port", "65536"), "--port must be a port"),
    ],
)
def test_what_cannot_be_shown_says_why(folder: Path, words: tuple[str, ...], said: str) -> None:
    done = run(folder, *words)
    assert done.returncode == 2, done.stderr
    assert said in done.stderr
    assert "hint:" in done.stderr

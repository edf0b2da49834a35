"""`servers` and `doctor`, and the command line around them."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

import whichworker
from whichworker.servers import table

TOOL = [sys.executable, "-m", "whichworker"]


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*TOOL, *arguments], capture_output=True, text=True, timeout=60, check=False
    )


def test_servers_as_json_names_every_arm_with_its_knobs() -> None:
    entries = json.loads(run("servers", "--json", "-").stdout)
    assert [entry["name"] for entry in entries] == list(table.SERVERS)
    assert sum(entry["contender"] for entry in entries) == 12
    for entry in entries:
        knobs = {knob["name"]: knob for knob in entry["knobs"]}
        assert set(entry["settings"]) <= set(knobs)
        assert all(
            knobs[name]["default"] in knobs[name]["choices"]
            for name in set(knobs) - set(entry["settings"])
        )
        assert entry["interface"] in ("wsgi", "asgi")


def test_servers_for_people_names_every_arm() -> None:
    done = run("servers")
    assert done.returncode == 0
    assert all(name in done.stdout for name in table.SERVERS)


def test_doctor_looks_and_changes_nothing() -> None:
    done = run("doctor", "--quick")
    assert done.returncode == 0, done.stderr
    for word in ("fingerprint", "cores", "hypervisor", "files", "server processes"):
        assert word in done.stdout
    assert "cores stall" not in done.stdout


def test_doctor_measures_how_still_the_machine_is() -> None:
    done = run("doctor", "--time", "6s")
    assert done.returncode == 0, done.stderr
    for word in (
        "The cores stall for up to",
        "can validate latency objectives of",
        "Two samples of one server differ by",
        "A race of 12 server setups to ±3% takes at most",
    ):
        assert word in " ".join(done.stdout.split())


@pytest.mark.parametrize("time", ["soon", "1s", "1h"])
def test_doctor_takes_seconds(time: str) -> None:
    done = run("doctor", "--time", time)
    assert done.returncode == 2
    assert "hint:" in done.stderr


def test_version_and_help() -> None:
    assert whichworker.__version__ in run("--version").stdout
    done = run("--help")
    assert done.returncode == 0
    assert all(name in done.stdout for name in ("race", "servers", "doctor"))


@pytest.mark.parametrize(
    "arguments",
    [["rase"], ["race", "--tim", "3s"], ["race", "--claims", "some"], ["servers", "--jsn"]],
)
def test_what_the_command_line_does_not_know_is_a_usage_error(arguments: list[str]) -> None:
    done = run(*arguments)
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    assert done.stderr


@pytest.mark.parametrize(
    "command",
    [
        ["race", "builtin:django"],
        ["preflight", "builtin:django"],
        ["serve", "builtin:django", "--servers", "waitress"],
        ["study", "http-clients"],
        ["explain", "gthread"],
    ],
    ids=lambda command: command[0],
)
def test_every_command_that_builds_environments_checks_the_date_of_versions(
    command: list[str],
) -> None:
    done = run(*command, "--exclude-newer", "some day")
    assert done.returncode == 2
    assert "--exclude-newer must be a date, not 'some day'" in done.stderr
    done = run(*command, "--exclude-newer", "2026-01-01", "--latest")
    assert done.returncode == 2
    assert "contradict" in done.stderr

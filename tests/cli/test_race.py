"""The race as a user runs it: exit codes, messages, interruption and resumption."""

from __future__ import annotations

import json
import os
import resource
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from tests.conftest import PROJECTS, processes_with
from tests.report import samples

from whichworker.cli.race import _why_no_files
from whichworker.result import Result

pytestmark = pytest.mark.servers
TOOL = [sys.executable, "-m", "whichworker"]


def run(
    *arguments: str, state: Path, timeout: float = 100, **environment: str
) -> subprocess.CompletedProcess[str]:
    """Run the tool in the folder of the faulty app."""
    return subprocess.run(
        [*TOOL, *arguments],
        cwd=PROJECTS,
        env={**os.environ, "WHICHWORKER_STATE": str(state), **environment},
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )


def journal(state: Path) -> list[dict[str, Any]]:
    """The records of the only run."""
    (path,) = state.glob("runs/*/*/journal.jsonl")
    return [json.loads(line) for line in path.read_text().splitlines() if line.endswith("}")]


@pytest.mark.parametrize(
    ("arguments", "fact", "hint"),
    [
        (
            ["--servers", "gunicorn-gtread"],
            "no server is called 'gunicorn-gtread'",
            "gunicorn-gthread",
        ),
        (["--servers", "granian"], "not unique", "full name"),
        (["--servers", "waitress[threads=0]"], "at least 1", ""),
        (["--servers", "waitress[workers=2]"], "no setting 'workers'", "threads"),
        (["--time", "fast"], "not a duration", "90s"),
        (["--delta", "300%"], "not a share", "3%"),
        (["--workload", "jsn"], "no workload is called 'jsn'", "json"),
        (["--connections", "0"], "between 1 and", ""),
        (["--exclude-newer", "last week"], "must be a date", "2026-11-29"),
        (["--exclude-newer", "9999-01-01"], "in the future", "--latest"),
        (["--latest", "--exclude-newer", "2026-01-01"], "contradict", "one of them"),
        (
            ["--slo", "p99>300ms"],
            "not a clause of an objective: 'p99>300ms'",
            "p99<300ms,errors<0.1%",
        ),
        (["--slo", "p99<2h"], "more than a minute", "p99<300ms"),
        (["--url", "/a", "--slo", "p99<1s on /b"], "an objective is on /b", "'GET /a'"),
        (["--url", "/a", "--slo", "p99<1s on /b", "--dry-run"], "on /b", "'GET /a'"),
        (["--rate", "fast"], "not a rate", "50/s"),
        (["--json", "/no/such/folder/x.json"], "no folder /no/such/folder", "mkdir"),
        (["--resume", "yesterday"], "no run 'yesterday'", ""),
        (["--python", "2.1"], "no Python 2.1", ""),
        (["nothing/here"], "no app", "manage.py"),
        (["builtin:rails"], "no built-in app", "builtin:django"),
    ],
)
def test_bad_input_is_a_usage_error_with_a_hint(
    arguments: list[str], fact: str, hint: str, tmp_path: Path
) -> None:
    done = run(
        "race",
        *([] if "/" in arguments[0] or ":" in arguments[0] else ["faults:application"]),
        *arguments,
        state=tmp_path,
    )
    assert done.returncode == 2, done.stderr
    assert fact in done.stderr
    assert hint in done.stderr
    assert "Traceback" not in done.stderr
    assert not done.stdout


def test_an_app_that_cannot_be_imported_is_refused_before_anything_runs(tmp_path: Path) -> None:
    done = run(
        "race",
        "faults:application",
        "--servers",
        "waitress,gunicorn-sync",
        "--time",
        "10s",
        state=tmp_path,
        FAULT="import",
    )
    assert done.returncode == 2
    assert (
        "the app faults:application cannot be imported: "
        "RuntimeError: the app refuses to be imported" in done.stderr
    )
    assert "hint:" in done.stderr
    assert not tmp_path.joinpath("runs").exists()


def test_an_app_that_never_answers_rightly_is_refused_before_anything_is_raced(
    tmp_path: Path,
) -> None:
    done = run(
        "race",
        "faults:application",
        "--servers",
        "waitress,gunicorn-sync",
        "--time",
        "20s",
        state=tmp_path,
        FAULT="status",
    )
    assert done.returncode == 2
    assert "none of the app's own routes can be raced" in done.stderr
    assert "/: the app itself returns 500" in done.stderr
    assert "hint:" in done.stderr
    assert not tmp_path.joinpath("runs").exists()
    assert not processes_with(str(tmp_path))


def test_an_asgi_server_is_refused_for_a_wsgi_app(tmp_path: Path) -> None:
    done = run(
        "race",
        "faults:application",
        "--servers",
        "uvicorn",
        "--time",
        "5s",
        "--json",
        "-",
        state=tmp_path,
    )
    result = json.loads(done.stdout)
    assert done.returncode == 3
    assert result["arms"][0]["state"] == "refused"
    assert "no asgi callable" in result["arms"][0]["failures"][0]["sample"]


def test_a_dry_run_measures_nothing(tmp_path: Path) -> None:
    done = run("race", "faults:application", "--servers", "waitress", "--dry-run", state=tmp_path)
    assert done.returncode == 0
    assert "at most 2 min 00 s" in done.stderr
    assert not tmp_path.joinpath("runs").exists()


@pytest.mark.alone
def test_ctrl_c_keeps_everything_and_resume_goes_on(tmp_path: Path) -> None:
    begun = interrupted_in_a_round(tmp_path, signal.SIGINT)
    assert begun.returncode == 130, begun.stderr
    assert "--resume" in begun.stderr
    assert not processes_with(f"TMPDIR={tmp_path}")
    before = journal(tmp_path)
    assert before[-1] == {**before[-1], "record": "session", "ended": "interrupted"}
    done = resumed(tmp_path)
    assert done["run"]["finished"]
    whole = whole_rounds(tmp_path)
    assert whole == list(range(1, done["blocks"] + 1)), "no whole round is measured twice"
    assert done["blocks"] >= 4


@pytest.mark.slow
def test_a_killed_run_leaves_nothing_running_and_can_be_resumed(tmp_path: Path) -> None:
    begun = interrupted_in_a_round(tmp_path, signal.SIGKILL)
    assert begun.returncode == -signal.SIGKILL
    deadline = time.monotonic() + 2
    while processes_with(f"TMPDIR={tmp_path}") and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not processes_with(f"TMPDIR={tmp_path}")
    done = resumed(tmp_path)
    assert done["run"]["finished"]
    torn = [
        record["number"]
        for record in journal(tmp_path)
        if record["record"] == "round" and record.get("abandoned")
    ]
    whole = whole_rounds(tmp_path)
    assert len(torn) <= 1 and set(torn) <= set(whole), (
        "the round that the kill tore is abandoned, then run again whole"
    )
    assert whole == list(range(1, done["blocks"] + 1))


def interrupted_in_a_round(state: Path, number: signal.Signals) -> subprocess.CompletedProcess[str]:
    """Begin a race of two copies and interrupt it in its second round, or a little later."""
    argv = [
        *TOOL,
        "race",
        "faults:application",
        "--servers",
        "waitress,waitress",
        "--connections",
        "2",
        "--time",
        "20s",
        "--seed",
        "7",
    ]
    environment = {**os.environ, "WHICHWORKER_STATE": str(state)}
    with subprocess.Popen(
        argv,
        cwd=PROJECTS,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as tool:
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline and not (
            list(state.glob("runs/*/*/journal.jsonl")) and in_second_round(journal(state))
        ):
            time.sleep(0.02)
        tool.send_signal(number)
        out, err = tool.communicate(timeout=30)
    return subprocess.CompletedProcess(argv, tool.returncode, out, err)


def in_second_round(records: list[dict[str, Any]]) -> bool:
    """Whether one slice of the second round is measured."""
    return any(record["record"] == "slice" and record["round"] == 2 for record in records)


def whole_rounds(state: Path) -> list[int]:
    """The numbers of the rounds that were measured whole."""
    return [
        record["number"]
        for record in journal(state)
        if record["record"] == "round" and not record.get("abandoned")
    ]


def resumed(state: Path) -> dict[str, Any]:
    """Resume the newest run to its end; its own twin may make one run in twenty invalid."""
    done = run("race", "--resume", "latest", "--json", "-", state=state)
    assert done.returncode == 0 or any(
        words in done.stdout for words in ("identical copies of", "too busy")
    ), done.stderr
    result: dict[str, Any] = json.loads(done.stdout)
    return result


@pytest.mark.alone
def test_a_resumed_run_takes_no_other_question(tmp_path: Path) -> None:
    interrupted_in_a_round(tmp_path, signal.SIGTERM)
    done = run("race", "--resume", "latest", "--delta", "9%", state=tmp_path)
    assert done.returncode == 2
    assert "--delta cannot change" in done.stderr


@pytest.mark.alone
def test_a_full_disk_stops_the_run_with_a_message_and_no_server_left(tmp_path: Path) -> None:
    argv = [
        *TOOL,
        "race",
        "faults:application",
        "--servers",
        "waitress,waitress",
        "--connections",
        "2",
        "--time",
        "60s",
    ]
    done = subprocess.run(
        argv,
        cwd=PROJECTS,
        env={**os.environ, "WHICHWORKER_STATE": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (12_000, 12_000)),
    )
    assert done.returncode == 2, done.stderr
    assert "cannot be written" in done.stderr
    assert "WHICHWORKER_STATE" in done.stderr
    assert "Traceback" not in done.stderr
    assert not processes_with(f"TMPDIR={tmp_path}")
    (path,) = tmp_path.glob("runs/*/*/journal.jsonl")
    assert path.read_bytes().endswith(b"\n"), "no torn line is left"


def test_a_missing_compiler_is_said_in_one_line(tmp_path: Path) -> None:
    programs = tmp_path / "bin"
    programs.mkdir()
    for name in ("sh", "env", "uname", "rm", "python3"):
        if found := shutil.which(name):
            (programs / name).symlink_to(found)
    done = run(
        *("race", "faults:application", "--servers", "uwsgi", "--time", "5s"),
        state=tmp_path / "state",
        WHICHWORKER_CACHE=str(tmp_path / "cache"),
        UV_CACHE_DIR=str(tmp_path / "uv"),
        PATH=str(programs),
    )
    assert done.returncode == 3, done.stderr
    assert "uwsgi failed: Exception: you need a C compiler to build uWSGI" in done.stdout
    assert "apt-get install gcc" in done.stdout


@pytest.mark.parametrize(
    ("result", "why"),
    [
        (samples.race(), "there is no winner yet"),
        (samples.invalid(), "the run is invalid"),
        (samples.interrupted(), "the race is not finished"),
    ],
)
def test_why_no_files_were_written(result: Result, why: str) -> None:
    assert _why_no_files(result) == why

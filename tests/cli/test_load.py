"""`whichworker load` as a user runs it: exit codes, streams, files, interruption."""

from __future__ import annotations

import io
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hdrh.histogram import HdrHistogram
from hdrh.log import HistogramLogReader
from rich.console import Console
from tests.origin import Origin, serving
from tests.report import load_samples

from whichworker.cli.frame.progress import LoadPrinter
from whichworker.cli.load import exit_code
from whichworker.model.histogram import HIGHEST_NS
from whichworker.result import LoadResult, decode

TOOL = [sys.executable, "-m", "whichworker", "load"]
INVALID = 3


@pytest.fixture
def origin() -> Iterator[Origin]:
    with serving() as server:
        yield server


def run(
    *arguments: str, folder: Path | None = None, **environment: str
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*TOOL, *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        cwd=folder,
        env={**os.environ, **environment},
    )


def measured(code: int, done: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    """The result of a run that ended with this code, or was invalid on a busy machine."""
    assert done.returncode in (code, INVALID), done.stderr
    result: dict[str, Any] = json.loads(done.stdout)
    assert (result["validity"]["state"] == "invalid") == (done.returncode == INVALID)
    return result


@pytest.mark.alone
def test_a_load_at_a_rate_as_json(origin: Origin) -> None:
    done = run(
        f"{origin.url}/",
        "--rate",
        "100/s",
        "--time",
        "1500ms",
        "--connections",
        "4",
        "--seed",
        "3",
        "--json",
        "-",
    )
    result = measured(0, done)
    assert (result["kind"], result["requests"], result["scheduled"]) == ("load", 150, 150)
    assert result["question"]["rate_per_second"] == 100
    assert result["run"]["command"].startswith("whichworker load http://127.0.0.1")
    assert result["response_seconds"]["count"] == 150
    assert result["response_seconds"]["p99"] is None
    assert isinstance(decode(done.stdout.encode()), LoadResult)
    assert "correct responses" in done.stderr, (
        "progress, and the summary where standard output is taken"
    )
    assert "open loop at 100/s" in done.stderr


def test_the_summary_goes_to_standard_output_and_progress_does_not(origin: Origin) -> None:
    done = run(f"{origin.url}/", "--requests", "300", "--connections", "2")
    assert done.returncode in (0, INVALID), done.stderr
    assert "closed loop, 2 connections, 300 requests" in done.stdout
    assert "300 correct responses" in done.stdout
    assert "\x1b" not in done.stdout + done.stderr
    assert "status only" in done.stdout


def test_wrong_answers_are_exit_1_and_said_at_once(origin: Origin) -> None:
    done = run(f"{origin.url}/half", "--requests", "60", "--connections", "2", "--json", "-")
    result = measured(1, done)
    assert result["errors"]["status"] >= 10
    assert result["failures"][0]["count"] == result["errors"]["status"]
    assert "x status" in done.stderr and "got 418" in done.stderr


def test_nothing_but_wrong_answers_is_invalid(origin: Origin) -> None:
    done = run(f"{origin.url}/teapot", "--requests", "20", "--connections", "2")
    assert done.returncode == INVALID
    assert "The response to GET /teapot is wrong before the load begins" in done.stderr
    assert "INVALID" in done.stdout and "there was no correct response" in done.stdout
    assert "x status 20× (100 %) first: " in done.stdout
    assert "expected status 200, got 418" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "fact", "hint"),
    [
        (["http://127.0.0.1:1/"], "no server listens at 127.0.0.1:1", "start the server"),
        (["localhost:8000/"], "localhost:8000/", "http://"),
        (["http://192.0.2.1/"], "not on this machine", "--i-own-this-target"),
        (["http://127.0.0.1:1/", "--arrivals", "poisson"], "--arrivals needs a rate", "--rate"),
        (["http://127.0.0.1:1/", "--rate", "5"], "not a rate", "50/s"),
        (
            ["http://127.0.0.1:1/", "--rate", "5/s", "--stage", "1s@5/s"],
            "--rate and --stage exclude each other",
            "--stage",
        ),
        (["http://127.0.0.1:1/", "--requests", "0"], "between 1 and", ""),
        (["http://127.0.0.1:1/", "--header", ""], "not a header", "NAME: VALUE"),
        (["http://127.0.0.1:1/", "--json", "/no/such/folder/x.json"], "no folder", "mkdir"),
        (["http://127.0.0.1:1/", "--hdr", "-"], "not standard output", "hlog"),
        (["missing.toml"], "missing.toml", ""),
    ],
)
def test_bad_input_is_exit_2_with_a_hint(arguments: list[str], fact: str, hint: str) -> None:
    done = run(*arguments)
    assert done.returncode == 2, done.stderr
    assert fact in done.stderr and hint in done.stderr
    assert "hint:" in done.stderr
    assert "Traceback" not in done.stderr
    assert "right answers" not in done.stdout


def test_a_dry_run_sends_nothing(origin: Origin) -> None:
    done = run(f"{origin.url}/", "--stage", "2s:50/s", "--stage", "1m@50/s", "--dry-run")
    assert done.returncode == 0, done.stderr
    assert "0 to 50/s in 2 s, 50/s in 1 min 00 s" in done.stdout
    assert "1 min 02 s" in done.stdout
    assert origin.handler.asked == 0


def test_the_files_hold_what_was_measured(origin: Origin, tmp_path: Path) -> None:
    done = run(
        f"{origin.url}/",
        "--requests",
        "50",
        "--json",
        "load.json",
        "--hdr",
        "load.hlog",
        folder=tmp_path,
    )
    assert done.returncode in (0, INVALID), done.stderr
    result = decode((tmp_path / "load.json").read_bytes())
    assert isinstance(result, LoadResult) and result.requests == 50
    assert "wrote " in done.stderr
    reader = HistogramLogReader(str(tmp_path / "load.hlog"), HdrHistogram(1, HIGHEST_NS, 3))
    counts = {}
    while (histogram := reader.get_next_interval_histogram()) is not None:
        counts[histogram.get_tag()] = histogram.get_total_count()
    reader.close()
    assert counts["service"] == 50


def test_a_file_and_the_configuration_are_read(origin: Origin, tmp_path: Path) -> None:
    requests = '[[request]]\npath = "/"\n[[request]]\npath = "/echo"\nmethod = "POST"\nbody = "x"\n'
    (tmp_path / "shop.toml").write_text(f'url = "{origin.url}"\n{requests}')
    (tmp_path / "whichworker.toml").write_text("[load]\nconnections = 3\n")
    done = run("shop.toml", "--json", "-", folder=tmp_path, WHICHWORKER_LOAD_REQUESTS="40")
    result = measured(0, done)
    assert result["question"]["connections"] == 3
    assert result["requests"] == sum(result["per_request"].values()) == 40
    assert set(result["per_request"]) == {"GET /", "POST /echo"}


@pytest.mark.alone
@pytest.mark.parametrize("engine", ["epoll", "native"])
def test_ctrl_c_keeps_what_was_counted(origin: Origin, engine: str, tmp_path: Path) -> None:
    path = tmp_path / "result.json"
    argv = [
        *TOOL,
        f"{origin.url}/",
        "--rate",
        "40/s",
        "--time",
        "60s",
        "--engine",
        engine,
        "--json",
        str(path),
    ]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as tool:
        assert tool.stderr is not None
        first = next(line for line in tool.stderr if "correct responses" in line)
        tool.send_signal(signal.SIGINT)
        out, err = tool.communicate(timeout=30)
    assert tool.returncode == 130, err
    assert first.startswith("1 s")
    assert "interrupted: this is what was counted until then" in out
    assert "Traceback" not in err
    result = json.loads(path.read_text())
    assert result["run"]["finished"] is False
    assert result["validity"]["state"] == "valid", result["validity"]
    assert 30 <= result["requests"] == result["scheduled"] < 400
    assert result["rate_per_second"] == pytest.approx(40, rel=0.2)


def test_progress_changes_a_line_on_a_terminal_and_adds_lines_elsewhere() -> None:
    for live in (True, False):
        console = Console(
            file=io.StringIO(), width=100, force_terminal=live, color_system=None, _environ={}
        )
        printer = LoadPrinter(console, 10.0)
        printer.progress(1.0, 100, 0)
        printer.progress(2.0, 300, 4)
        printer.clear()
        assert isinstance(console.file, io.StringIO)
        text = console.file.getvalue()
        assert "2 s  200/s  300 correct responses, 4 failures" in text
        assert text.count("\n") == (0 if live else 2)
        assert (", 8 s left" in text) == live
        assert printer.reached == "after 2 s with 300 correct responses, 4 failures"


@pytest.mark.parametrize(
    ("result", "code"),
    [
        (load_samples.opened(), 0),
        (load_samples.closed(), 0),
        (load_samples.failing(), 1),
        (load_samples.invalid(), 3),
        (load_samples.unanswered(), 3),
    ],
)
def test_exit_codes(result: LoadResult, code: int) -> None:
    assert exit_code(result) == code

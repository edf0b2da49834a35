"""`whichworker study` for a user: listing, wrong words, a short run, interruption, resumption."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from whichworker.result import StudyResult, decode

TOOL = [sys.executable, "-m", "whichworker", "study"]
SECONDS = 100


def run(*arguments: str, folder: Path) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "WHICHWORKER_STATE": str(folder / "state")}
    return subprocess.run(
        [*TOOL, *arguments],
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
        cwd=folder,
        env=environment,
    )


def test_without_a_name_the_studies_are_listed(tmp_path: Path) -> None:
    done = run(folder=tmp_path)
    assert done.returncode == 0
    assert [line.split()[0] for line in done.stdout.splitlines()] == [
        "better-django-worker",
        "http-clients",
        "sync-or-async",
        "asgi-benchmarks",
    ]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("better-django",), "did you mean better-django-worker?"),
        (("sync-or-async", "--resume", "latest"), "no run 'latest'"),
        (
            ("sync-or-async", "--resume", "latest", "--quick"),
            "cannot change in a run that is resumed",
        ),
        (("sync-or-async", "--servers", "unicorn"), "unicorn"),
        (("sync-or-async", "--json", "nowhere/at/all.json"), "there is no folder"),
        (("sync-or-async", "--time", "-5s"), "--time"),
        (("http-clients", "--servers", "uvicorn"), "leave --servers"),
    ],
)
def test_wrong_words_are_told_before_anything_is_measured(
    arguments: tuple[str, ...], said: str, tmp_path: Path
) -> None:
    done = run(*arguments, folder=tmp_path)
    assert done.returncode == 2, done.stdout + done.stderr
    assert said in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.slow
@pytest.mark.servers
def test_a_short_run_has_every_row_with_what_was_published(tmp_path: Path) -> None:
    files = ("--json", "a.json", "--html", "a.html", "--markdown", "a.md")
    done = run(
        "better-django-worker",
        "--quick",
        "--servers",
        "gunicorn-gevent",
        "--time",
        "12s",
        *files,
        folder=tmp_path,
    )
    assert done.returncode in (0, 3), (
        done.stderr
    )  # 3 on a machine that was busy with something else
    result = decode((tmp_path / "a.json").read_bytes())
    assert isinstance(result, StudyResult)
    assert len(result.rows) == 27
    first = result.rows[0].cells[0]
    assert (first.arm, first.published) == ("gunicorn-gevent", 30913.89)
    if result.validity.state == "valid":
        assert any(row.cells[0].value for row in result.rows), (
            "which of them are reached in the time depends on their order"
        )
        assert any(
            cell.metric == "latency stdev" and cell.value
            for row in result.rows
            for cell in row.cells
        )
    page = (tmp_path / "a.html").read_text()
    assert "Better Django worker" in page
    assert page.count("<script") == 1
    assert "| Gateway 3 s (async) |" in (tmp_path / "a.md").read_text()


@pytest.mark.servers
def test_an_interrupted_run_goes_on(tmp_path: Path) -> None:
    environment = {**os.environ, "WHICHWORKER_STATE": str(tmp_path / "state")}
    command = [
        *TOOL,
        "sync-or-async",
        "--quick",
        "--servers",
        "gunicorn-gthread",
        "--time",
        "60s",
        "--json",
        "a.json",
    ]
    with subprocess.Popen(
        command,
        cwd=tmp_path,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        wait_for_launch(tmp_path / "state", process)
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=SECONDS)
    assert process.returncode == 130, said
    assert "continue with: whichworker study sync-or-async --resume" in said
    partial = json.loads((tmp_path / "a.json").read_text())
    assert partial["run"]["finished"] is False
    done = run(
        "sync-or-async", "--resume", "latest", "--time", "8s", "--json", "b.json", folder=tmp_path
    )
    assert done.returncode in (0, 3), done.stderr
    result = json.loads((tmp_path / "b.json").read_text())
    assert result["run"]["id"] == partial["run"]["id"]
    assert result["run"]["finished"] is True
    assert result["question"]["quick"] is True


def wait_for_launch(state: Path, process: subprocess.Popen[str]) -> None:
    """Until a server of the study was started."""
    ends = time.monotonic() + SECONDS
    while not list(state.glob("runs/*/*/launches/*")):
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < ends
        time.sleep(0.05)

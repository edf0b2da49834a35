"""`whichworker explain` for a user: wrong words, a quick run in every form, and Ctrl-C."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from tests.conftest import processes_with

from whichworker.result import ExplainResult, decode

TOOL = [sys.executable, "-m", "whichworker", "explain"]
SECONDS = 110


def environment(folder: Path) -> dict[str, str]:
    return {**os.environ, "WHICHWORKER_STATE": str(folder / "state")}


def run(*arguments: str, folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*TOOL, *arguments],
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
        cwd=folder,
        env=environment(folder),
    )


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "WORKER... is missing"),
        (("unicorn",), "did you mean"),
        (("granian",), "is not unique: granian-wsgi"),
        (("sync[threads=4]",), "has no setting 'threads'"),
        (("sync", "--json", "nowhere/at/all.json"), "there is no folder"),
        (("sync", "--html", "-"), "not standard output"),
    ],
)
def test_wrong_words_are_told_before_anything_is_started(
    arguments: tuple[str, ...], said: str, tmp_path: Path
) -> None:
    done = run(*arguments, folder=tmp_path)
    assert done.returncode == 2, done.stdout + done.stderr
    assert said in done.stderr
    assert not (tmp_path / "state").exists()


def test_a_plan_says_the_settings_and_how_long_it_takes(tmp_path: Path) -> None:
    done = run("sync", "gevent[connections=7]", "--quick", "--dry-run", folder=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "gunicorn-gevent[connections=7]  workers=1 connections=7" in done.stdout
    assert "at most 2 min 00 s" in done.stdout
    assert not (tmp_path / "state").exists()


@pytest.mark.alone
@pytest.mark.servers
def test_a_quick_run_is_written_in_every_form(tmp_path: Path) -> None:
    done = run(
        "waitress",
        "--quick",
        "--json",
        "e.json",
        "--html",
        "e.html",
        "--markdown",
        "e.md",
        folder=tmp_path,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    found = decode((tmp_path / "e.json").read_bytes())
    assert isinstance(found, ExplainResult)
    (arm,) = found.arms
    assert (arm.state, arm.limit_configured, arm.limit_found) == ("measured", 4, 4)
    assert len(arm.sentences) == 3
    assert arm.blocking is not None and all(
        situation.p95 is not None for situation in arm.blocking.situations
    )
    assert arm.patched == () and arm.per_worker is not None and arm.failures == ()
    assert "at once, found" in done.stdout and "wrote" in done.stderr
    assert "<svg" in (tmp_path / "e.html").read_text(encoding="utf-8")
    assert "## waitress" in (tmp_path / "e.md").read_text(encoding="utf-8")
    assert json.loads((tmp_path / "e.json").read_bytes())["kind"] == "explain"


@pytest.mark.servers
def test_ctrl_c_ends_it_and_leaves_nothing(tmp_path: Path) -> None:
    mark = f"WHICHWORKER_STATE={tmp_path / 'state'}"
    with subprocess.Popen(
        [*TOOL, "waitress", "--quick"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=tmp_path,
        env=environment(tmp_path),
    ) as process:
        ends = time.monotonic() + SECONDS / 2
        while not list(tmp_path.glob("state/runs/*/*/launches/*.log")) and time.monotonic() < ends:
            time.sleep(0.05)
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=SECONDS / 2)
    assert process.returncode == 130, said
    assert "Traceback" not in said
    assert not processes_with(mark)

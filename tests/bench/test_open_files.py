"""The limit of open files is raised as far as needed; more connections are refused."""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.origin import Origin, serving

from whichworker.bench import open_files

TOOL = [sys.executable, "-m", "whichworker"]
UNLIMITED = resource.RLIM_INFINITY
ALLOW = """
import resource, subprocess, sys
from whichworker.errors import UsageError
from whichworker.bench import open_files
try:
    open_files.allow(int(sys.argv[1]))
except UsageError as error:
    print("refused", error.hint)
else:
    print(*resource.getrlimit(resource.RLIMIT_NOFILE), flush=True)
    subprocess.run(["sh", "-c", "ulimit -Sn"], check=True)
"""


@pytest.fixture
def origin() -> Iterator[Origin]:
    with serving() as server:
        yield server


def limited(
    argv: list[str], soft: int, hard: int, folder: Path | None = None
) -> subprocess.CompletedProcess[str]:
    """Run with these limits of open files."""
    return subprocess.run(
        argv,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        cwd=folder,
        env={**os.environ, "NO_COLOR": "1", "COLUMNS": "400"},
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard)),
    )


def allow(connections: int, soft: int, hard: int) -> list[str]:
    done = limited([sys.executable, "-c", ALLOW, str(connections)], soft, hard)
    assert done.returncode == 0, done.stderr
    return done.stdout.split("\n")


def test_the_soft_limit_is_raised_to_what_is_needed_for_this_process_and_its_children() -> None:
    assert allow(500, 100, 1000)[:2] == ["628 1000", "628"]


def test_a_soft_limit_that_is_enough_stays() -> None:
    assert allow(100, 700, 1000)[:2] == ["700 1000", "700"]


@pytest.mark.parametrize(
    ("hard", "hint"),
    [(600, "--connections 472, or raise the hard limit"), (120, "refused raise the hard limit")],
)
def test_beyond_the_hard_limit_is_refused(hard: int, hint: str) -> None:
    (line, *_) = allow(500, 100, hard)
    assert line.startswith("refused") and hint in line
    assert "ulimit -Hn 628" in line


def test_no_limit_is_no_reason_to_refuse(monkeypatch: pytest.MonkeyPatch) -> None:
    """Linux has a greatest limit, other systems have none: what they say is put in its place."""
    monkeypatch.setattr(resource, "getrlimit", lambda _: (1024, UNLIMITED))
    assert open_files.limits() == (1024, None)
    assert open_files.most_connections() is None
    open_files.check(60_000)


def test_a_load_of_more_connections_than_the_soft_limit_works(origin: Origin) -> None:
    done = limited(
        [
            *TOOL,
            "load",
            f"{origin.url}/",
            "--requests",
            "600",
            "--connections",
            "150",
            "--json",
            "-",
        ],
        64,
        4096,
    )
    assert done.returncode in (0, 3), (
        done.stderr
    )  # a busy machine makes it invalid, which is another matter
    result = json.loads(done.stdout)
    assert result["requests"] == 600 and not result["errors"]


@pytest.mark.parametrize("more", [[], ["--dry-run"]])
def test_a_load_of_more_connections_than_the_hard_limit_is_exit_2_before_anything_is_sent(
    origin: Origin, more: list[str]
) -> None:
    done = limited(
        [*TOOL, "load", f"{origin.url}/", "--requests", "600", "--connections", "400", *more],
        300,
        300,
    )
    assert done.returncode == 2
    assert "400 connections need 528 open files; the limit is 300" in done.stderr
    assert "hint: --connections 172, or raise the hard limit" in done.stderr
    assert origin.handler.asked == 0


@pytest.mark.parametrize(
    ("more", "fact"),
    [(["--connections", "400"], "400 connections need 528"), ([], "256 connections need 384")],
)
def test_a_race_of_more_connections_than_the_hard_limit_is_exit_2(
    more: list[str], fact: str, tmp_path: Path
) -> None:
    done = limited([*TOOL, "race", "builtin:django", "--dry-run", *more], 300, 300, tmp_path)
    assert done.returncode == 2
    assert fact in done.stderr and "hint: --connections 172" in done.stderr


def test_doctor_says_how_many_connections_there_is_room_for() -> None:
    few = limited([*TOOL, "doctor", "--quick"], 300, 1000)
    assert few.returncode == 0, few.stderr
    said = " ".join(few.stdout.split())
    assert "A process may open 300 files, at most 1000" in said
    assert "up to 872 connections" in said
    assert "ulimit -Hn 65536" in said

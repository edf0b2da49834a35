"""The action for GitHub and the template for GitLab, by their own commands."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.cli.test_versus import shop as shop

ROOT = Path(__file__).parents[2]
pytestmark = [pytest.mark.servers, pytest.mark.timeout(300)]


def read(name: str) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((ROOT / name).read_text(encoding="utf-8"))
    return found


def carried_out(command: str, folder: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    environment = {
        **os.environ,
        "WHICHWORKER_STATE": str(folder.parent / "state"),
        **variables,
    }
    environment.pop("VIRTUAL_ENV", None)
    return subprocess.run(
        ["bash", "-ec", command],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
    )


def tool_at(place: Path) -> None:
    """The tool of this checkout where the install step would put it."""
    (place / "bin").mkdir(parents=True)
    script = place / "bin/whichworker"
    script.write_text(f'#!/bin/sh\nexec {sys.executable} -m whichworker "$@"\n')
    script.chmod(0o755)


def test_the_action_runs_a_gate(shop: Path, tmp_path: Path) -> None:
    install, measure = read("action.yml")["runs"]["steps"]
    assert "$GITHUB_ACTION_PATH" in install["run"]
    tool_at(tmp_path / "whichworker")
    done = carried_out(
        measure["run"],
        shop,
        RUNNER_TEMP=str(tmp_path),
        AGAINST="fast",
        MAX_LOSS="5%",
        ARGUMENTS="--url / --servers 'gthread[threads=2]' --dry-run",
    )
    assert done.returncode == 0, done.stderr
    assert "threads=2" in done.stderr
    assert set(measure["env"]) == {"AGAINST", "MAX_LOSS", "ARGUMENTS"}


def test_an_exit_code_reaches_the_action(shop: Path, tmp_path: Path) -> None:
    _, measure = read("action.yml")["runs"]["steps"]
    tool_at(tmp_path / "whichworker")
    asked = {"RUNNER_TEMP": str(tmp_path), "MAX_LOSS": "5%", "ARGUMENTS": "--url /"}
    done = carried_out(measure["run"], shop, AGAINST="nowhere", **asked)
    assert done.returncode == 2, "the exit code of the gate"
    assert "no commit, branch or tag is called 'nowhere'" in done.stderr


def test_the_template_runs_a_gate(shop: Path, tmp_path: Path) -> None:
    job = read("ci/gitlab.yml")[".whichworker-gate"]
    install, measure = job["script"]
    assert "$WHICHWORKER_PACKAGE" in install
    tool_at(tmp_path / "project/.whichworker")
    variables = {name: str(value) for name, value in job["variables"].items()}
    told = {
        **variables,
        "CI_PROJECT_DIR": str(tmp_path / "project"),
        "WHICHWORKER_AGAINST": "slow",
        "WHICHWORKER_ARGUMENTS": "--url / --servers gthread --dry-run",
    }
    done = carried_out(measure, shop, **told)
    assert done.returncode == 0, done.stderr
    assert job["artifacts"]["reports"]["junit"] == "gate.xml"

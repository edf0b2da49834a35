"""The tool as a user runs it, in a folder that a test has written."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from click.testing import CliRunner

from whichworker.cli.main import cli
from whichworker.environments.interpreters import own_base

WSGI = """def application(environ, start_response):
    body = b"the shop"
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", str(len(body)))])
    return [body]
"""
"""An app that gives the same response to every request."""
FOREIGN = ("DJANGO_SETTINGS_MODULE", "FLASK_APP", "VIRTUAL_ENV", "PYTHONPATH")
"""Variables that would name another app, or another interpreter."""
SECONDS = 100
"""For a command; a few start servers, whose packages may have to be installed."""


def written(folder: Path, files: dict[str, str]) -> Path:
    """The folder, with these files in it."""
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
    return folder


def run(folder: Path, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """A command of the tool in this folder; its runs are kept beside the folder."""
    own = {name: value for name, value in os.environ.items() if name not in FOREIGN}
    return subprocess.run(
        [sys.executable, "-m", "whichworker", *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
        env={**own, "WHICHWORKER_STATE": f"{folder}-state", **variables},
    )


def planned(folder: Path, *arguments: str, **variables: str) -> str:
    """What a race says of its plan, which is made without a server."""
    python = () if "--python" in arguments else ("--python", own_base())
    done = run(folder, "race", *arguments, *python, "--dry-run", **variables)
    assert done.returncode == 0, done.stderr
    return done.stdout + done.stderr


def shown(folder: Path, *arguments: str) -> dict[str, Any]:
    """What `show requests` finds, as JSON; in this process, which is the quickest."""
    with contextlib.chdir(folder):
        done = CliRunner().invoke(cli, ["show", "requests", *arguments, "--json", "-"])
    assert done.exit_code == 0, done.output
    told: dict[str, Any] = json.loads(done.stdout)
    return told


def requests(told: dict[str, Any]) -> list[tuple[int, str]]:
    """The weight of each request, and its method and target."""
    return [(one["weight"], f"{one['method']} {one['path']}") for one in told["requests"]]

"""No command changes a byte of the user's environment and project."""

from __future__ import annotations

import hashlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from tests.conftest import calibrations_of
from tests.silent import Silent

from whichworker.bench.running import Bench
from whichworker.config.options import RaceOptions
from whichworker.environments import locks
from whichworker.environments import venvs as environments
from whichworker.environments.installer import run_uv
from whichworker.environments.interpreters import inspect, own_base
from whichworker.load.generator import Generator
from whichworker.question.ask import ask, discover
from whichworker.race import investigation
from whichworker.store.records import Prepared

pytestmark = pytest.mark.servers

APP = """
import a2wsgi, click.shell_completion  # noqa: modules whose byte code is not there yet


def application(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", "5")])
    return [b"hello"]
"""
BUILD = """
import sys
from pathlib import Path
from whichworker.environments import venvs as environments, locks
from whichworker.environments.interpreters import inspect
environments.overlay(Path(sys.argv[1]), inspect(sys.argv[2]), ("waitress>=3",))
"""
BUILD_MODULES = ("click", "click.core")  # these have byte code, others of the same package have not


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project with an environment of its own, in which some modules have been imported before."""
    folder = tmp_path / "project"
    folder.mkdir()
    (folder / "app.py").write_text(APP)
    run_uv(
        tmp_path, "venv", "--quiet", "--no-project", "--python", own_base(), str(folder / ".venv")
    )
    python = str(folder / ".venv/bin/python")
    run_uv(tmp_path, "pip", "install", "--quiet", "--python", python, "click", "a2wsgi")
    clean = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    subprocess.run([python, "-c", f"import {', '.join(BUILD_MODULES)}"], env=clean, check=True)
    assert list((folder / ".venv").rglob("click/__pycache__/*.pyc")), (
        "there is byte code that could be changed"
    )
    return folder


def fingerprint(folder: Path) -> dict[str, str]:
    """Every file, folder and link below, with what is in it and when it was last changed."""
    found = {}
    for path in sorted(folder.rglob("*")):
        content = (
            str(path.readlink())
            if path.is_symlink()
            else hashlib.sha256(path.read_bytes()).hexdigest()
            if path.is_file()
            else ""
        )
        found[str(path.relative_to(folder))] = (
            f"{content} {path.lstat().st_mtime_ns} {path.lstat().st_mode}"
        )
    return found


def test_a_race_leaves_project_and_environment_as_they_were(
    project: Path,
    tmp_path: Path,
    state: Path,
    generator: Generator,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("PYTHONPYCACHEPREFIX", "VIRTUAL_ENV"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")  # as many images do
    cache, before = tmp_path / "cache", fingerprint(project)
    options = RaceOptions(servers="waitress,gunicorn-sync", time=10)
    found = discover(ask("app:application", options, project, cache))
    question = found.question_about(investigation.learn(found, Silent()).subject)
    planned = investigation.plan(question, found.findings, project, cache, Silent())
    bench = Bench(planned.question, planned.environments, tmp_path / "run", cache)
    bench.folder.mkdir()
    ready = calibrations_of(bench, generator)
    assert [type(ready[arm.name]) for arm in question.arms] == [Prepared, Prepared], ready
    assert fingerprint(project) == before
    assert list(cache.rglob("shell_completion*.pyc")), (
        "byte code of the environment's modules was written, but elsewhere"
    )


def building(place: Path) -> bool:
    """Whether a build is under way there."""
    return (place / "bin/python").exists() and not (place / locks.COMPLETE).exists()


@pytest.mark.parametrize("moment", range(3))
def test_a_build_that_is_killed_harms_nothing_and_is_begun_again(
    moment: int, project: Path, tmp_path: Path
) -> None:
    cache, python = tmp_path / "cache", str(project / ".venv/bin/python")
    cache.mkdir()
    before = fingerprint(project)
    clean = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    with subprocess.Popen([sys.executable, "-c", BUILD, str(cache), python], env=clean) as tool:
        while not any(
            building(place) for place in (cache / "overlays").glob("waitress-????????????????")
        ):
            assert tool.poll() is None, "the build ended before it could be killed"
            time.sleep(0.002)
        time.sleep(0.03 * moment)  # while it resolves, or installs
        tool.send_signal(signal.SIGKILL)
    assert not list((cache / "overlays").glob(f"*/{locks.COMPLETE}"))
    environment = environments.overlay(cache, inspect(python), ("waitress>=3",))
    run = subprocess.run(
        [environment.python, "-c", "import waitress, click"],
        capture_output=True,
        check=False,
        env=clean,
    )
    assert run.returncode == 0, run.stderr
    assert fingerprint(project) == before

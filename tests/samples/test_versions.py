"""The same server on two interpreters, and two versions of one server, side by side."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest
from tests.conftest import missing

from whichworker.bench import overlays
from whichworker.bench.running import Bench, running
from whichworker.config.options import RaceOptions
from whichworker.environments import interpreters
from whichworker.environments.installer import uv_path
from whichworker.errors import UsageError
from whichworker.model import Environment
from whichworker.question.ask import ask, discover
from whichworker.store import places

pytestmark = pytest.mark.servers


def bench_of(options: RaceOptions, folder: Path) -> Bench:
    question = discover(ask("builtin:django", options, folder, places.cache_folder())).question
    environments, without = overlays.build(question, places.cache_folder(), lambda _: None)
    assert not without
    return Bench(question, environments, folder, places.cache_folder())


def versions_that_answered(bench: Bench) -> Mapping[str, str]:
    """The interpreter's version in each arm's processes, after a correct response."""
    found = {}
    for arm in bench.question.arms:
        with running(bench, arm) as run:
            program = Path(f"/proc/{run.launch.pids()[-1]}/exe").readlink()
        out = subprocess.run(
            [program, "-V"], capture_output=True, text=True, check=True, timeout=30
        ).stdout
        found[arm.name] = out.split()[1]
    return found


def test_one_server_on_two_interpreters(tmp_path: Path) -> None:
    for version in ("3.12", "3.13"):
        try:
            interpreters.find(version, uv_path())
        except UsageError as error:
            missing(str(error))
    bench = bench_of(RaceOptions(servers="gunicorn-gthread", python=("3.12", "3.13")), tmp_path)
    answered = versions_that_answered(bench)
    assert set(answered) == {"gunicorn-gthread/3.12", "gunicorn-gthread/3.13"}
    for name, version in answered.items():
        assert version.startswith(name.partition("/")[2] + ".")
        environment: Environment = bench.environments[name]
        assert environment.python_version == version


def test_two_versions_of_one_server(tmp_path: Path) -> None:
    bench = bench_of(RaceOptions(servers="granian-wsgi@2.7.9,granian-wsgi@2.8.7"), tmp_path)
    assert set(versions_that_answered(bench)) == {"granian-wsgi@2.7.9", "granian-wsgi@2.8.7"}
    for name, version in (("granian-wsgi@2.7.9", "2.7.9"), ("granian-wsgi@2.8.7", "2.8.7")):
        environment = bench.environments[name]
        assert environment.version == version
        program = shutil.which("granian", path=environment.bin)
        assert program is not None
        assert (
            version
            in subprocess.run(
                [program, "--version"], capture_output=True, text=True, check=True, timeout=30
            ).stdout
        )

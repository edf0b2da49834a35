"""A third party's adapter: installed, found by its entry point, listed, started, in use."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from tests.conftest import PROJECTS, RIGHT, faulty_bench

from whichworker.bench.running import running
from whichworker.environments.installer import uv_path
from whichworker.errors import UsageError
from whichworker.load.http1 import fetch, judge_answer
from whichworker.model import Request
from whichworker.servers import names, table
from whichworker.servers.protocol import Server

EXAMPLE = PROJECTS / "example_adapter"
GUIDE = PROJECTS.parents[1] / "docs" / "guides" / "adapters.md"
ADAPTER = EXAMPLE / "whichworker_wsgiref" / "__init__.py"


def test_the_guide_shows_the_example_as_it_is() -> None:
    blocks = re.findall(r"```(\w+)\n(.*?)```", GUIDE.read_text(encoding="utf-8"), re.DOTALL)
    shown = [text for _, text in blocks]
    assert ADAPTER.read_text(encoding="utf-8") in shown
    assert (EXAMPLE / "whichworker_wsgiref" / "serve.py").read_text(encoding="utf-8") in shown
    entry_point = next(text for language, text in blocks if language == "toml")
    assert entry_point in (EXAMPLE / "pyproject.toml").read_text(encoding="utf-8")
    assert len(ADAPTER.read_text(encoding="utf-8").splitlines()) <= 30


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The example, built from a copy and installed into a folder, without a package index."""
    source, site = tmp_path / "source", tmp_path / "site"
    shutil.copytree(
        EXAMPLE, source, ignore=shutil.ignore_patterns("__pycache__", "build", "*.egg-info")
    )
    argv = [
        uv_path(),
        "pip",
        "install",
        "--quiet",
        "--offline",
        "--no-config",
        "--no-deps",
        "--no-build-isolation",
    ]
    argv += ["--python", sys.executable, "--target", str(site), str(source)]
    run = subprocess.run(argv, capture_output=True, text=True, timeout=100, check=False)
    assert run.returncode == 0, run.stderr
    monkeypatch.syspath_prepend(str(site))
    return site


@pytest.mark.servers
def test_a_strangers_server_is_listed_last_and_serves(installed: Path, tmp_path: Path) -> None:
    environment = {**os.environ, "PYTHONPATH": str(installed), "PYTHONDONTWRITEBYTECODE": "1"}
    argv = [sys.executable, "-m", "whichworker", "servers", "--json", "-"]
    listed = subprocess.run(
        argv, capture_output=True, text=True, timeout=60, check=True, env=environment
    )
    entry = json.loads(listed.stdout)[-1]
    assert (entry["name"], entry["in_flight_limit"], entry["settings"]) == (
        "wsgiref-simple",
        1,
        {"backlog": 128},
    )

    assert table.names()[-1] == "wsgiref-simple"
    bench = faulty_bench([("wsgiref-simple[backlog=7]", "")], tmp_path)
    arm = bench.question.arms[0]
    assert bench.environments[arm.name].version == bench.environments[arm.name].python_version
    with running(bench, arm) as run:
        assert run.command[:2] == ("python", "serve.py")
        assert "7" in run.command
        assert (
            judge_answer(
                RIGHT, fetch(run.address, Request(path="/", answer=RIGHT), "localhost", 10)
            )
            is None
        )


def test_a_stranger_that_cannot_be_loaded_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    information = tmp_path / "broken-1.0.dist-info"
    information.mkdir()
    (information / "METADATA").write_text(
        "Metadata-Version: 2.1\nName: broken\nVersion: 1.0\n", encoding="utf-8"
    )
    (information / "entry_points.txt").write_text(
        "[whichworker.servers]\nbroken-wsgi = nowhere.to_be:Found\nwaitress = nowhere:Mine\n",
        encoding="utf-8",
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    assert names.resolve("broken-wsgi") == "broken-wsgi"
    with pytest.raises(UsageError, match=r"broken-wsgi cannot be loaded from nowhere\.to_be:Found"):
        table.load("broken-wsgi")
    assert table.load("waitress").family == "waitress", "what ships is not replaced"


def test_the_parts_that_an_adapter_lacks_are_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "half_an_adapter.py").write_text(
        "from whichworker.servers.protocol import Adapter\n\n"
        "class Half(Adapter):\n    family, title = 'half', 'half'\n",
        encoding="utf-8",
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setitem(table.SERVERS, "half", "half_an_adapter:Half")
    with pytest.raises(UsageError, match=r"half_an_adapter:Half, has no kind, no requirements\n"):
        table.load("half")


def test_the_parts_are_those_of_the_protocol() -> None:
    methods = {
        name for name, value in vars(Server).items() if callable(value) and not name.startswith("_")
    }
    assert methods < set(table.PARTS)

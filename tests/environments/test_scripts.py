"""Servers that the app's own environment has already, at its own versions."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from whichworker.environments import venvs
from whichworker.environments.installer import run_uv
from whichworker.environments.interpreters import Interpreter, inspect, own_base
from whichworker.environments.resolution import wished
from whichworker.errors import EnvironmentFailed
from whichworker.model import Command

pytestmark = pytest.mark.servers

HAS = {"gunicorn": "22.0.0", "uvicorn": "0.30.6", "hypercorn": "0.17.3", "waitress": "3.0.0"}


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Interpreter:
    """The environment of an app that pins its servers, in a folder with a space."""
    place = tmp_path_factory.mktemp("an app") / ".venv"
    cache = tmp_path_factory.mktemp("uv")
    run_uv(cache, "venv", "--quiet", "--python", own_base(), str(place))
    pins = [f"{name}=={version}" for name, version in HAS.items()]
    run_uv(cache, "pip", "install", "--python", str(place / "bin/python"), *pins)
    return inspect(place / "bin/python")


def said(bin_folder: str, *words: str) -> str:
    """The output of a program of an environment, with no other on PATH."""
    argv = (str(Path(bin_folder) / words[0]), *words[1:])
    run = subprocess.run(
        argv, capture_output=True, text=True, check=True, env={"PATH": "/usr/bin:/bin"}, timeout=60
    )
    return run.stdout + run.stderr


@pytest.mark.parametrize(
    ("requirements", "name", "command"),
    [
        (("gunicorn>=20",), "gunicorn", "gunicorn"),
        (("gunicorn>=20", "uvicorn-worker>=0.2", "uvicorn"), "gunicorn", "gunicorn"),
        (("uvicorn", "httptools"), "uvicorn", "uvicorn"),
        (("hypercorn",), "hypercorn", "hypercorn"),
        (("waitress",), "waitress", "waitress-serve"),
    ],
)
def test_the_app_s_own_version_is_the_server(
    requirements: tuple[str, ...], name: str, command: str, app: Interpreter, tmp_path: Path
) -> None:
    found = venvs.overlay(tmp_path / "a cache", app, requirements)
    assert found.version == HAS[name]
    tells = name in ("gunicorn", "uvicorn")
    told = said(found.bin, command, "--version" if tells else "--help")
    assert (HAS[name] if tells else command) in told
    assert inspect(app.path).packages == app.packages, "the app's environment is never written"


@pytest.mark.parametrize(
    ("requirement", "version"), [("uvicorn==0.34.0", "0.34.0"), ("uvicorn", "")]
)
def test_another_version_beside_it(
    requirement: str, version: str, app: Interpreter, tmp_path: Path
) -> None:
    found = venvs.overlay(tmp_path, app, (requirement,), wished(latest=True), apart=True)
    assert found.version == version if version else found.version > HAS["uvicorn"]
    assert found.version in said(found.bin, "uvicorn", "--version")


def test_what_the_app_rules_out_has_a_cure(app: Interpreter, tmp_path: Path) -> None:
    with pytest.raises(EnvironmentFailed, match="gunicorn>=25 and gunicorn==22") as caught:
        venvs.overlay(tmp_path, app, ("gunicorn>=25",))
    assert "@latest" in caught.value.hint


def test_a_command_for_an_older_server_lacks_newer_options() -> None:
    command = Command(
        argv=("g", "--race"),
        deploy=("g", "--a", "x", "--b", "app"),
        since=((("--a", "x"), "25.2"),),
    )
    assert command.deployed("22.0.0") == ("g", "--b", "app")
    assert command.deployed("25.2") == command.deployed("") == command.deploy
    assert Command(argv=("g", "--race")).deployed("1") == ("g", "--race")

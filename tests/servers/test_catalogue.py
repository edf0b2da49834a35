"""The list of `whichworker servers`: kinds of settings, installed servers, and no changes."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import msgspec
import pytest
from click.testing import CliRunner

from whichworker.cli.main import cli
from whichworker.environments.locks import COMPLETE
from whichworker.environments.venvs import DESCRIPTION, REQUIREMENTS
from whichworker.model import Environment
from whichworker.question import catalogue
from whichworker.servers import table

HERE = f"{sys.version_info.major}.{sys.version_info.minor}"


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache folder that does not exist yet."""
    folder = tmp_path / "cache"
    monkeypatch.setenv("WHICHWORKER_CACHE", str(folder))
    return folder


def overlay(
    cache: Path,
    name: str,
    requirements: tuple[str, ...],
    *,
    version: str = "1.2",
    python: str = HERE,
    complete: bool = True,
) -> Path:
    """An overlay as a build leaves it."""
    place = cache / "overlays" / name
    place.mkdir(parents=True)
    environment = Environment(
        python="python", bin="bin", version=version, python_version=f"{python}.1"
    )
    (place / DESCRIPTION).write_bytes(msgspec.json.encode(environment))
    (place / REQUIREMENTS).write_text(
        "".join(f"{requirement}\n" for requirement in requirements), encoding="utf-8"
    )
    if complete:
        (place / COMPLETE).touch()
    return place


def test_every_server_is_listed_with_the_kinds_of_its_settings(cache: Path) -> None:
    entries = catalogue.catalogue()
    assert [entry.name for entry in entries] == list(table.SERVERS)
    for entry in entries:
        assert entry.installed is None
        assert {
            knob.name: knob.default for knob in entry.knobs if knob.name in entry.settings
        } == entry.settings
        for knob in entry.knobs:
            if knob.type == "choice":
                assert knob.default in knob.choices
                continue
            assert isinstance(knob.default, int)
            assert knob.least is not None
            assert knob.default >= knob.least
    assert not cache.exists(), "looking makes no folder"


def test_what_is_installed_is_what_a_build_has_completed(cache: Path) -> None:
    overlay(cache, "waitress-1", ("waitress",), version="3.0.2")
    overlay(cache, "daphne-1", ("daphne",), complete=False)
    overlay(cache, "cheroot-1", ("cheroot",), python="3.4")
    overlay(cache, "gunicorn-1", ("gunicorn==25.0",))
    (overlay(cache, "h2corn-1", ("h2corn",)) / DESCRIPTION).write_text("{}", encoding="utf-8")
    (overlay(cache, "hypercorn-1", ("hypercorn",)) / REQUIREMENTS).unlink()
    installed = {entry.name: entry.installed for entry in catalogue.catalogue() if entry.installed}
    assert installed == {"waitress": "3.0.2"}


def test_arms_of_the_same_requirements_share_an_environment(cache: Path) -> None:
    overlay(cache, "granian-1", ("granian>=2", "uvloop"), version="2.8.7")
    installed = {entry.name for entry in catalogue.catalogue() if entry.installed == "2.8.7"}
    assert installed == {"granian-asgi-uvloop", "granian-asginl-uvloop"}


def test_the_newest_of_two_environments_counts(cache: Path) -> None:
    overlay(cache, "a", ("waitress",), version="2.0")
    overlay(cache, "b", ("waitress",), version="3.0")
    for name, seconds in (("a", 2e9), ("b", 1e9)):
        os.utime(cache / "overlays" / name / COMPLETE, (seconds, seconds))
    assert catalogue.overlays(cache, HERE) == {("waitress",): "2.0"}


def test_the_json_has_all_that_is_known(cache: Path) -> None:
    done = CliRunner().invoke(cli, ["servers", "--json", "-"])
    entries = {entry["name"]: entry for entry in json.loads(done.stdout)}
    assert len(entries) >= 30
    daphne = entries["daphne"]
    assert {"term-drops", "hup-kills"} <= {finding["code"] for finding in daphne["known"]}
    assert entries["gunicorn-eventlet"]["historical"] is True
    assert entries["mod-wsgi"]["opt_in"]
    assert entries["gunicorn-gthread"]["knobs"][1] == {
        "name": "threads",
        "type": "integer",
        "default": 4,
        "help": "threads of each worker process",
        "least": 1,
        "choices": [],
    }


def test_the_table_fits_a_hundred_columns(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    overlay(cache, "waitress-1", ("waitress",), version="3.0.2")
    monkeypatch.setattr("whichworker.cli.frame.consoles.PIPED_WIDTH", 100)
    done = CliRunner().invoke(cli, ["servers"])
    assert done.exit_code == 0
    lines = done.stdout.splitlines()
    assert max(len(line) for line in lines) <= 100
    first_words = [line.split()[0] for line in lines if line.strip()]
    assert set(table.SERVERS) <= set(first_words), "no name is cut"
    assert next(line for line in lines if line.startswith("waitress *")).split()[:4] == [
        "waitress",
        "*",
        "wsgi",
        "3.0.2",
    ]
    assert "opt-in" in done.stdout
    assert "(historical)" in done.stdout
    assert "x Django returns status 500" in done.stdout

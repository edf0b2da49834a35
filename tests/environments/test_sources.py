"""Servers from folders, wheels and repositories, built by uv."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from tests.versus.test_revisions import git

from whichworker.environments import sources
from whichworker.errors import EnvironmentFailed, UsageError
from whichworker.servers import names

PROJECT = """
[build-system]
requires = ["setuptools"]
build-backend = "setuptools.build_meta"

[project]
name = "waitress"
version = "99.{minor}"
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    place = tmp_path / "my waitress"
    place.mkdir()
    (place / "pyproject.toml").write_text(PROJECT.format(minor=1))
    (place / "waitress.py").write_text("")
    return place


def test_a_folder_is_built_once_for_its_content(folder: Path, tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    cache.mkdir()
    (first,) = sources.settled((f"waitress @ {folder.as_uri()}",), sys.executable, cache)
    assert first.startswith("waitress @ file://")
    assert "waitress-99.1-py3-none-any.whl#sha256=" in first
    made = sorted(cache.glob("sources/*/*.whl"))
    (again,) = sources.settled((f"waitress @ {folder.as_uri()}",), sys.executable, cache)
    assert (again, sorted(cache.glob("sources/*/*.whl"))) == (first, made)
    (folder / "pyproject.toml").write_text(PROJECT.format(minor=2))
    (other,) = sources.settled((f"waitress @ {folder.as_uri()}",), sys.executable, cache)
    assert "waitress-99.2" in other
    wheel = sorted(cache.glob("sources/*/*99.2*.whl"))[0]
    (same,) = sources.settled((f"waitress[x] @ {wheel.as_uri()}",), sys.executable, cache)
    assert same == other.replace("waitress @", "waitress[x] @")


def test_a_branch_of_a_repository_is_what_it_is_now(folder: Path, tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    cache.mkdir()
    git(folder, "init", "--quiet", "--initial-branch", "main")
    git(folder, "add", ".")
    git(folder, "commit", "--quiet", "-m", "one")
    url = f"git+{folder.as_uri()}@main"
    (first,) = sources.settled((f"waitress @ {url}",), sys.executable, cache)
    assert "waitress-99.1" in first
    (folder / "pyproject.toml").write_text(PROJECT.format(minor=5))
    git(folder, "commit", "--quiet", "-am", "five")
    (second,) = sources.settled((f"waitress @ {url}",), sys.executable, cache)
    assert "waitress-99.5" in second


def test_a_requirement_of_the_index_is_unchanged(tmp_path: Path) -> None:
    wanted = ("gunicorn[gevent]>=23", "uvicorn==0.30")
    assert sources.settled(wanted, sys.executable, tmp_path) == wanted


@pytest.mark.parametrize("source", ["nothing.whl", "empty"])
def test_what_is_no_source_says_so(source: str, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(EnvironmentFailed, match=r"no wheel|no project to build"):
        sources.settled((f"x @ {(tmp_path / source).as_uri()}",), sys.executable, tmp_path)


@pytest.mark.parametrize(
    ("text", "requirement"),
    [
        ("waitress@./waitress-9.whl[threads=2]", "waitress @ {here}/waitress-9.whl"),
        ("waitress@./my code", "waitress @ {here}/my%20code"),
        ("waitress@git+https://h.org/a/w.git@main", "waitress @ git+https://h.org/a/w.git@main"),
        ("waitress@2.1/3.12", "waitress==2.1"),
    ],
)
def test_a_name_may_have_a_source(
    text: str, requirement: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "waitress-9.whl").write_bytes(b"")
    (tmp_path / "my code").mkdir()
    arm = names.contender(names.parse(text), "3.12", cores=1)
    assert arm.requirements[0] == requirement.format(here=tmp_path.as_uri())
    assert arm.name.startswith("waitress@")


def test_a_source_that_does_not_exist_says_so_before_anything_starts() -> None:
    with pytest.raises(UsageError, match="there is no wheel or folder"):
        names.contender(names.parse("waitress@./no.whl"), "3.12", cores=1)


def test_a_source_and_an_interpreter_are_two_things() -> None:
    with pytest.raises(UsageError):
        names.parse("waitress@[x=1]")

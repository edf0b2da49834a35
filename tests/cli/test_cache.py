"""Stored files, and their removal without touching those in use."""

from __future__ import annotations

import fcntl
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import msgspec
import pytest

from whichworker.environments import cache as inventory
from whichworker.environments import locks
from whichworker.environments.venvs import DESCRIPTION, REQUIREMENTS
from whichworker.model import Environment

TOOL = [sys.executable, "-m", "whichworker"]
DAY = 86400


def run(*arguments: str, folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*TOOL, "cache", *arguments],
        env={**os.environ, "WHICHWORKER_CACHE": str(folder)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def entries(*arguments: str, folder: Path) -> dict[str, dict[str, Any]]:
    done = run(*arguments, "--json", "-", folder=folder)
    assert done.returncode == 0, done.stderr
    return {entry["name"]: entry for entry in json.loads(done.stdout)["entries"]}


def make(place: Path, *, days: float, complete: bool = True) -> Path:
    """A folder of the cache as it looks, last used so many days ago."""
    (place / "bin").mkdir(parents=True)
    (place / "bin/python").symlink_to(sys.executable)
    (place / "pyvenv.cfg").write_text("home = /usr/bin\nversion_info = 3.12.9\n")
    (place / "content").write_bytes(b"x" * 100_000)
    if complete:
        (place / locks.COMPLETE).touch()
    locks.lock_of(place).touch()
    then = time.time() - days * DAY
    os.utime(locks.lock_of(place), (then, then))
    return place


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A cache with an overlay, an app and byte code of different ages."""
    cache = tmp_path / "cache"
    overlay = make(cache / "overlays/granian-1", days=40)
    packages = {"granian": "2.8.7", "uvloop": "0.22.1", "click": "8.3.0"}
    environment = Environment(
        python="p", bin="b", version="2.8.7", python_version="3.12.9", packages=packages
    )
    (overlay / DESCRIPTION).write_bytes(msgspec.json.encode(environment))
    (overlay / REQUIREMENTS).write_text("granian==2.8.7\nuvloop\n")
    app = make(cache / "apps/django-2", days=10)
    (app / "lib/python3.12/site-packages/django-6.1.3.dist-info").mkdir(parents=True)
    make(cache / "overlays/waitress-3", days=1, complete=False)
    make(cache / "data/django-6.1.3-4", days=2)
    (cache / "pycache").mkdir()
    locks.lock_of(cache / "pycache").touch()
    return cache


def test_everything_is_listed_with_its_versions_size_and_age(folder: Path) -> None:
    found = entries(folder=folder)
    assert set(found) == {"granian-1", "django-2", "waitress-3", "django-6.1.3-4", "pycache"}
    granian = found["granian-1"]
    assert granian["kind"] == "overlay"
    assert granian["versions"] == {"granian": "2.8.7", "uvloop": "0.22.1"}
    assert granian["python"] == "3.12.9"
    assert granian["size_bytes"] >= 100_000
    assert granian["state"] == "complete"
    assert not granian["in_use"]
    assert time.time() - granian["last_used"] == pytest.approx(40 * DAY, abs=60)
    assert found["django-2"]["versions"] == {"django": "6.1.3"}
    assert found["waitress-3"]["state"] == "unfinished"


def test_the_list_is_for_people(folder: Path) -> None:
    done = run(folder=folder)
    assert done.returncode == 0, done.stderr
    for text in ("granian 2.8.7 uvloop 0.22.1", "40 days ago", "unfinished", "byte code", "in all"):
        assert text in done.stdout


def test_looking_changes_nothing(folder: Path) -> None:
    before = sorted((str(path), path.lstat().st_mtime_ns) for path in folder.rglob("*"))
    run("list", folder=folder)
    run("clear", "--dry-run", folder=folder)
    assert sorted((str(path), path.lstat().st_mtime_ns) for path in folder.rglob("*")) == before


def test_only_the_old_is_cleared(folder: Path) -> None:
    planned = entries("clear", "--older-than", "5d", "--dry-run", folder=folder)
    assert {name for name, entry in planned.items() if entry["outcome"] == "would be removed"} == {
        "granian-1",
        "django-2",
    }
    done = entries("clear", "--older-than", "5d", folder=folder)
    assert {name for name, entry in done.items() if entry["outcome"] == "removed"} == {
        "granian-1",
        "django-2",
    }
    assert set(entries(folder=folder)) == {"waitress-3", "django-6.1.3-4", "pycache"}


def test_clearing_removes_everything_with_its_locks(folder: Path) -> None:
    done = run("clear", folder=folder)
    assert done.returncode == 0, done.stderr
    assert "5 removed" in done.stdout
    assert not [path for path in folder.rglob("*") if path.is_file()]
    assert "no such entries" in run(folder=folder).stdout


@pytest.mark.parametrize("kind", [fcntl.LOCK_SH, fcntl.LOCK_EX], ids=["used", "built"])
def test_what_another_process_uses_or_builds_stays(kind: int, folder: Path) -> None:
    with locks.lock_of(folder / "overlays/granian-1").open() as lock:
        fcntl.flock(lock, kind)
        assert entries(folder=folder)["granian-1"]["in_use"]
        assert entries("clear", folder=folder)["granian-1"]["outcome"] == "in use"
    assert (folder / "overlays/granian-1/content").exists()
    assert set(entries(folder=folder)) == {"granian-1"}


def test_a_folder_that_is_used_has_a_new_date_and_stays(folder: Path) -> None:
    place = folder / "overlays/granian-1"
    assert locks.once(place, lambda: pytest.fail("it is complete")) == place
    found = entries(folder=folder)["granian-1"]
    assert found["in_use"]
    assert time.time() - found["last_used"] < 60
    assert {entry.name for entry in inventory.clear(folder) if entry.outcome == "in use"} == {
        "granian-1"
    }


def test_the_byte_code_of_what_is_removed_goes_with_it(folder: Path) -> None:
    place = folder / "overlays/granian-1"
    code = folder / "pycache" / str(place).lstrip("/") / "lib"
    code.mkdir(parents=True)
    run("clear", "--older-than", "30d", folder=folder)
    assert not code.exists()
    assert (folder / "pycache").exists()


def test_what_others_keep_there_is_neither_listed_nor_removed(folder: Path) -> None:
    """WHICHWORKER_CACHE may name a folder that has `apps` and `data` of the user's own."""
    own = [folder / "apps/shop/models.py", folder / "data/2026/sales.csv", folder / "overlays/map"]
    for path in own:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("mine", encoding="utf-8")
    (folder / "apps/uv.lock").write_text("version = 1", encoding="utf-8")
    assert not {"shop", "2026"} & {Path(path).name for path in entries(folder=folder)}
    assert run("clear", folder=folder).returncode == 0
    assert [path.read_text(encoding="utf-8") for path in own] == ["mine"] * 3
    assert (folder / "apps/uv.lock").exists()


def test_a_lock_whose_folder_is_gone_is_swept(folder: Path) -> None:
    (folder / "overlays/gone-9.lock").touch()
    run("clear", "--older-than", "300d", folder=folder)
    assert not (folder / "overlays/gone-9.lock").exists()
    assert (folder / "overlays/granian-1.lock").exists()


def test_an_interpreter_that_is_gone_is_said(folder: Path) -> None:
    python = folder / "overlays/granian-1/bin/python"
    python.unlink()
    python.symlink_to("/no/such/python")
    assert entries(folder=folder)["granian-1"]["state"] == "broken"


def test_files_that_are_shared_are_not_counted_as_freed(folder: Path) -> None:
    place = folder / "overlays/granian-1"
    before = inventory.sizes(place)
    (folder / "shared").hardlink_to(place / "content")
    size, freed = inventory.sizes(place)
    assert size == before[0]
    assert before[1] - freed >= 100_000


def test_an_empty_cache(tmp_path: Path) -> None:
    assert entries(folder=tmp_path / "none") == {}
    assert "no such entries" in run("clear", folder=tmp_path / "none").stdout
    assert not (tmp_path / "none").exists()


@pytest.mark.parametrize(
    ("arguments", "fact"),
    [
        (["clear", "--older-than", "soon"], "not a duration"),
        (["--dry-run"], "used only with clear"),
        (["burn"], "burn"),
    ],
)
def test_bad_input_is_a_usage_error(arguments: list[str], fact: str, folder: Path) -> None:
    done = run(*arguments, folder=folder)
    assert done.returncode == 2
    assert fact in done.stderr
    assert "Traceback" not in done.stderr

"""Places: the variable that wins, the name of a run, and the message if there is none."""

from __future__ import annotations

from pathlib import Path

import pytest

from whichworker.errors import JournalFailed, UsageError
from whichworker.store import places
from whichworker.store.journal import FILE

VARIABLES = ("WHICHWORKER_STATE", "WHICHWORKER_CACHE", "XDG_STATE_HOME", "XDG_CACHE_HOME")


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for variable in VARIABLES:
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("environment", "state", "cache"),
    [
        ({}, "home/.local/state/whichworker", "home/.cache/whichworker"),
        (
            {"XDG_STATE_HOME": "{}/xs", "XDG_CACHE_HOME": "{}/xc"},
            "xs/whichworker",
            "xc/whichworker",
        ),
        (
            {"XDG_STATE_HOME": "relative", "XDG_CACHE_HOME": ""},
            "home/.local/state/whichworker",
            "home/.cache/whichworker",
        ),
        (
            {"WHICHWORKER_STATE": "{}/own", "XDG_STATE_HOME": "{}/xs"},
            "own",
            "home/.cache/whichworker",
        ),
        ({"WHICHWORKER_STATE": "here", "WHICHWORKER_CACHE": "{}/c"}, "here", "c"),
        ({"WHICHWORKER_STATE": ""}, "home/.local/state/whichworker", "home/.cache/whichworker"),
    ],
)
def test_folders(
    environment: dict[str, str], state: str, cache: str, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for variable, value in environment.items():
        monkeypatch.setenv(variable, value.format(home))
    assert places.state_folder() == home / state
    assert places.cache_folder() == home / cache


def test_a_project_is_keyed_by_its_path_and_readable_by_its_name(home: Path) -> None:
    (home / "one").mkdir()
    (home / "other").symlink_to(home / "one")
    folder = places.project_folder(home / "one")
    assert folder.parent == places.state_folder() / "runs"
    assert folder.name.startswith("one-")
    assert places.project_folder(home / "other") == folder == places.project_folder(Path("one"))
    assert places.project_folder(home / "sub" / "one") != folder
    assert places.project_folder(Path("/")).name.startswith("root-")


def test_runs_are_kept_outside_the_project(home: Path) -> None:
    project = home / "project"
    project.mkdir()
    one, two = places.new_run(project), places.new_run(project)
    assert one != two
    assert one.is_dir() and one.parent == places.project_folder(project)
    assert list(project.iterdir()) == []


def test_a_state_folder_that_cannot_be_written_is_told(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (home / "blocked").write_text("")
    monkeypatch.setenv("WHICHWORKER_STATE", str(home / "blocked"))
    with pytest.raises(JournalFailed, match="cannot be made") as caught:
        places.new_run(home)
    assert "WHICHWORKER_STATE" in caught.value.hint


def run_named(project: Path, name: str, *, journal: bool = True) -> Path:
    folder = places.project_folder(project) / name
    folder.mkdir(parents=True)
    if journal:
        (folder / FILE).touch()
    return folder


def test_a_run_is_found_by_its_id_or_as_the_latest(home: Path) -> None:
    old, new = run_named(home, "20250101-120000-aaaa"), run_named(home, "20250102-120000-0000")
    run_named(home, "20250103-120000-bbbb", journal=False)
    assert places.find_run(home, "latest") == new
    assert places.find_run(home, old.name) == old


@pytest.mark.parametrize("wanted", ["latest", "20250101-120000-aaaa", ""])
def test_no_run_yet(home: Path, wanted: str) -> None:
    with pytest.raises(UsageError, match="no run") as caught:
        places.find_run(home, wanted)
    assert caught.value.hint == "there is no run yet"


@pytest.mark.parametrize("wanted", ["", "..", "20250101", "../20250101-120000-aaaa"])
def test_an_unknown_run_lists_those_there_are(home: Path, wanted: str) -> None:
    run_named(home, "20250101-120000-aaaa")
    with pytest.raises(UsageError, match=f"no run {wanted!r}") as caught:
        places.find_run(home, wanted)
    assert caught.value.hint == "the newest runs are 20250101-120000-aaaa"


def test_runs_of_other_projects_are_not_found(home: Path) -> None:
    run_named(home / "one", "20250101-120000-aaaa")
    with pytest.raises(UsageError):
        places.find_run(home / "two", "latest")

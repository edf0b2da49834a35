"""Another version of an app from a real git repository, which is only read."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from whichworker.errors import UsageError
from whichworker.versus import dependencies, revisions
from whichworker.versus.dependencies import Tree


def git(folder: Path, *words: str) -> str:
    identity = ("-c", "user.name=t", "-c", "user.email=t@example.org", "-c", "commit.gpgsign=false")
    done = subprocess.run(
        ["git", "-C", str(folder), *identity, *words], capture_output=True, text=True, check=True
    )
    return done.stdout


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """Two commits of a page, the second one on top of `old`, and files that git ignores."""
    place = tmp_path / "shop"
    (place / "site").mkdir(parents=True)
    git(place, "init", "--quiet", "--initial-branch", "main")
    (place / ".gitignore").write_text(".env\n.venv/\nmedia/\n")
    (place / "site/page.py").write_text("old = True\n")
    git(place, "add", ".")
    git(place, "commit", "--quiet", "-m", "one")
    git(place, "tag", "old")
    (place / "site/page.py").write_text("old = False\n")
    (place / "site/added.py").write_text("")
    git(place, "add", ".")
    git(place, "commit", "--quiet", "-m", "two")
    (place / ".env").write_text("SECRET=1\n")
    (place / "media").mkdir()
    (place / "media/cat.png").write_bytes(b"png")
    (place / ".venv/lib").mkdir(parents=True)
    (place / ".venv/pyvenv.cfg").write_text("")
    (place / "site/shop.sqlite3").write_bytes(b"rows")
    (place / "site/draft.py").write_text("")
    return place


def state(place: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(place)): path.read_bytes()
        for path in sorted(place.rglob("*"))
        if path.is_file() and path.name != "index"
    }


def test_a_version_has_its_files_and_the_ignored_ones_of_today(
    repository: Path, tmp_path: Path
) -> None:
    before = state(repository)
    found = revisions.find("old", repository / "site")
    assert found.root == repository
    assert found.commit == git(repository, "rev-parse", "old").strip()
    place = tmp_path / "version"
    revisions.write(found, place)
    assert (place / "site/page.py").read_text() == "old = True\n"
    assert not (place / "site/added.py").exists()
    assert (place / ".env").read_text() == "SECRET=1\n"
    assert (place / "media/cat.png").read_bytes() == b"png"
    assert (place / "site/shop.sqlite3").read_bytes() == b"rows", "an untracked database"
    assert not (place / "site/draft.py").exists(), "untracked code is of no other version"
    assert not (place / ".venv").exists()
    assert state(repository) == before
    assert git(repository, "worktree", "list").count("\n") == 1


@pytest.mark.parametrize("name", ["no-such-branch", "--output=/tmp/x", "old^{tree}", ""])
def test_a_version_that_does_not_exist_says_so(repository: Path, name: str) -> None:
    with pytest.raises(UsageError, match="no commit, branch or tag"):
        revisions.find(name, repository)


def test_a_folder_without_a_repository_has_one_version(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="in no git repository"):
        revisions.find("main", tmp_path)


def test_ignored_files_that_are_too_large_end_it(
    repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(revisions, "MOST_BYTES", 5)
    with pytest.raises(UsageError, match="larger than"):
        revisions.write(revisions.find("old", repository), tmp_path / "version")


@pytest.mark.parametrize(
    ("files", "alike"),
    [
        ({}, True),
        ({"requirements.txt": "# a comment\ndjango==5.0\n\n"}, True),
        ({"requirements.txt": "django==5.1\n"}, False),
        ({"requirements/extra.txt": "redis\n"}, False),
        ({"pyproject.toml": "[tool.ruff]\nline-length = 99\n"}, True),
        ({"pyproject.toml": "[project]\ndependencies = ['flask']\n"}, False),
        ({"uv.lock": "version = 2\n"}, False),
    ],
)
def test_dependencies_are_compared_by_what_decides_them(
    tmp_path: Path, files: dict[str, str], alike: bool
) -> None:
    trees = []
    for name in ("before", "today"):
        folder = tmp_path / name / "site"
        folder.mkdir(parents=True)
        (folder.parent / "requirements.txt").write_text("django==5.0\n")
        trees.append(Tree(folder, folder.parent))
    for file, text in files.items():
        path = trees[1].root / file
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
    assert (dependencies.described(trees[0]) == dependencies.described(trees[1])) == alike


def test_the_interpreter_is_shared_if_the_dependencies_are_the_same(tmp_path: Path) -> None:
    tree = Tree(tmp_path, tmp_path)
    said: list[str] = []
    assert dependencies.python_of(tree, tree, "/py", tmp_path, said.append) == "/py"
    assert not said


def test_dependencies_that_cannot_be_installed_are_named(tmp_path: Path) -> None:
    before, today = (tmp_path / name for name in ("before", "today"))
    before.mkdir()
    today.mkdir()
    (before / "poetry.lock").write_text("x")
    with pytest.raises(UsageError, match=r"only uv\.lock and requirements\.txt"):
        dependencies.python_of(
            Tree(before, before), Tree(today, today), "/py", tmp_path, lambda _: None
        )

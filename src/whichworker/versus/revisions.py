"""An earlier version of the app: the files of a commit in a folder of its own.

The repository is only read: no worktree, no checkout, no lock. Files that git ignores, such as a
local database or .env, come along, since the app may need them; environments do not.
"""

from __future__ import annotations

import shutil
import subprocess
import tarfile
from collections.abc import Iterator
from pathlib import Path

from msgspec import Struct

from whichworker.errors import UsageError

GIT_SECONDS = 120
"""For one command: an archive of a large repository takes seconds."""
LEFT_BEHIND = {"node_modules", "__pycache__", ".git", ".tox", ".nox", ".mypy_cache", ".ruff_cache"}
"""Folders that no app needs from another version, by name; so is any with a pyvenv.cfg."""
MOST_BYTES = 500_000_000
"""Of ignored files: more would take long to copy, and hardly belong to the app."""
DATABASES = (".sqlite3", ".sqlite", ".db")
"""Files of this kind come along even if git does not ignore them."""


class Revision(Struct, frozen=True):
    """A commit of the repository at `root`: the name that the user gave it, and its id."""

    root: Path
    name: str
    commit: str


def find(name: str, folder: Path) -> Revision:
    """The commit of this name; raises UsageError if there is no repository, or no such commit."""
    root = root_of(folder)
    unknown = UsageError(
        f"no commit, branch or tag is called {name!r} in {root}",
        hint="git fetch brings those of the server: git fetch origin main, then origin/main",
    )
    if name.startswith("-"):
        raise unknown
    found = _git(
        root, "rev-parse", "--verify", "--quiet", f"{name}^{{commit}}", wrong=unknown
    ).strip()
    return Revision(root, name, found)


def root_of(folder: Path) -> Path:
    """The root of the repository of a folder; raises UsageError if there is none."""
    found = _git(folder, "rev-parse", "--show-toplevel", wrong=_no_repository(folder))
    return Path(found.strip()).resolve()


def write(revision: Revision, folder: Path) -> None:
    """Write the files of a commit, and the ignored files of today, into an empty folder.

    Raises UsageError if git fails, or if the ignored files are too large.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    archive = folder.with_name(f"{folder.name}.tar")
    failed = UsageError(f"git cannot read {revision.name}", hint="git fsck names what is missing")
    _git(
        revision.root,
        "archive",
        "--format=tar",
        "--output",
        str(archive),
        revision.commit,
        wrong=failed,
    )
    folder.mkdir()
    with tarfile.open(archive) as files:
        files.extractall(folder, filter="tar")
    archive.unlink()
    _bring(revision.root, folder)


def _bring(root: Path, folder: Path) -> None:
    """Copy the ignored files, and databases; links stay links."""
    left = MOST_BYTES
    for path in _ignored(root):
        target = folder / path.relative_to(root)
        if target.exists() or target.is_symlink():
            continue
        size = path.lstat().st_size
        left -= size
        if left < 0:
            raise UsageError(
                f"the files that git ignores in {root} are larger than {MOST_BYTES // 10**6} MB",
                hint="move large files, such as media or dumps, out of the repository",
            )
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(path, target, follow_symlinks=False)


def _ignored(root: Path) -> Iterator[Path]:
    """The files that git ignores, and untracked databases."""
    listed = ("ls-files", "--others", "--directory", "-z", "--exclude-standard")
    failed = UsageError(f"git cannot list the files of {root}")
    ignored = _git(root, *listed, "--ignored", wrong=failed).split("\0")
    untracked = _git(root, *listed, wrong=failed).split("\0")
    for name in filter(None, ignored):
        yield from _files_of(root / name)
    for name in filter(None, untracked):
        yield from (one for one in _files_of(root / name) if one.suffix in DATABASES)


def _files_of(path: Path) -> Iterator[Path]:
    if path.is_symlink() or path.is_file():
        yield path
    elif path.is_dir() and path.name not in LEFT_BEHIND and not (path / "pyvenv.cfg").exists():
        for inside in sorted(path.iterdir()):
            yield from _files_of(inside)


def _no_repository(folder: Path) -> UsageError:
    return UsageError(
        f"{folder} is in no git repository, so it has no other version",
        hint="compare two setups or two versions of a server: --servers A,B",
    )


def _git(folder: Path, *words: str, wrong: UsageError) -> str:
    """The output of git; raises `wrong` with its last lines if it fails."""
    try:
        done = subprocess.run(
            ["git", "-C", str(folder), *words],
            capture_output=True,
            timeout=GIT_SECONDS,
            check=False,
            stdin=subprocess.DEVNULL,
        )
    except FileNotFoundError as error:
        raise UsageError("git is not installed", hint="apt install git") from error
    except subprocess.TimeoutExpired as error:
        raise UsageError(f"git {words[0]} took longer than {GIT_SECONDS} s") from error
    if done.returncode:
        lines = done.stderr.decode(errors="replace").strip().splitlines()
        wrong.seen = "\n".join(lines[-4:])
        raise wrong
    return done.stdout.decode(errors="surrogateescape")

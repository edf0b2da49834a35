"""What stays out of an image: https://docs.docker.com/build/concepts/context/#dockerignore-files"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from whichworker.deployment.kinds import quoting
from whichworker.deployment.kinds.parts import heading
from whichworker.errors import UsageError
from whichworker.model.deployments import Deployment

NAME = "Dockerfile.dockerignore"
OF_PROJECT = ".dockerignore"
NOT_IN_IMAGE = (
    "**/.git",
    "**/.hg",
    "**/.svn",
    "**/.venv",
    "**/venv",
    "**/__pycache__",
    "**/.env",
    "**/.env.*",
    "**/*.sqlite3*",
    "**/*.pem",
    "**/*.key",
    "**/whichworker-promise.json",
    "Dockerfile",
    NAME,
    OF_PROJECT,
)
"""Secrets, data, and files that can be made again."""


def text(what: Deployment, needed: Iterable[str]) -> str:
    """The lines; `needed` are files that the Dockerfile copies, whatever the project leaves out.

    Docker does not read the project's .dockerignore beside this file, so its lines come first.
    """
    lines = [*_of_project(Path(what.directory)), *NOT_IN_IMAGE, *_private(what)]
    if (Path(what.directory) / OF_PROJECT).is_file():
        lines += [f"!{name}" for name in needed]
    return heading(what) + "".join(f"{line}\n" for line in dict.fromkeys(lines))


def _of_project(folder: Path) -> list[str]:
    path = folder / OF_PROJECT
    try:
        given = path.read_text(encoding="utf-8-sig").splitlines()
    except FileNotFoundError:
        return []
    except (OSError, ValueError) as error:
        raise UsageError(f"{path} cannot be read: {error}", hint="correct or remove it") from error
    return [f"# from {OF_PROJECT}", *given]


def _private(what: Deployment) -> Iterator[str]:
    """The app's own secrets, its databases with their logs, and its environment."""
    root = Path(what.directory)
    for name in (*what.private, str(Path(what.bin).parent)):
        path = Path(name)
        if path.is_relative_to(root) and path != root:
            pattern = quoting.dockerignore(str(path.relative_to(root)))
            yield pattern
            if name in what.private:  # SQLite's -wal, -shm and -journal
                yield f"{pattern}-*"

"""The folders of the tool: caches may be deleted, runs are kept, the project stays clean."""

from __future__ import annotations

import hashlib
import os
import secrets
import time
from pathlib import Path

from whichworker.errors import EnvironmentFailed, JournalFailed, UsageError
from whichworker.store.journal import FILE

CACHE_TAG = (
    "Signature: 8a477f597d28d172789f06886806bc55\n"
    "# whichworker makes these folders again when it needs them: whichworker cache clear\n"
)
"""For backups, which leave a folder with this file out (https://bford.info/cachedir/)."""


def cache_folder() -> Path:
    """WHICHWORKER_CACHE, or whichworker below the user's cache folder (XDG)."""
    return _folder("WHICHWORKER_CACHE", "XDG_CACHE_HOME", ".cache")


def state_folder() -> Path:
    """WHICHWORKER_STATE, or whichworker below the user's state folder (XDG)."""
    return _folder("WHICHWORKER_STATE", "XDG_STATE_HOME", ".local/state")


def make_cache(cache: Path) -> None:
    """Make the cache folder, with a tag if it is new; raises EnvironmentFailed."""
    try:
        cache.mkdir(parents=True, exist_ok=True)
        if not any(cache.iterdir()):
            (cache / "CACHEDIR.TAG").write_text(CACHE_TAG, encoding="utf-8")
    except OSError as error:
        hint = "set WHICHWORKER_CACHE to a folder you can write"
        raise EnvironmentFailed(
            f"the cache folder {cache} cannot be made: {error.strerror}", hint=hint
        ) from error


def project_folder(project: Path) -> Path:
    """The folder with the runs of one project: keyed by its path, readable by its name."""
    path = project.resolve()
    key = hashlib.sha256(str(path).encode()).hexdigest()[:8]
    return state_folder() / "runs" / f"{path.name or 'root'}-{key}"


def new_run(project: Path) -> Path:
    """The folder of a new run, made; its name is the run's id."""
    name = time.strftime("%Y%m%d-%H%M%S", time.gmtime()) + "-" + secrets.token_hex(2)
    folder = project_folder(project) / name
    try:
        folder.mkdir(parents=True)
    except OSError as error:
        raise JournalFailed(
            f"the folder of the run cannot be made: {error}",
            hint="set WHICHWORKER_STATE to a folder you can write",
        ) from error
    return folder


def runs(project: Path) -> list[Path]:
    """The folders of a project's runs, the oldest first."""
    return sorted(
        folder for folder in project_folder(project).glob("*") if (folder / FILE).exists()
    )


def find_run(project: Path, run: str) -> Path:
    """The folder of a run, by its id or `latest`; raises UsageError with the ids there are."""
    folders = runs(project)
    if run == "latest" and folders:
        return folders[-1]
    for folder in folders:
        if folder.name == run:
            return folder
    known = ", ".join(folder.name for folder in folders[-5:])
    raise UsageError(
        f"no run {run!r} of {project}",
        hint=f"the newest runs are {known}" if known else "there is no run yet",
    )


def _folder(variable: str, xdg: str, default: str) -> Path:
    if own := os.environ.get(variable):
        return Path(own).absolute()
    base = os.environ.get(xdg, "")
    return (Path(base) if Path(base).is_absolute() else Path.home() / default) / "whichworker"

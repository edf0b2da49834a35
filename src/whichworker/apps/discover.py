"""Which app to race: a built-in one, `module:attribute`, or the app in a folder."""

from __future__ import annotations

import os
import re
from pathlib import Path

from whichworker.apps import builtin, environment_files, modules
from whichworker.apps.checkup import refuse_variables
from whichworker.apps.examine import Examiner
from whichworker.apps.folders import NAME_IT, Folders
from whichworker.apps.targets import from_target
from whichworker.environments import interpreters
from whichworker.environments.installer import uv_path
from whichworker.environments.resolution import LOCKED
from whichworker.errors import UsageError
from whichworker.model import App, Finding, Resolution, codes
from whichworker.model.arms import BUILTIN_PREFIX

NOTHING_NAMED = f"{BUILTIN_PREFIX}django"
"""The app if none is named and none is in the folder."""
TARGET = re.compile(r"[A-Za-z_][\w.]*:[A-Za-z_][\w.]*(\(.*\))?", re.DOTALL)


def discover(
    named: str | None,
    python: str | None,
    here: Path,
    examiner: Examiner,
    *,
    extras: bool = False,
    wish: Resolution = LOCKED,
    environment_file: str = "",
    allow_remote_database: bool = False,
) -> tuple[App, list[Finding]]:
    """The app, and findings about how it was found; `extras` and `wish` are for built-in apps.

    Every import of the app reads the `environment_file`. If a variable names a database on another
    machine, nothing is imported, unless that is allowed.

    Raises UsageError if the named app does not exist or is ambiguous, or its folder has a name that
    no journal could contain.
    """

    own = own_app(
        named,
        python,
        here,
        examiner,
        environment_file=environment_file,
        allow_remote_database=allow_remote_database,
    )
    if own is not None:
        return own
    built = builtin_app(named or NOTHING_NAMED, python, examiner.cache, extras=extras, wish=wish)
    return built, [] if named else [nothing_in(here)]


def own_app(
    named: str | None,
    python: str | None,
    here: Path,
    examiner: Examiner,
    *,
    environment_file: str = "",
    allow_remote_database: bool = False,
) -> tuple[App, list[Finding]] | None:
    """The user's app; None for a built-in one, by its name or because no app is here.

    Raises UsageError as `discover` does. No environment is built.
    """
    _check_folder(here / named if named and Path(named).is_dir() else here)
    if named and named.startswith(BUILTIN_PREFIX):
        return None
    if named is None and next(modules.files_in(here), None) is None:
        return None
    if not allow_remote_database:
        refuse_variables({**os.environ, **environment_files.read(environment_file)})
    folders = Folders(python, examiner, environment_file)
    if named is None:
        return folders.find(here)
    if Path(named).is_dir():
        folder = (here / named).resolve()
        own = folders.find(folder)
        if own is None:
            raise UsageError(f"no app in {folder}", hint=NAME_IT)
        return own
    if TARGET.fullmatch(named):
        return from_target(named, python, here, examiner, environment_file=environment_file), []
    raise UsageError(
        f"no app: {named!r}",
        hint="name a folder with a manage.py, a module:attribute, or builtin:django",
    )


def _check_folder(folder: Path) -> None:
    try:
        str(folder.resolve()).encode()
    except UnicodeEncodeError as error:
        raise UsageError(
            f"the name of the folder {str(folder)!r} is not UTF-8",
            hint="rename it: no result could contain it",
        ) from error


def builtin_app(
    name: str, python: str | None, cache: Path, *, extras: bool = False, wish: Resolution = LOCKED
) -> App:
    """A built-in app on an interpreter [default: the tool's own]; raises UsageError."""
    base = interpreters.find(python, uv_path()) if python else interpreters.own_base()
    return builtin.app(name, interpreters.inspect(base).base, cache, extras=extras, wish=wish)


def nothing_in(here: Path) -> Finding:
    """The finding that a folder has no app, so the built-in one stands in for it."""
    return codes.APP_BUILTIN.finding(
        evidence=f"no manage.py and no app of a known framework in {here}"
    )

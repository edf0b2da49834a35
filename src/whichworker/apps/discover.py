"""Which app to race: a built-in one, `module:attribute`, or the app in a folder."""

from __future__ import annotations

import os
import re
from pathlib import Path

import msgspec
from msgspec import Struct

from whichworker import foreign
from whichworker.apps import builtin, candidates, environment_files, shims
from whichworker.apps.checkup import refuse_variables
from whichworker.apps.examine import Examiner
from whichworker.environments import interpreters, own_python
from whichworker.environments.venvs import uv_path
from whichworker.errors import UsageError
from whichworker.model import App, Finding, codes
from whichworker.model.arms import BUILTIN_PREFIX

SETTINGS = re.compile(
    r"""DJANGO_SETTINGS_MODULE["']\s*,\s*["']((?:[^\W\d]\w{0,60})(?:\.[^\W\d]\w{0,60})*)["']"""
)
"""The name of a module, whose parts can be names of files."""
TARGET = re.compile(r"[A-Za-z_][\w.]*:[A-Za-z_][\w.]*(\(\))?")
NAME_IT = "name the app as module:attribute, for example mysite.wsgi:application"


class _FastApi(Struct):
    entrypoint: str = ""


class _ToolTables(Struct):
    fastapi: _FastApi = msgspec.field(default_factory=_FastApi)


class _Tooled(Struct):
    tool: _ToolTables = msgspec.field(default_factory=_ToolTables)


def discover(
    named: str | None,
    python: str | None,
    here: Path,
    examiner: Examiner,
    *,
    extras: bool = False,
    environment_file: str = "",
    allow_remote_database: bool = False,
) -> tuple[App, list[Finding]]:
    """The app, and findings about how it was found; `extras` is for built-in apps.

    Every import of the app reads the `environment_file`. If a variable names a database on another
    machine, nothing is imported, unless that is allowed.

    Raises UsageError if the named app does not exist or is ambiguous, or its folder has a name that
    no journal could contain.
    """

    def guard() -> None:
        if not allow_remote_database:
            refuse_variables({**os.environ, **environment_files.read(environment_file)})

    _check_folder(here / named if named and Path(named).is_dir() else here)
    if named is None:
        if (here / "manage.py").is_file():
            guard()
            return from_folder(here, python, examiner, environment_file)
        if found := _candidates(here):
            guard()
            return _of_candidates(found, here, python, examiner, environment_file)
        return _builtin("builtin:django", python, examiner, extras), [_nothing_here(here)]
    if named.startswith(BUILTIN_PREFIX):
        return _builtin(named, python, examiner, extras), []
    guard()
    if Path(named).is_dir():
        folder = (here / named).resolve()
        found = [] if (folder / "manage.py").is_file() else _candidates(folder)
        if found:
            return _of_candidates(found, folder, python, examiner, environment_file)
        return from_folder(folder, python, examiner, environment_file)
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


def from_folder(
    folder: Path, python: str | None, examiner: Examiner, environment_file: str = ""
) -> tuple[App, list[Finding]]:
    """The Django project of a manage.py; DJANGO_SETTINGS_MODULE may name other settings."""
    manage = folder / "manage.py"
    told = {**os.environ, **environment_files.read(environment_file)}
    named = told.get("DJANGO_SETTINGS_MODULE") if manage.is_file() else None
    settings = named or (settings_in(manage) if manage.is_file() else "")
    if not settings:
        fact = (
            f"{manage} names no settings module"
            if manage.is_file()
            else f"no manage.py in {folder}"
        )
        raise UsageError(fact, hint=NAME_IT)
    package = settings.rpartition(".settings")[0] or settings.rpartition(".")[0]
    found = {kind: _callable(folder, package, kind) for kind in ("wsgi", "asgi")}
    interpreter, origin = own_python.find(folder, python)
    app = App(
        name=folder.name,
        directory=str(folder),
        python=interpreter,
        wsgi=found["wsgi"],
        asgi=found["asgi"],
        environment={"DJANGO_SETTINGS_MODULE": settings},
        environment_file=environment_file,
        origin={
            "app": str(manage),
            "python": origin,
            "settings": "DJANGO_SETTINGS_MODULE" if named else str(manage),
        },
    )
    if any(found.values()):
        return app, []
    place = folder / settings.replace(".", "/")
    if not place.with_suffix(".py").is_file() and not place.is_dir():
        raise UsageError(
            f"neither wsgi.py nor asgi.py in {folder / (package or settings).replace('.', '/')}",
            hint=NAME_IT,
        )
    return _of_settings(app, settings, examiner)


def settings_in(manage: Path) -> str:
    """The settings module in the text of a manage.py; empty if it names none.

    Raises UsageError if the file cannot be opened.
    """
    try:
        text = manage.read_text(encoding="utf-8", errors="replace")
    except OSError as error:
        raise UsageError(f"{manage} cannot be read: {error.strerror}", hint=NAME_IT) from error
    match = SETTINGS.search(text)
    return match[1] if match else ""


def _of_settings(app: App, settings: str, examiner: Examiner) -> tuple[App, list[Finding]]:
    """The callables that the settings name, or one made for the race, with a finding."""
    django = examiner.look([], app).django
    named = {kind: getattr(django, kind, None) for kind in ("wsgi", "asgi")} if django else {}
    targets = {kind: ":".join(text.rpartition(".")[::2]) for kind, text in named.items() if text}
    if targets:
        origin = {**app.origin, "app": "WSGI_APPLICATION and ASGI_APPLICATION"}
        return msgspec.structs.replace(
            app, wsgi=targets.get("wsgi"), asgi=targets.get("asgi"), origin=origin
        ), []
    text = shims.of_django(settings, "wsgi")
    found = msgspec.structs.replace(
        app, wsgi=shims.TARGET, paths=(shims.write(examiner.cache, text),), shim=text
    )
    return found, [codes.RUNSERVER_ONLY.finding()]


def from_target(
    target: str,
    python: str | None,
    here: Path,
    examiner: Examiner,
    origin: str = "named on the command line",
    project: Path | None = None,
    environment_file: str = "",
) -> App:
    """An app named as `module:attribute`, ASGI or WSGI; a small module calls a factory.

    The app is imported from `here`; `project` is the folder of its interpreter, if that differs.
    """
    interpreter, found_by = own_python.find(project or here, python)
    plain = target.removesuffix("()")
    app = App(
        name=target,
        directory=str(here),
        python=interpreter,
        environment_file=environment_file,
        origin={"app": origin, "python": found_by},
    )
    factory = target.endswith("()") or examiner.look([plain], app).targets[plain].factory
    if factory:
        text = shims.of_factory(plain)
        app = msgspec.structs.replace(
            app, paths=(shims.write(examiner.cache, text),), shim=text, name=f"{plain}()"
        )
        target = shims.TARGET
    asgi = examiner.look([target], app).targets[target].asgi
    wsgi, asgi_target = (None, target) if asgi else (target, None)
    twin = target.replace("wsgi", "asgi") if "wsgi" in target else target.replace("asgi", "wsgi")
    if twin != target and (here / (twin.partition(":")[0].replace(".", "/") + ".py")).is_file():
        wsgi, asgi_target = (twin, target) if asgi else (target, twin)
    return msgspec.structs.replace(app, wsgi=wsgi, asgi=asgi_target)


def _candidates(folder: Path) -> list[candidates.Candidate]:
    """The candidates in the code, and the project's own entry point if it is not among them."""
    found, entry = candidates.candidates(folder), _entry_point(folder)
    if entry and entry not in {one.target for one in found}:
        found.append(candidates.Candidate(target=entry, root=str(folder), framework="fastapi"))
    return found


def _of_candidates(
    found: list[candidates.Candidate],
    folder: Path,
    python: str | None,
    examiner: Examiner,
    environment_file: str,
) -> tuple[App, list[Finding]]:
    """The app of a folder without manage.py; raises UsageError if it is ambiguous."""
    entry = _entry_point(folder)
    named = [one for one in found if one.target == entry]
    chosen = named[0] if named else candidates.clearest(found)
    if chosen is None:
        names = ", ".join(one.target + ("()" if one.factory else "") for one in found[:6])
        raise UsageError(
            f"{len(found)} apps are in {folder}: {names}",
            hint=f"name one: whichworker race {found[0].target}",
        )
    root = Path(chosen.root)
    target = chosen.target + ("()" if chosen.factory else "")
    origin = (
        "pyproject.toml, tool.fastapi"
        if named
        else f"found in {Path(chosen.root).name or folder.name}"
    )
    app = from_target(target, python, root, examiner, origin, folder, environment_file)
    return app, [codes.APP_FOUND.finding(f"The app is {target}, {origin}")]


def _entry_point(folder: Path) -> str:
    """The `[tool.fastapi] entrypoint` of pyproject.toml, as FastAPI's own command line uses it.

    Empty without one: other tools complain about a file that they cannot read.
    """
    try:
        text = foreign.text_of(folder / "pyproject.toml")
        found = foreign.toml_in(text, _Tooled).tool.fastapi.entrypoint
    except foreign.Unreadable:
        return ""
    return found if TARGET.fullmatch(found) else ""


def _callable(folder: Path, package: str, kind: str) -> str | None:
    module = f"{package}.{kind}" if package else kind
    return (
        f"{module}:application" if (folder / (module.replace(".", "/") + ".py")).is_file() else None
    )


def _builtin(name: str, python: str | None, examiner: Examiner, extras: bool) -> App:
    base = interpreters.find(python, uv_path()) if python else interpreters.own_base()
    return builtin.app(name, interpreters.inspect(base).base, examiner.cache, extras=extras)


def _nothing_here(here: Path) -> Finding:
    return codes.APP_BUILTIN.finding(
        evidence=f"no manage.py and no app of a known framework in {here}"
    )

"""Which app is meant: a built-in one, `module:attribute`, or what a folder holds."""

from __future__ import annotations

import os
import re
from pathlib import Path

from whichworker.apps import builtin, interpreters
from whichworker.apps.environments import uv_path
from whichworker.apps.examine import look
from whichworker.errors import UsageError
from whichworker.model import App, Finding

SETTINGS = re.compile(r"""DJANGO_SETTINGS_MODULE["']\s*,\s*["']([\w.]+)["']""")
TARGET = re.compile(r"[A-Za-z_][\w.]*:[A-Za-z_][\w.]*")


def discover(named: str | None, python: str | None, here: Path, cache: Path, *, extras: bool = False) -> tuple[App, list[Finding]]:
    """The app that is meant, and what there is to say about how it was found; a built-in one in its larger environment with `extras`.

    Raises UsageError where what was named is not there or not clear.
    """
    if named is None:
        if (here / "manage.py").is_file():
            return from_folder(here, python), []
        return _builtin("builtin:django", python, cache, extras), [_nothing_here(here)]
    if named.startswith(builtin.PREFIX):
        return _builtin(named, python, cache, extras), []
    if Path(named).is_dir():
        return from_folder((here / named).resolve(), python), []
    if TARGET.fullmatch(named):
        return from_target(named, python, here, cache), []
    raise UsageError(f"no app: {named!r}", hint="name a folder with a manage.py, a module:attribute, or builtin:django")


def from_folder(folder: Path, python: str | None) -> App:
    """The Django project in a folder, by its manage.py."""
    manage = folder / "manage.py"
    match = SETTINGS.search(manage.read_text(encoding="utf-8", errors="replace")) if manage.is_file() else None
    if not match:
        fact = f"{manage} names no settings module" if manage.is_file() else f"no manage.py in {folder}"
        raise UsageError(fact, hint="name the app as module:attribute, for example mysite.wsgi:application")
    package = match[1].rpartition(".settings")[0] or match[1].rpartition(".")[0] or match[1]
    found = {kind: _callable(folder, package, kind) for kind in ("wsgi", "asgi")}
    if not any(found.values()):
        raise UsageError(f"neither wsgi.py nor asgi.py in {folder / package.replace('.', '/')}", hint="name the app as module:attribute")
    interpreter, origin = _interpreter(folder, python)
    return App(
        name=folder.name,
        directory=str(folder),
        python=interpreter,
        wsgi=found["wsgi"],
        asgi=found["asgi"],
        environment={"DJANGO_SETTINGS_MODULE": match[1]},
        origin={"app": str(manage), "python": origin},
    )


def from_target(target: str, python: str | None, here: Path, cache: Path) -> App:
    """An app named as `module:attribute`: ASGI where what is found there is a coroutine function, WSGI otherwise."""
    interpreter, origin = _interpreter(here, python)
    asgi = look(target, interpreter, str(here), {}, cache)["asgi"]
    wsgi, asgi_target = (None, target) if asgi else (target, None)
    twin = target.replace("wsgi", "asgi") if "wsgi" in target else target.replace("asgi", "wsgi")
    if twin != target and (here / (twin.partition(":")[0].replace(".", "/") + ".py")).is_file():
        wsgi, asgi_target = (twin, target) if asgi else (target, twin)
    return App(
        name=target,
        directory=str(here),
        python=interpreter,
        wsgi=wsgi,
        asgi=asgi_target,
        origin={"app": "named on the command line", "python": origin},
    )


def _callable(folder: Path, package: str, kind: str) -> str | None:
    module = f"{package}.{kind}"
    return f"{module}:application" if (folder / (module.replace(".", "/") + ".py")).is_file() else None


def _interpreter(folder: Path, python: str | None) -> tuple[str, str]:
    """The interpreter whose environment has the app's dependencies, and how it was found."""
    if python:
        return interpreters.find(python, uv_path()), "--python"
    for variable, place in (("VIRTUAL_ENV", os.environ.get("VIRTUAL_ENV")), ("", str(folder / ".venv")), ("", str(folder / "venv"))):
        if place and (Path(place) / "bin/python").exists():
            return str(Path(place) / "bin/python"), variable or place
    return interpreters.own_base(), "the interpreter whichworker was installed with: no .venv here and no VIRTUAL_ENV"


def _builtin(name: str, python: str | None, cache: Path, extras: bool) -> App:
    base = interpreters.find(python, uv_path()) if python else interpreters.own_base()
    return builtin.app(name, interpreters.inspect(base).base, cache, extras=extras)


def _nothing_here(here: Path) -> Finding:
    return Finding(
        code="app-builtin",
        severity="info",
        text="no app was found in this folder, so the built-in Django project races: its numbers are not your app's",
        evidence=f"no manage.py in {here}",
        hint="name yours: whichworker race FOLDER or whichworker race module:attribute",
    )

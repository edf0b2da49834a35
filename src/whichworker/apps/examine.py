"""Import the app once, in its own interpreter, before anything is planned: what cannot be imported cannot be raced."""

from __future__ import annotations

import os
import re
import subprocess
import tempfile
from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path

import msgspec
from msgspec import Struct, field

from whichworker import redaction
from whichworker.apps import environment_files
from whichworker.errors import UsageError
from whichworker.model import App

IMPORT_SECONDS = 60
WITHIN = "whichworker.apps.within"
OUTBOUND, LOOK = "whichworker_outbound.py", "whichworker_look.py"
MISSING = re.compile(r"ModuleNotFoundError: No module named '([\w.]+)'")


class AppTarget(Struct, frozen=True):
    """What a `module:attribute` is: an ASGI callable, or something that has to be called to make one."""

    asgi: bool
    callable: bool = True
    factory: bool = False


class Database(Struct, frozen=True, kw_only=True):
    """A database as settings or an engine name it; an empty host is this machine."""

    alias: str
    engine: str
    host: str
    port: str
    name: str | None
    password: str = field(default="")
    lasting: int | float | None = 0


class Cache(Struct, frozen=True, kw_only=True):
    """A cache of Django."""

    alias: str
    backend: str
    location: str = ""


class StaticFiles(Struct, frozen=True):
    """Where static files are asked for, and where they are collected."""

    url: str | None = None
    root: str | None = None


class Django(Struct, frozen=True, kw_only=True):
    """What a Django project's settings say, as far as a race cares."""

    module: str
    debug: bool
    wsgi: str | None
    asgi: str | None
    hosts: tuple[str, ...]
    caches: tuple[Cache, ...]
    static: StaticFiles
    installed: tuple[str, ...]
    middleware: tuple[str, ...]
    sync_middleware: tuple[str, ...]
    ssl_redirect: bool
    proxy_ssl_header: tuple[str, str] | None
    secret_key: str = ""


class Look(Struct, frozen=True, kw_only=True):
    """What an app is, seen from inside; `unlisted` says why its routes could not be listed."""

    targets: dict[str, AppTarget] = field(default_factory=dict)
    framework: str = ""
    debug: bool = False
    django: Django | None = None
    databases: tuple[Database, ...] = ()
    routes: tuple[str, ...] = ()
    unlisted: str = ""
    secret_key: str = ""


class Examiner(Struct, frozen=True):
    """Looks at apps by importing them, where nothing may leave this machine unless `outbound` is allowed; byte code goes to `cache`."""

    cache: Path
    outbound: bool = False

    def look(self, targets: Sequence[str], app: App) -> Look:
        """Import these targets of an app, or its settings alone where there are none; its secrets are remembered so that they stay in.

        Raises UsageError with the end of the traceback where it cannot be imported, and where importing it connects to another machine.
        """
        what = ", ".join(targets) or app.environment.get("DJANGO_SETTINGS_MODULE", app.name)
        text = "\n".join(
            (files(WITHIN) / name).read_text(encoding="utf-8") for name in (OUTBOUND, LOOK)
        )
        with tempfile.TemporaryDirectory() as folder:
            out, places = Path(folder) / "look.json", Path(folder) / "outbound"
            try:
                run = subprocess.run(
                    [app.python, "-c", text, str(out), *targets],
                    cwd=app.directory,
                    env=self._environment(app, places),
                    capture_output=True,
                    text=True,
                    errors="replace",
                    timeout=IMPORT_SECONDS,
                    check=False,
                    stdin=subprocess.DEVNULL,
                )
            except subprocess.TimeoutExpired as error:
                self._refuse_outbound(what, places)
                raise UsageError(
                    f"importing {what} did not end within {IMPORT_SECONDS} s"
                ) from error
            self._refuse_outbound(what, places)
            if run.returncode or not out.exists():
                raise _not_importable(what, run.stderr, app)
            try:
                found = msgspec.json.decode(out.read_bytes(), type=Look)
            except msgspec.MsgspecError as error:
                raise UsageError(
                    f"the settings of {what} are not understood: {error}",
                    hint="each must be of the kind that Django wants",
                ) from error
        remember(found)
        return found

    def _refuse_outbound(self, what: str, places: Path) -> None:
        if places.exists() and not self.outbound:
            place = places.read_text(encoding="utf-8").split()[0]
            hint = (
                "a race would start it many times: point it at something local, or --allow-outbound"
            )
            raise UsageError(
                f"importing {what} connects to {place}, which is not this machine", hint=hint
            )

    def _environment(self, app: App, places: Path) -> dict[str, str]:
        told = environment_files.read(app.environment_file)
        path = os.pathsep.join(
            filter(None, [app.directory, *app.paths, os.environ.get("PYTHONPATH", "")])
        )
        own = {
            "PYTHONPATH": path,
            "PYTHONPYCACHEPREFIX": str(self.cache / "pycache"),
            "WHICHWORKER_OUTBOUND": str(places),
        }
        allowed = {"WHICHWORKER_OUTBOUND_ALLOWED": "1"} if self.outbound else {}
        variables = {**os.environ, **told, **app.environment, **own, **allowed}
        variables.pop("VIRTUAL_ENV", None)
        return variables


def remember(found: Look) -> None:
    """What an app keeps secret is kept secret here, too."""
    redaction.remember(
        "SECRET_KEY", found.secret_key or (found.django.secret_key if found.django else "")
    )
    for database in found.databases:
        redaction.remember("DATABASE_PASSWORD", database.password)
    for one in found.django.caches if found.django else ():
        redaction.remember_environment({f"CACHE_{one.alias}": one.location})


def _not_importable(what: str, stderr: str, app: App) -> UsageError:
    lines = stderr.strip().splitlines() or ["no message"]
    missing = next((match for line in reversed(lines) if (match := MISSING.search(line))), None)
    hint = f"it is imported in {app.directory} by {app.python}; --python names another interpreter"
    if missing and missing[1].partition(".")[0] != what.partition(":")[0].partition(".")[0]:
        files_of = [
            name
            for name in ("requirements.txt", "pyproject.toml", "Pipfile")
            if (Path(app.directory) / name).is_file()
        ]
        of = f" -r {files_of[0]}" if files_of[:1] == ["requirements.txt"] else ""
        how = f" (pip install{of})" if of else ""
        hint = f"{app.python} has no {missing[1]}: install the project's dependencies there{how}, or --python"
    elif not app.environment_file and (found := environment_files.beside(Path(app.directory))):
        hint = f"{hint}; {found.name} was not read: --env-file {found.name} does"
    return UsageError(
        f"the app {what} cannot be imported: {lines[-1]}", seen="\n".join(lines[-8:]), hint=hint
    )

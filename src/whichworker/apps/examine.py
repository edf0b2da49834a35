"""Import the app once, in its own interpreter, before the plan: a failed import ends the race."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path

import msgspec
from msgspec import Struct, field

from whichworker import foreign, redaction
from whichworker.apps import environment_files
from whichworker.environments.variables import byte_code
from whichworker.errors import UsageError
from whichworker.model import App, Pool
from whichworker.process import contained, scratch, tracebacks
from whichworker.process.sockets import owned

IMPORT_SECONDS = 60
"""For one import: apps with models of machine learning take long, and a hang must end."""
WITHIN = "whichworker.apps.within"
OWN = str(files(WITHIN))
OUTBOUND, LOOK = "whichworker_outbound.py", "whichworker_look.py"
SHOWN_LINES = 8
MISSING = re.compile(r"ModuleNotFoundError: No module named '([\w.]+)'")


class AppTarget(Struct, frozen=True):
    """The kind of a `module:attribute`: an ASGI callable, or a factory that makes one.

    `needs` are the required arguments of a function that is no app: a factory, too. A router of
    Channels has `protocols`.
    """

    asgi: bool
    callable: bool = True
    factory: bool = False
    needs: tuple[str, ...] = ()
    protocols: tuple[str, ...] = ()


class Database(Struct, frozen=True, kw_only=True):
    """A database of the settings or of an engine; an empty host is this machine."""

    alias: str
    engine: str
    host: str
    port: str
    name: str | None
    user: str = ""
    password: str = field(default="")
    lasting: int | float | None = 0


class Cache(Struct, frozen=True, kw_only=True):
    """A cache of Django."""

    alias: str
    backend: str
    location: str = ""


class StaticFiles(Struct, frozen=True):
    """The URL of static files, and the folder that collects them."""

    url: str | None = None
    root: str | None = None


class Django(Struct, frozen=True, kw_only=True):
    """The settings of a Django project that concern a race."""

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
    """The facts about an app from inside; `unlisted` says why its routes are unknown.

    `ports` are those on which the process that only imported the app listens.
    """

    targets: dict[str, AppTarget] = field(default_factory=dict)
    framework: str = ""
    debug: bool = False
    django: Django | None = None
    databases: tuple[Database, ...] = ()
    pools: tuple[Pool, ...] = ()
    ports: tuple[int, ...] = ()
    routes: tuple[str, ...] = ()
    unlisted: str = ""
    secret_key: str = ""


class Examiner(Struct, frozen=True):
    """Imports apps to examine them, without outbound connections unless `outbound` is set.

    Byte code goes to `cache`. An import takes seconds, so each is made once: `known` has its facts.
    """

    cache: Path
    outbound: bool = False
    known: dict[bytes, Look] = field(default_factory=dict)

    def look(self, targets: Sequence[str], app: App) -> Look:
        """Import these targets of an app, or what its settings name, and remember its secrets.

        A factory among the targets is called, and `target()` is what it made. Raises UsageError
        with the end of the traceback if the import fails, or if it connects to another machine.
        """
        key = _key(targets, app)
        if key not in self.known:
            self.known[key] = self._imported(targets, app)
        return self.known[key]

    def add(self, targets: Sequence[str], app: App, look: Look) -> None:
        """Add facts that the import of other names of the same app has shown."""
        self.known[_key(targets, app)] = look

    def _imported(self, targets: Sequence[str], app: App) -> Look:
        what = ", ".join(targets) or app.environment.get("DJANGO_SETTINGS_MODULE", app.name)
        text = "\n".join(
            (files(WITHIN) / name).read_text(encoding="utf-8") for name in (OUTBOUND, LOOK)
        )
        with scratch.folder() as folder:
            out, places, log = (folder / name for name in ("look.json", "outbound", "log"))
            argv = [app.python, "-c", text, str(out), *targets]
            environment = self._environment(app, places)
            ports: list[int] = []
            status = contained.run(
                argv,
                app.directory,
                environment,
                log,
                IMPORT_SECONDS,
                late=lambda pids: ports.extend(one.port for one in owned(pids)),
            )
            self._refuse_outbound(what, places)
            if status is None:
                raise _endless(what, ports)
            if status or not out.exists():
                raise _not_importable(what, log.read_text(encoding="utf-8", errors="replace"), app)
            try:
                found = foreign.json_in(out.read_bytes(), Look)
            except foreign.Unreadable as error:
                raise UsageError(
                    f"the settings of {what} have an unexpected type: {error}",
                    hint="each setting must have the type that Django expects",
                ) from error
        remember(found)
        return found

    def _refuse_outbound(self, what: str, places: Path) -> None:
        if places.exists() and not self.outbound:
            place = places.read_text(encoding="utf-8").split()[0]
            hint = "a race would repeat this: point it at a local service, or --allow-outbound"
            raise UsageError(
                f"importing {what} connects to {place}, beyond this machine", hint=hint
            )

    def _environment(self, app: App, places: Path) -> dict[str, str]:
        told = environment_files.read(app.environment_file)
        path = os.pathsep.join(
            filter(None, [app.directory, *app.paths, os.environ.get("PYTHONPATH", ""), OWN])
        )
        own = {
            "PYTHONPATH": path,
            **byte_code(self.cache),
            "WHICHWORKER_OUTBOUND": str(places),
        }
        allowed = {"WHICHWORKER_OUTBOUND_ALLOWED": "1"} if self.outbound else {}
        variables = {
            **environment_files.without_server_options(os.environ),
            **told,
            **app.environment,
            **own,
            **allowed,
        }
        variables.pop("VIRTUAL_ENV", None)
        return variables


def _key(targets: Sequence[str], app: App) -> bytes:
    """All that the facts of an import depend on, within one command."""
    place = (app.python, app.directory, app.paths, app.environment_file)
    return msgspec.json.encode((sorted(targets), place, sorted(app.environment.items())))


def remember(found: Look) -> None:
    """Remember the app's secrets, so that no output shows them."""
    redaction.remember(
        "SECRET_KEY", found.secret_key or (found.django.secret_key if found.django else "")
    )
    for database in found.databases:
        redaction.remember("DATABASE_PASSWORD", database.password)
    for one in found.django.caches if found.django else ():
        redaction.remember_environment({f"CACHE_{one.alias}": one.location})


def _endless(what: str, ports: Sequence[int]) -> UsageError:
    if ports:
        return UsageError(
            f"importing {what} starts a server of its own on port {ports[0]}, and does not end",
            hint='put that call below: if __name__ == "__main__":',
        )
    return UsageError(
        f"importing {what} took longer than {IMPORT_SECONDS} s",
        hint="move slow work out of its modules, into functions",
    )


def _not_importable(what: str, stderr: str, app: App) -> UsageError:
    lines = stderr.strip().splitlines() or ["no message"]
    missing = next((match for line in reversed(lines) if (match := MISSING.search(line))), None)
    hint = f"{app.python} imports it in {app.directory}; --python names another interpreter"
    if missing and missing[1].partition(".")[0] != what.partition(":")[0].partition(".")[0]:
        files_of = [
            name
            for name in ("requirements.txt", "pyproject.toml", "Pipfile")
            if (Path(app.directory) / name).is_file()
        ]
        of = f" -r {files_of[0]}" if files_of[:1] == ["requirements.txt"] else ""
        how = f" (pip install{of})" if of else ""
        hint = f"install {missing[1]} and the app's other dependencies for {app.python}{how},"
        hint += " or use --python"
    elif manage := app.origin.get("manage"):
        hint = f"{hint}; DJANGO_SETTINGS_MODULE={manage} races the settings of manage.py"
    elif not app.environment_file and (found := environment_files.beside(Path(app.directory))):
        hint = f"{found.name} was not read: add --env-file {found.name}; or {hint}"
    return UsageError(
        f"the app {what} cannot be imported: {tracebacks.fact_of(stderr) or lines[-1]}",
        seen=tracebacks.shown(stderr, SHOWN_LINES),
        hint=hint,
    )

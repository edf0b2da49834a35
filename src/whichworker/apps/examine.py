"""Import the app once, in its own interpreter, before the plan: a failed import ends the race."""

from __future__ import annotations

import os
from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path

import msgspec
from msgspec import Struct, field

from whichworker import foreign, redaction
from whichworker.apps import environment_files, unimportable
from whichworker.environments.variables import byte_code
from whichworker.errors import UsageError
from whichworker.model import App, Pool
from whichworker.process import contained, scratch
from whichworker.process.sockets import owned

IMPORT_SECONDS = 60
"""For one import: apps with models of machine learning take long, and a hang must end."""
ELSEWHERE = "a race would repeat this: point it at a local service, or --allow-outbound"
IN_A_CLOUD = (
    "a library looks there for the credentials of a machine in a cloud: give the app some by"
    " variables, such as AWS_ACCESS_KEY_ID, or --allow-outbound"
)
METADATA = ("169.254.169.254:", "169.254.170.2:", "metadata.google.internal:")
"""Where libraries of clouds look for credentials if no variable has them."""
WITHIN = "whichworker.apps.within"
OWN = str(files(WITHIN))
OUTBOUND, LOOK = "whichworker_outbound.py", "whichworker_look.py"


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
                raise unimportable.endless(what, ports, IMPORT_SECONDS)
            if status or not out.exists():
                text = log.read_text(encoding="utf-8", errors="replace")
                raise unimportable.not_importable(what, text, app, environment, Path.cwd())
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
            hint = IN_A_CLOUD if place.startswith(METADATA) else ELSEWHERE
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

"""Apps, the servers that run them, and the resources they may use."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct, field
from packaging.utils import canonicalize_name
from packaging.version import Version

BUILTIN_PREFIX = "builtin:"
"""Begins the names of the apps that come with this tool."""
Interface = Literal["wsgi", "asgi"]
SettingValue = int | str
Settings = dict[str, SettingValue]


class Pool(Struct, frozen=True, kw_only=True):
    """A pool of database connections: the most that it has, and how long a request waits for one.

    `library` is its name; `seconds` is None if unknown.
    """

    library: str
    connections: int
    seconds: float | None = None


class App(Struct, frozen=True, kw_only=True):
    """The app to serve; `origin` names the source of each fact.

    `environment` is added to the server's, `paths` are searched for modules after the directory.
    `environment_file` is read at each launch and stored nowhere, as it may have secrets. `shim` is
    the text of a module that servers need to find the app. `framework` is the name of its package.
    `databases` and `caches` are those in its settings, in words; `database_files` are the files of
    SQLite, `pools` those of one process. Every request has `headers`, such as a proxy's header for
    HTTPS. `settings` is Django's module of settings, as it was loaded. `services` are the kind and
    the TCP port of its databases and caches on this machine.
    """

    name: str
    directory: str
    python: str
    wsgi: str | None = None
    asgi: str | None = None
    host: str = "localhost"
    ready_path: str = "/"
    environment: dict[str, str] = field(default_factory=dict)
    setup: tuple[tuple[str, ...], ...] = ()
    origin: dict[str, str] = field(default_factory=dict)
    paths: tuple[str, ...] = ()
    environment_file: str = ""
    shim: str = ""
    framework: str = ""
    databases: tuple[str, ...] = ()
    database_files: tuple[str, ...] = ()
    pools: tuple[Pool, ...] = ()
    caches: tuple[str, ...] = ()
    headers: tuple[tuple[str, str], ...] = ()
    static_url: str = ""
    static_root: str = ""
    settings: str = ""
    services: tuple[tuple[str, int], ...] = ()

    @property
    def is_builtin(self) -> bool:
        """Whether it comes with this tool, so that its views and services are known."""
        return self.name.startswith(BUILTIN_PREFIX)

    def target(self, interface: Interface) -> str | None:
        """The `module:attribute` for a server of this interface; None if the app has none."""
        return self.wsgi if interface == "wsgi" else self.asgi


class Knob(Struct, frozen=True, kw_only=True):
    """A setting of a server: an integer of at least `least`, or one of the `choices`.

    `unset` is the server's own default.
    """

    name: str
    help: str
    least: int = 1
    choices: tuple[str, ...] = ()
    unset: str = ""


class Command(Struct, frozen=True, kw_only=True):
    """How a server is started: `argv[0]` is resolved in the bin folder of the arm's environment.

    `deploy` is the command for production, if the race has added options. `since` has words of
    `deploy` with the version of the server that brought them.
    """

    argv: tuple[str, ...]
    deploy: tuple[str, ...] = ()
    environment: dict[str, str] = field(default_factory=dict)
    since: tuple[tuple[tuple[str, ...], str], ...] = ()

    def deployed(self, version: str) -> tuple[str, ...]:
        """The command for production with this version of the server [default: the newest]."""
        whole = self.deploy or self.argv
        for words, first in self.since if version else ():
            at = whole.index(words[0]) if words[0] in whole else -1
            if at >= 0 and Version(version) < Version(first):
                whole = whole[:at] + whole[at + len(words) :]
        return whole


class ConfigFile(Struct, frozen=True, kw_only=True):
    """A file to deploy a server with: its own configuration, or a start script; and the command."""

    name: str
    text: str
    command: tuple[str, ...]


class Arm(Struct, frozen=True, kw_only=True):
    """A contender: server × settings × interpreter, under the name the user knows it by.

    `apart`: it has a version of its own, whatever the app's environment has. `today` is the file
    of the project that starts this setup, or empty.
    """

    name: str
    server: str
    kind: str
    family: str
    interface: Interface
    requirements: tuple[str, ...]
    python: str
    settings: Settings = field(default_factory=dict)
    environment: dict[str, str] = field(default_factory=dict)
    apart: bool = False
    today: str = ""


class Resolution(Struct, frozen=True, kw_only=True):
    """The versions of packages: those of the lock files, or the newest of a moment.

    `as_of` is the moment, ISO 8601 in UTC; None if the package index gives no upload times.
    """

    locked: bool = True
    as_of: str | None = None


class Environment(Struct, frozen=True, kw_only=True):
    """The interpreter of an arm's server, and the versions found there (lower-case names).

    `resolution` says how they were chosen; None if nothing had to be installed, and in older runs.
    """

    python: str
    bin: str
    version: str
    python_version: str
    packages: dict[str, str] = field(default_factory=dict)
    resolution: Resolution | None = None

    @property
    def versions(self) -> dict[str, str]:
        """The version of each package, by its normalised name: zope-event for zope.event."""
        return {canonicalize_name(name): version for name, version in self.packages.items()}


class Budget(Struct, frozen=True, kw_only=True):
    """The resources of a run; `shared` is true if generator and server have to share a core.

    One launch may use `memory_bytes` (None: four fifths of what is available when it starts).
    """

    seconds: float
    server_cores: tuple[int, ...]
    generator_cores: tuple[int, ...]
    shared: bool = False
    memory_bytes: int | None = None

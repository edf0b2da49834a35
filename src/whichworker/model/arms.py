"""What is served, by what, and with what means."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct, field

BUILTIN_PREFIX = "builtin:"
"""Begins the names of the apps that come with this tool."""
Interface = Literal["wsgi", "asgi"]
SettingValue = int | str
Settings = dict[str, SettingValue]


class App(Struct, frozen=True, kw_only=True):
    """What is served. `environment` is added to the server's, `paths` are searched for modules after the directory; `origin` says where
    each fact was found.

    `environment_file` is read at each launch and kept nowhere, as it may hold secrets; `shim` is the text of a module that had to be made
    for servers to find the app; `framework` is the name of its package, `databases` and `caches` are what its settings name, in
    words, `database_files` the files of SQLite among them. Every
    request has `headers`, such as the one by which a proxy says that it was asked by HTTPS.
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
    caches: tuple[str, ...] = ()
    headers: tuple[tuple[str, str], ...] = ()
    static_url: str = ""
    static_root: str = ""

    @property
    def is_builtin(self) -> bool:
        """Whether it comes with this tool, so that its views and services are known."""
        return self.name.startswith(BUILTIN_PREFIX)

    def target(self, interface: Interface) -> str | None:
        """The `module:attribute` a server of this interface loads, or None when the app has none."""
        return self.wsgi if interface == "wsgi" else self.asgi


class Knob(Struct, frozen=True, kw_only=True):
    """A setting of a server: an integer with a least value, or one of the `choices`; `unset` is what holds where settings leave it out."""

    name: str
    help: str
    least: int = 1
    choices: tuple[str, ...] = ()
    unset: str = ""


class Command(Struct, frozen=True, kw_only=True):
    """How a server is started: `argv[0]` is resolved in the bin folder of the arm's environment.

    `deploy` is what a person would type instead, where a race needs something that only a race needs.
    """

    argv: tuple[str, ...]
    deploy: tuple[str, ...] = ()
    environment: dict[str, str] = field(default_factory=dict)


class ConfigFile(Struct, frozen=True, kw_only=True):
    """A file to deploy a server with: its own configuration where it reads one, else a start script; and how it is started with it."""

    name: str
    text: str
    command: tuple[str, ...]


class Arm(Struct, frozen=True, kw_only=True):
    """A contender: server × settings × interpreter, under the name the user knows it by."""

    name: str
    server: str
    kind: str
    family: str
    interface: Interface
    requirements: tuple[str, ...]
    python: str
    settings: Settings = field(default_factory=dict)
    environment: dict[str, str] = field(default_factory=dict)


class Environment(Struct, frozen=True, kw_only=True):
    """Where an arm's server runs from: an interpreter, and the versions found there (lower-case names)."""

    python: str
    bin: str
    version: str
    python_version: str
    packages: dict[str, str] = field(default_factory=dict)


class Budget(Struct, frozen=True, kw_only=True):
    """What a run may use. `shared` is true where generator and server have to share a core.

    One launch may use `memory_bytes` (None: four fifths of what is available when it starts).
    """

    seconds: float
    server_cores: tuple[int, ...]
    generator_cores: tuple[int, ...]
    shared: bool = False
    memory_bytes: int | None = None

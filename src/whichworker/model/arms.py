"""What is served, by what, and with what means."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct, field

from whichworker.model.objectives import Slo
from whichworker.model.requests import Workload

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


class Question(Struct, frozen=True, kw_only=True):
    """Everything that decides what a race measures; `apps` is the same app on each interpreter, by the arms' `python`.

    `slo` is the objective whose capacity is sought (None: one is derived if `capacity` is asked for), `rate` the user's own rate of
    requests, per second.
    `allowed` is what the user lets the app do, in the words of the options. `search` are the seconds of a search whose first step this is
    (None: it is none); `first_step` is the run of that of a second one.
    `database` and `cache` are those of a built-in app, None for any other; `services` says what each service is that runs beside it.
    """

    apps: dict[str, App]
    workload: Workload
    arms: tuple[Arm, ...]
    budget: Budget
    connections: int | None = None
    delta: float = 0.03
    alpha: float = 0.05
    claims: Literal["leader", "all"] = "leader"
    seed: int = 1
    database: Literal["sqlite", "postgres"] | None = None
    cache: Literal["memory", "redis"] | None = None
    services: dict[str, str] = field(default_factory=dict)
    slo: Slo | None = None
    rate: float | None = None
    capacity: bool = False
    profile: bool = False
    allowed: tuple[str, ...] = ()
    search: float | None = None
    first_step: str = ""

    @property
    def app(self) -> App:
        """The app on its first interpreter."""
        return next(iter(self.apps.values()))

    def arm(self, name: str) -> Arm:
        """The arm of this name."""
        return next(arm for arm in self.arms if arm.name == name)

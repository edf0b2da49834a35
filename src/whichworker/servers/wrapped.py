"""uvicorn with a layer around the app: a2wsgi for WSGI apps, Django's static files for both.

Each layer needs a module that wraps the app. In a race it is one of `launchers/`, which reads the
app's name from the environment, because nothing is written into the project. A deployment has a
file of a few lines, which `config_file` writes.
"""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from whichworker.model import Address, App, Command, Finding, Interface, Knob, Settings, codes
from whichworker.model.arms import ConfigFile
from whichworker.servers.configs import flags
from whichworker.servers.protocol import THREADS, THREADS_EACH, WORKERS, Adapter, whole
from whichworker.servers.uvicorn import (
    CHUNKED_EMPTY,
    RELOAD,
    SLOW_HEADERS,
    THREAD_PER_REQUEST,
    options_of,
)

STATIC_FILES = codes.STATIC_FILES.finding()
LAUNCHERS = Path(__file__).parent / "launchers"
TARGET, POOL, STATIC = "WHICHWORKER_TARGET", "WHICHWORKER_THREADS", "WHICHWORKER_STATIC"


class Wrapped(Adapter):
    """The common part. uvicorn looks in `--app-dir` first; the app's folder is on the path."""

    family: ClassVar[str] = "uvicorn"
    kind: ClassVar[str]
    title: ClassVar[str]
    loop: ClassVar[str] = "asyncio"
    parser: ClassVar[str] = "h11"
    wrapper: ClassVar[str]
    deployed: ClassVar[str]
    variables: ClassVar[dict[str, str]] = {}

    def command(self, app: App, address: Address, settings: Settings) -> Command:
        """`uvicorn --workers …` of the wrapping module."""
        argv = ("uvicorn", *flags(options_of(address, settings, self.loop, self.parser)))
        threads = {POOL: str(settings["threads"])} if "threads" in settings else {}
        return Command(
            argv=(*argv, "--app-dir", str(LAUNCHERS), f"{self.wrapper}:application"),
            deploy=(*argv, f"{self.deployed}:application"),
            environment={TARGET: self.target(app), **threads, **self.variables},
        )

    def config_file(self, app: App, address: Address, settings: Settings) -> ConfigFile:
        """The module that wraps the app; it goes beside the app."""
        module, _, attribute = self.target(app).partition(":")
        name = attribute.rpartition(".")[2]
        outer, _, inner = attribute.partition(".")
        found = (
            f"from {module} import {outer}\n\n"
            if not inner
            else f"import {module}\n\n{name} = {module}.{attribute}\n"
        )
        title = f'"""The application of {self.title}."""\n\n'
        text = f"{title}{self.imports()}{found}application = {self.expression(name, settings)}\n"
        return ConfigFile(
            name=f"{self.deployed}.py",
            text=text,
            command=self.command(app, address, settings).deploy,
        )

    def imports(self) -> str:
        """The import lines of the module."""
        raise NotImplementedError

    def expression(self, name: str, settings: Settings) -> str:
        """The wrapped app; `name` is its name in the module."""
        raise NotImplementedError


class A2wsgi(Wrapped):
    """A WSGI app on a2wsgi's threads; `uvicorn --interface wsgi` has ten that cannot be set."""

    kind: ClassVar[str] = "a2wsgi"
    title: ClassVar[str] = "uvicorn, a WSGI app through a2wsgi"
    requirements: ClassVar[tuple[str, ...]] = ("uvicorn", "a2wsgi")
    knobs: ClassVar[tuple[Knob, ...]] = (WORKERS, THREADS)
    known: ClassVar[tuple[Finding, ...]] = (RELOAD, CHUNKED_EMPTY, SLOW_HEADERS)
    wrapper: ClassVar[str] = "wsgi_as_asgi"
    deployed: ClassVar[str] = "wsgi_as_asgi"

    def settings(self, cores: int) -> Settings:
        """One process a core."""
        return {"workers": cores, "threads": THREADS_EACH}

    def in_flight_limit(self, settings: Settings) -> int:
        """Workers × threads."""
        return whole(settings, "workers") * whole(settings, "threads")

    def imports(self) -> str:
        """a2wsgi alone."""
        return "from a2wsgi import WSGIMiddleware\n"

    def expression(self, name: str, settings: Settings) -> str:
        """The app on a pool of threads."""
        return f"WSGIMiddleware({name}, workers={settings['threads']})"


class A2wsgiUvloop(A2wsgi):
    """The same on uvloop and httptools."""

    kind: ClassVar[str] = "a2wsgi-uvloop"
    title = "uvicorn, a WSGI app through a2wsgi, uvloop"
    requirements = ("uvicorn", "a2wsgi", "uvloop", "httptools")
    loop: ClassVar[str] = "uvloop"
    parser: ClassVar[str] = "httptools"


class A2wsgiStatic(A2wsgi):
    """With static files served by the app."""

    kind: ClassVar[str] = "a2wsgi-static"
    title = "uvicorn, WSGI through a2wsgi, static files by the app"
    known: ClassVar[tuple[Finding, ...]] = (STATIC_FILES, RELOAD, CHUNKED_EMPTY, SLOW_HEADERS)
    deployed: ClassVar[str] = "wsgi_with_static"
    variables: ClassVar[dict[str, str]] = {STATIC: "1"}

    def imports(self) -> str:
        """a2wsgi and Django's handler."""
        return (
            "from a2wsgi import WSGIMiddleware\n"
            "from django.contrib.staticfiles.handlers import StaticFilesHandler\n"
        )

    def expression(self, name: str, settings: Settings) -> str:
        """Static files first, then the app, on a pool of threads."""
        return f"WSGIMiddleware(StaticFilesHandler({name}), workers={settings['threads']})"


class Static(Wrapped):
    """An ASGI app with static files served by the app."""

    kind: ClassVar[str] = "static"
    title = "uvicorn, ASGI, static files by the app"
    interface: ClassVar[Interface] = "asgi"
    requirements: ClassVar[tuple[str, ...]] = ("uvicorn",)
    known: ClassVar[tuple[Finding, ...]] = (STATIC_FILES, RELOAD, SLOW_HEADERS, THREAD_PER_REQUEST)
    wrapper: ClassVar[str] = "asgi_with_static"
    deployed: ClassVar[str] = "asgi_with_static"

    def imports(self) -> str:
        """Django's handler."""
        return "from django.contrib.staticfiles.handlers import ASGIStaticFilesHandler\n"

    def expression(self, name: str, settings: Settings) -> str:
        """Static files first, then the app."""
        return f"ASGIStaticFilesHandler({name})"

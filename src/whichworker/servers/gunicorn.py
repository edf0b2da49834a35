"""gunicorn with each worker class, without its control socket (since 25), which is in HOME."""

from __future__ import annotations

import signal
from pathlib import Path
from typing import ClassVar

from whichworker.model import Address, App, Command, Finding, Interface, Knob, Settings, codes
from whichworker.model.arms import ConfigFile
from whichworker.servers.configs import Options, assignments, flags
from whichworker.servers.protocol import (
    CONNECTIONS,
    CONNECTIONS_EACH,
    GREENLETS,
    LOG_LEVEL,
    PRELOAD,
    THREADS,
    THREADS_EACH,
    WORKERS,
    Adapter,
    whole,
)

ASGI_KNOWN = (codes.NO_HEADER_TIMEOUT.finding(), codes.THREAD_PER_REQUEST.finding())
FLAGS = {
    "loglevel": "--log-level",
    "control_socket_disable": "--no-control-socket",
    "preload_app": "--preload",
}
"""Flags with another name than the setting of gunicorn.conf.py."""

SINCE = ((("--no-control-socket",), "25.1"), (("--http-parser", "python"), "25.2"))
FILE = "gunicorn.conf.py"
UNCHOSEN: Options = {"http_parser": "python", "control_socket_disable": True}
UNCHOSEN_FILE = Path(__file__).parent / "launchers" / "gunicorn_unchosen.py"
"""The same in a race: an older gunicorn may not know a name, which only a file may contain."""


class Gunicorn(Adapter):
    """The common part of all worker classes. The parser is pinned: `auto` depends on packages."""

    family: ClassVar[str] = "gunicorn"
    kind: ClassVar[str]
    worker_class: ClassVar[str]
    requirements: ClassVar[tuple[str, ...]] = ("gunicorn>=20",)
    knobs: ClassVar[tuple[Knob, ...]] = (WORKERS, PRELOAD)
    reload_signal: ClassVar[signal.Signals | None] = signal.SIGHUP

    def options(self, address: Address, settings: Settings) -> Options:
        """Everything that is set, by the names of gunicorn.conf.py."""
        return {
            "bind": str(address),
            "worker_class": self.worker_class,
            "workers": settings["workers"],
            **self.extra(settings),
            **({"preload_app": True} if settings.get("preload") == "yes" else {}),
            "loglevel": LOG_LEVEL,
        }

    def command(self, app: App, address: Address, settings: Settings) -> Command:
        """`gunicorn --worker-class …`, quiet, without its control socket."""
        options = self.options(address, settings)
        return Command(
            argv=(
                "gunicorn",
                "--config",
                str(UNCHOSEN_FILE),
                *flags(options, FLAGS),
                self.target(app),
            ),
            deploy=("gunicorn", *flags({**options, **UNCHOSEN}, FLAGS), self.target(app)),
            since=SINCE,
        )

    def config_file(self, app: App, address: Address, settings: Settings) -> ConfigFile:
        """gunicorn.conf.py."""
        text = assignments(
            {"wsgi_app": self.target(app), **self.options(address, settings), **UNCHOSEN}
        )
        return ConfigFile(name=FILE, text=text, command=("gunicorn", "--config", FILE))

    def extra(self, settings: Settings) -> Options:
        """Settings of this worker class."""
        return {}


class Sync(Gunicorn):
    """One request at a time in each process; it closes the connection after each response."""

    kind = "sync"
    worker_class = "sync"
    title = "gunicorn, sync workers"
    known: ClassVar[tuple[Finding, ...]] = (codes.CHUNKED_POST_EMPTY.finding(),)

    def in_flight_limit(self, settings: Settings) -> int:
        """One for each worker."""
        return whole(settings, "workers")


class Threaded(Gunicorn):
    """A pool of threads in each process."""

    kind = "gthread"
    worker_class = "gthread"
    title = "gunicorn, threads"
    knobs: ClassVar[tuple[Knob, ...]] = (WORKERS, THREADS, PRELOAD)
    known: ClassVar[tuple[Finding, ...]] = (
        codes.CHUNKED_POST_EMPTY.finding(),
        codes.NO_HEADER_TIMEOUT.finding(),
    )

    def settings(self, cores: int) -> Settings:
        """One process a core."""
        return {"workers": cores, "threads": THREADS_EACH}

    def extra(self, settings: Settings) -> Options:
        """The size of the pool."""
        return {"threads": settings["threads"]}

    def in_flight_limit(self, settings: Settings) -> int:
        """Workers × threads."""
        return whole(settings, "workers") * whole(settings, "threads")


class Gevent(Gunicorn):
    """Greenlets under a monkey-patched standard library."""

    kind: ClassVar[str] = "gevent"
    worker_class: ClassVar[str] = "gevent"
    title = "gunicorn, gevent"
    requirements: ClassVar[tuple[str, ...]] = ("gunicorn[gevent]>=20",)
    knobs: ClassVar[tuple[Knob, ...]] = (WORKERS, CONNECTIONS)
    known: ClassVar[tuple[Finding, ...]] = (*GREENLETS, codes.CHUNKED_POST_EMPTY.finding())

    def settings(self, cores: int) -> Settings:
        """gunicorn's own default of 1000 connections."""
        return {"workers": cores, "connections": CONNECTIONS_EACH}

    def extra(self, settings: Settings) -> Options:
        """The size of the greenlet pool."""
        return {"worker_connections": settings["connections"]}

    def in_flight_limit(self, settings: Settings) -> int:
        """Workers × connections."""
        return whole(settings, "workers") * whole(settings, "connections")


class Eventlet(Gevent):
    """Greenlets of eventlet, on the last gunicorn that has the class: version 26 removed it."""

    kind: ClassVar[str] = "eventlet"
    worker_class: ClassVar[str] = "eventlet"
    title = "gunicorn, eventlet (historical)"
    requirements = ("gunicorn>=20,<26", "eventlet")
    historical: ClassVar[bool] = True
    known: ClassVar[tuple[Finding, ...]] = (
        codes.REMOVED_UPSTREAM.finding(),
        *GREENLETS,
        codes.CHUNKED_POST_EMPTY.finding(),
    )


class Tornado(Gunicorn):
    """tornado's loop calls the app: one request at a time in each process."""

    kind = "tornado"
    worker_class = "tornado"
    title = "gunicorn, tornado (historical)"
    requirements = ("gunicorn>=20,<26", "tornado")
    historical: ClassVar[bool] = True
    known: ClassVar[tuple[Finding, ...]] = (
        codes.DJANGO_500.finding(
            "Django returns status 500 if a view is async or uses the ORM, because an event"
            " loop runs in its thread",
            hint="use gunicorn-gthread",
        ),
    )

    def in_flight_limit(self, settings: Settings) -> int:
        """One for each worker: the app blocks the loop."""
        return whole(settings, "workers")


class Asgi(Gunicorn):
    """gunicorn's own asgi worker, on asyncio."""

    kind: ClassVar[str] = "asgi"
    worker_class = "asgi"
    requirements: ClassVar[tuple[str, ...]] = ("gunicorn>=25",)
    title = "gunicorn, its own asgi worker"
    interface: ClassVar[Interface] = "asgi"
    loop: ClassVar[str] = "asyncio"
    known: ClassVar[tuple[Finding, ...]] = ASGI_KNOWN

    def extra(self, settings: Settings) -> Options:
        """The loop is pinned: `auto` takes the best one installed."""
        return {"asgi_loop": self.loop}


class AsgiUvloop(Asgi):
    """gunicorn's own asgi worker, on uvloop."""

    kind: ClassVar[str] = "asgi-uvloop"
    loop: ClassVar[str] = "uvloop"
    title = "gunicorn, its own asgi worker, uvloop"
    requirements = ("gunicorn>=25", "uvloop")


class Uvicorn(Gunicorn):
    """uvicorn-worker under gunicorn's master, with asyncio and h11 as in plain uvicorn."""

    kind: ClassVar[str] = "uvicorn"
    title = "gunicorn with uvicorn-worker"
    interface: ClassVar[Interface] = "asgi"
    requirements: ClassVar[tuple[str, ...]] = ("gunicorn>=20", "uvicorn-worker>=0.2", "uvicorn")
    worker_class: ClassVar[str] = "uvicorn_worker.UvicornH11Worker"
    known: ClassVar[tuple[Finding, ...]] = ASGI_KNOWN


class UvicornUvloop(Uvicorn):
    """uvicorn-worker on uvloop and httptools: its class has `auto`, and both are installed."""

    kind: ClassVar[str] = "uvicorn-uvloop"
    title = "gunicorn with uvicorn-worker, uvloop"
    requirements = ("gunicorn>=20", "uvicorn-worker>=0.2", "uvicorn", "uvloop", "httptools")
    worker_class: ClassVar[str] = "uvicorn_worker.UvicornWorker"

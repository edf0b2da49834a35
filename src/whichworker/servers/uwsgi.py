"""uWSGI, built from its source package with a C compiler, and pyuwsgi, its wheel."""

from __future__ import annotations

import signal
from pathlib import Path
from typing import ClassVar

from whichworker.model import Address, App, Command, Finding, Knob, Settings, codes
from whichworker.model.arms import ConfigFile
from whichworker.servers.configs import Options, flags, ini
from whichworker.servers.protocol import (
    CONNECTIONS,
    CONNECTIONS_EACH,
    GREENLETS,
    THREADS,
    THREADS_EACH,
    WORKERS,
    Adapter,
    whole,
)

FILE = "uwsgi.ini"
BACKLOG = 1024
"""Its default of 100 overflows with a few hundred users; it refuses more than the kernel's."""
KERNEL_BACKLOG = Path("/proc/sys/net/core/somaxconn")
WHEEL_HUP = codes.HUP_KILLS.finding(
    "SIGHUP ends the server, because the wheel cannot start itself again", hint="use uwsgi"
)
NO_KEEP_ALIVE = codes.NO_KEEP_ALIVE.finding()
THREADED = (
    codes.KEEP_ALIVE_STARVES.finding(),
    codes.UNSIZED_WAITS.finding(),
    codes.CHUNKED_POST_EMPTY.finding(),
)
GREEN = (NO_KEEP_ALIVE, *GREENLETS, codes.CHUNKED_POST_EMPTY.finding())


def backlog() -> int:
    """How many connections may wait for a process: `BACKLOG`, or what the kernel allows."""
    try:
        return min(BACKLOG, int(KERNEL_BACKLOG.read_text()))
    except (OSError, ValueError):
        return BACKLOG


class Uwsgi(Adapter):
    """Processes × threads behind its own HTTP/1.1 socket (`--http-socket` has no keep-alive).

    Its default TERM reloads; the hook makes TERM a graceful stop.
    """

    family: ClassVar[str] = "uwsgi"
    kind: ClassVar[str] = "threads"
    title = "uWSGI, processes and threads"
    requirements: ClassVar[tuple[str, ...]] = ("uWSGI",)
    knobs: ClassVar[tuple[Knob, ...]] = (WORKERS, THREADS)
    reload_signal: ClassVar[signal.Signals | None] = signal.SIGHUP
    known: ClassVar[tuple[Finding, ...]] = THREADED
    socket: ClassVar[str] = "http11-socket"

    def settings(self, cores: int) -> Settings:
        """One process a core."""
        return {"workers": cores, "threads": THREADS_EACH}

    def options(self, app: App, address: Address, settings: Settings) -> Options:
        """Everything that is set, by the names of uwsgi.ini."""
        return {
            self.socket: str(address),
            "processes": settings["workers"],
            **self.concurrency(settings),
            "listen": backlog(),
            "master": True,
            "need-app": True,
            "die-on-term": True,
            "hook-master-start": "unix_signal:15 gracefully_kill_them_all",
            "disable-logging": True,
            "module": self.target(app),
        }

    def concurrency(self, settings: Settings) -> Options:
        """The concurrency of one process."""
        return {"enable-threads": True, "threads": settings["threads"]}

    def command(self, app: App, address: Address, settings: Settings) -> Command:
        """`uwsgi --http11-socket …`, without request log."""
        return Command(argv=("uwsgi", *flags(self.options(app, address, settings))))

    def config_file(self, app: App, address: Address, settings: Settings) -> ConfigFile:
        """uwsgi.ini."""
        return ConfigFile(
            name=FILE,
            text=ini("uwsgi", self.options(app, address, settings)),
            command=("uwsgi", "--ini", FILE),
        )

    def in_flight_limit(self, settings: Settings) -> int:
        """Processes × threads."""
        return whole(settings, "workers") * whole(settings, "threads")


class Gevent(Uwsgi):
    """Greenlets; the standard library is patched before the app is loaded, as the ORM needs it.

    `--http11-socket` ends a process of greenlets after its first connections
    (https://github.com/unbit/uwsgi/issues/1964).
    """

    kind: ClassVar[str] = "gevent"
    title = "uWSGI, gevent"
    requirements: ClassVar[tuple[str, ...]] = ("uWSGI", "gevent")
    knobs: ClassVar[tuple[Knob, ...]] = (WORKERS, CONNECTIONS)
    known: ClassVar[tuple[Finding, ...]] = GREEN
    socket: ClassVar[str] = "http-socket"

    def settings(self, cores: int) -> Settings:
        """As many greenlets as gunicorn has."""
        return {"workers": cores, "connections": CONNECTIONS_EACH}

    def concurrency(self, settings: Settings) -> Options:
        """The greenlets of a process."""
        return {"gevent": settings["connections"], "gevent-early-monkey-patch": True}

    def in_flight_limit(self, settings: Settings) -> int:
        """Processes × greenlets."""
        return whole(settings, "workers") * whole(settings, "connections")


class Wheel(Uwsgi):
    """The wheel of uWSGI: nothing to build."""

    family: ClassVar[str] = "pyuwsgi"
    title = "pyuwsgi (uWSGI as a wheel), processes and threads"
    requirements = ("pyuwsgi",)
    reload_signal: ClassVar[signal.Signals | None] = None
    known: ClassVar[tuple[Finding, ...]] = (WHEEL_HUP, *THREADED)


class WheelGevent(Gevent):
    """The wheel with greenlets."""

    family: ClassVar[str] = "pyuwsgi"
    title = "pyuwsgi (uWSGI as a wheel), gevent"
    requirements = ("pyuwsgi", "gevent")
    reload_signal: ClassVar[signal.Signals | None] = None
    known: ClassVar[tuple[Finding, ...]] = (WHEEL_HUP, *GREEN)

"""mod_wsgi below Apache, by mod_wsgi-express."""

from __future__ import annotations

import signal
from pathlib import Path
from typing import ClassVar

from whichworker.model import Address, App, Command, Finding, Knob, Settings, codes
from whichworker.servers.protocol import THREADS, THREADS_EACH, WORKERS, Adapter, whole

SCRIPT = Path(__file__).parent / "launchers" / "mod_wsgi_server.py"


class ModWsgi(Adapter):
    """Daemon processes × threads behind Apache's event workers."""

    family: ClassVar[str] = "mod-wsgi"
    kind: ClassVar[str] = "daemon"
    title = "mod_wsgi below Apache"
    requirements: ClassVar[tuple[str, ...]] = ("mod_wsgi-standalone",)
    knobs: ClassVar[tuple[Knob, ...]] = (WORKERS, THREADS)
    reload_signal: ClassVar[signal.Signals | None] = signal.SIGHUP
    opt_in: ClassVar[str] = (
        "its source package builds Apache as well, which takes minutes, and it does not run as root"
    )
    known: ClassVar[tuple[Finding, ...]] = (codes.TERM_DROPS.finding(),)

    def settings(self, cores: int) -> Settings:
        """One process a core."""
        return {"workers": cores, "threads": THREADS_EACH}

    def command(self, app: App, address: Address, settings: Settings) -> Command:
        """`mod_wsgi-express start-server …`, no access log."""
        module, _, attribute = self.target(app).partition(":")
        express = [
            "mod_wsgi-express",
            "start-server",
            module,
            "--application-type",
            "module",
            "--callable-object",
            attribute,
        ]
        express += [
            "--host",
            address.host,
            "--port",
            str(address.port),
            "--processes",
            str(settings["workers"]),
        ]
        express += [
            "--threads",
            str(settings["threads"]),
            "--log-to-terminal",
            "--log-level",
            "warn",
        ]
        return Command(argv=("python", str(SCRIPT), *express), deploy=tuple(express))

    def in_flight_limit(self, settings: Settings) -> int:
        """Processes × threads."""
        return whole(settings, "workers") * whole(settings, "threads")

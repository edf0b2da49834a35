"""uWSGI, built from its source package: needs a C compiler, and tells so when there is none."""

from __future__ import annotations

import signal
from typing import ClassVar

from whichworker.model import Address, App, Command, Knob, Settings
from whichworker.servers.protocol import THREADS, THREADS_EACH, WORKERS, Adapter, whole


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

    def settings(self, cores: int) -> Settings:
        """One process a core."""
        return {"workers": cores, "threads": THREADS_EACH}

    def command(self, app: App, address: Address, settings: Settings) -> Command:
        """`uwsgi --http11-socket …`, without request log."""
        argv = ["uwsgi", "--http11-socket", str(address), "--processes", str(settings["workers"])]
        argv += ["--enable-threads", "--threads", str(settings["threads"]), "--master", "--need-app", "--die-on-term"]
        argv += ["--hook-master-start", "unix_signal:15 gracefully_kill_them_all", "--disable-logging", "--module", self.target(app)]
        return Command(argv=tuple(argv))

    def in_flight_limit(self, settings: Settings) -> int:
        """Processes × threads."""
        return whole(settings, "workers") * whole(settings, "threads")

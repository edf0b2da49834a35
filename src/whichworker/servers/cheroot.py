"""cheroot: the server of CherryPy, one process and a pool of threads."""

from __future__ import annotations

import signal
from typing import ClassVar

from whichworker.model import Address, App, Command, Finding, Knob, Settings, codes
from whichworker.servers.protocol import STOP_WITH_INT, THREADS, THREADS_EACH, Adapter, whole

BACKLOG = "2048"  # uvicorn's and gunicorn's default


class Cheroot(Adapter):
    """SIGINT is its graceful stop. Its default backlog of 5 overflows, which costs a second."""

    family: ClassVar[str] = "cheroot"
    kind: ClassVar[str] = "threads"
    title = "cheroot"
    requirements: ClassVar[tuple[str, ...]] = ("cheroot",)
    knobs: ClassVar[tuple[Knob, ...]] = (THREADS,)
    stop_signal: ClassVar[signal.Signals] = signal.SIGINT
    known: ClassVar[tuple[Finding, ...]] = (
        codes.TERM_DROPS.finding(hint=STOP_WITH_INT),
        codes.HUP_KILLS.finding(),
        codes.CHUNKED_POST_EMPTY.finding(),
        codes.ONE_PROCESS.finding(),
    )

    def settings(self, cores: int) -> Settings:
        """One process, whatever the budget."""
        return {"threads": THREADS_EACH}

    def command(self, app: App, address: Address, settings: Settings) -> Command:
        """`cheroot --bind …`; it has no access log."""
        options = (
            "--bind",
            str(address),
            "--threads",
            str(settings["threads"]),
            "--request-queue-size",
            BACKLOG,
        )
        return Command(argv=("cheroot", *options, self.target(app)))

    def in_flight_limit(self, settings: Settings) -> int:
        """Its threads."""
        return whole(settings, "threads")

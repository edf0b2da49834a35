"""waitress: one process, a pool of threads, binds all interfaces unless told otherwise."""

from __future__ import annotations

import signal
from typing import ClassVar

from whichworker.model import Address, App, Command, Finding, Knob, Settings
from whichworker.servers.known import HUP_KILLS, ONE_PROCESS, SLOW_HEADERS, TERM_DROPS
from whichworker.servers.protocol import THREADS, THREADS_EACH, Adapter, whole

RUN = "import logging, sys; logging.getLogger('waitress.queue').setLevel('ERROR'); from waitress.runner import run; run(sys.argv)"


class Waitress(Adapter):
    """INT is its graceful stop; TERM drops what is in flight.

    Started as `waitress-serve` would be, except that the logger which writes a line for every queued request is silenced: under a
    saturating load it would race the log file.
    """

    family: ClassVar[str] = "waitress"
    kind: ClassVar[str] = "threads"
    title = "waitress"
    requirements: ClassVar[tuple[str, ...]] = ("waitress",)
    knobs: ClassVar[tuple[Knob, ...]] = (THREADS,)
    stop_signal: ClassVar[signal.Signals] = signal.SIGINT
    known: ClassVar[tuple[Finding, ...]] = (
        TERM_DROPS,
        HUP_KILLS,
        SLOW_HEADERS,
        ONE_PROCESS,
        Finding(
            code="logs-its-queue",
            severity="info",
            text="under more load than it has threads it logs a line for every queued request; here that logger is silenced",
            hint="silence the logger waitress.queue",
        ),
    )

    def settings(self, cores: int) -> Settings:
        """One process is all there is, whatever the budget."""
        return {"threads": THREADS_EACH}

    def command(self, app: App, address: Address, settings: Settings) -> Command:
        """`waitress-serve --listen …`, without the queue's log."""
        options = (
            "--listen",
            str(address),
            "--threads",
            str(settings["threads"]),
            self.target(app),
        )
        return Command(argv=("python", "-c", RUN, *options), deploy=("waitress-serve", *options))

    def in_flight_limit(self, settings: Settings) -> int:
        """Its threads."""
        return whole(settings, "threads")

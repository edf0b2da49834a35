"""waitress: one process, a pool of threads; it binds all interfaces by default."""

from __future__ import annotations

import signal
from typing import ClassVar

from whichworker.model import Address, App, Command, Finding, Knob, Settings, codes
from whichworker.servers.protocol import STOP_WITH_INT, THREADS, THREADS_EACH, Adapter, whole
from whichworker.servers.proxies import trusted

RUN = (
    "import logging, sys; logging.getLogger('waitress.queue').setLevel('ERROR'); "
    "from waitress.runner import run; run(sys.argv)"
)


class Waitress(Adapter):
    """SIGINT is its graceful stop; SIGTERM drops the requests in flight.

    It starts like `waitress-serve`, but without the log line for every queued request: under full
    load the race would measure the log file.
    """

    family: ClassVar[str] = "waitress"
    kind: ClassVar[str] = "threads"
    title = "waitress"
    requirements: ClassVar[tuple[str, ...]] = ("waitress",)
    knobs: ClassVar[tuple[Knob, ...]] = (THREADS,)
    stop_signal: ClassVar[signal.Signals] = signal.SIGINT
    known: ClassVar[tuple[Finding, ...]] = (
        codes.TERM_DROPS.finding(hint=STOP_WITH_INT),
        codes.HUP_KILLS.finding(),
        codes.NO_HEADER_TIMEOUT.finding(),
        codes.ONE_PROCESS.finding(),
        codes.LOGS_ITS_QUEUE.finding(),
    )

    def settings(self, cores: int) -> Settings:
        """One process, whatever the budget."""
        return {"threads": THREADS_EACH}

    def command(self, app: App, address: Address, settings: Settings) -> Command:
        """`waitress-serve --listen …`, without the queue's log."""
        options = (
            "--listen",
            str(address),
            "--threads",
            str(settings["threads"]),
            *_trust(app, address),
            self.target(app),
        )
        return Command(argv=("python", "-c", RUN, *options), deploy=("waitress-serve", *options))

    def in_flight_limit(self, settings: Settings) -> int:
        """Its threads."""
        return whole(settings, "threads")


def _trust(app: App, address: Address) -> tuple[str, ...]:
    """The options without which waitress (since 3) removes the headers of the proxy.

    A client of a Unix socket has the address `localhost`.
    """
    names = trusted(app.headers)
    if not names:
        return ()
    proxy = "localhost" if address.path else "127.0.0.1"
    return ("--trusted-proxy", proxy, "--trusted-proxy-headers", " ".join(names))

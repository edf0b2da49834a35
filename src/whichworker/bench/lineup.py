"""The launches that are alive together, each with a warden, a seat and its own connections."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from typing import Self

from msgspec import Struct

from whichworker.bench.running import Bench, Running, running
from whichworker.bench.window import load_of
from whichworker.load.generator import Generator
from whichworker.model import Arm, Load, Settings, codes
from whichworker.probes import cpu
from whichworker.servers import table

PATIENCE_SECONDS = 5.0
"""A response that takes longer than this, and longer than ten turns, is a failure."""
MOST_TURNS = 10  # all connections have been served ten times meanwhile
ACCEPTED = {"waitress": 96}
"""waitress accepts 100 connections, in which it counts two of its own files; two are spare."""


class Contender(Struct, eq=False):
    """One launch, under the arm's or its twin's name; `loaded_seconds` is time under load.

    `most` is a limit of its connections beside that of the server (None: there is no other).
    """

    name: str
    arm: Arm
    generation: int
    run: Running
    stack: ExitStack
    connections: int = 0
    loaded_seconds: float = 0.0
    pids: tuple[int, ...] = ()
    most: int | None = None

    @property
    def most_connections(self) -> int | None:
        """The most connections that it can be given; None: any number."""
        return fewest(most_connections(self.arm.server, self.arm.settings), self.most)

    def at_most(self, connections: int) -> int:
        """This many connections, or as many as it can be given."""
        return min(connections, self.most_connections or connections)

    @property
    def seat(self) -> str:
        """The name of its connections in the generator."""
        return f"{self.name}/{self.generation}"

    def cpu_seconds(self) -> dict[int, float]:
        """CPU seconds of each of its processes; looks for the processes again if one is gone."""
        seen = cpu.tree_cpu_seconds(self.pids)
        if not seen or len(seen) < len(self.pids):
            self.pids = tuple(self.run.launch.pids())
            seen = cpu.tree_cpu_seconds(self.pids)
        return seen


class Lineup:
    """Contenders by name, from `enter` to `leave`; as a context manager it stops all of them."""

    def __init__(self, bench: Bench, generator: Generator) -> None:
        self.bench, self.generator = bench, generator
        self.alive: dict[str, Contender] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.leave(*self.alive)

    def enter(self, name: str, arm: Arm, generation: int) -> Contender:
        """Launch an arm under this name, wait for a correct response; raises ServerFailed."""
        stack = ExitStack()
        run = stack.enter_context(running(self.bench, arm))
        contender = self.alive[name] = Contender(name, arm, generation, run, stack)
        return contender

    def sit(self, contender: Contender, connections: int, response_seconds: float) -> None:
        """Give a contender its connections; none is opened before its first slice."""
        load = load_of(self.bench, contender.run, connections, 1.0, settle=0.0)
        self.generator.seat(contender.seat, _patient(load, response_seconds * connections))
        contender.connections = connections

    @contextmanager
    def paused(self, *names: str) -> Iterator[None]:
        """Pause the processes of these launches: work without requests would disturb the others."""
        pids = [
            pid
            for name in names
            if name in self.alive
            for pid in self.alive[name].run.launch.pids()
        ]
        _signal(pids, signal.SIGSTOP)
        try:
            yield
        finally:
            _signal(pids, signal.SIGCONT)

    def leave(self, *names: str) -> list[Contender]:
        """Stop these launches at the same time: each takes as long as its graceful stop."""
        going = [self.alive.pop(name) for name in names if name in self.alive]
        try:
            for contender in going:
                self.generator.unseat(contender.seat)
        finally:
            _stop(going)
        return going


def _stop(going: Sequence[Contender]) -> None:
    """Stop the launches and close their seats, even if connections are broken."""
    if going:
        with ThreadPoolExecutor(len(going)) as pool:
            for future in [pool.submit(contender.stack.close) for contender in going]:
                future.result()


def _signal(pids: Iterable[int], number: signal.Signals) -> None:
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, number)


def _patient(load: Load, turn_seconds: float) -> Load:
    return Load(
        **{
            **{name: getattr(load, name) for name in load.__struct_fields__},
            "deadline_seconds": deadline_of(turn_seconds),
        }
    )


def deadline_of(turn_seconds: float) -> float:
    """How long to wait for a response, in seconds, if a turn of all connections takes this."""
    return max(PATIENCE_SECONDS, MOST_TURNS * turn_seconds)


def fewest(*limits: int | None) -> int | None:
    """The smallest of these limits; None if there is none."""
    return min((one for one in limits if one is not None), default=None)


def most_connections(server: str, settings: Settings) -> int | None:
    """The most connections an arm can serve; None: any number. Others wait for their timeout.

    uWSGI's HTTP/1.1 socket never serves connections above its number of threads.
    """
    adapter = table.load(server)
    starves = any(finding.code == codes.KEEP_ALIVE_STARVES.name for finding in adapter.known)
    return adapter.in_flight_limit(settings) if starves else ACCEPTED.get(server)


def own_cpu_seconds(*pids: int) -> float:
    """CPU seconds of this tool: this process and these."""
    return sum(cpu.tree_cpu_seconds((os.getpid(), *pids)).values())

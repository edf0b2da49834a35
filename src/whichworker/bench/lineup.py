"""The launches that are alive together: each below its warden, with a seat in the generator and connections of its own."""

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
MOST_TURNS = 10
ACCEPTED = {"waitress": 96}
"""waitress accepts nobody any more at its connection limit of 100, in which it counts two descriptors of its own; two are for others."""


class Contender(Struct, eq=False):
    """One launch of an arm: `name` is the arm's, or the twin's. `loaded_seconds` is for how long it was asked anything."""

    name: str
    arm: Arm
    generation: int
    run: Running
    stack: ExitStack
    connections: int = 0
    loaded_seconds: float = 0.0
    pids: tuple[int, ...] = ()

    @property
    def seat(self) -> str:
        """The name of its connections in the generator."""
        return f"{self.name}/{self.generation}"

    def cpu_seconds(self) -> dict[int, float]:
        """CPU seconds of each of its processes; who belongs to it is looked up again where one has gone."""
        seen = cpu.tree_cpu_seconds(self.pids)
        if not seen or len(seen) < len(self.pids):
            self.pids = tuple(self.run.launch.pids())
            seen = cpu.tree_cpu_seconds(self.pids)
        return seen


class Lineup:
    """Contenders by name, from `enter` to `leave`; as a context manager none outlives the block."""

    def __init__(self, bench: Bench, generator: Generator) -> None:
        self.bench, self.generator = bench, generator
        self.alive: dict[str, Contender] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.leave(*self.alive)

    def enter(self, name: str, arm: Arm, generation: int) -> Contender:
        """Launch an arm under this name and wait until it gives a correct response; raises ServerFailed."""
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
        """Stop the processes of these launches for a while: one that works while nobody asks it would be measured with the others."""
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
        """Stop these launches, all at the same time: each takes as long as its server needs for a graceful stop."""
        going = [self.alive.pop(name) for name in names if name in self.alive]
        try:
            for contender in going:
                self.generator.unseat(contender.seat)
        finally:
            _stop(going)
        return going


def _stop(going: Sequence[Contender]) -> None:
    """Whatever has become of their connections."""
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
    """How long a response is waited for, by how long a turn of all connections takes."""
    return max(PATIENCE_SECONDS, MOST_TURNS * turn_seconds)


def most_connections(server: str, settings: Settings) -> int | None:
    """How many connections an arm can have at all; None for any number. Those beyond it wait until they time out.

    uWSGI's HTTP/1.1 socket leaves those above its threads waiting for ever.
    """
    adapter = table.load(server)
    starves = any(finding.code == codes.KEEP_ALIVE_STARVES.name for finding in adapter.known)
    return adapter.in_flight_limit(settings) if starves else ACCEPTED.get(server)


def own_cpu_seconds(*pids: int) -> float:
    """CPU seconds of this tool: this process and these."""
    return sum(cpu.tree_cpu_seconds((os.getpid(), *pids)).values())

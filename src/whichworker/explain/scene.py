"""A running server as it is asked here: by volleys of requests to the views below /explain/, with its processes seen from outside."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from pathlib import Path

from msgspec import Struct

from whichworker.bench.running import Bench, Running
from whichworker.errors import ServerFailed
from whichworker.explain.volley import Volley, fire
from whichworker.load.http1 import FramingError, fetch
from whichworker.model import Answer, Arm, Request
from whichworker.probes import threads
from whichworker.servers import table

PREFIX = "/explain"
PATIENCE_SECONDS = 20.0


class Scene(Struct, frozen=True):
    """One launch of an arm."""

    bench: Bench
    arm: Arm
    run: Running

    @property
    def host(self) -> str:
        """The host that requests name."""
        return self.bench.question.apps[self.arm.python].host

    @property
    def limit(self) -> int | None:
        """How many requests it is declared to work on at the same time; None where nothing bounds it."""
        return table.load(self.arm.server).in_flight_limit(self.arm.settings)

    @property
    def is_asgi(self) -> bool:
        """Whether async views are what it is for."""
        return self.arm.interface == "asgi"

    def fire(
        self,
        path: str,
        at_once: int,
        *,
        patience: float = PATIENCE_SECONDS,
        tick: Callable[[float], None] = lambda _: None,
    ) -> Volley:
        """So many requests to a view at once; raises ServerFailed where the server ended meanwhile."""
        volley = fire(
            self.run.address,
            request(path),
            self.host,
            at_once,
            deadline_seconds=patience,
            tick=tick,
        )
        if volley.complaint and self.run.launch.ended():
            raise self.run.launch.failure("died", f"the server ended while it was asked for {path}")
        return volley

    def ask_json(self, path: str) -> object:
        """What a view says of itself; raises ServerFailed for any other answer."""
        try:
            response = fetch(self.run.address, request(path), self.host, PATIENCE_SECONDS)
        except (OSError, FramingError) as error:
            raise ServerFailed(
                "timeout", f"{path}: {error}", seen=self.run.launch.log_tail()
            ) from error
        if response.status != 200:
            raise ServerFailed(
                "status", f"{path}: status {response.status}", seen=self.run.launch.log_tail()
            )
        return json.loads(response.body)

    def threads(self) -> int:
        """Threads of all its processes, now."""
        return threads.count(self.run.launch.pids())

    def workers(self, processes: Iterable[int]) -> list[int]:
        """The processes that answered, as the machine numbers them."""
        outside = {inside_of(pid): pid for pid in self.run.launch.pids()}
        return [outside[process] for process in processes if process in outside]


def request(path: str) -> Request:
    """A GET of one of the views, whose answer has to be 200."""
    return Request(path=PREFIX + path, answer=Answer(status=200))


def inside_of(pid: int) -> int:
    """The number by which a process knows itself: in a PID namespace another than outside (the last of NSpid; see proc_pid_status(5))."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text(encoding="utf-8").splitlines()
    except OSError:
        return pid
    return next((int(line.split()[-1]) for line in lines if line.startswith("NSpid:")), pid)

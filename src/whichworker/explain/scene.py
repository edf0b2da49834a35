"""A running server for volleys of requests to the views below /explain/, and its processes."""

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
"""Longest wait for a volley, beyond any wait of a view."""


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
        """How many requests it declares to work on at the same time; None if unlimited."""
        return table.load(self.arm.server).in_flight_limit(self.arm.settings)

    @property
    def is_asgi(self) -> bool:
        """Whether its main kind of view is async."""
        return self.arm.interface == "asgi"

    def fire(
        self,
        path: str,
        at_once: int,
        *,
        patience: float = PATIENCE_SECONDS,
        tick: Callable[[float], None] = lambda _: None,
    ) -> Volley:
        """Send `at_once` requests to a view together; raises ServerFailed if the server ended."""
        volley = fire(
            self.run.address,
            request(path),
            self.host,
            at_once,
            deadline_seconds=patience,
            tick=tick,
        )
        if volley.complaint and self.run.launch.ended():
            raise self.run.launch.failure("died", f"the server ended during requests for {path}")
        return volley

    def ask_json(self, path: str) -> object:
        """The JSON of a view; raises ServerFailed for any other response."""
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
        """The processes that responded, by the machine's numbers."""
        outside = {inside_of(pid): pid for pid in self.run.launch.pids()}
        return [outside[process] for process in processes if process in outside]


def request(path: str) -> Request:
    """A GET of one of the views, whose response must be 200."""
    return Request(path=PREFIX + path, answer=Answer(status=200))


def inside_of(pid: int) -> int:
    """The number that a process has in its own PID namespace (the last of NSpid, proc(5))."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text(encoding="utf-8").splitlines()
    except OSError:
        return pid
    return next((int(line.split()[-1]) for line in lines if line.startswith("NSpid:")), pid)

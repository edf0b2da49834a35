"""Several arms at once, each at its own address: restarted if they die, all stopped together."""

from __future__ import annotations

import datetime
import os
import signal
import threading
import time
from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import NamedTuple, Self

import msgspec

from whichworker.bench.running import Bench, Running
from whichworker.errors import ServerFailed
from whichworker.model import Address, Arm
from whichworker.probes import cpu, memory, threads
from whichworker.process.launch import LaunchEnding
from whichworker.report.status import ServiceStatus, State, Status, Traffic
from whichworker.supervise.serve import LOOK_SECONDS, Ready, Stopped, serving, stop
from whichworker.supervise.traffic import Counter

BACKOFF_SECONDS = (1.0, 2.0, 4.0)
"""The pauses before a server that died is restarted; after the last one it stays down."""


class Moment(NamedTuple):
    """The readings of the last status, from which the next one computes rates."""

    at: float
    cpu_seconds: dict[int, float]
    segments: int | None


class Minder:
    """Keeps one arm running, in the thread that calls `mind`; other threads only read.

    A server that was up is restarted when it dies. One that never came up would fail again.
    """

    def __init__(self, bench: Bench, arm: Arm, address: Address, stopping: threading.Event) -> None:
        self.bench, self.arm, self.address, self.stopping = bench, arm, address, stopping
        self.state: State = "starting"
        self.restarts = 0
        self.run: Running | None = None
        self.up_since = 0.0
        self.cold_start_seconds: float | None = None
        self.command: tuple[str, ...] = ()
        self.failure = ""
        self.log = ""
        self.ending: LaunchEnding | None = None

    def mind(self) -> None:
        """Serve until stopped, or failed for good."""
        while True:
            try:
                self._serve()
            except Stopped:
                self.state = "stopped"
            except ServerFailed as error:
                self.failure = str(error)
                if self._may_start_again():
                    continue
            self.run = None
            return

    def _serve(self) -> None:
        """One launch, until stopped.

        Raises ServerFailed if it ends by itself, and Stopped if stopped before it was up.
        """
        ready = Ready(self.bench.question, self.address, self.stopping)
        with serving(self.bench, self.arm, self.address, ready) as run:
            self.command, self.cold_start_seconds = run.command, run.cold_start_seconds
            self.run, self.up_since, self.state, self.failure = run, time.monotonic(), "up", ""
            while not run.launch.ended():
                if self.stopping.wait(LOOK_SECONDS):
                    self.ending = stop(run, self.arm)
                    self.state = "stopped"
                    return
            raise run.launch.failure("died", "it ended by itself")

    def _may_start_again(self) -> bool:
        """Wait for the next start; False if there is none."""
        never_up, self.run = self.cold_start_seconds is None, None
        if never_up or self.restarts == len(BACKOFF_SECONDS):
            self.log = next(map(str, self._logs()), "")
            self.state = "failed"
            return False
        pause, self.restarts, self.state = (
            BACKOFF_SECONDS[self.restarts],
            self.restarts + 1,
            "restarting",
        )
        going_on = not self.stopping.wait(pause)
        self.state = "restarting" if going_on else "stopped"
        for log in self._logs():  # only the log of a final failure is kept
            log.unlink(missing_ok=True)
        return going_on

    def _logs(self) -> list[Path]:
        return list((self.bench.folder / "launches").glob("*.log"))

    def kill(self) -> None:
        """Kill its processes now; its thread notices."""
        run = self.run
        for pid in run.launch.pids() if run else ():
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


class Supervisor:
    """A context manager that starts every arm with an environment, and ends all of them.

    `without` has the arms that cannot start, with reasons.
    """

    def __init__(
        self, bench: Bench, addresses: Mapping[str, Address], without: Mapping[str, str]
    ) -> None:
        self.bench, self.addresses, self.without = bench, addresses, without
        self.stopping = threading.Event()
        arms = [arm for arm in bench.question.arms if arm.name not in without]
        self.minders = {
            arm.name: Minder(
                msgspec.structs.replace(bench, folder=bench.folder / str(number)),
                arm,
                addresses[arm.name],
                self.stopping,
            )
            for number, arm in enumerate(arms, start=1)
        }
        self.untold = ""
        self._counter: Counter | None = None
        self._former: dict[str, Moment] = {}
        self._futures: list[Future[None]] = []
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            try:
                self._counter = stack.enter_context(
                    Counter([address.port for address in self.addresses.values()])
                )
            except OSError as error:
                self.untold = f"this kernel does not report the traffic of a port: {error}"
            pool = stack.enter_context(
                ThreadPoolExecutor(
                    max_workers=max(1, len(self.minders)), thread_name_prefix="minder"
                )
            )
            stack.callback(self.stop)
            self._futures = [pool.submit(minder.mind) for minder in self.minders.values()]
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def stop(self) -> None:
        """Stop everything gracefully; an interruption kills the rest. Raises a minder's error."""
        self.stopping.set()
        try:
            self._wait()
        except KeyboardInterrupt:
            for minder in self.minders.values():
                minder.kill()
            self._wait()
            raise

    def _wait(self) -> None:
        while not all(future.done() for future in self._futures):
            # Future.result would delay an interruption
            time.sleep(LOOK_SECONDS / 2)
        self.check()

    def check(self) -> None:
        """Raise a minder's error: a fault of the tool or of the machine, never of a server."""
        for future in self._futures:
            if future.done():
                future.result()

    def settled(self) -> bool:
        """Whether everything is up or has failed."""
        self.check()
        return all(minder.state in ("up", "failed", "stopped") for minder in self.minders.values())

    def all_failed(self) -> bool:
        """Whether no server is left to keep running."""
        self.check()
        return all(minder.state == "failed" for minder in self.minders.values())

    def status(self) -> Status:
        """The present state of all servers; rates are since the last status."""
        self.check()
        traffic = self._counter.read() if self._counter else {}
        services = tuple(
            self._service(arm, traffic.get(self.addresses[arm.name].port))
            for arm in self.bench.question.arms
        )
        at = datetime.datetime.now(datetime.UTC).isoformat(timespec="milliseconds")
        return Status(at=at, app=self.bench.question.app.name, services=services)

    def _service(self, arm: Arm, traffic: Traffic | None) -> ServiceStatus:
        address = str(self.addresses[arm.name])
        if arm.name in self.without:
            return ServiceStatus(
                name=arm.name,
                version="",
                python="",
                address=address,
                state="failed",
                command=(),
                failure=self.without[arm.name],
            )
        environment, minder = self.bench.environments[arm.name], self.minders[arm.name]
        state, run = minder.state, minder.run
        pids = run.launch.pids() if run else []
        found = memory.tree_memory(pids)
        cores, per_second = self._rates(arm.name, pids, traffic)
        return ServiceStatus(
            name=arm.name,
            version=environment.version,
            python=environment.python_version,
            address=address,
            state=state,
            command=minder.command,
            restarts=minder.restarts,
            up_seconds=time.monotonic() - minder.up_since if run else None,
            cold_start_seconds=minder.cold_start_seconds,
            processes=len(pids) or None,
            threads=threads.count(pids) or None,
            memory_bytes=found.pss if found else None,
            cpu_cores=cores,
            traffic=traffic,
            segments_per_second=per_second,
            failure=minder.failure,
            log=minder.log,
        )

    def _rates(
        self, name: str, pids: list[int], traffic: Traffic | None
    ) -> tuple[float | None, float | None]:
        """Cores in use and segments per second since the last status; None at the first."""
        now = Moment(
            time.monotonic(),
            cpu.tree_cpu_seconds(pids),
            traffic.segments_received if traffic else None,
        )
        former = self._former.get(name)
        self._former[name] = now
        if former is None or now.at <= former.at:
            return None, None
        seconds = now.at - former.at
        spent = cpu.spent(former.cpu_seconds, now.cpu_seconds)
        counted = (
            None
            if now.segments is None or former.segments is None
            else now.segments - former.segments
        )
        return (
            None if spent is None else spent / seconds,
            None if counted is None else counted / seconds,
        )

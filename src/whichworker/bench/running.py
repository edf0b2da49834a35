"""One running arm: set up, started at a free port, ready after a correct response, stopped."""

from __future__ import annotations

import os
import re
import shutil
import signal
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path

from msgspec import Struct, field

from whichworker import redaction
from whichworker.apps import environment_files
from whichworker.bench import causes
from whichworker.bench.services import NONE, Backing
from whichworker.environments.variables import byte_code
from whichworker.errors import ServerFailed
from whichworker.load.http1 import FramingError, exchange, judge_answer
from whichworker.load.session import opening
from whichworker.model import (
    Address,
    Arm,
    Command,
    Environment,
    Finding,
    Question,
    Workload,
    codes,
)
from whichworker.probes.thermometer import Thermometer
from whichworker.process import limits
from whichworker.process.launch import Launch, LaunchEnding, Order
from whichworker.process.sockets import Listener, free_port, is_listening, listeners, owned
from whichworker.servers import table
from whichworker.units import show_bytes

READY_SECONDS = 20.0  # a large app imports for seconds, on cold files longer; see `ready_seconds`
LOST_WORKERS = 2  # in one start: one may be bad luck, two are a property of the server
WRONG_SECONDS = 3.0  # for workers that respond before they are ready
STOP_SECONDS = 3.0  # for a graceful stop of a server without load
PORT_TRIES = 3  # a port is rarely lost between choosing and binding; twice in a row hardly ever
SHOWN_ADDRESS = Address("127.0.0.1", 8000)  # of shown commands: the usual port of development
NOT_INHERITED = (
    "VIRTUAL_ENV",
    "PYTHONHOME",
    "PYTHONWARNINGS",
    "PYTHONDEVMODE",
)
PORT_OF_APP = (
    "several free ports were tried: if the app opens a port when it is imported, only one process"
    " can have it"
)
NOT_MINE = "belongs to a process that is not this server: address in use"
REBUILD = "build its environment again: whichworker cache clear"
PORT_TAKEN = re.compile(r"address (already )?in use|EADDRINUSE|errno 98", re.IGNORECASE)


class Running(Struct, frozen=True):
    """A server that gave a correct response, and how long that took from its start.

    `keep_alive` is false for a server that closes each connection without a word: a request that
    follows on it would be lost. `workers` are the processes that its master had started when it was
    ready. `findings` grow until the block of `running` has ended: some are about the server's stop.
    """

    launch: Launch
    address: Address
    cold_start_seconds: float
    command: tuple[str, ...]
    keep_alive: bool = True
    workers: tuple[int, ...] = ()
    findings: list[Finding] = field(default_factory=list)


class Bench(Struct, frozen=True):
    """The place for servers: the question, environments, folders and running services.

    Windows are measured beside a thermometer, if there is one.
    """

    question: Question
    environments: Mapping[str, Environment]
    folder: Path
    cache: Path
    services: Backing = NONE
    thermometer: Thermometer | None = None


def ready_seconds(workload: Workload) -> float:
    """How long a server may take to be ready: to start, and for a response as slow as known."""
    return READY_SECONDS + workload.patience(0.0)


@contextmanager
def running(bench: Bench, arm: Arm) -> Iterator[Running]:
    """Start an arm; stop it after the block, gracefully or by force; raises ServerFailed."""
    bench.services.check()
    with launched(
        lambda address: order_of(bench, arm, address),
        lambda address: ReadinessCheck(bench, address),
        seconds=ready_seconds(bench.question.workload),
    ) as started:
        launch, adapter = started.launch, table.load(arm.server)
        run = Running(
            launch,
            started.address,
            started.cold_start_seconds,
            _shown(bench, arm),
            workers=started.workers,
            keep_alive=all(finding.code != codes.NO_KEEP_ALIVE.name for finding in adapter.known),
        )
        yield run
        died = launch.ended()
        ending = launch.stop(adapter.stop_signal, STOP_SECONDS)
        run.findings.extend(_account(arm, run, ending, adapter.stop_signal))
    if not died:
        Path(launch.order.log).unlink(missing_ok=True)  # kept only if something went wrong


@contextmanager
def launched(
    order_at: Callable[[Address], Order],
    check_at: Callable[[Address], Callable[[], str]],
    *,
    address: Address | None = None,
    seconds: float | None = None,
    following: Callable[[Order], AbstractContextManager[object]] = nullcontext,
) -> Iterator[Running]:
    """Launch an order at an address, wait for a correct response, and kill it after the block.

    Without `address`, use a free port of loopback, and another if it gets taken, at most three
    times. `seconds` is how long the server may take to be ready; `following` is entered for as
    long as its log is written. Raises ServerFailed with the end of the log if the server does not
    start, responds wrongly, or listens anywhere but on loopback.
    """
    for tries_left in reversed(range(1 if address else PORT_TRIES)):
        place = address or Address("127.0.0.1", free_port())
        order = order_at(place)
        try:
            with following(order), Launch(order) as launch:
                try:
                    check = _once_owned(launch, place, check_at(place))
                    cold = launch.wait_ready(check, seconds or READY_SECONDS)
                    check_sockets(launch, place)
                except ServerFailed as error:
                    if tries_left and PORT_TAKEN.search(error.seen):
                        Path(order.log).unlink(missing_ok=True)
                        continue
                    if not address and PORT_TAKEN.search(error.seen):
                        raise ServerFailed(
                            error.kind, error.fact, seen=error.seen, cure=PORT_OF_APP
                        ) from error
                    raise
                yield Running(launch, place, cold, order.argv, workers=tuple(launch.workers()))
            return
        finally:
            shutil.rmtree(order.environment["TMPDIR"], ignore_errors=True)
            _clean_log(Path(order.log))


def _once_owned(launch: Launch, address: Address, check: Callable[[], str]) -> Callable[[], str]:
    """The check, which sends nothing to a port before this server has it: a request has secrets.

    It raises ServerFailed once the requests have cost the server two of its workers.
    """
    mine, lost = False, 0

    def ask() -> str:
        nonlocal mine, lost
        if not mine and not _is_among(listeners(), address):
            return f"nothing listens on port {address.port}"
        mine = mine or _is_among(owned(launch.pids()), address)
        if not mine:
            return f"port {address.port} {NOT_MINE}"
        workers, began = launch.workers(), time.monotonic()
        complaint = check()
        cause = (
            causes.worker_ended(launch, workers, time.monotonic() - began) if complaint else None
        )
        if cause is None:
            return complaint
        lost += 1
        if lost == LOST_WORKERS:
            raise launch.failure("worker", cause.fact, cause.cure)
        return cause.fact

    return ask


def _is_among(found: Sequence[Listener], address: Address) -> bool:
    return any(listener.port == address.port for listener in found)


def _clean_log(log: Path) -> None:
    """Remove the app's secrets from a log that is kept."""
    if redaction.knows() and log.is_file():
        before = log.read_bytes()
        if (after := redaction.clean_bytes(before)) != before:
            log.write_bytes(after)


def _account(
    arm: Arm, run: Running, ending: LaunchEnding, number: signal.Signals
) -> Iterator[Finding]:
    """The findings about the end of a launch."""
    if ending.forced:
        yield codes.STOPPED_BY_FORCE.finding(
            f"it did not stop within {STOP_SECONDS:g} s after {number.name}",
            arm=arm.name,
        )
    if ending.left:
        yield codes.LEFT_RUNNING.finding(
            f"{len(ending.left)} processes ran on after their master had stopped, and were killed",
            arm=arm.name,
            evidence="\n".join(ending.left),
        )
    if run.launch.flooded_bytes:
        yield codes.LOG_FLOODED.finding(
            f"The server wrote {show_bytes(run.launch.flooded_bytes)} to its log in one launch,"
            " which was measured with it",
            arm=arm.name,
        )
    if is_listening(run.address.port):
        yield codes.PORT_KEPT.finding(
            f"Port {run.address.port} is still in use after the server has stopped", arm=arm.name
        )


class ReadinessCheck:
    """Sends the first request of the workload; a wrong response has seconds to become correct."""

    def __init__(self, bench: Bench, address: Address) -> None:
        question = bench.question
        self.request, self.wire = opening(question.workload, question.app.host)
        self.address = address
        self.wrong_since = 0.0
        self.deadline = time.monotonic() + ready_seconds(question.workload)

    def __call__(self) -> str:
        try:
            response = exchange(
                self.address,
                self.wire,
                self.request.method,
                timeout=max(0.1, self.deadline - time.monotonic()),
            )
        except (OSError, FramingError) as error:
            return f"{type(error).__name__}: {error}"
        complaint = judge_answer(self.request.answer, response)
        if complaint is None:
            return ""
        self.wrong_since = self.wrong_since or time.monotonic()
        if time.monotonic() - self.wrong_since > WRONG_SECONDS:
            kind, sample = complaint
            raise ServerFailed(kind, f"{self.request.method} {self.request.path}: {sample}")
        return complaint[1]


def check_sockets(launch: Launch, address: Address) -> None:
    """The port must belong to this server, and none of its ports may be open to other machines."""
    mine = owned(launch.pids())
    if not _is_among(mine, address):
        raise launch.failure("start", f"port {address.port} {NOT_MINE}")
    if outside := [listener.port for listener in mine if not listener.loopback]:
        raise launch.failure("start", f"it listens outside loopback, on port {outside[0]}")


def order_of(bench: Bench, arm: Arm, address: Address) -> Order:
    """The order for the warden: the arm's command, environment, log and temporary folder."""
    app = bench.question.apps[arm.python]
    return order_for(bench, arm, table.load(arm.server).command(app, address, arm.settings))


def order_for(bench: Bench, arm: Arm, command: Command) -> Order:
    """The same for any command that is carried out like this arm's."""
    app, environment = bench.question.apps[arm.python], bench.environments[arm.name]
    name = f"{re.sub(r'[^a-zA-Z0-9@.-]+', '_', arm.name)}-{time.monotonic_ns()}"
    folder = bench.folder / "launches"
    folder.mkdir(parents=True, exist_ok=True)
    temporary = folder / f"{name}.tmp"
    program = Path(environment.bin) / command.argv[0]
    if not program.exists():  # never one of PATH: it could be of another version
        raise ServerFailed("start", f"{arm.name} has no program {command.argv[0]}", hint=REBUILD)
    budget = bench.question.budget
    memory = budget.memory_bytes or limits.default_memory_bytes()
    return Order(
        argv=(str(program), *command.argv[1:]),
        directory=app.directory,
        environment=_environment(bench, arm, environment, command, temporary),
        cores=budget.server_cores,
        log=str(folder / f"{name}.log"),
        memory_bytes=memory,
        temporary=str(temporary),
        group=limits.group(f"{os.getpid()}-{time.monotonic_ns()}", memory, limits.delegation()),
    )


def _environment(
    bench: Bench, arm: Arm, environment: Environment, command: Command, temporary: Path
) -> dict[str, str]:
    """The user's variables, the app's, and those that find both environments and protect them."""
    app = bench.question.apps[arm.python]
    inherited = environment_files.without_server_options(os.environ)
    inherited = {name: value for name, value in inherited.items() if name not in NOT_INHERITED}
    path = [app.directory, *app.paths, *filter(None, [inherited.get("PYTHONPATH")])]
    return {
        **inherited,
        **environment_files.read(app.environment_file),
        **app.environment,
        **bench.services.variables,
        **arm.environment,
        **command.environment,
        "PATH": os.pathsep.join([environment.bin, inherited.get("PATH", os.defpath)]),
        "PYTHONPATH": os.pathsep.join(path),
        **byte_code(bench.cache),
        "VIRTUAL_ENV": str(Path(environment.bin).parent),
        "TMPDIR": str(temporary),
    }


def _shown(bench: Bench, arm: Arm) -> tuple[str, ...]:
    """The command as a person would type it in the environment, at a port that never changes."""
    app = bench.question.apps[arm.python]
    command = table.load(arm.server).command(app, SHOWN_ADDRESS, arm.settings)
    return command.deployed(bench.environments[arm.name].version)

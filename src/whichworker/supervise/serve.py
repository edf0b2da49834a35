"""One arm in the foreground, with a race's environment, command and cores, on your own port."""

from __future__ import annotations

import ipaddress
import os
import re
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Protocol, Self

import msgspec
from msgspec import Struct

from whichworker.bench import overlays
from whichworker.bench.running import Bench, Running, launched, order_of
from whichworker.config.options import RaceOptions, ServeOptions
from whichworker.environments.interpreters import inspect
from whichworker.errors import ServerFailed, UsageError, WhichworkerError
from whichworker.load.http1 import FramingError, fetch, judge_answer
from whichworker.model import Address, Arm, Finding, Question, Subject, codes
from whichworker.model.distributions import distribution
from whichworker.model.question import readiness
from whichworker.process.launch import LaunchEnding, Order
from whichworker.process.sockets import free_port
from whichworker.question.ask import RANKING_SECONDS, ask, budget_of, discover
from whichworker.servers import names, table
from whichworker.store import places

FIRST = Address("127.0.0.1", 8000)
LAST_PORT = 65535
READY_SECONDS = 60.0
"""For a start: an app may load models or fill caches first, and nobody measures it here."""
ASK_SECONDS = 10.0
"""For one response during a start."""
GRACE_SECONDS = 30.0
"""From the stop signal to the kill, as in the emitted files."""
LOOK_SECONDS = 0.1
"""Between two looks at a process or a log: a person notices no delay."""
PIECE_BYTES, ANCHOR_BYTES = 65536, 4096
"""One read of a log, and the last part of it that marks the place if the log is cut."""
_CORES = re.compile(r"\d+(-\d+)?(,\d+(-\d+)?)*")


class Stopped(WhichworkerError):
    """The server was stopped before it was up."""


class ServePlan(Struct, frozen=True):
    """The arms, their addresses, and findings to print first."""

    question: Question
    addresses: dict[str, Address]
    findings: tuple[Finding, ...]


class ServeWatch(Protocol):
    """The events of a server in the foreground."""

    def starting(self, command: tuple[str, ...]) -> None:
        """The server is about to start with this command."""

    def ready(self, run: Running, status: int) -> None:
        """The server sent its first response, with this status."""

    def log(self, piece: bytes) -> None:
        """A new piece of the server's log."""

    def stopping(self) -> None:
        """The server has received its stop signal."""


def plan(app: str | None, options: ServeOptions, here: Path, cache: Path) -> ServePlan:
    """Which arms serve the app at which addresses; raises UsageError before any build or start."""
    bound = parse_bind(options.bind) if options.bind else None
    cores = parse_cores(options.cores, os.sched_getaffinity(0)) if options.cores else ()
    if not options.servers:
        raise UsageError("no server is named", hint=_servers_hint(app))
    race = RaceOptions(
        servers=options.servers,
        python=options.python,
        latest=options.latest,
        exclude_newer=options.exclude_newer,
    )
    budget = budget_of(RANKING_SECONDS)
    if cores:
        budget = msgspec.structs.replace(budget, server_cores=cores)
    found = discover(ask(app, race, here, cache, budget))
    served = found.question.app
    what = found.subject.workload if served.is_builtin else readiness(served)
    question = found.question_about(Subject(apps=found.subject.apps, workload=what))
    chosen = choose_addresses(len(question.arms), bound, is_free)
    unsaid = (codes.ANSWER_UNCHECKED.name, codes.CORES_SHARED.name)
    said = [finding for finding in found.findings if finding.code not in unsaid]
    if bound is None and chosen[0] != FIRST:
        text = f"Port {FIRST.port} is in use, so the first server listens on {chosen[0].port}"
        said.append(codes.PORT_TAKEN.finding(text))
    return ServePlan(
        question,
        {arm.name: place for arm, place in zip(question.arms, chosen, strict=True)},
        tuple(said),
    )


def build(
    planned: ServePlan, folder: Path, cache: Path, note: Callable[[str], None]
) -> tuple[Bench, dict[str, str]]:
    """The environments of the arms, and why others have none; raises UsageError if all lack one."""
    environments, without = overlays.build(planned.question, cache, note)
    reasons = {record.arm: record.failures[0].sample for record in without}
    if not environments:
        name, reason = next(iter(reasons.items()))
        fact, _, seen = reason.partition("\n")
        seen, _, hint = seen.partition("hint: ")
        raise UsageError(f"{name} cannot be served: {fact}", seen=seen, hint=hint)
    return Bench(planned.question, environments, folder, cache), reasons


@contextmanager
def folder_of_logs() -> Iterator[Path]:
    """A folder for the present logs; it is removed at the end unless a log was kept."""
    folder = (
        places.state_folder()
        / "served"
        / f"{time.strftime('%Y%m%d-%H%M%S', time.gmtime())}-{os.getpid()}"
    )
    try:
        yield folder
    finally:
        for inner, _, _ in os.walk(folder, topdown=False):
            with suppress(OSError):  # not empty
                Path(inner).rmdir()


def deployed(planned: ServePlan, arm: Arm) -> tuple[str, ...]:
    """The command of an arm as you would type it inside its environment."""
    app = planned.question.apps[arm.python]
    command = table.load(arm.server).command(app, planned.addresses[arm.name], arm.settings)
    own = {} if arm.apart or not arm.requirements else inspect(app.python).packages
    return command.deployed(own.get(distribution(arm.requirements[0]), "") if own else "")


def foreground(bench: Bench, arm: Arm, address: Address, watch: ServeWatch) -> LaunchEnding:
    """Serve until this process is interrupted, then stop the server gracefully.

    Raises ServerFailed if it does not come up or ends by itself. Raises KeyboardInterrupt for an
    interruption before it is up, or for a second one, which kills it. `watch` receives its log,
    which is not kept.
    """
    ready = Ready(bench.question, address)
    with serving(bench, arm, address, ready, watch) as run:
        watch.ready(run, ready.status)
        try:
            while not run.launch.ended():
                time.sleep(LOOK_SECONDS)
        except KeyboardInterrupt:
            watch.stopping()
            return stop(run, arm)
        raise run.launch.failure("died", f"{arm.name} ended by itself")


@contextmanager
def serving(
    bench: Bench,
    arm: Arm,
    address: Address,
    ready: Callable[[], str],
    watch: ServeWatch | None = None,
) -> Iterator[Running]:
    """A launch of an arm at this address, once it responds; killed at the end of the block.

    Raises ServerFailed if it does not start or listens outside loopback. The log is kept only after
    a failure without a watch.
    """
    order, kept = order_of(bench, arm, address), False

    @contextmanager
    def following(order: Order) -> Iterator[None]:
        if watch is None:
            yield
            return
        watch.starting(order.argv)
        with Follower(Path(order.log), watch.log):
            yield

    try:
        with launched(
            lambda _: order,
            lambda _: ready,
            address=address,
            seconds=READY_SECONDS,
            following=following,
        ) as run:
            yield run
    except ServerFailed as error:
        if watch:  # it received the log
            raise ServerFailed(
                error.kind, error.fact, hint="its log, above, may say why"
            ) from error
        kept = True
        raise
    finally:
        if not kept:
            Path(order.log).unlink(missing_ok=True)


def stop(run: Running, arm: Arm) -> LaunchEnding:
    """Send the stop signal, and kill the server after the grace time."""
    return run.launch.stop(table.load(arm.server).stop_signal, GRACE_SECONDS)


class Ready:
    """Waits for the first response: the built-in app's must be correct, another app's complete.

    Setting `stopping` gives up.
    """

    def __init__(
        self, question: Question, address: Address, stopping: threading.Event | None = None
    ) -> None:
        self.request, self.host = question.workload.requests[0], question.app.host
        self.address, self.stopping = address, stopping
        self.status = 0

    def __call__(self) -> str:
        if self.stopping is not None and self.stopping.is_set():
            raise Stopped("stopped before it was up")
        try:
            response = fetch(self.address, self.request, self.host, timeout=ASK_SECONDS)
        except (OSError, FramingError) as error:
            return f"{type(error).__name__}: {error}"
        self.status = response.status
        complaint = judge_answer(self.request.answer, response)
        return complaint[1] if complaint else ""


class Follower:
    """A thread that passes on what is written to a file.

    The warden cuts the middle out of a long log; this then searches for the text it passed on last.
    """

    def __init__(self, path: Path, tell: Callable[[bytes], None]) -> None:
        self.path, self.tell = path, tell
        self._at, self._told = 0, b""
        self._lost = False
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._follow, name="log", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._ended.set()
        self._thread.join()
        self.look()  # at the rest

    def _follow(self) -> None:
        while not self._ended.wait(LOOK_SECONDS):
            self.look()

    def look(self) -> None:
        """Pass on the new text."""
        with suppress(FileNotFoundError), self.path.open("rb") as file:
            if os.fstat(file.fileno()).st_size < self._at and not self._find_again(file):
                return
            file.seek(self._at)
            while piece := file.read(PIECE_BYTES):
                self._at += len(piece)
                self._told = (self._told + piece)[-ANCHOR_BYTES:]
                self.tell(piece)

    def _find_again(self, file: BinaryIO) -> bool:
        """Find the place in a cut file; after two failures, take its second half as new."""
        content = file.read()
        place = content.rfind(self._told)
        if place < 0 and not self._lost:  # the cut may be in progress
            self._lost = True
            return False
        self._lost = False
        self._at = place + len(self._told) if place >= 0 else len(content) // 2
        return True


def parse_bind(text: str) -> Address:
    """Read HOST:PORT or PORT as a loopback address; raises UsageError. Port 0 is any free one."""
    host, _, port = text.rpartition(":")
    host = {"": FIRST.host, "localhost": FIRST.host}.get(
        host, host.removeprefix("[").removesuffix("]")
    )
    if not port.isascii() or not port.isdigit() or int(port) > LAST_PORT:
        raise UsageError(
            f"--bind: not an address: {text!r}", hint="write HOST:PORT, such as 127.0.0.1:8000"
        )
    try:
        loopback = ipaddress.ip_address(host).is_loopback
    except ValueError as error:
        raise UsageError(
            f"--bind: not a numeric address: {host!r}",
            hint="write HOST:PORT, such as 127.0.0.1:8000",
        ) from error
    if not loopback:
        hint = "put a proxy in front, or deploy the printed command with your own address"
        raise UsageError(f"--bind: serve listens on loopback only, not on {host}", hint=hint)
    return Address(host, int(port))


def parse_cores(text: str, usable: set[int]) -> tuple[int, ...]:
    """Read `0,2-3` as cores; raises UsageError if one of them is not usable here."""
    cores: set[int] = set()
    for part in text.split(",") if _CORES.fullmatch(text) else ():
        first, _, last = part.partition("-")
        cores.update(range(int(first), int(last or first) + 1))
    known = ",".join(str(core) for core in sorted(usable))
    if not cores:
        raise UsageError(
            f"--cores: not a list of cores: {text!r}",
            hint=f"write them as 0,2-3; usable here: {known}",
        )
    if strange := sorted(cores - usable):
        raise UsageError(
            f"--cores: core {strange[0]} cannot be used here", hint=f"usable here: {known}"
        )
    return tuple(sorted(cores))


def choose_addresses(
    count: int, bound: Address | None, free: Callable[[Address], bool]
) -> list[Address]:
    """An address for each arm: from `bound` on, which must be free, or free ones from 8000 on."""
    if bound is not None and bound.port == 0:
        return [Address(bound.host, free_port()) for _ in range(count)]
    start = bound or FIRST
    if start.port + count - 1 > LAST_PORT:
        raise UsageError(
            f"--bind: there are no {count} ports from {start.port} on", hint="begin at a lower one"
        )
    if bound is None:
        candidates = (Address(start.host, port) for port in range(start.port, LAST_PORT + 1))
        found = [
            address for address, _ in zip(filter(free, candidates), range(count), strict=False)
        ]
        if len(found) < count:
            raise UsageError(
                f"there are no {count} free ports from {start.port} on",
                hint="name one: --bind HOST:PORT",
            )
        return found
    wanted = [Address(start.host, start.port + step) for step in range(count)]
    for address in wanted:
        if not free(address):
            raise UsageError(
                f"--bind: {address} is in use",
                hint="name another port, or leave --bind out to take the first free one",
            )
    return wanted


def is_free(address: Address) -> bool:
    """Whether a server could listen there now, even if old connections linger."""
    with socket.socket(socket.AF_INET6 if ":" in address.host else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((address.host, address.port))
        except PermissionError as error:
            raise UsageError(
                f"--bind: this user may not listen on port {address.port}",
                hint="name a port above 1023",
            ) from error
        except OSError:
            return False
    return True


def _servers_hint(app: str | None) -> str:
    """A hint to use --servers, also if a server was given as the app."""
    try:
        return (
            f"whichworker serve --servers {names.parse(app)}"
            if app
            else "such as --servers gthread"
        )
    except UsageError:
        return f"whichworker serve {app} --servers gthread"

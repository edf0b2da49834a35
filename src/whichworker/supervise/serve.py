"""One arm in the foreground, exactly as a race would start it: same environment, same command, same cores; only the port is one's own."""

from __future__ import annotations

import ipaddress
import os
import re
import shutil
import socket
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO, Protocol

import msgspec
from msgspec import Struct

from whichworker.apps import builtin
from whichworker.bench import overlays
from whichworker.bench.running import Bench, Running, check_sockets, order_of
from whichworker.config.options import RaceOptions, ServeOptions
from whichworker.errors import ServerFailed, UsageError, WhichworkerError
from whichworker.load.http1 import FramingError, fetch, judge_answer
from whichworker.model import Address, Answer, Arm, Finding, Question, Request, Workload
from whichworker.process.launch import Ending, Launch
from whichworker.process.sockets import free_port
from whichworker.question.ask import ask
from whichworker.servers import names, table
from whichworker.store import places

FIRST = Address("127.0.0.1", 8000)
LAST_PORT = 65535
READY_SECONDS = 60.0
ASK_SECONDS = 10.0
GRACE_SECONDS = 30.0
LOOK_SECONDS = 0.1
PIECE_BYTES, ANCHOR_BYTES = 65536, 4096
_CORES = re.compile(r"\d+(-\d+)?(,\d+(-\d+)?)*")


class Stopped(WhichworkerError):
    """A server was to be stopped before it was up."""


class ServePlan(Struct, frozen=True):
    """What is served, where, and what there is to say before."""

    question: Question
    addresses: dict[str, Address]
    findings: tuple[Finding, ...]


class Watch(Protocol):
    """The events of a server in the foreground."""

    def starting(self, command: tuple[str, ...]) -> None:
        """It is about to be started, like this."""

    def ready(self, run: Running, status: int) -> None:
        """It gave its first answer, with this status."""

    def log(self, piece: bytes) -> None:
        """What it has written since."""

    def stopping(self) -> None:
        """It has been asked to stop."""


def plan(arms: Sequence[str], options: ServeOptions, here: Path, cache: Path) -> ServePlan:
    """Which arms serve which app where; raises UsageError for whatever cannot be used, before anything is built or started."""
    bound = parse_bind(options.bind) if options.bind else None
    cores = parse_cores(options.cpus, os.sched_getaffinity(0)) if options.cpus else None
    question, findings = ask(
        options.app or None, RaceOptions(servers=",".join(arms), python=options.python), here, cache
    )
    if not question.app.name.startswith(builtin.PREFIX):
        anything = Request(path=question.app.ready_path, answer=Answer(status=None))
        question = msgspec.structs.replace(
            question, workload=Workload(name="ready", title="any answer", requests=(anything,))
        )
    if cores:
        question = _on_cores(question, cores)
    chosen = choose_addresses(len(question.arms), bound, is_free)
    said = [
        _worded(finding)
        for finding in findings
        if finding.code not in ("answer-unchecked", "cores-shared")
    ]
    if bound is None and chosen[0] != FIRST:
        said.append(
            Finding(
                code="port-taken",
                severity="info",
                text=f"port {FIRST.port} is taken, so {chosen[0].port} is the first used",
            )
        )
    return ServePlan(
        question,
        {arm.name: place for arm, place in zip(question.arms, chosen, strict=True)},
        tuple(said),
    )


def build(
    planned: ServePlan, folder: Path, cache: Path, note: Callable[[str], None]
) -> tuple[Bench, dict[str, str]]:
    """The environments of the arms, and why others have none; raises UsageError where no arm has one."""
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
    """A folder for what is served now; it is removed at the end unless a log was worth keeping."""
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
    """The command of an arm as a person would type it inside its environment."""
    command = table.load(arm.server).command(
        planned.question.apps[arm.python], planned.addresses[arm.name], arm.settings
    )
    return command.deploy or command.argv


def foreground(bench: Bench, arm: Arm, address: Address, watch: Watch) -> Ending:
    """Serve until this process is interrupted, then stop the server gracefully.

    Raises ServerFailed where it does not come up or ends by itself, KeyboardInterrupt for an interruption before it is up, and for a second
    one while it stops: then it is killed. Its log is told as it is written, and kept nowhere.
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
    bench: Bench, arm: Arm, address: Address, ready: Callable[[], str], watch: Watch | None = None
) -> Iterator[Running]:
    """A launch of an arm at this address, once it answers; it is killed at the end of the block, unless stopped before.

    Raises ServerFailed where it does not start or listens outside loopback. The log is removed where a watch was told it, or all went well.
    """
    order = order_of(bench, arm, address)
    follower = Follower(Path(order.log), watch.log) if watch else None
    kept = False
    try:
        if watch and follower:
            watch.starting(order.argv)
            follower.start()
        with Launch(order) as launch:
            cold = launch.wait_ready(ready, READY_SECONDS)
            check_sockets(launch, address)
            yield Running(launch, address, cold, order.argv)
    except ServerFailed as error:
        kept = follower is None
        if follower:  # what it wrote was told
            raise ServerFailed(
                error.kind, error.fact, hint="its log, above, may say why"
            ) from error
        raise
    finally:
        if follower:
            follower.finish()
        if not kept:
            Path(order.log).unlink(missing_ok=True)
        shutil.rmtree(order.environment["TMPDIR"], ignore_errors=True)


def stop(run: Running, arm: Arm) -> Ending:
    """Ask for a graceful stop, kill after the grace time."""
    return run.launch.stop(table.load(arm.server).stop_signal, GRACE_SECONDS)


class Ready:
    """Asks for the first answer: the right one of the built-in app, any complete one of another app. `stopping` gives up."""

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
    """Tells what is written to a file, as it is written; a thread of its own.

    The warden cuts a long log in its middle: then this goes on behind what it told last, found again by its very words.
    """

    def __init__(self, path: Path, tell: Callable[[bytes], None]) -> None:
        self.path, self.tell = path, tell
        self._at, self._told = 0, b""
        self._lost = False
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._follow, name="log", daemon=True)

    def start(self) -> None:
        """Begin to tell."""
        self._thread.start()

    def finish(self) -> None:
        """Tell the rest, and end."""
        self._ended.set()
        if self._thread.is_alive():
            self._thread.join()
        self.look()

    def _follow(self) -> None:
        while not self._ended.wait(LOOK_SECONDS):
            self.look()

    def look(self) -> None:
        """Tell what is new."""
        with suppress(FileNotFoundError), self.path.open("rb") as file:
            if os.fstat(file.fileno()).st_size < self._at and not self._find_again(file):
                return
            file.seek(self._at)
            while piece := file.read(PIECE_BYTES):
                self._at += len(piece)
                self._told = (self._told + piece)[-ANCHOR_BYTES:]
                self.tell(piece)

    def _find_again(self, file: BinaryIO) -> bool:
        """Whether it is known where to go on in a file that was cut; a second failure means that all of it is new but its begin."""
        content = file.read()
        place = content.rfind(self._told)
        if place < 0 and not self._lost:  # it may be at the middle of being cut
            self._lost = True
            return False
        self._lost = False
        self._at = place + len(self._told) if place >= 0 else len(content) // 2
        return True


def parse_bind(text: str) -> Address:
    """Read HOST:PORT, or a port alone, as an address on loopback; raises UsageError for anything else. Port 0 is any free one."""
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
        hint = "put a proxy in front, or deploy the command that serve prints with an address of your own"
        raise UsageError(f"--bind: serve listens on loopback only, not on {host}", hint=hint)
    return Address(host, int(port))


def parse_cores(text: str, usable: set[int]) -> tuple[int, ...]:
    """Read `0,2-3` as cores; raises UsageError where one of them is not usable here."""
    cores: set[int] = set()
    for part in text.split(",") if _CORES.fullmatch(text) else ():
        first, _, last = part.partition("-")
        cores.update(range(int(first), int(last or first) + 1))
    known = ",".join(str(core) for core in sorted(usable))
    if not cores:
        raise UsageError(
            f"--cpus: not a list of cores: {text!r}",
            hint=f"write them as 0,2-3; usable here: {known}",
        )
    if strange := sorted(cores - usable):
        raise UsageError(
            f"--cpus: core {strange[0]} cannot be used here", hint=f"usable here: {known}"
        )
    return tuple(sorted(cores))


def choose_addresses(
    count: int, bound: Address | None, free: Callable[[Address], bool]
) -> list[Address]:
    """An address for each: from the one that was asked for, all of which must be free, or the first free ones from 8000 on."""
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
                f"--bind: {address} is taken",
                hint="name another port, or leave --bind out to take the first free one",
            )
    return wanted


def is_free(address: Address) -> bool:
    """Whether a server could listen there now; connections that linger after an earlier one do not count."""
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


def _worded(finding: Finding) -> Finding:
    """What is said of a race that is not one."""
    if finding.code != "app-builtin":
        return finding
    text = "no app was found in this folder, so the built-in Django project is served"
    return msgspec.structs.replace(
        finding, text=text, hint="name yours: --app FOLDER or --app MODULE:ATTRIBUTE"
    )


def _on_cores(question: Question, cores: tuple[int, ...]) -> Question:
    """The same arms with these cores, and with the settings they have by default for so many."""
    arms = []
    for arm in question.arms:
        wanted = names.parse(arm.name.partition("#")[0])
        arms.append(
            msgspec.structs.replace(
                arm, settings=names.contender(wanted, arm.python, cores=len(cores)).settings
            )
        )
    budget = msgspec.structs.replace(question.budget, server_cores=cores)
    return msgspec.structs.replace(question, arms=tuple(arms), budget=budget)

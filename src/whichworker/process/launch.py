"""One running instance of a server: its warden starts it, watches it and ends all of it."""

from __future__ import annotations

import contextlib
import ctypes
import functools
import json
import os
import select
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar, Literal, Self

import msgspec
from msgspec import Struct

from whichworker.errors import ServerFailed
from whichworker.process import tracebacks, warden
from whichworker.process.limits import Group
from whichworker.units import show_bytes

SCRIPT = Path(warden.__file__)
LAUNCH_VARIABLE = "WHICHWORKER_LAUNCH"
KILL_SECONDS = 5.0  # for the warden to end a tree: it takes milliseconds, more when memory is short
ADOPT_SECONDS = 0.5  # for killed processes to go: the kernel reaps them within milliseconds
LOG_LINES, SHOWN_LINES = 200, 12  # of the log's end: searched for a cause, and shown
LOG_BYTES = 8 * 2**20  # 8 MiB: far more than anyone reads, little beside a disk

Containment = Literal["namespace", "walk"]


class Order(Struct, frozen=True, kw_only=True):
    """The command for the warden to start, with its folder, cores, environment and log file.

    A log longer than `log_bytes` keeps its begin and end. Over `memory_bytes` (None: no limit)
    the launch is killed, by the kernel if there is a `group`. The warden makes the folder
    `temporary`, and removes it at the end.
    """

    argv: tuple[str, ...]
    directory: str
    environment: dict[str, str]
    cores: tuple[int, ...]
    log: str
    log_bytes: int = LOG_BYTES
    memory_bytes: int | None = None
    temporary: str = ""
    group: Group | None = None


class LaunchEnding(Struct, frozen=True, kw_only=True):
    """How a server ended: exit status (None: killed by the warden) and what it left running."""

    status: int | None
    left: tuple[str, ...] = ()
    forced: bool = False


@functools.cache
def containment() -> Containment:
    """How process trees are contained on this machine; tried once."""
    run = subprocess.run([*_warden_argv("probe")], capture_output=True, timeout=30, check=False)
    return "namespace" if run.returncode == 0 else "walk"


class Launch:
    """A server process tree; use it as a context manager so that it ends with the block."""

    _adopting: ClassVar[set[str]] = set()

    def __init__(self, order: Order, mode: Containment | None = None) -> None:
        self.order = order
        self.mode = mode or containment()
        self.token = f"{os.getpid()}-{time.monotonic_ns()}"
        self.started_ns = 0
        self.root = 0
        self.flooded_bytes = 0
        self._ended: dict[str, Any] | None = None
        self._warden: subprocess.Popen[bytes] | None = None
        self._heard = b""
        self._known: set[int] = set()

    def __enter__(self) -> Self:
        if self.mode == "walk":
            self._known = set(children())
            self._adopting.add(self.token)
            adopt_orphans(True)
        try:
            self._start()
        except BaseException:
            self.kill()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()

    def _start(self) -> None:
        environment = {**self.order.environment, LAUNCH_VARIABLE: self.token}
        self._warden = subprocess.Popen(
            _warden_argv(self.mode),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=True,
            bufsize=0,
        )
        assert self._warden.stdin is not None
        order = msgspec.to_builtins(msgspec.structs.replace(self.order, environment=environment))
        # json escapes what is no UTF-8: a variable or a path may have any bytes.
        self._warden.stdin.write(json.dumps(order).encode() + b"\n")
        self.started_ns = time.monotonic_ns()
        while not self.root and self._listen(KILL_SECONDS):
            pass
        if not self.root:
            raise ServerFailed(
                "start", "the warden of the server did not start", hint="whichworker doctor"
            )

    def pids(self) -> list[int]:
        """Every living process of the server, the master first."""
        return (
            [pid for pid in warden.family(self.root) if _stat(pid)[:1] not in ([], [b"Z"])]
            if self.root
            else []
        )

    def workers(self) -> list[int]:
        """The living processes that the master started itself."""
        master, *others = self.pids() or [0]
        return [pid for pid in others if _stat(pid)[1:2] == [str(master).encode()]]

    def ended(self) -> bool:
        """Whether the master is gone, or the warden, which means the same."""
        while self._ended is None and self._listen(0):
            pass
        return self._ended is not None

    def wait_ready(self, check: Callable[[], str], timeout_seconds: float) -> float:
        """Call `check` until it returns no complaint; the seconds since the server was started.

        Raises ServerFailed("start"), with the last complaint and the end of the log, if the master
        ends or time runs out.
        """
        pause = 0.002
        while not self.ended():
            if not (complaint := check()):
                return (time.monotonic_ns() - self.started_ns) / 1e9
            if time.monotonic_ns() >= self.started_ns + timeout_seconds * 1e9:
                raise self.failure(
                    "start", f"no correct response within {timeout_seconds:.3g} s: {complaint}"
                )
            time.sleep(pause)
            pause = min(0.02, pause * 1.3)
        how = f" {self.ending}" if self.ending else ""
        raise self.failure("start", f"the server ended{how} before it responded")

    def failure(self, kind: str, fact: str, cure: str = "") -> ServerFailed:
        """A ServerFailed with the end of the log; its kind is "memory" if that is why it ended."""
        if used := (self._ended or {}).get("memory"):
            limit = show_bytes(self.order.memory_bytes or used)
            amount = f"{show_bytes(used)} of memory, over the limit of {limit}"
            kind, fact, cure = "memory", f"its processes used {amount}, and were killed", ""
        seen = self.log_tail()
        if kind == "start" and (cause := tracebacks.fact_of(self.log_tail(LOG_LINES))):
            fact = f"{fact}: {cause}"
            seen = tracebacks.shown(self.log_tail(LOG_LINES), SHOWN_LINES)
        return ServerFailed(
            kind, fact, seen=seen, hint=f"the whole log: {self.order.log}", cure=cure
        )

    def log_tail(self, lines: int = SHOWN_LINES) -> str:
        """The last lines of the server's log, from its last 16 KiB."""
        try:
            with Path(self.order.log).open("rb") as file:
                file.seek(max(0, os.fstat(file.fileno()).st_size - 16384))
                text = file.read().decode(errors="replace")
        except OSError as error:
            return f"(no log: {error})"
        return "\n".join(text.rstrip().splitlines()[-lines:])

    def stop(self, number: signal.Signals, grace_seconds: float) -> LaunchEnding:
        """Signal the master to stop; after the grace time, or once it has ended, kill the rest."""
        forced = False
        if not self.ended() and (pids := self.pids()):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pids[0], number)
            deadline = time.monotonic() + grace_seconds
            while not self.ended() and time.monotonic() < deadline:
                self._listen(max(0.0, deadline - time.monotonic()))
            forced = self._ended is None
        left = tuple((self._ended or {}).get("left", ()))
        self.kill()
        return LaunchEnding(status=None if forced else self.status, left=left, forced=forced)

    def kill(self) -> None:
        """End everything now: cut the life line, wait for the warden, kill what it could not."""
        process = self._warden
        if process is None:
            return
        assert process.stdin is not None and process.stdout is not None
        with contextlib.suppress(OSError):
            process.stdin.close()
        try:
            process.wait(KILL_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        while self._listen(0):
            pass
        self._warden = None
        process.stdout.close()
        if self.mode == "walk":
            kill_adopted(self.token)
            if process.returncode:
                reap_adopted(self.token, self._known)
            self._adopting.discard(self.token)
            adopt_orphans(bool(self._adopting))
        elif process.returncode and self.root:
            wait_gone(self.root)
        self._tidy()

    def _tidy(self) -> None:
        """Remove what a killed warden could not remove."""
        if self.order.temporary:
            shutil.rmtree(self.order.temporary, ignore_errors=True)
        deadline = time.monotonic() + ADOPT_SECONDS
        while self.order.group is not None and time.monotonic() < deadline:
            try:
                Path(self.order.group.folder).rmdir()
            except FileNotFoundError:
                return
            except OSError:  # a process that was killed a moment ago is still in it
                time.sleep(0.005)

    @property
    def status(self) -> int | None:
        """The exit status of the master; None if it runs, or was killed."""
        status: int | None = (self._ended or {}).get("ended")
        return status

    @property
    def ending(self) -> str:
        """How the master ended, in words; empty if it runs, or was killed by the warden."""
        if self.status is None:
            return ""
        if self.status >= 0:
            return f"with status {self.status}"
        number = -self.status
        names = {one.value: one.name for one in signal.Signals}
        return f"of {names.get(number, f'signal {number}')}"

    def _listen(self, timeout_seconds: float) -> bool:
        """Read one message of the warden; False if none came in time or none will come."""
        if self._warden is None or self._warden.stdout is None:
            self._ended = self._ended or {}
            return False
        ready, _, _ = select.select([self._warden.stdout], [], [], timeout_seconds)
        if not ready:
            return False
        piece = self._warden.stdout.read(65536)
        if not piece:
            self._ended = self._ended or {}
            return False
        *lines, self._heard = (self._heard + piece).split(b"\n")
        for line in lines:
            message: dict[str, Any] = msgspec.json.decode(line)
            if "root" in message:
                self.root = message["root"]
            elif "flooded" in message:
                self.flooded_bytes = message["flooded"]
            elif self._ended is None:
                self._ended = message
        return True


def wait_gone(reaper: int) -> None:
    """Wait for the death of a reaper whose warden was killed.

    Process 1 of a namespace dies after everything else in it.
    """
    deadline = time.monotonic() + KILL_SECONDS
    while _stat(reaper)[:1] not in ([], [b"Z"]) and time.monotonic() < deadline:
        time.sleep(0.005)


def adopt_orphans(adopt: bool) -> None:
    """Make this process the next subreaper above the warden, or no longer.

    The orphans of a killed warden then become children of this process.
    """
    ctypes.CDLL(None, use_errno=True).prctl(warden.PR_SET_CHILD_SUBREAPER, int(adopt), 0, 0, 0)


def kill_adopted(token: str) -> None:
    """Kill the orphans of one launch that came to this process when their warden was killed."""
    mark = f"{LAUNCH_VARIABLE}={token}".encode()
    while orphans := [pid for pid in warden.descendants(os.getpid()) if mark in _environment(pid)]:
        for number in (signal.SIGSTOP, signal.SIGKILL):
            for pid in orphans:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, number)
        for pid in orphans:
            with contextlib.suppress(ChildProcessError):
                os.waitpid(pid, 0)


def reap_adopted(token: str, known: set[int]) -> None:
    """Reap what died with a killed warden: new children with a session of their own.

    They are dying or dead, so their environment no longer shows which launch they belong to.
    """
    deadline = time.monotonic() + ADOPT_SECONDS
    while time.monotonic() < deadline and (
        strange := {pid for pid in children() if session_of(pid) != os.getsid(0)} - known
    ):
        kill_adopted(token)
        for pid in strange:
            with contextlib.suppress(ChildProcessError):
                os.waitpid(pid, os.WNOHANG)
        time.sleep(0.005)


def children() -> list[int]:
    """The children of this process, dead ones included."""
    own = str(os.getpid()).encode()
    return [pid for pid in warden.pids() if _stat(pid)[1:2] == [own]]


def session_of(pid: int) -> int:
    """The session of a process, dead or alive; 0 when it is gone."""
    fields = _stat(pid)
    return int(fields[3]) if fields else 0


def _stat(pid: int) -> list[bytes]:
    """State, parent, group, session and so on from /proc/PID/stat; empty when it is gone."""
    try:
        return warden.read_small(f"/proc/{pid}/stat").rpartition(b")")[2].split()
    except OSError:
        return []


def _environment(pid: int) -> list[bytes]:
    try:
        return Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
    except OSError:
        return []


def _warden_argv(mode: str) -> list[str]:
    # -I ignores PYTHONUTF8, but both must read and write paths as the same bytes.
    encoding = f"utf8={sys.flags.utf8_mode}"
    return [sys.executable, "-I", "-S", "-X", encoding, str(SCRIPT), mode]

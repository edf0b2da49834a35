"""The warden: a tiny parent of one server, run as a script, that lets nothing outlive the tool.

It reads one JSON line (the order) on standard input, starts the server, and answers with JSON lines on standard output:
`{"root": pid}` once the server runs (the ancestor of every server process, itself not one of them), then `{"ended": code, "left": [...]}`
when the server's master is gone. Standard input then stays open as the life line: at its end everything is killed.

Two ways to contain a process tree:

- `namespace`: the server lives in its own PID namespace below a *reaper*. When the reaper dies, the kernel kills the rest, double forks
  and new sessions included; and the reaper dies with the warden by its death signal. Needs root or unprivileged user namespaces.
- `walk`: the warden is a child subreaper and walks /proc, stopping each process before it looks for children, so that none can fork away.

Imports are few on purpose: this runs before every launch.
"""

from __future__ import annotations

import ctypes
import json
import os
import select
import signal
import sys
from contextlib import suppress
from typing import Any, NoReturn

CLONE_NEWNS, CLONE_NEWUSER, CLONE_NEWPID = 0x0002_0000, 0x1000_0000, 0x2000_0000
MS_REC, MS_PRIVATE = 0x4000, 0x4_0000
PR_SET_PDEATHSIG, PR_SET_CHILD_SUBREAPER = 1, 36

libc = ctypes.CDLL(None, use_errno=True)


def main() -> None:
    """Run one server until it ends or the life line is cut."""
    mode = sys.argv[1]
    if mode == "probe":
        return probe()
    order: dict[str, Any] = json.loads(read_line(0))
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    if mode == "namespace":
        return guard_namespace(order)
    return guard_by_walking(order)


def probe() -> None:
    """Say whether a PID namespace can be had here: exit status 0 when a process in one sees itself as 1."""
    enter_namespace()
    child = os.fork()
    if child == 0:
        os._exit(0 if mount_proc() and os.getpid() == 1 else 1)
    sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))


def guard_namespace(order: dict[str, Any]) -> None:
    """Start the reaper in a new PID namespace; end it when the life line is cut."""
    enter_namespace()
    warden = os.pidfd_open(os.getpid())
    reaper = os.fork()
    if reaper == 0:
        run_reaper(order, warden)
    os.close(warden)
    say({"root": reaper})
    ended = os.pidfd_open(reaper)
    select.select([0, ended], [], [])
    signal.pidfd_send_signal(ended, signal.SIGKILL)
    os.waitpid(reaper, 0)


def run_reaper(order: dict[str, Any], warden: int) -> NoReturn:
    """Be process 1 of the namespace: start the master, reap every orphan, leave with the master."""
    libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if select.select([warden], [], [], 0)[0]:
        os._exit(1)  # the warden died before its death signal was asked for
    os.close(warden)
    mount_proc()
    master = start_master(order)
    while True:
        pid, status = os.wait()
        if pid == master:
            say({"ended": os.waitstatus_to_exitcode(status), "left": [name_of(other) for other in pids() if other != 1]})
            os._exit(0)


def guard_by_walking(order: dict[str, Any]) -> None:
    """Start the master as a child of this subreaper; at the end stop and kill all that descends from here."""
    libc.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    wake, alarm = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
    signal.set_wakeup_fd(alarm, warn_on_full_buffer=False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    master = start_master(order, death_signal=True)
    say({"root": os.getpid()})
    while True:
        ready, _, _ = select.select([0, wake], [], [])
        status = reap(master)
        if status is not None:
            say({"ended": os.waitstatus_to_exitcode(status), "left": [name_of(pid) for pid in descendants(os.getpid())]})
        if status is not None or 0 in ready:
            return kill_descendants()
        os.read(wake, 4096)


def start_master(order: dict[str, Any], death_signal: bool = False) -> int:
    """Fork and become the server: own session, own cores, log file, no inherited descriptor or signal mask."""
    master = os.fork()
    if master:
        return master
    try:
        os.setsid()
        if death_signal:
            libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGCHLD, signal.SIGPIPE, signal.SIGXFSZ):
            signal.signal(number, signal.SIG_DFL)
        log = os.open(order["log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        os.dup2(os.open("/dev/null", os.O_RDONLY | os.O_CLOEXEC), 0)
        os.dup2(log, 1)
        os.dup2(log, 2)
        os.sched_setaffinity(0, order["cores"])
        os.chdir(order["directory"])
        os.execvpe(order["argv"][0], order["argv"], order["environment"])
    except OSError as error:
        os.write(2, f"cannot start {order['argv'][0]}: {error}\n".encode())
    finally:
        os._exit(127)


def enter_namespace() -> None:
    """Leave for a new PID and mount namespace, by way of a user namespace where the user is not root; exits 1 if refused."""
    user, group = os.getuid(), os.getgid()
    if libc.unshare(CLONE_NEWPID | CLONE_NEWNS | (CLONE_NEWUSER if user else 0)):
        sys.exit(1)
    if user:
        for name, line in (("setgroups", "deny"), ("uid_map", f"{user} {user} 1"), ("gid_map", f"{group} {group} 1")):
            with open(f"/proc/self/{name}", "w") as file:
                file.write(line)


def mount_proc() -> bool:
    """Give the namespace its own /proc, seen by nobody else."""
    private = libc.mount(b"none", b"/", None, MS_REC | MS_PRIVATE, None)
    return not private and not libc.mount(b"proc", b"/proc", b"proc", 0, None)


def reap(master: int) -> int | None:
    """Collect every ended child; the master's status, or None while it runs."""
    found = None
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return found
        if pid == 0:
            return found
        if pid == master:
            found = status


def kill_descendants() -> None:
    """Stop, then kill, everything below this process until nothing is left; each stop keeps its children findable."""
    while below := descendants(os.getpid()):
        for number in (signal.SIGSTOP, signal.SIGKILL):
            for pid in below:
                try:
                    os.kill(pid, number)
                except ProcessLookupError:
                    continue
        reap(0)
    while True:  # what is left now are the dead, some of them orphans that have only just arrived
        try:
            os.wait()
        except ChildProcessError:
            return


def descendants(root: int) -> list[int]:
    """All living processes below `root`, parents first."""
    children: dict[int, list[int]] = {}
    for pid in pids():
        try:
            with open(f"/proc/{pid}/stat", "rb") as file:
                state, parent = file.read().rpartition(b")")[2].split()[:2]
        except OSError:
            continue
        if state != b"Z":
            children.setdefault(int(parent), []).append(pid)
    found = list(children.get(root, ()))
    for pid in found:
        found += children.get(pid, ())
    return found


def pids() -> list[int]:
    """Every process /proc shows."""
    return [int(name) for name in os.listdir("/proc") if name.isdigit()]


def name_of(pid: int) -> str:
    """The command line of a process, cut to what fits a finding."""
    try:
        with open(f"/proc/{pid}/cmdline", "rb") as file:
            return file.read(200).replace(b"\0", b" ").decode(errors="replace").strip()
    except OSError:
        return "?"


def read_line(descriptor: int) -> bytes:
    """One line, unbuffered, so that nothing of the life line is swallowed."""
    line = b""
    while not line.endswith(b"\n"):
        piece = os.read(descriptor, 65536)
        if not piece:
            sys.exit(1)
        line += piece
    return line


def say(message: dict[str, Any]) -> None:
    """Tell the tool; if it is gone, the life line says so too."""
    with suppress(OSError):
        os.write(1, json.dumps(message).encode() + b"\n")


if __name__ == "__main__":
    main()

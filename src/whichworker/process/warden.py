"""The warden: a tiny parent of one server, run as a script, that lets nothing outlive the tool.

It reads one JSON line (the order) on standard input, starts the server, and writes JSON lines:
`{"root": pid}` once the server runs (the ancestor of every server process, itself not one of them),
then `{"ended": code, "left": [...]}` when the server's master is gone, with `"memory": bytes` if it
used too much, and last `{"flooded": bytes}` if its log was cut. Standard input stays open as the
life line: at its end everything is killed and the server's temporary folder is removed.

There are two ways to contain a process tree:
- `namespace`: the server lives in its own PID namespace below a *reaper*, which dies with the
  warden. Then the kernel kills the rest. Needs root or unprivileged user namespaces.
- `walk`: the warden is a child subreaper and walks /proc. It stops each process before it looks for
  children, so that none can fork away.

Four times a second it checks the size of the log and, without a control group, the memory in use.
Imports are few on purpose: this runs before every launch.
"""

from __future__ import annotations

import ctypes
import json
import os
import select
import signal
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any, NoReturn

CLONE_NEWNS, CLONE_NEWUSER, CLONE_NEWPID = 0x0002_0000, 0x1000_0000, 0x2000_0000
MS_REC, MS_PRIVATE = 0x4000, 0x4_0000
PR_SET_PDEATHSIG, PR_SET_CHILD_SUBREAPER = 1, 36  # as the above: from <linux/*.h>
LOOK_SECONDS, HURRY_SECONDS = 0.25, 0.02  # between two looks: usually, and close to a limit
LINGER_SECONDS = 0.25  # processes that a master leaves behind may be ending
PSS_SECONDS = 1.0  # between two reads of smaps_rollup, which costs a hundred times as much as statm
PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")

STOPS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

libc = ctypes.CDLL(None, use_errno=True)


def main() -> None:
    """Run one server until it ends or the life line is cut."""
    mode = sys.argv[1]
    if mode == "probe":
        return probe()
    order: dict[str, Any] = json.loads(read_line(0))
    for number in STOPS:
        signal.signal(number, signal.SIG_IGN)
    guard = guard_namespace if mode == "namespace" else guard_by_walking
    return guard(order)


def probe() -> None:
    """Exit with status 0 if a PID namespace is possible: a process in one is number 1."""
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
    ended, lookout = os.pidfd_open(reaper), Lookout(order)
    while not select.select([0, ended], [], [], lookout.pause)[0]:
        # The reaper's /proc is mounted here too: it shows the namespace, without this process.
        mounted = not os.path.exists("/proc/self")
        if mounted and (used := lookout.look(lambda: [pid for pid in pids() if pid != 1])):
            say(ending(order, None, [], used))
            break
    signal.pidfd_send_signal(ended, signal.SIGKILL)
    os.waitpid(reaper, 0)
    tidy(order, lookout)


def run_reaper(order: dict[str, Any], warden: int) -> NoReturn:
    """Be process 1 of the namespace: start the master, reap every orphan, end with the master."""
    libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if select.select([warden], [], [], 0)[0]:
        os._exit(1)  # the warden died before its death signal was set
    os.close(warden)
    mount_proc()
    master = start_master(order)
    while True:
        pid, status = os.wait()
        if pid == master:
            say(ending(order, os.waitstatus_to_exitcode(status), linger()))
            os._exit(0)


def guard_by_walking(order: dict[str, Any]) -> None:
    """Start the master as a child of this subreaper; at the end kill all its descendants."""
    libc.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    wake, alarm = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
    signal.set_wakeup_fd(alarm, warn_on_full_buffer=False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    master = start_master(order, death_signal=True)
    say({"root": os.getpid()})
    lookout = Lookout(order)
    while True:
        ready, _, _ = select.select([0, wake], [], [], lookout.pause)
        if wake in ready:
            os.read(wake, 4096)
        status, used = reap(master), None if ready else lookout.look(lambda: family(os.getpid()))
        if status is not None:
            say(ending(order, os.waitstatus_to_exitcode(status), linger()))
        elif used:
            say(ending(order, None, [], used))
        if status is not None or used or 0 in ready:
            kill_descendants()
            return tidy(order, lookout)


def ending(
    order: dict[str, Any], status: int | None, left: list[int], memory_bytes: int | None = None
) -> dict[str, Any]:
    """The message that the master is gone, with what it left running and memory over the limit."""
    memory_bytes = memory_bytes or (order["memory_bytes"] if killed_by_group(order) else None)
    return {"ended": status, "left": [name_of(pid) for pid in left], "memory": memory_bytes}


def linger() -> list[int]:
    """The processes below this one that outlive their master by more than a moment."""
    deadline = time.monotonic() + LINGER_SECONDS
    while (left := descendants(os.getpid())) and time.monotonic() < deadline:
        time.sleep(HURRY_SECONDS)
        reap(0)
    return left


def tidy(order: dict[str, Any], lookout: Lookout) -> None:
    """When nothing runs any more: report a log that was cut, and remove temporary files."""
    with suppress(FileNotFoundError):
        if lookout.cut:
            say({"flooded": lookout.cut + os.stat(order["log"]).st_size})
    if order["temporary"]:
        remove_tree(order["temporary"])
    if order["group"]:
        with suppress(OSError):
            os.rmdir(order["group"]["folder"])


class Lookout:
    """Keeps a server's log small and notices when its processes use too much memory.

    A log over its limit keeps its begin and its end; the middle is cut out. The server appends,
    so it writes on behind the cut. `pause` is how long to wait until the next look, in seconds.
    """

    def __init__(self, order: dict[str, Any]) -> None:
        self.order, self.log, self.log_bytes = order, order["log"], order["log_bytes"]
        self.pause, self.cut, self.memory_due = LOOK_SECONDS, 0, 0.0

    def look(self, members: Callable[[], list[int]]) -> int | None:
        """Cut the log if it is too long; the bytes of memory in use if they are too many."""
        self.pause = HURRY_SECONDS if self.trim() else LOOK_SECONDS
        if self.order["memory_bytes"] is None or time.monotonic() < self.memory_due:
            return None
        self.memory_due = time.monotonic() + LOOK_SECONDS / 2
        limit: int = self.order["memory_bytes"]
        if self.order["group"]:
            return limit if killed_by_group(self.order) else None
        found = members()
        if sum(resident_bytes(pid) for pid in found) <= limit:
            return None
        # Resident sizes count a shared page in every process: only proportional ones are proof.
        used = sum(proportional_bytes(pid) for pid in found)
        # The nearer to the limit, the sooner.
        self.memory_due = time.monotonic() + PSS_SECONDS * (1 - used / limit)
        return used if used > limit else None

    def trim(self) -> bool:
        """Whether the log was too long and was cut. Holes in a sparse file take no room."""
        try:
            found = os.stat(self.log)
            if min(found.st_size, found.st_blocks * 512) <= self.log_bytes:
                return False
            file = os.open(self.log, os.O_RDWR | os.O_APPEND | os.O_CLOEXEC)
        except OSError:
            return False
        try:
            size, head, tail = os.fstat(file).st_size, self.log_bytes // 16, self.log_bytes // 8
            end = os.pread(file, tail, max(head, size - tail))
            os.ftruncate(file, head)
            self.cut += size - head - len(end)
            mark = f"\n[... {self.cut} bytes of this log were cut out here ...]\n"
            os.write(file, mark.encode() + end)
        finally:
            os.close(file)
        return True


def start_master(order: dict[str, Any], death_signal: bool = False) -> int:
    """Fork and become the server: own session, cores and log file, nothing inherited."""
    master = os.fork()
    if master:
        return master
    try:
        os.setsid()
        if death_signal:
            libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        for number in (*STOPS, signal.SIGCHLD, signal.SIGPIPE, signal.SIGXFSZ):
            signal.signal(number, signal.SIG_DFL)
        log = os.open(order["log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        os.dup2(os.open("/dev/null", os.O_RDONLY | os.O_CLOEXEC), 0)
        os.dup2(log, 1)
        os.dup2(log, 2)
        os.makedirs(order["temporary"] or "/", exist_ok=True)
        confine(order)
        os.chdir(order["directory"])
        os.execvpe(order["argv"][0], order["argv"], order["environment"])
    except (OSError, ValueError) as error:  # ValueError: a word that no file system can have
        fact = f"cannot start {order['argv'][0]}: {error}\n"
        os.write(2, fact.encode(errors="backslashreplace"))
    finally:
        os._exit(127)


def confine(order: dict[str, Any]) -> None:
    """Join the server's cores and control group; the kernel kills it first if memory runs out."""
    os.sched_setaffinity(0, order["cores"])
    with suppress(OSError), open("/proc/self/oom_score_adj", "w") as file:
        file.write("1000")
    group = order["group"]
    if group:
        os.mkdir(group["folder"])
        for name, value in (*group["settings"], ("cgroup.procs", "0")):
            with open(f"{group['folder']}/{name}", "w") as file:
                file.write(value)


def killed_by_group(order: dict[str, Any]) -> bool:
    """Whether the kernel killed a process of the server's control group for its memory."""
    if not order["group"]:
        return False
    for name in ("memory.events", "memory.oom_control"):
        with suppress(OSError), open(f"{order['group']['folder']}/{name}") as file:
            return any(line.startswith("oom_kill ") and line.split()[1] != "0" for line in file)
    return False


def enter_namespace() -> None:
    """Enter a new PID and mount namespace, within a user namespace unless root; or exit 1."""
    user, group = os.getuid(), os.getgid()
    if libc.unshare(CLONE_NEWPID | CLONE_NEWNS | (CLONE_NEWUSER if user else 0)):
        sys.exit(1)
    if user:
        maps = {"uid_map": f"{user} {user} 1", "gid_map": f"{group} {group} 1"}
        for name, line in {"setgroups": "deny", **maps}.items():
            with open(f"/proc/self/{name}", "w") as file:
                file.write(line)


def mount_proc() -> bool:
    """Mount a /proc that only this namespace has."""
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
        found = status if pid == master else found


def kill_descendants() -> None:
    """Stop, then kill, all descendants; the children of a stopped process stay in reach."""
    while below := descendants(os.getpid()):
        for number in (signal.SIGSTOP, signal.SIGKILL):
            for pid in below:
                with suppress(ProcessLookupError):
                    os.kill(pid, number)
        reap(0)
    with suppress(ChildProcessError):  # only the dead are left, some of them new orphans
        while True:
            os.wait()


def descendants(root: int) -> list[int]:
    """All living processes below `root`, parents first."""
    children: dict[int, list[int]] = {}
    for pid in pids():
        try:
            state, parent = read_small(f"/proc/{pid}/stat").rpartition(b")")[2].split()[:2]
        except OSError:
            continue
        if state != b"Z":
            children.setdefault(int(parent), []).append(pid)
    found = list(children.get(root, ()))
    for pid in found:
        found += children.get(pid, ())
    return found


def family(root: int) -> list[int]:
    """All living processes below `root`, parents first, by the kernel's lists of children.

    Cheap, but not for killing: siblings of a process that ends may be missing (proc.rst).
    """
    found, place = [root], 0
    while place < len(found):
        folder = f"/proc/{found[place]}/task"
        place += 1
        try:
            for thread in os.listdir(folder):
                found += map(int, read_small(f"{folder}/{thread}/children").split())
        except ProcessLookupError:
            continue
        except FileNotFoundError:
            if not os.path.exists(f"/proc/{os.getpid()}/task/{os.getpid()}/children"):
                return descendants(root)  # a kernel built without CONFIG_PROC_CHILDREN
    return found[1:]


def pids() -> list[int]:
    """Every process /proc shows."""
    return [int(name) for name in os.listdir("/proc") if name.isdigit()]


def name_of(pid: int) -> str:
    """The command line of a process, cut to what fits a finding."""
    try:
        words = read_small(f"/proc/{pid}/cmdline")[:200].replace(b"\0", b" ")
        return words.decode(errors="replace").strip()
    except OSError:
        return "?"


def read_small(path: str) -> bytes:
    """A small file of /proc, without a file object: hundreds are read. Raises OSError."""
    file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        return os.read(file, 65536)
    finally:
        os.close(file)


def resident_bytes(pid: int) -> int:
    """The memory of a process in bytes, shared pages included; 0 when it is gone."""
    try:
        return int(read_small(f"/proc/{pid}/statm").split()[1]) * PAGE_BYTES
    except (OSError, IndexError):
        return 0


def proportional_bytes(pid: int) -> int:
    """The same with shared pages divided among their users; resident bytes if unreadable."""
    try:
        lines = read_small(f"/proc/{pid}/smaps_rollup").splitlines()
        return next((int(line.split()[1]) * 1024 for line in lines if line.startswith(b"Pss:")), 0)
    except OSError:
        return resident_bytes(pid)


def remove_tree(path: str) -> None:
    """Remove a folder and its content as far as allowed; links are removed, not followed."""
    for folder, folders, files in os.walk(path, topdown=False):
        for name in (*files, *folders):
            with suppress(OSError):
                os.unlink(f"{folder}/{name}")
        with suppress(OSError):
            os.rmdir(folder)


def read_line(descriptor: int) -> bytes:
    """One line, unbuffered, so that no byte of the life line is lost."""
    line = b""
    while not line.endswith(b"\n"):
        if not (piece := os.read(descriptor, 65536)):
            sys.exit(1)
        line += piece
    return line


def say(message: dict[str, Any]) -> None:
    """Send a message to the tool; if it is gone, the life line ends too."""
    with suppress(OSError):
        os.write(1, json.dumps(message).encode() + b"\n")


if __name__ == "__main__":
    main()

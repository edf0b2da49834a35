"""Run as a script below the warden: drop privileges and shared memory, become the service.

    python step_down.py USER GROUP '[["initdb", …], ["postgres", …]]'

USER and GROUP are numbers, -1 for the current ones. All commands but the last run to their end; the
last takes the place of this process, so that the warden watches the service itself.
"""

from __future__ import annotations

import ctypes
import json
import os
import signal
import sys
from pathlib import Path

CLONE_NEWUSER, CLONE_NEWIPC = 0x1000_0000, 0x0800_0000  # linux/sched.h
PR_SET_PDEATHSIG = 1  # linux/prctl.h

libc = ctypes.CDLL(None, use_errno=True)


def main() -> None:
    """Do it; the exit status is 0, or the status of the command that failed."""
    user, group = int(sys.argv[1]), int(sys.argv[2])
    steps: list[list[str]] = json.loads(sys.argv[3])
    above = os.getppid()
    if can_leave():
        leave()
    if user >= 0:
        os.setgroups([])
        os.setgid(group)
        os.setuid(user)
    # The kernel forgets the death signal when the user changes (prctl(2)).
    libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != above:
        sys.exit(1)
    os.umask(0o077)
    for step in steps[:-1]:
        if status := os.spawnv(os.P_WAIT, step[0], step):
            sys.exit(abs(status))
    os.execv(steps[-1][0], steps[-1])


def can_leave() -> bool:
    """Whether a process here may have shared memory of its own.

    A child tries it and ends: a half-done try cannot be taken back.
    """
    child = os.fork()
    if child == 0:
        try:
            leave()
        except OSError:
            os._exit(1)
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def leave() -> None:
    """Enter a new namespace of System V shared memory.

    The segments of a killed PostgreSQL disappear with its last process.
    """
    user, group = os.getuid(), os.getgid()
    if libc.unshare(CLONE_NEWIPC | (CLONE_NEWUSER if user else 0)):
        raise OSError(ctypes.get_errno(), "unshare")
    if user:
        for name, line in (
            ("setgroups", "deny"),
            ("uid_map", f"{user} {user} 1"),
            ("gid_map", f"{group} {group} 1"),
        ):
            Path("/proc/self", name).write_text(line)


if __name__ == "__main__":
    main()

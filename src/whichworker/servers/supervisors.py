"""Why the master of a server ended or lost a worker process: by its log, or by its own clock."""

from __future__ import annotations

import re

from msgspec import Struct

CRASH = "find the crash: PYTHONFAULTHANDLER=1 prints its stack, a C extension is the usual cause"
MEMORY = "use fewer workers, or allow more memory"


class Ended(Struct, frozen=True):
    """Why a worker process ended, in one sentence, and what mends that."""

    fact: str
    cure: str


class Sign(Struct, frozen=True):
    """A line of a log, and its meaning; `fact` may name groups of the pattern."""

    pattern: re.Pattern[str]
    fact: str
    cure: str


SIGNS = (
    Sign(
        re.compile(r"WORKER TIMEOUT \(pid:\s*(?P<pid>\d+)\)"),
        "gunicorn ended worker {pid}, which did not respond for 30 s, the default of --timeout",
        "--timeout SECONDS, longer than the slowest request, or move that work to a queue",
    ),
    Sign(
        re.compile(r"HARAKIRI ON WORKER \d+ \(pid: (?P<pid>\d+)"),
        "uWSGI ended worker {pid}, which took longer for a request than its harakiri allows",
        "--harakiri SECONDS, longer than the slowest request",
    ),
    Sign(
        re.compile(r"Worker \(pid:(?P<pid>\d+)\) was sent SIGKILL"),
        "worker {pid} was killed (SIGKILL), most likely because memory ran out",
        MEMORY,
    ),
    Sign(
        re.compile(r"worker \d+ \(pid: (?P<pid>\d+)\) died, killed by signal 9\b"),
        "worker {pid} was killed (SIGKILL), most likely because memory ran out",
        MEMORY,
    ),
    Sign(
        re.compile(r"Fatal Python error: (?P<error>.*\S)"),
        "a worker crashed: {error}",
        "read the stack below that line of the log: a C extension is the usual cause",
    ),
    Sign(
        re.compile(r"uWSGI process (?P<pid>\d+) got Segmentation Fault"),
        "worker {pid} died of SIGSEGV",
        CRASH,
    ),
    Sign(
        re.compile(r"Worker \(pid:(?P<pid>\d+)\) was sent (?P<name>SIG(?!TERM)\w+)"),
        "worker {pid} died of {name}",
        CRASH,
    ),
    Sign(
        re.compile(r"worker \d+ \(pid: (?P<pid>\d+)\) died, killed by signal (?P<number>\d+)"),
        "worker {pid} died of signal {number}",
        CRASH,
    ),
    Sign(
        re.compile(r"Worker \(pid:(?P<pid>\d+)\) exited with code (?P<code>\d+)"),
        "worker {pid} ended with status {code}",
        "look for sys.exit or os._exit in the app",
    ),
    Sign(
        re.compile(r"worker \d+ \(pid: (?P<pid>\d+)\) died :\("),
        "worker {pid} ended by itself",
        "look for sys.exit or os._exit in the app",
    ),
    Sign(
        re.compile(r"Unexpected exit from worker-(?P<number>\d+)"),
        "worker {number} of granian crashed or was killed, and granian stopped the others",
        f"{CRASH}; --respawn-failed-workers starts a new one instead of a stop",
    ),
)
"""The most telling first: a worker that is out of time also dies of a signal."""

HEARTBEAT_SECONDS = {"uvicorn": 5.0}
"""By program, the time in which a worker must respond to its supervisor; a kill is not logged."""
HEARTBEAT_CURES = {
    "uvicorn": "--timeout-worker-healthcheck SECONDS, longer than the app keeps the interpreter,"
    " or let it go in between"
}


def in_log(text: str) -> Ended | None:
    """Why a worker ended, by the lines of a log; None if they do not say."""
    for sign in SIGNS:
        if match := sign.pattern.search(text):
            return Ended(sign.fact.format(**match.groupdict()), sign.cure)
    return None


def by_clock(program: str, pids: str, seconds: float) -> Ended:
    """Why workers ended of which no log says anything, after a load of `seconds`.

    `pids` names the workers that are gone.
    """
    patience = HEARTBEAT_SECONDS.get(program)
    if patience is None or seconds < patience:
        return Ended(f"worker {pids} ended during a request, and the log does not say why", CRASH)
    return Ended(
        f"the supervisor of {program} ended worker {pids}, which did not respond to its heartbeat"
        f" for {patience:g} s while a request was in flight",
        HEARTBEAT_CURES[program],
    )

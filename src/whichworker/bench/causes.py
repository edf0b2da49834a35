"""Why a server broke connections, found right after it did: its workers and its log say so."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

from whichworker.errors import ServerFailed
from whichworker.model import Failure
from whichworker.process.launch import LOG_LINES, Launch
from whichworker.servers import supervisors
from whichworker.servers.supervisors import Ended

LAST_WORDS_SECONDS = 0.3
"""The warden reports an end, and a master logs one, a moment after connections break."""
BROKEN_KINDS = ("connect", "reset")
"""A worker that ends breaks its connections, and is not there for new ones."""


def died(launch: Launch) -> bool:
    """Whether a server that broke connections has ended; its warden reports it a bit later."""
    deadline = time.monotonic() + LAST_WORDS_SECONDS
    while not launch.ended() and time.monotonic() < deadline:
        time.sleep(0.002)
    return launch.ended()


def death(launch: Launch) -> ServerFailed:
    """The failure of a server that ended under load, with the cause that its log names."""
    cause = supervisors.in_log(launch.log_tail(LOG_LINES))
    fact = f"the server ended under load {launch.ending}".rstrip()
    if cause is None:
        return launch.failure("died", fact)
    return launch.failure("died", f"{fact}: {cause.fact}", cause.cure)


def worker_ended(launch: Launch, before: Sequence[int], seconds: float) -> Ended | None:
    """Why a worker ended, after `seconds` of load; None if those of `before` are all alive.

    For a moment it waits for the log, which is written after the worker has ended.
    """
    gone = sorted(set(before) - set(launch.workers()))
    if not gone:
        return None
    deadline = time.monotonic() + LAST_WORDS_SECONDS
    while (cause := supervisors.in_log(launch.log_tail(LOG_LINES))) is None:
        if time.monotonic() >= deadline:
            program = Path(launch.order.argv[0]).name
            return supervisors.by_clock(program, ", ".join(map(str, gone)), seconds)
        time.sleep(0.01)
    return cause


def explained(
    failures: Sequence[Failure], launch: Launch, before: Sequence[int], seconds: float
) -> tuple[Failure, ...]:
    """The failures of a load, with broken connections as the worker's end that broke them."""
    broken = [failure for failure in failures if failure.kind in BROKEN_KINDS]
    cause = worker_ended(launch, before, seconds) if broken else None
    if cause is None:
        return tuple(failures)
    ended = Failure(
        kind="worker",
        count=sum(failure.count for failure in broken),
        sample=f"{cause.fact}\n{broken[0].sample}\n{launch.log_tail()}".rstrip(),
        hint=cause.cure,
    )
    return (ended, *(failure for failure in failures if failure not in broken))

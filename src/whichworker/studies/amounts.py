"""The load of a stand of a study: users, seconds, and one window or the connections of slices."""

from __future__ import annotations

from msgspec import Struct

from whichworker.bench import window
from whichworker.bench.lineup import most_connections
from whichworker.bench.running import Bench, Running
from whichworker.model import Load
from whichworker.servers import table
from whichworker.studies.plan import Stand, StandAsk

PILOT_USERS = 16
"""Users of a short window before the number of users is known."""
WAITING = 0.7
"""Share of users ÷ service time from which a server mostly waits: only then more users help."""
SLOTS_ASKED = 4
"""Users for each slot of an arm with a limit: more would only wait in line."""
SLOW_SECONDS = 1.0
"""Service time from which requests in flight at the end of a window are not awaited."""
SPARE_SECONDS = 1.0
"""For the launch and the stop of a window's server."""
QUICK_SECONDS = 0.1
"""Responses of this length are waited for, not computed: a slice of them would be a window."""


class Size(Struct, frozen=True):
    """The load of a cell: users and seconds."""

    users: int
    seconds: float


def is_quick(ask: StandAsk) -> bool:
    """Whether slices can measure it: persistent connections, and nothing that is waited for.

    Calls of an upstream are waited for, too: nine turns of 50 ms are as long as a window, whose
    gates show how late the upstream was.
    """
    waits = (
        ask.service_seconds >= QUICK_SECONDS or ask.settle_seconds >= SLOW_SECONDS or ask.upstream
    )
    return not (ask.sessions or waits or ask.overfull) and ask.keep_alive and ask.drain


def lasting(ask: StandAsk) -> float:
    """The order of asks in a launch: those that leave requests in the server come last.

    The one with the longest settling time is the last, because by then the others' requests have
    ended.
    """
    return 0.0 if ask.drain else ask.settle_seconds


def users_of(stand: Stand, ask: StandAsk) -> int:
    """The planned users, or enough to fill the arm's slots several times if it has fewer."""
    limit = limit_of(stand)
    return (
        ask.users
        if limit is None or ask.overfull or not ask.service_seconds
        else min(ask.users, max(1, SLOTS_ASKED * limit))
    )


def users_in_slices(stand: Stand, users: int) -> int:
    """Users with a connection each: some servers never serve connections above their threads."""
    most = most_connections(stand.arm.server, stand.arm.settings)
    return min(users, most) if most else users


def limit_of(stand: Stand) -> int | None:
    """How many requests the arm works on at once, at most; None if unlimited."""
    return table.load(stand.arm.server).in_flight_limit(stand.arm.settings)


def cost(ask: StandAsk) -> float:
    """About how many seconds a window takes, settling included."""
    return settle_of(ask) + ask.window_seconds + SPARE_SECONDS


def settle_of(ask: StandAsk) -> float:
    """Seconds until the flow is even.

    The first responses of a slow workload arrive a whole service time after the last user began.
    """
    return ask.settle_seconds + ask.service_seconds * (
        1.1 if ask.service_seconds >= SLOW_SECONDS else 2.0
    )


def users_load(
    bench: Bench, run: Running, stand: Stand, ask: StandAsk, size: Size, seed: int
) -> Load:
    """A closed loop whose users begin evenly; slow requests at its end are not awaited."""
    slow = ask.service_seconds >= SLOW_SECONDS
    return window.load_of(
        bench,
        run,
        size.users,
        size.seconds,
        settle_of(ask),
        requests=() if ask.sessions else ask.workload.requests,
        sessions=ask.sessions,
        stagger_seconds=stagger_of(stand, ask, size.users),
        deadline_seconds=ask.deadline_seconds,
        seed=seed,
        engine="epoll" if slow else "auto",
        drain=ask.drain and not slow,
        keep_alive=ask.keep_alive,
    )


def stagger_of(stand: Stand, ask: StandAsk, users: int) -> float:
    """Seconds over which the users begin, so that slots are freed evenly and no wave arises."""
    if not ask.service_seconds:
        return ask.settle_seconds / 2
    slots = limit_of(stand)
    return ask.service_seconds * (1.0 if ask.overfull or slots is None else max(1.0, users / slots))

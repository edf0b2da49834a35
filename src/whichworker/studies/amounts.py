"""How much of what a stand of a study is asked: users, seconds, and the load of one window or of the connections of slices."""

from __future__ import annotations

from msgspec import Struct

from whichworker.bench import window
from whichworker.bench.lineup import most_connections
from whichworker.bench.running import Bench, Running
from whichworker.model import Load
from whichworker.servers import table
from whichworker.studies.plan import Stand, StandAsk

PILOT_USERS = 16
WAITING = 0.7
"""A pilot that reaches this share of users ÷ service time shows a server that mostly waits: only then more users are worth asking."""
SLOTS_ASKED = 4
"""An arm with a bound on what it works on is asked by no more than so many users a slot: more would only wait in line."""
SLOW_SECONDS = 1.0
"""From this service time on, work in flight at the end of a window is not waited for."""
SPARE_SECONDS = 1.0
"""For the launch and the stop of what a window is asked of."""
QUICK_SECONDS = 0.1
"""Responses that take this long or longer are waited for, not computed: a slice of them would be a window."""


class Size(Struct, frozen=True):
    """How a cell is asked: by how many users, for how long."""

    users: int
    seconds: float


def is_quick(ask: StandAsk) -> bool:
    """Whether slices can measure it: persistent connections, and nothing that is waited for.

    Calls of an upstream are waited for, too: nine turns of 50 ms are as long as a window, whose gates know how late the upstream was.
    """
    waits = (
        ask.service_seconds >= QUICK_SECONDS or ask.settle_seconds >= SLOW_SECONDS or ask.upstream
    )
    return not (ask.sessions or waits or ask.overfull) and ask.keep_alive and ask.drain


def lasting(ask: StandAsk) -> float:
    """What leaves requests in the server comes last, the most settling at the very end: that is over when the others' rest has gone."""
    return 0.0 if ask.drain else ask.settle_seconds


def users_of(stand: Stand, ask: StandAsk) -> int:
    """As many as were meant, or what fills the slots of the arm several times over, where it has fewer."""
    limit = limit_of(stand)
    return (
        ask.users
        if limit is None or ask.overfull or not ask.service_seconds
        else min(ask.users, max(1, SLOTS_ASKED * limit))
    )


def users_in_slices(stand: Stand, users: int) -> int:
    """The users that can have a connection each for as long as the launch lives: some servers leave those above their threads waiting."""
    most = most_connections(stand.arm.server, stand.arm.settings)
    return min(users, most) if most else users


def limit_of(stand: Stand) -> int | None:
    """How many requests the arm works on at once, at most."""
    return table.load(stand.arm.server).in_flight_limit(stand.arm.settings)


def cost(ask: StandAsk) -> float:
    """About how long a window of it takes, settling included."""
    return settle_of(ask) + ask.window_seconds + SPARE_SECONDS


def settle_of(ask: StandAsk) -> float:
    """Until the flow is even: the first answers of a slow workload arrive a whole service time after the last user has begun."""
    return ask.settle_seconds + ask.service_seconds * (
        1.1 if ask.service_seconds >= SLOW_SECONDS else 2.0
    )


def users_load(
    bench: Bench, run: Running, stand: Stand, ask: StandAsk, size: Size, seed: int
) -> Load:
    """A closed loop whose users begin evenly; slow work in flight at its end is not waited for."""
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
    """Over how long the users begin: slots filled evenly over one service time are freed evenly, and no wave ever comes of it."""
    if not ask.service_seconds:
        return ask.settle_seconds / 2
    slots = limit_of(stand)
    return ask.service_seconds * (1.0 if ask.overfull or slots is None else max(1.0, users / slots))

"""Knobs of one worker class that another lacks: each is turned, and the overlap counted again."""

from __future__ import annotations

from typing import Literal

import msgspec
from msgspec import Struct

from whichworker.bench.running import Bench, running
from whichworker.errors import ServerFailed
from whichworker.explain.scene import Scene
from whichworker.explain.staircase import stair
from whichworker.model import Arm
from whichworker.result.explain import KnobEffect, Stair

FEWEST_AT_ONCE, MOST_AT_ONCE, UNBOUNDED_AT_ONCE = 4, 64, 16
"""Requests at once with a knob turned: bounds, and the number for a server without a limit."""


class KnobTurn(Struct, frozen=True, kw_only=True):
    """A knob as you would write it, and the variables that set it beside the server's command."""

    knob: str
    variables: dict[str, str]


def _gunicorn(flag: str) -> KnobTurn:
    return KnobTurn(knob=flag, variables={"GUNICORN_CMD_ARGS": flag})


_THREADS, _CONNECTIONS = _gunicorn("--threads 4"), _gunicorn("--worker-connections 2")
_RUNTIME = KnobTurn(knob="--runtime-threads 4", variables={"GRANIAN_RUNTIME_THREADS": "4"})

TURNED: dict[str, tuple[KnobTurn, ...]] = {
    "gunicorn-sync": (_THREADS, _CONNECTIONS),
    "gunicorn-gthread": (_CONNECTIONS,),
    "gunicorn-gevent": (_THREADS,),
    "gunicorn-asgi": (_THREADS, _CONNECTIONS),
    "gunicorn-asgi-uvloop": (_THREADS, _CONNECTIONS),
    "gunicorn-uvicorn": (_THREADS, _CONNECTIONS),
    "granian-wsgi": (_RUNTIME,),
    "granian-asgi": (_RUNTIME,),
    "granian-asgi-uvloop": (_RUNTIME,),
}

_NO_THREADS = (
    "threads",
    "it has no such knob: sync views get their threads from asgiref, one for each request",
)
_ONE_PROCESS = ("workers", "it has no such knob: there is only one process")
DECLARED: dict[str, tuple[tuple[str, str], ...]] = {
    "uvicorn": (_NO_THREADS,),
    "uvicorn-uvloop": (_NO_THREADS,),
    "hypercorn": (_NO_THREADS,),
    "hypercorn-uvloop": (_NO_THREADS,),
    "daphne": (_ONE_PROCESS, _NO_THREADS),
    "waitress": (_ONE_PROCESS,),
    "uwsgi": (("--enable-threads", "--threads turns it on by itself"),),
}
"""Facts of a server's command line that need no measurement."""


def declared(server: str) -> tuple[KnobEffect, ...]:
    """The effects that are only declared."""
    return tuple(
        KnobEffect(knob=knob, effect="declared", text=text)
        for knob, text in DECLARED.get(server, ())
    )


def at_once_for(limit: int | None) -> int:
    """Twice the overlap without the knob, so that both more and fewer would show."""
    return UNBOUNDED_AT_ONCE if limit is None else max(FEWEST_AT_ONCE, min(MOST_AT_ONCE, 2 * limit))


def turn(bench: Bench, arm: Arm, change: KnobTurn, without: Stair) -> KnobEffect:
    """The same stair on a launch with the knob turned."""
    turned = msgspec.structs.replace(arm, environment={**arm.environment, **change.variables})
    try:
        with running(bench, turned) as run:
            found = stair(Scene(bench, turned, run), "sync", without.at_once)
    except ServerFailed as error:
        return KnobEffect(knob=change.knob, effect="does not start", text=error.fact)
    return judge(change.knob, without, found)


def judge(knob: str, without: Stair, found: Stair) -> KnobEffect:
    """The effect of a knob, from the same stair without and with it."""
    effect: Literal["none", "fewer", "more"] = "none"
    if found.overlapped != without.overlapped:
        effect = "more" if found.overlapped > without.overlapped else "fewer"
    numbers = f"of {found.at_once} requests at once, {found.overlapped} overlapped with the knob"
    numbers += f" and {without.overlapped} without the knob"
    return KnobEffect(
        knob=knob,
        effect=effect,
        text=f"no effect: {numbers}" if effect == "none" else numbers,
        at_once=found.at_once,
        overlapped_without=without.overlapped,
        overlapped_with=found.overlapped,
        threads_without=without.threads,
        threads_with=found.threads,
    )

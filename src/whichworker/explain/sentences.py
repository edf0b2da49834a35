"""Three plain sentences about a worker, each from a measured number."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

from whichworker.result.explain import ExplainedArm, Sentence, SituationName, View
from whichworker.units import show_bytes, show_seconds

COUNT = 3
HURT_SHARE = 1 / 3
"""Share of the blocking call's time by which a percentile must grow to be its effect.

Other processes on the machine cause far less.
"""
SLOTS = {"threads": "threads", "connections": "connections", "workers": "processes"}
RUNNERS = {"gunicorn-gevent": "greenlet", "asgi": "coroutine", "wsgi": "thread"}


def sentences(arm: ExplainedArm) -> tuple[Sentence, ...]:
    """The first three for which there are numbers."""
    return tuple(islice(_all(arm), COUNT))


def _all(arm: ExplainedArm) -> Iterator[Sentence]:
    for sentence in (_overlap(arm), _sleeping(arm), _holding(arm), _inside(arm), _memory(arm)):
        if sentence is not None:
            yield sentence


def _overlap(arm: ExplainedArm) -> Sentence | None:
    stairs = [stair for stair in arm.staircase if stair.view == "sync"]
    if not stairs or arm.overlapped_most is None:
        return None
    last = stairs[-1]
    if arm.limit_found is None:
        text = f"Nothing limited it: of {last.at_once} requests at once to a sync view,"
        text += f" {last.overlapped} were in it together"
        if (grown := last.threads - stairs[0].threads) >= last.overlapped // 2:
            text += f", each in a thread of its own ({stairs[0].threads} threads with one request,"
            text += f" {last.threads} with {last.at_once})"
        return Sentence(
            text=text + ".", number=last.overlapped if grown >= 0 else last.at_once, unit="requests"
        )
    if arm.limit_found == 1:
        text = f"It works on one request at a time: of {last.at_once} sent at once, 1 was in the"
        text += " view and the others waited in line."
    else:
        text = f"Of {last.at_once} requests at once, {arm.limit_found} were in the view together"
        text += f"{_why(arm)}; the others waited in line."
    return Sentence(text=text, number=arm.limit_found, unit="requests")


def _why(arm: ExplainedArm) -> str:
    if arm.limit_configured is None:
        return ", though no setting limits them"
    if arm.limit_configured != arm.limit_found:
        return f", although {arm.limit_configured} are configured"
    slots = next((SLOTS[name] for name in SLOTS if name in arm.settings), "")
    return f", as many as its {slots} allow" if slots else ""


def _compared(
    arm: ExplainedArm, name: SituationName, view: View
) -> tuple[float, float, float] | None:
    """The fast view's latency alone and beside these calls, and a call's length (seconds).

    None if one is missing.
    """
    blocking = arm.blocking
    alone, beside = (
        (blocking.situation("alone"), blocking.situation(name, view)) if blocking else (None, None)
    )
    if blocking is None or alone is None or beside is None:
        return None
    before, after = alone.at(blocking.telling), beside.at(blocking.telling)
    if before is None or after is None or beside.call_seconds is None:
        return None
    return before, after, beside.call_seconds


def is_hurt(before: float, after: float, call: float) -> bool | None:
    """Whether blocking calls made a latency worse by at least a third of such a call.

    None if the machine was too busy to decide.
    """
    return None if before >= HURT_SHARE * call else after - before >= HURT_SHARE * call


def is_noisy(arm: ExplainedArm) -> bool:
    """Whether the fast view was already slow without other requests."""
    found = _compared(arm, "sleeping", "sync")
    return found is not None and is_hurt(*found) is None


def _grown(arm: ExplainedArm, before: float, after: float) -> str:
    assert arm.blocking is not None
    times = f"{show_seconds(before)} to {show_seconds(after)}"
    return f"a fast view's {arm.blocking.telling} went from {times}"


def _sleeping(arm: ExplainedArm) -> Sentence | None:
    found = _compared(arm, "sleeping", "sync")
    if found is None:
        return None
    before, after, call = found
    text = f"Beside one call that sleeps {show_seconds(call)} {_grown(arm, before, after)}"
    hurt = is_hurt(*found)
    if hurt is not None:
        text += ": during the sleep, other requests wait" if hurt else f": {_why_not(arm)}"
    wrong = _compared(arm, "sleeping", "async")
    if wrong is not None:
        text += f"; beside the same sleep in an async view, to {show_seconds(wrong[1])}"
        text += ", because it stops the loop" if is_hurt(*wrong) else ""
    return Sentence(text=text + ".", number=after, unit="s")


def _why_not(arm: ExplainedArm) -> str:
    if any(name.module == "time" for name in arm.patched or ()):
        return "the sleep is patched and lets other requests run"
    return "it sleeps in a thread of its own, and other requests run"


def _holding(arm: ExplainedArm) -> Sentence | None:
    found = _compared(arm, "holding", "sync")
    if found is None:
        return None
    before, after, call = found
    text = f"Beside C code that keeps the interpreter lock for {show_seconds(call)}"
    text += f" {_grown(arm, before, after)}"
    if is_hurt(*found):
        text += f": no other {_runner(arm)} of the process runs meanwhile"
    released = _compared(arm, "releasing", "sync")
    if released is not None:
        text += f"; beside C code that releases the lock, to {show_seconds(released[1])}"
    return Sentence(text=text + ".", number=after, unit="s")


def _runner(arm: ExplainedArm) -> str:
    return RUNNERS.get(arm.server) or RUNNERS[arm.interface]


def _inside(arm: ExplainedArm) -> Sentence | None:
    found = arm.overlap
    if found is None or found.by_threads_seconds is None:
        return None
    took = show_seconds(found.by_threads_seconds)
    waits = f"{found.waits} waits of {show_seconds(found.wait_seconds)}"
    text = f"{waits} inside one request took {took} with threads"
    if found.by_gather_seconds is not None:
        text += f" and {show_seconds(found.by_gather_seconds)} with asyncio.gather in an async view"
    return Sentence(text=text + ".", number=found.by_threads_seconds, unit="s")


def _memory(arm: ExplainedArm) -> Sentence | None:
    if arm.per_worker is None or arm.per_worker.pss_bytes is None:
        return None
    each = arm.per_worker
    text = f"A worker process needs {show_bytes(arm.per_worker.pss_bytes)} of memory and has"
    text += f" {each.threads:.0f} threads with one request in flight."
    return Sentence(text=text, number=arm.per_worker.pss_bytes, unit="B")

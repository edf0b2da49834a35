"""The inside of one worker: waits that overlap within one request, and patched library names."""

from __future__ import annotations

import statistics

import msgspec
from msgspec import Struct

from whichworker.explain.scene import Scene
from whichworker.result.explain import InsideRequest, Patched

WAITS = 3
WAIT_SECONDS = 0.1
"""Of each wait: far longer than starting three threads."""
PATCHERS = ("gevent", "eventlet")


class _Found(Struct):
    found: list[Patched]


def overlap_inside(scene: Scene, repeats: int) -> InsideRequest:
    """The median time of three waits in a view of each kind, over requests one by one."""
    return InsideRequest(
        waits=WAITS,
        wait_seconds=WAIT_SECONDS,
        by_threads_seconds=_median(scene, "/parallel", repeats),
        by_gather_seconds=_median(scene, "/parallel-async", repeats),
    )


def _median(scene: Scene, path: str, repeats: int) -> float | None:
    """None if a request failed: not every server runs async views under its patches."""
    volleys = [scene.fire(f"{path}?seconds={WAIT_SECONDS:g}", 1) for _ in range(repeats)]
    stays = [stay for volley in volleys for stay in volley.stays]
    return statistics.median(stay.seconds for stay in stays) if len(stays) == repeats else None


def patched_in(scene: Scene) -> tuple[Patched, ...]:
    """The parts of the standard library that gevent or eventlet replaced, read in the worker."""
    said = msgspec.convert(scene.ask_json("/patched"), _Found)
    return tuple(name for name in said.found if name.origin.partition(".")[0] in PATCHERS)

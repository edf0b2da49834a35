"""More and more requests at once to a view that waits: how many overlap, and the cost of each."""

from __future__ import annotations

import msgspec
from msgspec import Struct

from whichworker.errors import ServerFailed
from whichworker.explain.counting import most_overlapping, stairs_for, wait_for
from whichworker.explain.scene import PATIENCE_SECONDS, Scene
from whichworker.explain.volley import Volley
from whichworker.probes import memory, threads
from whichworker.result.explain import PerRequest, PerWorker, Stair, View

MANY = 64
"""Requests in flight for the cost of one more: enough to divide by."""
LOOK_AT = 0.6
"""Share of the wait after which every request of the first group is in the view."""
WARM_UPS = 20
"""First requests import modules and fill caches."""


class StairReading(Struct, frozen=True, kw_only=True):
    """The server with requests in flight: threads of all processes, memory of the responding."""

    in_flight: int
    threads: int
    workers: int
    pss_bytes: int | None
    uss_bytes: int | None


def path_of(view: View, wait_seconds: float) -> str:
    """The waiting view of this kind."""
    return f"/wait{'-async' if view == 'async' else ''}?seconds={wait_seconds:g}"


def climb(scene: Scene, view: View, limit: int | None) -> tuple[Stair, ...]:
    """Every stair; raises ServerFailed if responses are wrong or missing."""
    return tuple(stair(scene, view, at_once, limit) for at_once in stairs_for(limit))


def stair(scene: Scene, view: View, at_once: int, limit: int | None = None) -> Stair:
    """One volley of `at_once` requests to a server that declares to work on `limit` at a time."""
    threads = [scene.threads()]
    seconds = wait_for(at_once, limit)
    volley = scene.fire(
        path_of(view, seconds),
        at_once,
        patience=patience_for(at_once),
        tick=lambda _: threads.append(scene.threads()),
    )
    if not volley.stays:
        raise ServerFailed(
            "timeout", f"of {at_once} requests at once none got a response: {volley.complaint}"
        )
    return Stair(
        view=view,
        at_once=at_once,
        overlapped=overlapped(volley),
        answered=len(volley.stays),
        wait_seconds=seconds,
        seconds=volley.seconds,
        threads=max(threads),
    )


def patience_for(at_once: int) -> float:
    """Seconds that are enough for a server that works on the requests one by one."""
    return (
        PATIENCE_SECONDS + at_once * wait_for(at_once) if at_once <= MANY else 3 * PATIENCE_SECONDS
    )


def overlapped(volley: Volley) -> int:
    """How many were in the view at the same time."""
    return most_overlapping([(stay.began, stay.ended) for stay in volley.stays])


class Weights(Struct, frozen=True, kw_only=True):
    """The cost of a worker, and of one more request in a view of each kind.

    None if it could not be read, or no request was in flight.
    """

    worker: PerWorker | None
    request: PerRequest | None
    request_async: PerRequest | None


def weigh(scene: Scene, limit: int | None) -> Weights:
    """Memory and threads of a fresh launch, with one request in flight and with many."""
    volley = scene.fire(path_of("sync", 0.0), 1)
    for _ in range(WARM_UPS):
        volley = scene.fire(path_of("sync", 0.0), 1)
    workers = scene.workers(volley.processes)
    many = min(MANY, limit or MANY)
    one = _look(scene, "sync", 1, workers)
    found = {view: _per_request(one, _look(scene, view, many, workers)) for view in views_of(scene)}
    return Weights(worker=_per_worker(one), request=found["sync"], request_async=found.get("async"))


def views_of(scene: Scene) -> tuple[View, ...]:
    """The kinds of views to request: async ones only if the server has a loop for them."""
    return ("async", "sync") if scene.is_asgi else ("sync",)


def _look(scene: Scene, view: View, at_once: int, workers: list[int]) -> StairReading | None:
    looks: list[StairReading] = []
    seconds = wait_for(at_once)

    def tick(now: float) -> None:
        if not looks and now >= LOOK_AT * seconds:
            pss, uss = memory.tree_memory(workers) or (None, None)
            looks.append(
                StairReading(
                    in_flight=at_once,
                    threads=threads.count(workers),
                    workers=len(workers),
                    pss_bytes=pss,
                    uss_bytes=uss,
                )
            )

    volley = scene.fire(path_of(view, seconds), at_once, patience=patience_for(at_once), tick=tick)
    if not looks or not workers or not volley.stays:
        return None
    return msgspec.structs.replace(looks[0], in_flight=overlapped(volley))


def _per_worker(one: StairReading | None) -> PerWorker | None:
    if one is None:
        return None
    return PerWorker(
        workers=one.workers,
        threads=one.threads / one.workers,
        pss_bytes=None if one.pss_bytes is None else one.pss_bytes / one.workers,
        uss_bytes=None if one.uss_bytes is None else one.uss_bytes / one.workers,
    )


def _per_request(low: StairReading | None, high: StairReading | None) -> PerRequest | None:
    """The difference, divided; None if never more than one was in flight."""
    if low is None or high is None or high.in_flight <= low.in_flight:
        return None
    more = high.in_flight - low.in_flight
    uss = (
        None
        if low.uss_bytes is None or high.uss_bytes is None
        else (high.uss_bytes - low.uss_bytes) / more
    )
    return PerRequest(
        low=low.in_flight,
        high=high.in_flight,
        threads=(high.threads - low.threads) / more,
        uss_bytes=uss,
    )

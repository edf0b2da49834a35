"""The effect of one blocking call on other requests: a fast view, alone and beside such calls."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import get_args

import msgspec

from whichworker.explain.scene import Scene, request
from whichworker.explain.volley import Stay
from whichworker.load.framing import FramingError
from whichworker.load.generator import Generator
from whichworker.load.http1 import fetch
from whichworker.model import Failure, Load, Pace, Stage, Tally
from whichworker.model.histogram import Histogram
from whichworker.result.explain import Blocking, Situation, SituationName, View
from whichworker.workloads.table import workload

RATE_PER_SECOND = 100.0
"""A low rate: the fast view's own requests must not wait for each other."""
CONNECTIONS = 8
CALL_SECONDS = 0.3
"""Far longer than the fast view, so that its effect shows in any percentile."""
PAUSE_SECONDS = 0.3
"""Between calls: without a pause, a server with one thread would serve no other request."""
SETTLE_SECONDS = 0.3
DEADLINE_SECONDS = 10.0
"""Of the fast view, beyond any wait behind one call."""
KINDS: tuple[SituationName, ...] = tuple(
    kind for kind in get_args(SituationName) if kind != "alone"
)


def measure_blocking(scene: Scene, generator: Generator, window_seconds: float) -> Blocking:
    """Every situation in turn; async views only if the server runs them in its own loop."""
    views: tuple[View, ...] = ("sync", "async") if scene.is_asgi else ("sync",)
    connections = connections_for(scene)
    situations = [_alone(scene, generator, window_seconds, connections)]
    situations += [
        _beside(scene, generator, window_seconds, connections, view, kind)
        for view in views
        for kind in KINDS
    ]
    fast: View = "async" if scene.is_asgi else "sync"
    return Blocking(
        fast_view=fast,
        rate_per_second=RATE_PER_SECOND,
        connections=connections,
        situations=tuple(situations),
    )


def connections_for(scene: Scene) -> int:
    """Kept connections may occupy a slot each; the blocking call needs one, too."""
    limit = scene.limit
    return CONNECTIONS if limit is None else max(1, min(CONNECTIONS, limit - 1))


def _alone(scene: Scene, generator: Generator, seconds: float, connections: int) -> Situation:
    return _situation(
        "alone", None, generator.run(_load(scene, seconds, connections), lambda *_: None), []
    )


def _beside(
    scene: Scene,
    generator: Generator,
    seconds: float,
    connections: int,
    view: View,
    kind: SituationName,
) -> Situation:
    path = f"/block{'-async' if view == 'async' else ''}/{kind}"
    with calling(scene, path) as calls:
        tally = generator.run(_load(scene, seconds, connections), lambda *_: None)
    if scene.run.launch.ended():
        raise scene.run.launch.failure("died", f"the server ended beside {kind} calls")
    return _situation(kind, view, tally, calls)


def _situation(
    name: SituationName, view: View | None, tally: Tally, calls: list[Stay | str]
) -> Situation:
    found = Histogram.from_hdr(tally.response or tally.service)
    whole = found.count and not tally.failures and not tally.dropped
    p50, p95, p99 = (found.supported_percentile(q) if whole else None for q in (0.5, 0.95, 0.99))
    stays = [call for call in calls if isinstance(call, Stay)]
    broken = [call for call in calls if isinstance(call, str)]
    failures = (
        *tally.failures,
        *(
            [Failure(kind="timeout", count=len(broken), sample=f"blocking call: {broken[0]}")]
            if broken
            else []
        ),
    )
    mean = sum(stay.seconds for stay in stays) / len(stays) if stays else None
    return Situation(
        name=name,
        view=view,
        requests=tally.requests,
        p50=p50,
        p95=p95,
        p99=p99,
        calls=len(stays),
        call_seconds=mean,
        failures=failures,
    )


def _load(scene: Scene, seconds: float, connections: int) -> Load:
    return Load(
        address=scene.run.address,
        host=scene.host,
        requests=workload(
            "json-async" if scene.is_asgi else "json", scene.bench.question.app.name
        ).requests,
        connections=connections,
        settle_seconds=SETTLE_SECONDS,
        window_seconds=seconds,
        deadline_seconds=DEADLINE_SECONDS,
        keep_alive=scene.run.keep_alive,
        pace=Pace(stages=(Stage(SETTLE_SECONDS + seconds, RATE_PER_SECOND, RATE_PER_SECOND),)),
        flood=None,
    )


@contextmanager
def calling(scene: Scene, path: str) -> Iterator[list[Stay | str]]:
    """One blocking call after another during the block; each result is added to the list."""
    calls: list[Stay | str] = []
    halt = threading.Event()
    asked = request(f"{path}?seconds={CALL_SECONDS:g}")

    def keep_calling() -> None:
        while not halt.is_set():
            try:
                response = fetch(scene.run.address, asked, scene.host, DEADLINE_SECONDS)
                calls.append(
                    msgspec.json.decode(response.body, type=Stay)
                    if response.status == 200
                    else f"status {response.status}"
                )
            except (OSError, FramingError) as error:
                calls.append(f"{type(error).__name__}: {error}")
            halt.wait(PAUSE_SECONDS)

    thread = threading.Thread(target=keep_calling, name="blocking calls")
    thread.start()
    try:
        yield calls
    finally:
        halt.set()
        thread.join()

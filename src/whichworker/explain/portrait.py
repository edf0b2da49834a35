"""The whole portrait of one arm, launch by launch; if a part breaks, only that part is missing."""

from __future__ import annotations

import functools
import time
from collections.abc import Callable
from typing import Any, Protocol

import msgspec

from whichworker.bench.running import Bench, running
from whichworker.bench.window import failed
from whichworker.errors import ServerFailed
from whichworker.explain import knobs
from whichworker.explain.beside import measure_blocking
from whichworker.explain.counting import limit_in, most_in
from whichworker.explain.endings import ending
from whichworker.explain.inside import overlap_inside, patched_in
from whichworker.explain.plan import Lengths
from whichworker.explain.scene import Scene
from whichworker.explain.sentences import sentences
from whichworker.explain.staircase import climb, stair, weigh
from whichworker.load.generator import Generator
from whichworker.model import Arm, Failure
from whichworker.result.explain import ExplainedArm, Stair
from whichworker.servers import table


class ExplainWatch(Protocol):
    """The events of an explanation; every method may do nothing."""

    def note(self, text: str) -> None:
        """Something takes a while."""

    def explained(self, arm: ExplainedArm) -> None:
        """An arm is done, or out."""


class Portrait:
    """The parts of one arm that are known so far."""

    def __init__(
        self, bench: Bench, generator: Generator, arm: Arm, lengths: Lengths, watch: ExplainWatch
    ) -> None:
        self.bench, self.generator, self.arm, self.lengths, self.watch = (
            bench,
            generator,
            arm,
            lengths,
            watch,
        )
        self.limit = table.load(arm.server).in_flight_limit(arm.settings)
        self.seen: dict[str, Any] = {}
        self.failures: list[Failure] = []
        self.plain: Stair | None = None
        self.began = time.monotonic()

    def draw(self) -> ExplainedArm:
        """Draw every part; only KeyboardInterrupt and faults of the tool pass through."""
        self._part("how many overlap", self._crowd)
        if self.seen:
            self._part("beside blocking calls", self._block)
            for turned in knobs.TURNED.get(self.arm.server, ()):
                self._part(f"with {turned.knob}", functools.partial(self._turn, turned))
            self._part(
                "at a stop", lambda: self.seen.update(stop=ending(self.bench, self.arm, "stop"))
            )
            self._part(
                "at a reload",
                lambda: self.seen.update(reload=ending(self.bench, self.arm, "reload")),
            )
        return self._finished()

    def _part(self, title: str, look: Callable[[], None]) -> None:
        self.watch.note(f"{self.arm.name}: {title}")
        try:
            look()
        except ServerFailed as error:
            self.failures += failed(error).failures

    def _crowd(self) -> None:
        """A fresh launch: first its memory and threads, then its inside, then the staircases."""
        with running(self.bench, self.arm) as run:
            scene = Scene(self.bench, self.arm, run)
            weights = weigh(scene, self.limit)
            self.seen.update(command=run.command, per_worker=weights.worker)
            self.seen.update(per_request=weights.request, per_request_async=weights.request_async)
            self.seen.update(
                patched=patched_in(scene), overlap=overlap_inside(scene, self.lengths.repeats)
            )
            stairs = climb(scene, "sync", self.limit)
            self.seen.update(
                limit_found=limit_in(stairs), overlapped_most=most_in(stairs), staircase=stairs
            )
            if scene.is_asgi:
                upstairs = climb(scene, "async", self.limit)
                self.seen.update(
                    limit_found_async=limit_in(upstairs), overlapped_most_async=most_in(upstairs)
                )
                self.seen.update(staircase=(*stairs, *upstairs))
            self.plain = stair(scene, "sync", knobs.at_once_for(self.limit))

    def _block(self) -> None:
        with running(self.bench, self.arm) as run:
            scene = Scene(self.bench, self.arm, run)
            self.seen.update(
                blocking=measure_blocking(scene, self.generator, self.lengths.window_seconds)
            )

    def _turn(self, turned: knobs.KnobTurn) -> None:
        if self.plain is None:  # nothing to compare with
            return
        found = knobs.turn(self.bench, self.arm, turned, self.plain)
        self.seen["knobs"] = (*self.seen.get("knobs", ()), found)

    def _finished(self) -> ExplainedArm:
        environment = self.bench.environments[self.arm.name]
        known = knobs.declared(self.arm.server)
        arm = ExplainedArm(
            name=self.arm.name,
            server=self.arm.server,
            kind=self.arm.kind,
            interface=self.arm.interface,
            version=environment.version,
            python=environment.python_version,
            settings=self.arm.settings,
            state="measured" if "staircase" in self.seen else "failed",
            limit_configured=self.limit,
            failures=tuple(self.failures),
            seconds=time.monotonic() - self.began,
            **{**self.seen, "knobs": (*self.seen.get("knobs", ()), *known)},
        )
        return msgspec.structs.replace(arm, sentences=sentences(arm))

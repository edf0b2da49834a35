"""A race without servers: contenders with given rates, and a clock that moves with each action."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, ExitStack, nullcontext
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import msgspec
import pytest
from tests.conftest import faulty_question
from tests.silent import Silent

from whichworker.bench.lineup import Contender
from whichworker.bench.window import ArmFailed
from whichworker.design.rounds import TWIN
from whichworker.errors import ServerFailed
from whichworker.model import Arm, Failure, Finding, Question, Request, SliceOrder, SliceTally
from whichworker.race import second_opinion
from whichworker.race import track as track_module
from whichworker.race.track import Track
from whichworker.store.journal import FILE, Journal
from whichworker.store.records import Part, Prepared, Settled, Slice

ARMS = ("waitress", "gunicorn-sync", "gunicorn-gthread")
RATES = {"waitress": 3000.0, "gunicorn-sync": 1000.0, "gunicorn-gthread": 2900.0}
LAUNCH_SECONDS, SLICE_SECONDS = 0.4, 0.05
PART = Part(connections=4, uncounted=12, counted=32, seconds=SLICE_SECONDS)
DIED = ServerFailed("died", "the server ended under load")
WRONG = ArmFailed((Failure(kind="body", count=1, sample="got '1}'"),))
RESET = ArmFailed((Failure(kind="reset", count=3, sample="connection reset"),))
Script = Callable[[str, int, int], BaseException | str | None]
"""The event in an arm's slice, by name, generation and count: an error, a refusal, or nothing."""


class Clock:
    """In the place of the module `time`."""

    def __init__(self) -> None:
        self.now = 1000.0

    def monotonic(self) -> float:
        return self.now


class Lineup:
    """Contenders without a server; `starts` raises what a launch raises."""

    def __init__(self, clock: Clock, starts: Callable[[str, int], None]) -> None:
        self.clock, self.starts = clock, starts
        self.alive: dict[str, Contender] = {}
        self.entered: list[tuple[str, int]] = []
        self.findings: dict[str, list[Finding]] = {}
        self.pauses: list[tuple[str, ...]] = []

    def enter(self, name: str, arm: Arm, generation: int) -> Contender:
        self.clock.now += LAUNCH_SECONDS
        self.entered.append((name, generation))
        self.starts(name, generation)
        run = SimpleNamespace(
            cold_start_seconds=LAUNCH_SECONDS, findings=self.findings.get(name, [])
        )
        contender = self.alive[name] = Contender(name, arm, generation, cast(Any, run), ExitStack())
        return contender

    def sit(self, contender: Contender, connections: int, response_seconds: float) -> None:
        contender.connections = connections

    def paused(self, *names: str) -> AbstractContextManager[None]:
        self.pauses.append(names)
        return nullcontext()

    def leave(self, *names: str) -> list[Contender]:
        return [self.alive.pop(name) for name in names if name in self.alive]


class Court:
    """Slices at the rate of each arm, with a little noise; `script` may refuse or break them."""

    def __init__(self, question: Question, clock: Clock, script: Script) -> None:
        self.bench = SimpleNamespace(question=question)
        self.clock, self.script = clock, script
        self.orders: list[SliceOrder] = []
        self.had: dict[str, int] = {}

    def slice_of(self, contender: Contender, order: SliceOrder) -> tuple[Slice, SliceTally]:
        warming = order.uncounted == 0
        self.clock.now += SLICE_SECONDS
        contender.loaded_seconds += SLICE_SECONDS
        refused = ""
        if not warming:
            self.orders.append(order)
            self.had[contender.name] = number = self.had.get(contender.name, 0) + 1
            event = self.script(contender.name, contender.generation, number)
            if isinstance(event, BaseException):
                raise event
            refused = event or ""
        base = RATES["waitress"] if contender.name == TWIN else RATES[contender.arm.server]
        noise = random.Random(f"{contender.name} {self.clock.now:.6f}").gauss(0, 0.01)
        requests = order.counted
        record = Slice(
            round=0,
            place=0,
            arm=contender.name,
            generation=contender.generation,
            requests=requests,
            seconds=requests / (base * math.exp(noise)),
            responses=requests,
            whole_seconds=SLICE_SECONDS,
            at=self.clock.now,
            refused=refused,
        )
        return record, cast(Any, None)


class Heard(Silent):
    """Who failed, and what the arms' slices were."""

    def __init__(self) -> None:
        self.out: list[str] = []
        self.slices: list[str] = []

    def failed(self, arm: str, failures: tuple[Failure, ...]) -> None:
        self.out.append(arm)

    def slice(self, arm: str, seen: Slice, progress: object) -> None:
        self.slices.append(arm)


def prepared(name: str, rate: float = 1000.0, **changed: object) -> Prepared:
    """What the calibration knows of an arm."""
    usual = Prepared(
        arm=name,
        ladder={1: rate / 2, 4: rate},
        response_seconds=0.002,
        cold_start_seconds=LAUNCH_SECONDS,
        command=(name,),
        connections=4,
        idle_share=0.0,
    )
    return msgspec.structs.replace(usual, **changed)


class Stage:
    """All that a track needs, the journal on disk; `seconds` is the time of the whole race."""

    def __init__(
        self,
        folder: Path,
        monkeypatch: pytest.MonkeyPatch,
        names: Sequence[str] = ARMS,
        seconds: float = 60.0,
    ) -> None:
        self.clock = Clock()
        monkeypatch.setattr(track_module, "time", self.clock)
        monkeypatch.setattr(second_opinion, "ask_alone", lambda *_: {Request(): []})
        self.began, self.seconds = self.clock.now, seconds
        self.question = faulty_question(
            [(name, "") for name in names], seconds=seconds, connections=None
        )
        self.names = tuple(arm.name for arm in self.question.arms)
        self.script: Script = lambda name, generation, number: None
        self.starts: Callable[[str, int], None] = lambda name, generation: None
        self.lineup = Lineup(self.clock, lambda name, generation: self.starts(name, generation))
        self.court = Court(self.question, self.clock, lambda *event: self.script(*event))
        self.watch = Heard()
        self.journal = Journal(folder / FILE)

    def left(self) -> float:
        return self.began + self.seconds - self.clock.now

    def settled(
        self, heats: tuple[tuple[str, ...], ...] = (), twin_of: str = "waitress"
    ) -> Settled:
        for arm in self.question.arms:
            self.journal.append(prepared(arm.name, RATES[arm.server]))
        parts = dict.fromkeys(self.names, PART)
        found = Settled(
            contenders=self.names,
            connections=4,
            window_seconds={},
            twin_of=twin_of,
            heats=heats,
            parts=parts,
        )
        self.journal.append(found)
        return found

    def track(self, settled: Settled) -> Track:
        return Track(
            cast(Any, self.lineup),
            cast(Any, self.court),
            self.journal,
            self.watch,
            settled,
            self.left,
        )


def run_round(track: Track, heat: Sequence[str]) -> tuple[str, ...] | None:
    """One round as on the main path, without a new generation; its order, or None."""
    round_ = track.next_round(heat)
    if round_ is None:
        return None
    track.enter(
        round_,
        [track.slice(name, round_, place) for place, name in enumerate(round_.order)],
        SLICE_SECONDS * len(round_.order),
    )
    return round_.order

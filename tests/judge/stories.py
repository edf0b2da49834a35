"""Journals written by hand: rounds of slices, and blocks of windows as in old journals."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Self

from whichworker.design.rounds import TWIN
from whichworker.judge import verdict
from whichworker.judge.replay import PORTRAIT, heard, replay
from whichworker.model import (
    Answer,
    App,
    Arm,
    Budget,
    Environment,
    Failure,
    Machine,
    Probes,
    Question,
    Reading,
    Request,
    Subject,
    Tally,
    Terms,
    Workload,
)
from whichworker.model.histogram import Histogram
from whichworker.result import Result, decode, encode
from whichworker.servers import names
from whichworker.store.journal import FILE, Journal
from whichworker.store.records import (
    BlockEnd,
    Failed,
    Header,
    Launched,
    Left,
    Part,
    Prepared,
    Record,
    RoundEnd,
    RunSession,
    Settled,
    Slice,
    Window,
)

SERVERS = ("gunicorn-gthread", "granian-wsgi", "waitress")
RATES = {"gunicorn-gthread": 1000.0, "granian-wsgi": 2000.0, "waitress": 400.0}
MEMORY = {"gunicorn-gthread": 80_000_000, "granian-wsgi": 60_000_000, "waitress": 50_000_000}
SERVICE = Histogram()
SERVICE.record_all([2_000_000] * 990 + [9_000_000] * 110)
SERVICE_TEXT = SERVICE.to_hdr()
END = RunSession(seconds=30.0, ended="finished")
CUT = RunSession(seconds=5.0, ended="interrupted")
DIED = Failure(kind="died", count=1, sample="it died\nlast words")
BUSY = "others used 80% of a core"
SLICE_SECONDS, WHOLE_SECONDS = 0.040, 0.055
Rate = Callable[[str, int], float]


TERMS = Terms(seed=3)


def question(servers: Sequence[str] = SERVERS, terms: Terms = TERMS) -> Question:
    """A race of these servers on an app of a user's own."""
    arms = names.number_copies(
        [names.contender(names.parse(server), "3.12", cores=1) for server in servers]
    )
    return Question(
        subject=Subject(
            apps={
                "3.12": App(
                    name="shop",
                    directory="/srv/shop",
                    python="/usr/bin/python3.12",
                    wsgi="shop.wsgi:application",
                )
            },
            workload=Workload(
                name="/", title="GET /", requests=(Request(answer=Answer(body=b"hello")),)
            ),
        ),
        terms=terms,
        arms=arms,
        budget=Budget(seconds=60.0, server_cores=(0,), generator_cores=(1,)),
    )


def header(asked: Question) -> Header:
    """The first line of a journal."""
    environments = {
        arm.name: Environment(
            python="/env/bin/python",
            bin="/env/bin",
            version="1.2.3",
            python_version="3.12.4",
            packages={arm.family: "1.2.3", "django": "5.1"},
        )
        for arm in asked.arms
    }
    machine = Machine(
        fingerprint="f00",
        system="Linux",
        cpu="a CPU",
        cores=2,
        usable_cores=(0, 1),
        memory_bytes=8 * 10**9,
    )
    return Header(
        run="run-1",
        started="2025-01-01T12:00:00+00:00",
        version="0",
        command="whichworker race",
        digest="d",
        machine=machine,
        question=asked,
        environments=environments,
    )


def server_of(name: str) -> str:
    """The server that an arm is a copy of."""
    return name.partition("#")[0]


def rate_of(name: str, number: int) -> float:
    """The rate of an arm in a round or block: a common part, and noise; the twin is the same."""
    server = "granian-wsgi" if name == TWIN else server_of(name)
    shared = random.Random(f"block {number}").gauss(0, 0.1)
    return RATES[server] * math.exp(shared + random.Random(f"{number} {name}").gauss(0, 0.02))


def reading(
    rate: float, server: str, *, repeats: int = 0, refused: str = "", seconds: float = 0.5
) -> Reading:
    """A window at this rate."""
    requests = round(rate * seconds)
    return Reading(
        tally=Tally(
            engine="epoll",
            seconds=seconds,
            requests=requests,
            statuses={"200": requests},
            failures=(),
            service=SERVICE_TEXT,
            mean_in_flight=requests / seconds * (SERVICE.mean or 0.0) / 1e9,
        ),
        probes=Probes(
            seconds=seconds,
            server_cpu_seconds=0.9 * seconds,
            memory_bytes=MEMORY[server],
            processes=2,
            threads=5,
            foreign_share=0.0,
            steal_share=0.0,
            listen_overflows=0,
            retransmits=0,
        ),
        cold_start_seconds=0.4,
        connections=2,
        repeats=repeats,
        refused=refused,
    )


class Story:
    """A journal being written: header and calibration, then the records that a test adds."""

    def __init__(
        self,
        folder: Path,
        servers: Sequence[str] = SERVERS,
        *,
        without: Iterable[str] = (),
        settle: bool = True,
        idle_share: float = 0.0,
        heats: tuple[tuple[str, ...], ...] = (),
        reason: str = "",
        terms: Terms = TERMS,
    ) -> None:
        self.asked, self.path = question(servers, terms), folder / FILE
        self.records: list[Record] = [header(self.asked)]
        ready = [arm for arm in self.asked.arms if arm.name not in without]
        for arm in ready:
            self.records += self.before(arm, idle_share)
        twin_of = (
            "granian-wsgi"
            if "granian-wsgi" in [arm.name for arm in ready]
            else (ready[0].name if ready else "")
        )
        self.settled = Settled(
            contenders=tuple(arm.name for arm in ready),
            connections=2,
            window_seconds=self.window_seconds(ready),
            parts=self.parts(ready),
            twin_of=twin_of,
            heats=heats,
            reason=reason,
        )
        self.seconds, self.generation = 100.0, 1
        if settle:
            self.records.append(self.settled)
            self.begin()
            self.race = replay(self.asked, self.settled, self.journal())

    def before(self, arm: Arm, idle_share: float) -> list[Record]:
        """What the preflight writes of an arm."""
        rate = RATES[arm.server]
        ready = Prepared(
            arm=arm.name,
            ladder={1: 0.5 * rate, 2: rate},
            response_seconds=0.002,
            cold_start_seconds=0.4,
            command=(arm.family, "--go"),
            connections=2,
            idle_share=idle_share,
        )
        launched = Launched(arm=arm.name, generation=1, cold_start_seconds=0.4)
        return [
            launched,
            Window(block=PORTRAIT, arm=arm.name, reading=reading(rate, arm.server)),
            ready,
        ]

    def window_seconds(self, ready: Sequence[Arm]) -> dict[str, float]:
        """Only journals of windows have it."""
        return {}

    def parts(self, ready: Sequence[Arm]) -> dict[str, Part]:
        """The slices of each arm."""
        return {
            arm.name: Part(connections=2, uncounted=20, counted=40, seconds=WHOLE_SECONDS)
            for arm in ready
        }

    def begin(self) -> None:
        """The twin is launched when the race begins."""
        if len(self.settled.contenders) > 1:
            self.records.append(Launched(arm=TWIN, generation=1, cold_start_seconds=0.4))

    def add(self, *records: Record) -> Self:
        """Write these, too."""
        self.records += records
        return self

    def relaunch(self) -> Self:
        """A new generation of whoever is in the running."""
        planned = self.race.next_round()
        names_of = planned.order if planned else ()
        self.records += [Left(arm=name, generation=self.generation) for name in names_of]
        self.generation += 1
        self.records += [
            Launched(arm=name, generation=self.generation, cold_start_seconds=0.4)
            for name in names_of
        ]
        return self

    def slice(
        self,
        name: str,
        number: int,
        place: int,
        rate: float,
        *,
        repeats: int = 0,
        refused: str = "",
        lost: bool = False,
    ) -> Slice:
        """A slice at this rate; time goes on."""
        self.seconds += WHOLE_SECONDS
        requests = max(1, round(rate * SLICE_SECONDS))
        return Slice(
            round=number,
            place=place,
            arm=name,
            generation=self.generation,
            requests=requests,
            seconds=requests / rate,
            responses=2 * requests,
            whole_seconds=WHOLE_SECONDS,
            at=self.seconds,
            server_cpu_seconds=0.9 * 2 * requests / rate,
            repeats=repeats,
            refused=refused,
            lost=lost,
        )

    def rounds(
        self,
        most: int = 200,
        rate: Rate = rate_of,
        *,
        fail: str = "",
        refusals: int = 0,
        lost: bool = False,
    ) -> Self:
        """Run rounds as the race plans them; `fail` breaks in the first of them.

        Each slice is refused so many times before it is taken, or is lost after that.
        """
        for _ in range(most):
            planned = self.race.next_round()
            if planned is None:
                break
            self.one_round(
                planned.number, planned.order, rate, fail=fail, refusals=refusals, lost=lost
            )
            fail = ""
        return self

    def one_round(
        self,
        number: int,
        order: Sequence[str],
        rate: Rate,
        *,
        fail: str = "",
        refusals: int = 0,
        lost: bool = False,
    ) -> Self:
        """One round in this order, such as that of a heat."""
        taken: list[Slice] = []
        for place, name in enumerate(order):
            if name == fail:
                self.records.append(Failed(arm=name, failures=(DIED,), block=number))
                self.race.fail(name)
                continue
            for again in range(refusals):
                last = lost and again == refusals - 1
                self.records.append(
                    self.slice(name, number, place, 7.0, repeats=again, refused=BUSY, lost=last)
                )
            if not lost:
                taken.append(self.slice(name, number, place, rate(name, number), repeats=refusals))
                self.records.append(taken[-1])
        self.records.append(RoundEnd(number=number, seconds=len(order) * WHOLE_SECONDS))
        self.race.enter(number, [heard(record) for record in taken])
        return self

    def journal(self) -> Journal:
        """The records so far, in memory."""
        journal = Journal(self.path)
        journal.records = list(self.records)
        return journal

    def judged(self) -> Result:
        """Written, judged, and read back: judged again from the file, it must be the same."""
        with Journal(self.path) as journal:
            for record in self.records:
                journal.append(record)
            first = verdict.judge(journal)
        with Journal(self.path) as journal:
            assert verdict.judge(journal) == first
        assert decode(encode(first)) == first
        return first


class OldStory(Story):
    """A journal of blocks of windows, each on its own launch, from before slices."""

    def before(self, arm: Arm, idle_share: float) -> list[Record]:
        """There was neither a portrait nor a calibration."""
        ladder = {1: 100.0, 2: RATES[arm.server]}
        return [
            Prepared(
                arm=arm.name,
                ladder=ladder,
                response_seconds=0.002,
                cold_start_seconds=0.4,
                command=(arm.family, "--go"),
            )
        ]

    def window_seconds(self, ready: Sequence[Arm]) -> dict[str, float]:
        """Half a second each."""
        return {arm.name: 0.5 for arm in ready}

    def parts(self, ready: Sequence[Arm]) -> dict[str, Part]:
        """There were no slices."""
        return {}

    def begin(self) -> None:
        """Every window had a launch of its own."""

    def blocks(
        self, most: int = 200, rate: Rate = rate_of, *, fail: str = "", repeats: int = 0
    ) -> Self:
        """Run blocks; `fail` breaks in the first of them."""
        for _ in range(most):
            planned = replay(self.asked, self.settled, self.journal()).next_round()
            if planned is None:
                break
            for name in planned.order:
                if name == fail:
                    self.records.append(Failed(arm=name, failures=(DIED,), block=planned.number))
                    continue
                server = server_of(self.settled.twin_of if name == TWIN else name)
                taken = reading(rate(name, planned.number), server, repeats=repeats)
                self.records.append(Window(block=planned.number, arm=name, reading=taken))
            self.records.append(BlockEnd(number=planned.number))
            fail = ""
        return self

"""Does a deployment keep its promise? Its files' start races against the raced setup."""

from __future__ import annotations

import math
import os
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import msgspec
from msgspec import Struct

from whichworker.apps import checkup
from whichworker.bench import overlays, services
from whichworker.bench.lineup import Contender, Lineup, most_connections
from whichworker.bench.running import Bench, ReadinessCheck, Running, launched, order_of, running
from whichworker.bench.slices import Court
from whichworker.bench.window import ArmFailed
from whichworker.deployment import read_back
from whichworker.deployment.decision import ALLOWED, DEPLOYED, LOOK_ROUNDS, LOOKS, RACED, Decision
from whichworker.deployment.kinds.parts import Start
from whichworker.deployment.promise import promise_in, promised
from whichworker.deployment.recipe import JudgedRun, deployment
from whichworker.design import slice_sizes
from whichworker.design.rounds import Heard, random_round
from whichworker.errors import ServerFailed, UsageError
from whichworker.judge.replay import heard
from whichworker.load.generator import Generator
from whichworker.model import Address, Arm, Question, Request, SliceOrder, Subject, Terms, Workload
from whichworker.model.deployments import Promise
from whichworker.model.question import readiness
from whichworker.probes.thermometer import Thermometer
from whichworker.process.launch import Order
from whichworker.question.login import Proof, log_in, relearnt, renewed, visited
from whichworker.race.ready import ask_each, ready, warm
from whichworker.store.records import Prepared

GENERATION_SECONDS = 0.4
"""Load on each launch before both are replaced: launches differ by about 1.5 %, half a second of
slices by 2-3 %."""
MOST_SECONDS = 25.0
"""Time for one start: with its preparation it stays below half a minute."""
LEAST_ROUNDS = LOOK_ROUNDS
"""Slow responses make rounds of several seconds; this many run, however long they take."""
SLICE_PATIENCE, LEAST_PATIENCE_SECONDS = 5.0, 0.5
"""Multiple of the raced server's time, and seconds, that a slow slice may take at most."""
MOST_LOG_RATIO = 700.0
"""The largest logarithm whose exponential a float holds."""
MOST_TRIES = 3
"""Tries of a slice before the round continues, if other programs use the cores."""


class Checked(Struct, frozen=True, kw_only=True):
    """The verdict on one file: whether it keeps the promise, and why not in `said`.

    `ratio` is its throughput over the raced setup's, with a 95 % interval over all looks from `low`
    to `high`. `undetermined` means that the time was too short: neither kept nor failed.
    """

    file: str
    kind: str
    kept: bool
    said: tuple[str, ...]
    ratio: float | None = None
    low: float | None = None
    high: float | None = None
    undetermined: bool = False


def verify(
    folder: Path,
    told: JudgedRun,
    proof: Proof,
    cache: Path,
    place: Path,
    note: Callable[[str], None],
) -> list[Checked]:
    """Check each emitted file that starts something, once for each distinct command.

    Nothing is written into the project. Raises UsageError if nothing can be measured: no promise,
    none of an arm of this run, or requests with a secret that `proof` does not have.
    """
    folder = folder.resolve()
    promise = promise_in(folder)
    if not promise.requests:
        raise UsageError(
            "the race ran whole sessions, and a verification sends single requests",
            hint="whichworker race --sessions login races the steps that only read",
        )
    arm, best = promised(promise, told)
    _known_again(told, cache)
    question = _question(told, promise, promise.requests)
    what = deployment(told, best, folder)
    environments, without = overlays.build(question, cache, note, only={arm.name})
    if without:
        raise UsageError(
            f"{arm.name} no longer starts here: {without[0].failures[0].sample}",
            hint="race again",
        )
    checked: list[Checked] = []
    known: dict[tuple[object, ...], Checked] = {}
    with services.serving(question, place, cache, note) as backing, Generator() as generator:
        generator.start(question.budget.generator_cores)
        up = _question(told, promise, readiness(question.apps[arm.python]).requests)
        requests = _sendable(Bench(up, environments, place, cache, backing), arm, promise, proof)
        bench = Bench(_question(told, promise, requests), environments, place, cache, backing)
        with Thermometer(question.budget.server_cores) as thermometer:
            court = Court(bench, generator, thermometer)
            prepared: Prepared | None = None
            for name, kind in promise.files.items():
                start = read_back.start_of(folder / name, kind, promise.directory, promise.command)
                if start is None:
                    continue
                prepared = prepared or _prepare(court, arm, note)
                key = _key(folder, start)
                if key not in known:
                    note(f"{name}: racing it against the raced setup, up to {MOST_SECONDS:.0f} s")
                    known[key] = _measured(court, arm, folder, start, prepared)
                checked.append(
                    _of_file(
                        known[key],
                        name,
                        kind,
                        tuple(read_back.edits(name, kind, folder, what, start)),
                    )
                )
    if not checked:
        raise UsageError(f"no file in {folder} starts anything", hint=read_back.AGAIN)
    return checked


def _question(told: JudgedRun, promise: Promise, requests: tuple[Request, ...]) -> Question:
    """The promised arm with the promised connections and these requests; the rest as raced."""
    raced, arm = told.question, told.question.arm(promise.arm)
    most = most_connections(arm.server, arm.settings)
    return Question(
        subject=Subject(
            apps=raced.apps,
            workload=Workload(name="promise", title="what was promised", requests=requests),
            database=raced.subject.database,
            cache=raced.subject.cache,
            services=raced.subject.services,
        ),
        terms=Terms(
            connections=min(promise.connections, most) if most else promise.connections,
            seed=raced.terms.seed,
        ),
        arms=raced.arms,
        budget=raced.budget,
    )


def _sendable(bench: Bench, arm: Arm, promise: Promise, proof: Proof) -> tuple[Request, ...]:
    """The promised requests as they can be sent today; `bench` accepts any response."""
    app = bench.question.apps[arm.python]
    if proof.login is not None:
        with running(bench, arm) as run:
            proven = log_in(run, app, proof.login)
            again = renewed(promise.requests, (*proof.headers, *proven))
            own = [one for one in again if one not in promise.requests]
            visits = visited(run, app, own)
        with running(bench, arm) as run:  # a page may differ from process to process
            visits += visited(run, app, own)
        learnt = relearnt(own, visits)
        requests = tuple(learnt.get(one, one) for one in again)
    else:
        requests = renewed(promise.requests, proof.headers)
    if not requests:
        hint = "--login FORM --allow-writes, or --header 'Name: value', as in the race"
        raise UsageError(
            "every request of the race needs a secret, and a run keeps none", hint=hint
        )
    return requests


def _known_again(told: JudgedRun, cache: Path) -> None:
    """Remember the app's secrets, and check that its databases are local, before any start."""
    for app in told.question.apps.values():
        checkup.examine_again(app, cache, told.question.terms.allowed)


def _key(folder: Path, start: Start) -> tuple[object, ...]:
    """Equal for files with the same start, except for its address and the place of its own file."""
    words: list[str] = []
    skip = False
    for word in start.argv:
        if skip or word == "--bind":
            skip = not skip
            continue
        own = (folder / word).is_file() and (folder / word).resolve().parent == folder
        words.append(Path(word).name if own or not words else word)
    environment = {
        name: value for name, value in start.environment.items() if name != "PYTHONUNBUFFERED"
    }
    return (tuple(words), start.folder, tuple(sorted(environment.items())))


def _of_file(measured: Checked, name: str, kind: str, edits: tuple[str, ...]) -> Checked:
    """The verdict of a file; an edited one keeps no promise, as that was made for the original."""
    return msgspec.structs.replace(
        measured,
        file=name,
        kind=kind,
        kept=measured.kept and not edits,
        undetermined=measured.undetermined and not edits,
        said=(*edits, *measured.said),
    )


def _prepare(court: Court, arm: Arm, note: Callable[[str], None]) -> Prepared:
    """The size of a slice, from a launch of the raced setup."""
    note(f"preparing {arm.name}")
    with Lineup(court.bench, court.generator) as lineup, _as_raced(arm):
        return ready(lineup, court, lineup.enter(RACED, arm, 0))[0]


@contextmanager
def _as_raced(arm: Arm) -> Iterator[None]:
    """Failures in the block are the raced setup's, not the deployment's."""
    try:
        yield
    except (ServerFailed, ArmFailed) as error:
        raise UsageError(
            f"{arm.name} no longer runs here as raced: {error}", hint="race again"
        ) from error


def _measured(court: Court, arm: Arm, folder: Path, start: Start, prepared: Prepared) -> Checked:
    """The verdict on a start, which several files may describe."""
    with Lineup(court.bench, court.generator) as lineup:
        duel = Duel(lineup, court, arm, (folder, start), prepared)
        try:
            duel.run()
        except (ServerFailed, ArmFailed) as error:
            why = (
                error.fact
                if isinstance(error, ServerFailed)
                else f"{error.failures[0].kind}: {error.failures[0].sample}"
            )
            return Checked(file="", kind="", kept=False, said=(why,))
    return duel.checked()


class Duel:
    """The raced setup and a deployment, loaded in turn and relaunched for each generation."""

    def __init__(
        self,
        lineup: Lineup,
        court: Court,
        arm: Arm,
        deployed: tuple[Path, Start],
        prepared: Prepared,
    ) -> None:
        self.lineup, self.court, self.arm, self.prepared = lineup, court, arm, prepared
        self.folder, self.start = deployed
        self.connections = prepared.connections or max(prepared.ladder)
        skipped = slice_sizes.skipped_turns(prepared.profile)
        self.part = slice_sizes.size(self.connections, prepared.ladder[self.connections], skipped)
        self.decision = Decision(court.bench.question.terms.seed)
        self.rounds = self.generation = 0
        self.lost: list[str] = []

    def run(self) -> None:
        """Measure until decided or out of time; raises the deployment's ServerFailed, ArmFailed."""
        began = time.monotonic()
        looks = [part * MOST_SECONDS for part in LOOKS]
        while self._goes_on(began):
            self._launch()
            while (
                self._goes_on(began)
                and min(one.loaded_seconds for one in self.lineup.alive.values())
                < GENERATION_SECONDS
            ):
                self._round()
            self.lineup.leave(*self.lineup.alive)
            if looks and time.monotonic() - began >= looks[0]:
                looks = [moment for moment in looks[1:] if moment > time.monotonic() - began]
                self.decision.look()

    def checked(self) -> Checked:
        """The verdict and its ratio."""
        decision = self.decision
        verdict, pair = decision.verdict, decision.pair
        low, high = (math.exp(min(end, MOST_LOG_RATIO)) for end in (decision.low, decision.high))
        ratio = math.exp(pair.mean) if pair is not None else None
        said: tuple[str, ...] = ()
        if verdict == "not kept":
            said = (f"it does {ratio:.0%} of the raced throughput ({low:.0%} to {high:.0%})",)
        elif verdict == "undetermined":
            why = (
                f"; {self.lost[-1]} in one of {len(self.lost)} refused slices" if self.lost else ""
            )
            rounds = f"{self.rounds} rounds could not show whether it loses more than {ALLOWED:.0%}"
            said = (f"undetermined: {rounds}{why}; verify again",)
        return Checked(
            file="",
            kind="",
            kept=verdict == "kept",
            undetermined=verdict == "undetermined",
            said=said,
            ratio=ratio,
            low=low,
            high=high,
        )

    def _goes_on(self, began: float) -> bool:
        return self.decision.verdict == "undetermined" and (
            self.rounds < LEAST_ROUNDS or time.monotonic() - began < MOST_SECONDS
        )

    def _launch(self) -> None:
        """A new generation of both, checked with each request and warmed."""
        self.generation += 1
        with _as_raced(self.arm):
            self._warm(self.lineup.enter(RACED, self.arm, self.generation))
        stack = ExitStack()
        run = stack.enter_context(started(self.court.bench, self.arm, self.folder, self.start))
        contender = self.lineup.alive[DEPLOYED] = Contender(
            DEPLOYED, self.arm, self.generation, run, stack
        )
        self._warm(contender)

    def _warm(self, contender: Contender) -> None:
        ask_each(self.court, contender.run)
        self.lineup.sit(contender, self.connections, self.prepared.response_seconds)
        warm(self.court, contender, self.prepared.response_seconds)
        contender.loaded_seconds = 0.0

    def _round(self) -> None:
        self.rounds += 1
        order = random_round(
            self.rounds, (DEPLOYED, RACED), self.court.bench.question.terms.seed
        ).order
        slices = [self._slice(name, place) for place, name in enumerate(order)]
        self.decision.enter(self.rounds, [one for one in slices if one is not None])

    def _slice(self, name: str, place: int) -> Heard | None:
        """One slice; None if other programs used the cores in every try."""
        order = SliceOrder(
            seat=self.lineup.alive[name].seat,
            uncounted=self.part.uncounted,
            counted=self.part.counted,
            most_seconds=max(LEAST_PATIENCE_SECONDS, SLICE_PATIENCE * self.part.seconds),
            start=self.rounds * self.part.counted,
        )
        for _ in range(MOST_TRIES):
            if name == RACED:
                with _as_raced(self.arm):
                    record, _ = self.court.slice_of(self.lineup.alive[name], order)
            else:
                record, _ = self.court.slice_of(self.lineup.alive[name], order)
            if not record.refused:
                return heard(msgspec.structs.replace(record, round=self.rounds, place=place))
            self.lost.append(record.refused)
        return None


@contextmanager
def started(bench: Bench, arm: Arm, folder: Path, start: Start) -> Iterator[Running]:
    """A file's start in the raced environment, only the port changed; raises ServerFailed."""
    with launched(
        lambda address: order_as_emitted(bench, arm, folder, start, address),
        lambda address: ReadinessCheck(bench, address),
    ) as run:
        yield run
    Path(run.launch.order.log).unlink(missing_ok=True)


def order_as_emitted(bench: Bench, arm: Arm, folder: Path, start: Start, address: Address) -> Order:
    """The arm's launch order with the file's command, folder and variables, and a new port."""
    order = order_of(bench, arm, address)
    temporary = Path(order.environment["TMPDIR"])
    temporary.mkdir()  # here: the copies are made before the launch
    argv = list(read_back.moved(start.argv, address))
    for at, word in enumerate(argv):
        path = Path(word) if Path(word).is_absolute() else folder / word
        if path.is_file() and path.parent.resolve() == folder.resolve():
            copy = temporary / path.name
            text = read_back.moved_text(read_back.text_of(path), address)
            copy.write_text(text, encoding="utf-8")
            argv[at] = str(copy)
    program = Path(bench.environments[arm.name].bin) / Path(argv[0]).name
    argv[0] = str(program) if program.exists() else argv[0]
    paths = os.pathsep.join([str(folder), order.environment["PYTHONPATH"]])
    told = {**order.environment, **start.environment, "PYTHONPATH": paths}
    return msgspec.structs.replace(
        order, argv=tuple(argv), directory=start.folder, environment=told
    )

"""Which arm is fastest when flooded? Preflight, then randomised blocks of fresh launches until the race is decided or time is up."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import ExitStack

import numpy as np

from whichworker.design import elimination, ladder
from whichworker.design.race import TWIN, Block, Race
from whichworker.design.validity import session_refusal
from whichworker.lab import capacity, open_files
from whichworker.lab.measure import ArmFailed, measure
from whichworker.lab.prepare import prepare
from whichworker.lab.probed import middle_of
from whichworker.lab.profile import profile
from whichworker.lab.running import Bench
from whichworker.lab.watch import Progress, Watch
from whichworker.load.generator import Generator
from whichworker.model import Arm, Failure, Finding, Question, Reading
from whichworker.store.journal import Journal
from whichworker.store.records import BlockEnd, Failed, Noted, Prepared, Profiled, Session, Settled, Window

SECOND_CHANCES = 1
WHOLE_BLOCKS = 8  # in one block of so many everything is read of large process trees: it takes longer than the other probes together
OTHER_SECONDS = 0.5  # settling and stopping, in the first forecast of what a window costs
PATIENCE_WINDOWS = 24
"""Windows tried before a session is given up: a neighbour that is busy for half a minute must not end a run of three."""

PROFILE_SECONDS = 15.0
"""A launch, and two times three seconds of samples."""


def investigate(bench: Bench, journal: Journal, watch: Watch, clock: Callable[[], float] = time.monotonic) -> None:
    """Measure until the race is decided or its time is spent; everything found is in the journal, window by window.

    KeyboardInterrupt passes through, with the unfinished block marked abandoned.
    """
    open_files.allow(bench.question.connections or ladder.MOST)
    started, spent = clock(), sum(session.seconds for session in journal.of(Session))
    budget = max(0.0, bench.question.budget.seconds - spent)
    ended = "interrupted"

    def left() -> float:
        return budget - (clock() - started)

    with ExitStack() as stack:
        generator = stack.enter_context(Generator())
        generator.start(bench.question.budget.generator_cores)
        try:
            settled = preflight(bench, generator, journal, watch, left)
            if settled is not None:
                later = capacity.reserved_seconds(bench.question)
                after = (
                    PROFILE_SECONDS * capacity.places_of(bench.question)
                    if bench.question.profile and bench.question.search is None
                    else 0.0
                )
                track = Track(bench, generator, journal, watch, settled, left, later + after)
                track.run()
                if later and not track.hopeless and (throughput := finalists(bench.question, track.race, journal)):
                    capacity.contest(bench, generator, journal, watch, throughput, settled.connections, lambda: left() - after)
                if bench.question.profile and bench.question.search is None:
                    _profile(bench, generator, journal, watch, finalists(bench.question, track.race, journal), settled.connections)
            ended = "finished"
        finally:
            journal.append(Session(seconds=clock() - started, ended=ended))


def preflight(bench: Bench, generator: Generator, journal: Journal, watch: Watch, left: Callable[[], float]) -> Settled | None:
    """Every arm launched once, then what follows for the race; None where no arm or no time is left. What is known is not done again."""
    if known := next(journal.of(Settled), None):
        return known
    seen = {ready.arm for ready in journal.of(Prepared)} | {failed.arm for failed in journal.of(Failed)}
    for arm in bench.question.arms:
        if arm.name in seen:
            continue
        if left() <= 0:
            return None
        record: Prepared | Failed = prepare(bench, generator, arm)
        journal.append(record)
        if isinstance(record, Failed):
            watch.failed(arm.name, record.failures)
        else:
            watch.prepared(record)
    settled = settle(bench.question, {record.arm: record for record in journal.of(Prepared)})
    for name in settled.too_slow:
        many = "one connection" if settled.connections == 1 else f"{settled.connections} connections"
        sample = f"with {many} its windows would have to last over {ladder.LONGEST_WINDOW:g} s: too slow for a closed loop"
        failed = Failed(arm=name, failures=(Failure(kind="refused", count=1, sample=sample),), refused=True)
        journal.append(failed)
        watch.failed(name, failed.failures)
    if not settled.contenders or left() <= 0:
        return None
    journal.append(settled)
    watch.settled(settled)
    return settled


def _profile(bench: Bench, generator: Generator, journal: Journal, watch: Watch, names: Iterable[str], connections: int) -> None:
    """Samples of each finalist, after everything that is timed."""
    done = {record.arm for record in journal.of(Profiled)}
    for name in names:
        if name not in done:
            watch.note(f"samples of {name}")
            journal.append(profile(bench, generator, name, connections))


def finalists(question: Question, race: Race, journal: Journal) -> dict[str, float]:
    """Whose capacity is worth knowing, with their throughput: the leader, and those it is tied or undetermined with, the fastest first.

    Where the user has a rate: the cheapest of those that do more than that when flooded.
    """
    readings: dict[str, list[Reading]] = {}
    for record in journal.of(Window):
        if record.arm in race.listed and not record.reading.refused:
            readings.setdefault(record.arm, []).append(record.reading)
    throughput = {name: float(np.exp(np.mean([np.log(one.throughput_per_second) for one in of]))) for name, of in readings.items()}
    if question.rate is not None:
        able = [name for name in throughput if throughput[name] > question.rate]
        cheapest = sorted(able, key=lambda name: middle_of(one.cpu_seconds_per_request for one in readings[name]) or np.inf)
        return {name: throughput[name] for name in cheapest[: capacity.places_of(question)]}
    leader = race.leader()
    behind = {other for pair in race.pairs() if pair.verdict == "better" for other in [pair.second] if pair.first == leader}
    behind |= {other for pair in race.pairs() if pair.verdict == "worse" for other in [pair.first] if pair.second == leader}
    near = [name for name in sorted(race.alive, key=lambda name: -throughput.get(name, 0.0)) if name in throughput and name not in behind]
    return {name: throughput[name] for name in near[: capacity.places_of(question)]}


def settle(question: Question, ready: Mapping[str, Prepared]) -> Settled:
    """One number of connections for all, which saturates each; a window for each; and the fastest arm's twin, which is likely to stay."""
    top = {name: max(record.ladder.values()) for name, record in ready.items()}
    connections = question.connections or ladder.together(record.ladder for record in ready.values())
    windows = {name: ladder.window_seconds(connections / top[name], ready[name].cold_start_seconds) for name in ready}
    contenders = tuple(name for name in ready if windows[name] <= ladder.LONGEST_WINDOW)
    return Settled(
        contenders=contenders,
        connections=connections,
        window_seconds={name: windows[name] for name in contenders},
        twin_of=max(sorted(contenders), key=lambda name: top[name], default=""),
        too_slow=tuple(name for name in ready if name not in contenders),
    )


def replay(question: Question, settled: Settled, journal: Journal) -> Race:
    """The race as the journal left it: whole blocks entered in their order, abandoned ones forgotten."""
    race = Race(
        settled.contenders,
        twin_of=settled.twin_of,
        delta=question.delta,
        alpha=question.alpha,
        claims=question.claims,
        seed=question.seed,
    )
    current: dict[str, float] = {}
    race.next_block()
    for record in journal.records:
        if isinstance(record, Window) and not record.reading.refused:
            current[record.arm] = record.reading.throughput_per_second
        elif isinstance(record, Failed) and record.block is not None:
            race.fail(record.arm)  # at once, as in the run itself: it is out even where its block was cut short afterwards
        elif isinstance(record, BlockEnd):
            if not record.abandoned:
                race.enter(current)
            current = {}
            race.next_block()
    return race


class Track:
    """The race being run: blocks until it is decided or the time left is shorter than a block. What comes `later` has its own seconds."""

    def __init__(
        self, bench: Bench, generator: Generator, journal: Journal, watch: Watch, settled: Settled, left: Callable[[], float], later: float
    ) -> None:
        self.bench, self.generator, self.journal, self.watch, self.settled = bench, generator, journal, watch, settled
        self.whole_left, self.later = left, later
        close_torn_block(journal)
        self.race = replay(bench.question, settled, journal)
        self.window_costs: list[float] = []
        self.warm_ups = {record.arm: record.warm_up_seconds for record in journal.of(Prepared)}

    def left(self) -> float:
        """Seconds for the race: what comes `later` has its own, but not before the arms have the blocks that a rank takes."""
        return self.whole_left() - (self.later if self.race.blocks >= elimination.FIRST_DECISION else 0.0)

    def run(self) -> None:
        """Run blocks; each is journalled whole or abandoned."""
        while (block := self.race.next_block()) and self._fits(block):
            try:
                throughput = self._run_block(block)
            except BaseException:
                self.journal.append(BlockEnd(number=block.number, abandoned=True))
                raise
            if throughput is not None:
                self.journal.append(BlockEnd(number=block.number))
                self.race.enter(throughput)
            if self.hopeless:
                break

    @property
    def hopeless(self) -> bool:
        """Whether so many windows were refused that the session cannot be believed any more."""
        refused, tried = self._refused()
        return tried >= PATIENCE_WINDOWS and bool(session_refusal(refused, tried))

    def _run_block(self, block: Block) -> dict[str, float] | None:
        """One window of each arm; None where a window stayed refused, so that the block cannot count."""
        throughput: dict[str, float] = {}
        for place, name in enumerate(block.order, start=1):
            began = time.monotonic()
            arm = self.bench.question.arm(self.settled.twin_of if name == TWIN else name)
            reading = self._window(arm, name, block.number)
            if reading is None:
                continue
            self.journal.append(Window(block=block.number, arm=name, reading=reading))
            if reading.refused:
                self.journal.append(BlockEnd(number=block.number, abandoned=True))
                return None
            throughput[name] = reading.throughput_per_second
            self.window_costs.append(time.monotonic() - began)
            self.watch.window(name, reading, self._progress(block, place))
        return throughput

    def _window(self, arm: Arm, name: str, block: int) -> Reading | None:
        """One window, with a second chance for a server that broke; None where the arm has failed for good."""
        seconds = self.settled.window_seconds[arm.name]
        chances = SECOND_CHANCES
        while True:
            try:
                return measure(
                    self.bench,
                    self.generator,
                    arm,
                    connections=self.settled.connections,
                    seconds=seconds,
                    repeated=lambda reason: self.watch.repeated(name, reason),
                    left=self.left,
                    whole=block % WHOLE_BLOCKS == 1,
                    warm_up=self.warm_ups.get(arm.name) or 0.0,
                )
            except ArmFailed as error:
                if chances and not error.wrong:
                    chances -= 1
                    self.journal.append(Noted(finding=_second_chance(arm.name, error)))
                    continue
                self.journal.append(Failed(arm=name, failures=error.failures, block=block))
                self.race.fail(name)
                self.watch.failed(name, error.failures)
                return None

    def _fits(self, block: Block) -> bool:
        """Whether the block would end in time, going by what windows have cost here, or by the preflight before there are any."""
        if self.window_costs:
            return self.left() > len(block.order) * sum(self.window_costs) / len(self.window_costs)
        starts = {record.arm: record.cold_start_seconds for record in self.journal.of(Prepared)}
        names = [self.settled.twin_of if name == TWIN else name for name in block.order]
        return self.left() > sum(starts[name] + 1.2 * self.settled.window_seconds[name] + OTHER_SECONDS for name in names)

    def _progress(self, block: Block, place: int) -> Progress:
        race, alive = self.race, self.race.alive
        logs = {name: list(race.logs[name].values()) for name in alive}
        decided = race.blocks >= elimination.FIRST_DECISION and len(alive) > 1
        question = self.bench.question
        most = (
            elimination.worst_case_blocks(logs, contenders=len(race.arms), delta=question.delta, alpha=question.alpha) if decided else None
        )
        return Progress(
            block=block.number,
            window=place,
            windows=len(block.order),
            spent_seconds=question.budget.seconds - self.whole_left(),
            budget_seconds=question.budget.seconds,
            alive=len(alive),
            leader=race.leader(),
            blocks_at_most=most,
        )

    def _refused(self) -> tuple[int, int]:
        """Windows refused, and all windows tried, of this run."""
        readings = [record.reading for record in self.journal.of(Window)]
        refused = sum(reading.repeats + bool(reading.refused) for reading in readings)
        return refused, refused + sum(not reading.refused for reading in readings)


def close_torn_block(journal: Journal) -> None:
    """A block that a crash or kill left open is closed as abandoned, so that it is run again whole."""
    for record in reversed(journal.records):
        if isinstance(record, BlockEnd | Settled):
            return
        number = record.block if isinstance(record, Window | Failed) else None
        if number is not None:
            journal.append(BlockEnd(number=number, abandoned=True))
            return


def _second_chance(arm: str, error: ArmFailed) -> Finding:
    return Finding(
        code="window-repeated",
        severity="warning",
        arm=arm,
        text="a window broke and was measured again on a new launch",
        evidence=error.fact,
    )

"""Which arm is fastest when flooded? Preflight, then randomised blocks of fresh launches until the race is decided or time is up."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack

from whichworker.design import elimination, ladder
from whichworker.design.race import TWIN, Block, Race
from whichworker.design.validity import session_refusal
from whichworker.lab.measure import ArmFailed, measure
from whichworker.lab.prepare import prepare
from whichworker.lab.running import Bench
from whichworker.lab.watch import Progress, Watch
from whichworker.load.generator import Generator
from whichworker.model import Arm, Failure, Finding, Question, Reading
from whichworker.store.journal import Journal
from whichworker.store.records import BlockEnd, Failed, Noted, Prepared, Session, Settled, Window

SECOND_CHANCES = 1
PATIENCE_WINDOWS = 24
"""Windows tried before a session is given up: a neighbour that is busy for half a minute must not end a run of three."""


def investigate(bench: Bench, journal: Journal, watch: Watch, clock: Callable[[], float] = time.monotonic) -> None:
    """Measure until the race is decided or its time is spent; everything found is in the journal, window by window.

    KeyboardInterrupt passes through, with the unfinished block marked abandoned.
    """
    started, spent = clock(), sum(session.seconds for session in journal.of(Session))
    budget = max(0.0, bench.question.budget.seconds - spent)
    ended = "interrupted"
    with ExitStack() as stack:
        generator = stack.enter_context(Generator())
        generator.start(bench.question.budget.generator_cores)
        try:
            settled = preflight(bench, generator, journal, watch)
            if settled is not None:
                track = Track(bench, generator, journal, watch, settled, lambda: budget - (clock() - started))
                track.run()
            ended = "finished"
        finally:
            journal.append(Session(seconds=clock() - started, ended=ended))


def preflight(bench: Bench, generator: Generator, journal: Journal, watch: Watch) -> Settled | None:
    """Every arm launched once, then what follows for the race; None where no arm is left. What the journal has is not done again."""
    if known := next(journal.of(Settled), None):
        return known
    seen = {ready.arm for ready in journal.of(Prepared)} | {failed.arm for failed in journal.of(Failed)}
    for arm in bench.question.arms:
        if arm.name in seen:
            continue
        record: Prepared | Failed = prepare(bench, generator, arm)
        journal.append(record)
        if isinstance(record, Failed):
            watch.failed(arm.name, record.failures)
        else:
            watch.prepared(record)
    ready = {record.arm: record for record in journal.of(Prepared)}
    slow = [name for name, record in ready.items() if ladder.window_seconds(record.response_seconds) > ladder.LONGEST_WINDOW]
    for name in slow:
        sample = f"a response takes {ready.pop(name).response_seconds:.2f} s: too slow for windows of a closed loop"
        journal.append(Failed(arm=name, failures=(Failure(kind="refused", count=1, sample=sample),), refused=True))
    if not ready:
        return None
    settled = settle(bench.question, ready)
    journal.append(settled)
    watch.settled(settled)
    return settled


def settle(question: Question, ready: Mapping[str, Prepared]) -> Settled:
    """One number of connections for all, which saturates each; a window for each; and the fastest arm's twin, which is likely to stay."""
    top = {name: max(record.ladder.values()) for name, record in ready.items()}
    connections = question.connections or max(ladder.knee(record.ladder) for record in ready.values())
    windows = {name: ladder.window_seconds(connections / top[name], ready[name].cold_start_seconds) for name in ready}
    return Settled(
        contenders=tuple(ready), connections=connections, window_seconds=windows, twin_of=max(sorted(top), key=lambda name: top[name])
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
    out: list[str] = []
    for record in journal.records:
        if isinstance(record, Window) and not record.reading.refused:
            current[record.arm] = record.reading.throughput_per_second
        elif isinstance(record, Failed) and record.block is not None:
            out.append(record.arm)
        elif isinstance(record, BlockEnd):
            if not record.abandoned:
                race.enter(current)
            current = {}
            for name in out:  # an arm that failed is out, even where its block was cut short afterwards
                race.fail(name)
    return race


class Track:
    """The race being run: blocks until it is decided or the time left is shorter than a block."""

    def __init__(
        self, bench: Bench, generator: Generator, journal: Journal, watch: Watch, settled: Settled, left: Callable[[], float]
    ) -> None:
        self.bench, self.generator, self.journal, self.watch, self.settled, self.left = bench, generator, journal, watch, settled, left
        self.race = replay(bench.question, settled, journal)
        self.window_costs: list[float] = []

    def run(self) -> None:
        """Run blocks; each is journalled whole or abandoned."""
        self._abandon_torn_block()
        while (block := self.race.next_block()) and self._fits(block):
            try:
                throughput = self._run_block(block)
            except BaseException:
                self.journal.append(BlockEnd(number=block.number, abandoned=True))
                raise
            if throughput is not None:
                self.journal.append(BlockEnd(number=block.number))
                self.race.enter(throughput)
            refused, tried = self._refused()
            if tried >= PATIENCE_WINDOWS and session_refusal(refused, tried):
                break

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
                )
            except ArmFailed as error:
                if chances and not error.wrong:
                    chances -= 1
                    self.journal.append(Noted(finding=_second_chance(arm.name, error)))
                    continue
                self.journal.append(Failed(arm=name, failures=error.failures, block=block))
                self.watch.failed(name, error.failures)
                return None

    def _fits(self, block: Block) -> bool:
        """Whether the block would end in time, going by what windows have cost here."""
        if not self.window_costs:
            return self.left() > 0
        return self.left() > len(block.order) * sum(self.window_costs) / len(self.window_costs)

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
            spent_seconds=question.budget.seconds - self.left(),
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

    def _abandon_torn_block(self) -> None:
        """A block that a crash or kill left open is closed as abandoned, so that it is run again whole."""
        for record in reversed(self.journal.records):
            if isinstance(record, BlockEnd | Settled):
                return
            if isinstance(record, Window):
                self.journal.append(BlockEnd(number=record.block, abandoned=True))
                return


def _second_chance(arm: str, error: ArmFailed) -> Finding:
    return Finding(
        code="window-repeated",
        severity="warning",
        arm=arm,
        text="a window broke and was measured again on a new launch",
        evidence=error.fact,
    )

"""A race as a state machine of pure values: which arms run in the next block, and what each block changes."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from typing import Literal

import numpy as np
from msgspec import Struct

from whichworker.design import evidence, pairs
from whichworker.design.elimination import FIRST_DECISION, survivors
from whichworker.design.pairs import Pair

TWIN = "(twin)"
STAY_BLOCKS = 6
PLACEMENT_BLOCKS = 8
TWIN_LIMIT = 20.0

Claims = Literal["leader", "all"]


class Block(Struct, frozen=True):
    """One window of each of these arms, in this order; the twin runs under the name TWIN."""

    number: int
    order: tuple[str, ...]


def block(number: int, names: Sequence[str], seed: int) -> Block:
    """A block in random order: a function of seed and number alone, so that a resumed run repeats it exactly."""
    order = sorted(names)
    random.Random(f"{seed}/{number}").shuffle(order)
    return Block(number, tuple(order))


class Race:
    """Blocks in, decisions out.

    It has two phases. In the first, the arms still alive run in every block until one is left, or all that are left are tied; an arm that
    the boundary has dropped runs on for a few blocks until it is claimed worse than the leader. In the second
    (placement), arms that are still unplaced come back for a few blocks beside the leader. The claims hold whenever one looks, so leaving
    and coming back cost no error. When an arm alive fails, those dropped compete again. With `claims="all"` nobody leaves before all its
    pairs are settled.
    """

    def __init__(self, arms: Sequence[str], *, twin_of: str, delta: float, alpha: float, claims: Claims = "leader", seed: int = 1) -> None:
        self.arms = tuple(arms)
        self.twin_of = twin_of
        self.delta, self.alpha, self.claims, self.seed = delta, alpha, claims, seed
        self.logs: dict[str, dict[int, float]] = {name: {} for name in (*arms, TWIN)}
        self.failed: set[str] = set()
        self.dropped: list[str] = []
        self.blocks = 0
        self.least = max(FIRST_DECISION, evidence.least_blocks(pairs.threshold(max(2, len(arms)), alpha)))
        self._settled: list[Pair] | None = None
        self._handed: Block | None = None

    @property
    def alive(self) -> list[str]:
        """Arms that can still turn out best."""
        return [name for name in self.arms if name not in self.failed and name not in self.dropped]

    @property
    def listed(self) -> list[str]:
        """Arms with enough blocks to say anything of."""
        return [name for name in self.arms if name not in self.failed and len(self.logs[name]) >= FIRST_DECISION]

    @property
    def picked(self) -> bool:
        """Whether it is known what to deploy, as one arm is left that can be the best, or those left are tied; ranks may be open."""
        return not self._racing()

    def next_block(self) -> Block | None:
        """The next block, or None when nothing is left to decide."""
        names = self._running()
        if not names:
            return None
        twins = [] if self.twin_of in self.failed or TWIN in self.failed else [self.twin_of, TWIN]
        self._handed = block(self.blocks + 1, list(dict.fromkeys([*names, *twins])), self.seed)
        return self._handed

    def enter(self, throughput: Mapping[str, float]) -> None:
        """Take in one whole block, in requests per second; an arm of the block that is missing has failed."""
        planned = self._handed or self.next_block()
        assert planned is not None
        self.blocks, self._settled, self._handed = planned.number, None, None
        for name in planned.order:
            if throughput.get(name):
                self.logs[name][planned.number] = float(np.log(throughput[name]))
            else:
                self.fail(name)
        if self.claims == "leader" and self._racing():
            self._eliminate()

    def fail(self, name: str) -> None:
        """Take an arm out for good."""
        if name in self.alive:
            self.dropped.clear()  # whoever they were behind may be this one: the rest compete again
        self.failed.add(name)
        self._settled = None

    def pairs(self) -> list[Pair]:
        """What is known of every pair of listed arms."""
        if self._settled is None:
            logs = {name: self.logs[name] for name in self.listed}
            self._settled = pairs.all_pairs(logs, contenders=len(self.arms), delta=self.delta, alpha=self.alpha)
        return self._settled

    def leader(self) -> str | None:
        """The fastest of the arms alive, by the mean over the blocks they all ran in."""
        alive = [name for name in self.alive if self.logs[name]]
        if not alive:
            return None
        shared = set.intersection(*(set(self.logs[name]) for name in alive))
        return max(alive, key=lambda name: (np.mean([self.logs[name][number] for number in sorted(shared)]) if shared else 0.0, name))

    def twin_evidence(self) -> tuple[float, list[float]]:
        """The largest E the twins ever showed against each other, and the differences between them."""
        differences = pairs.common(self.logs[self.twin_of], self.logs[TWIN])
        seen = [evidence.evidence(differences[:n]) for n in range(FIRST_DECISION, len(differences) + 1)]
        return max(seen, default=1.0), differences

    def blocks_to_decide(self) -> int | None:
        """How many more blocks would likely settle every open pair of the leader; None when too many or none is open."""
        leader, limit = self.leader(), pairs.threshold(len(self.arms), self.alpha)
        waits = []
        for pair in self.pairs():
            if pair.verdict == "undetermined" and leader in (pair.first, pair.second):
                differences = pairs.common(self.logs[pair.first], self.logs[pair.second])
                waits.append(pairs.blocks_to_decide(differences, limit=limit, delta=self.delta))
        known = [wait for wait in waits if wait is not None]
        return max(known) if known and len(known) == len(waits) else None

    def _running(self) -> list[str]:
        working = [name for name in self.arms if name not in self.failed]
        if not working:
            return []
        if self.blocks < FIRST_DECISION:
            return working
        if len(working) == 1:
            return []
        if self.claims == "all":
            open_pairs = [pair for pair in self.pairs() if pair.verdict == "undetermined"]
            return [name for name in working if any(name in (pair.first, pair.second) for pair in open_pairs)]
        young = self._unplaced(max(STAY_BLOCKS, self.least))
        if self._racing() or young:
            return [*self.alive, *(name for name in young if name in self.dropped)]
        placing = self._unplaced(max(PLACEMENT_BLOCKS, self.least))
        leader = self.leader()
        return [leader, *placing] if leader and placing else []

    def _racing(self) -> bool:
        """Whether the first phase goes on: more than one arm alive, and not all of them tied."""
        alive = self.alive
        if self.blocks < FIRST_DECISION or len(alive) < 2:
            return len(alive) > 1
        return any(pair.verdict != "tie" for pair in self.pairs() if pair.first in alive and pair.second in alive)

    def _unplaced(self, blocks: int) -> list[str]:
        """The arms that still have an open pair with the leader, and fewer blocks than this."""
        leader = self.leader()
        open_pairs = [pair for pair in self.pairs() if pair.verdict == "undetermined" and leader in (pair.first, pair.second)]
        behind = {name for pair in open_pairs for name in (pair.first, pair.second)} - {leader}
        return [name for name in sorted(behind - self.failed) if len(self.logs[name]) < blocks]

    def _eliminate(self) -> None:
        shared = sorted(set.intersection(*(set(self.logs[name]) for name in self.alive)))
        logs = {name: [self.logs[name][number] for number in shared] for name in self.alive}
        kept = survivors(logs, contenders=len(self.arms), delta=self.delta, alpha=self.alpha)
        self.dropped += [name for name in logs if name not in kept]

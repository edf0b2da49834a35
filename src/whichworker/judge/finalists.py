"""The arms whose capacity is measured: the leader and its rivals, or the cheapest at a rate."""

from __future__ import annotations

import math

from whichworker.design.selection import Race
from whichworker.judge.hunts import places_of
from whichworker.judge.slices import Sliced
from whichworker.model import Question
from whichworker.store.journal import Journal


def finalists(question: Question, race: Race, journal: Journal) -> dict[str, float]:
    """Throughput per second of these arms, the fastest first; none if nothing was ranked.

    If the user gave a rate, the cheapest come first.
    """
    sliced = Sliced(journal)
    throughput = {
        name: rate for name in race.listed if (rate := sliced.throughput(name)) is not None
    }
    if question.terms.rate is not None:
        able = [name for name in throughput if throughput[name] > question.terms.rate]
        cheapest = sorted(able, key=lambda name: sliced.cpu_seconds_per_request(name) or math.inf)
        return {name: throughput[name] for name in cheapest[: places_of(question)]}
    leader = race.leader()
    behind = {
        pair.second for pair in race.pairs() if pair.verdict == "better" and pair.first == leader
    }
    behind |= {
        pair.first for pair in race.pairs() if pair.verdict == "worse" and pair.second == leader
    }
    near = sorted(
        (name for name in race.alive if name in throughput and name not in behind),
        key=lambda name: -throughput[name],
    )
    return {name: throughput[name] for name in near[: places_of(question)]}

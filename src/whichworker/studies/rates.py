"""From the slices of a study to the rate of each launch: neighbours in time are compared."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping

import numpy as np

from whichworker.design.contrasts import weigh
from whichworker.design.generations import Generations, Stretch
from whichworker.design.rounds import Heard
from whichworker.judge.replay import heard
from whichworker.store.records import Record, RoundEnd, Slice

Cell = tuple[str, str]
"""A stand and an ask."""


def rates_of(
    records: Iterable[Record], cells: Mapping[str, Cell]
) -> dict[str, dict[str, dict[int, float]]]:
    """The logarithm of the rate by ask, stand and launch, from whole rounds.

    `cells` are stands and asks by their name in the journal.
    """
    rounds: dict[str, dict[int, list[list[Heard]]]] = {}
    current: dict[tuple[str, int], list[Heard]] = {}
    for record in records:
        if isinstance(record, Slice) and record.arm in cells and not record.refused:
            current.setdefault((cells[record.arm][1], record.generation), []).append(heard(record))
        elif isinstance(record, RoundEnd):
            for (ask, generation), slices in current.items():
                if not record.abandoned:
                    rounds.setdefault(ask, {}).setdefault(generation, []).append(slices)
            current = {}
    return {ask: _levels(launches, cells) for ask, launches in rounds.items()}


def _levels(
    launches: Mapping[int, list[list[Heard]]], cells: Mapping[str, Cell]
) -> dict[str, dict[int, float]]:
    """Each launch by its contrasts with launches alive at that time, at the level of all."""
    names = sorted({one.arm for rounds in launches.values() for slices in rounds for one in slices})
    places = {name: at for at, name in enumerate(names)}
    stretches = {generation: _stretch(rounds, places) for generation, rounds in launches.items()}
    every = Generations(len(names), 0)
    every.stretches = list(stretches.values())
    slope = every.slope()
    found: dict[str, dict[int, float]] = {cells[name][0]: {} for name in names}
    for generation, rounds in launches.items():
        effects = stretches[generation].summary().effects
        logs: dict[str, list[float]] = {}
        for slices in rounds:
            for one in slices:
                logs.setdefault(one.arm, []).append(one.log_rate)
        contrasts = {
            name: float(effects[0, places[name]] - slope * effects[1, places[name]])
            for name in logs
        }
        shift = float(np.mean([np.mean(logs[name]) - contrasts[name] for name in logs]))
        for name, contrast in contrasts.items():
            found[cells[name][0]][generation] = shift + contrast
    return found


def _stretch(rounds: list[list[Heard]], places: Mapping[str, int]) -> Stretch:
    stretch = Stretch(len(places))
    for slices in rounds:
        stretch.add(
            weigh(
                np.array([places[one.arm] for one in slices], dtype=np.int64),
                len(places),
                np.array([one.at_seconds for one in slices]),
                np.array([one.log_rate for one in slices]),
                np.array([math.nan if one.core is None else one.core for one in slices]),
            )
        )
    return stretch

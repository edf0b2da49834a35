"""Live capacities beside known ones: does a race find them, and is a validated rate ever wrong?

    python -m benchmarks.known [sync|gthread|cpu ...] [--runs 6] [--neighbour 0.3]

Each run is a whole race of one server whose service times are known by floods before and after it.
Rows are added to benchmarks/known.jsonl; `python -m benchmarks.known --table` writes
RESULTS-known.md. A neighbour is there during the race, and not during the floods: the exact
capacity is a quiet machine's.
"""

from __future__ import annotations

import math
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from whichworker.bench import overlays
from whichworker.bench.running import Bench, running
from whichworker.bench.window import check, load_of
from whichworker.design.capacity import slo
from whichworker.load.generator import Generator
from whichworker.model import Question
from whichworker.race import investigation
from whichworker.store import places
from whichworker.store.journal import FILE, Journal
from whichworker.store.open_loop import Shot, Sought

from benchmarks.neighbour import beside
from benchmarks.series import Series
from tests.conftest import changed, faulty_question
from tests.oracle.queues import Queue, capacity
from tests.silent import Silent
from tests.truth.test_attribution import question_of

SECONDS, FLOOD_SECONDS, SLOTS = 240.0, 3.0, {"sync": 1, "gthread": 4, "cpu": 1}
OBJECTIVES = {"sync": 0.2, "gthread": 0.1, "cpu": 0.05}
"""Seconds for 99 % of the requests: 20 service times, 10, and 50."""
HEAD = (
    "| server | neighbour | runs | covered | validated | too high | within 15 % "
    "| validated over exact | seconds of load | windows disturbed |"
)
WORK = 16_000
"""Loops of a request that computes, about 1 ms."""


def question(name: str, seed: int) -> Question:
    """A race of one server with an objective."""
    sleeps = {"BOTTLENECK": "sleep", "SECONDS": "0.01"}
    if name == "cpu":
        asked = faulty_question([("gunicorn-sync", "")], connections=None)
        (arm,), (app,) = asked.arms, asked.apps.values()
        asked = changed(
            asked,
            arms=(msgspec.structs.replace(arm, environment={"WORK": str(WORK)}),),
            apps={
                label: msgspec.structs.replace(app, wsgi="planted:application")
                for label in asked.apps
            },
        )
    else:
        threads = ",threads=4" if name == "gthread" else ""
        asked = question_of({f"gunicorn-{name}[workers=1{threads}]": sleeps})
    objective = slo.parse(f"p99<{OBJECTIVES[name] * 1e3:.0f}ms")
    budget = msgspec.structs.replace(asked.budget, seconds=SECONDS)
    return changed(asked, slo=objective, seed=seed, budget=budget)


def flood(asked: Question, folder: Path) -> float:
    """Responses per second of a fresh launch that always has requests waiting."""
    environments, _ = overlays.build(asked, places.cache_folder(), lambda _: None)
    bench = Bench(asked, environments, folder, places.cache_folder())
    with Generator() as generator, running(bench, asked.arms[0]) as run:
        generator.start(asked.budget.generator_cores)
        tally = generator.run(load_of(bench, run, 8, FLOOD_SECONDS, 1.0), lambda *_: None)
        check(run, tally, FLOOD_SECONDS)
        return tally.requests / tally.seconds


def measured(name: str, seed: int, share: float) -> Iterator[dict[str, Any]]:
    """One race between floods, and what came of it."""
    asked = question(name, seed)
    with tempfile.TemporaryDirectory() as folder:
        planned = investigation.plan(asked, [], Path(folder), places.cache_folder(), Silent())
        floods = [flood(asked, Path(folder)) for _ in range(2)]
        began = time.monotonic()
        with beside(share, SECONDS + 60, seed):
            result = investigation.carry_out(planned, Silent(), "whichworker race")
        wall = time.monotonic() - began
        floods += [flood(asked, Path(folder)) for _ in range(2)]
        with Journal(planned.folder / FILE) as journal:
            shots, sought = list(journal.of(Shot)), next(journal.of(Sought), None)
    found = result.arms[0].capacity_per_second
    service = SLOTS[name] / statistics.median(floods)
    exact = capacity(Queue(SLOTS[name], service, constant=True), OBJECTIVES[name], 0.01)
    yield {
        "scenario": name,
        "seed": seed,
        "neighbour": share,
        "floods": floods,
        "exact": exact,
        "full": sought.throughput[result.arms[0].name] if sought else None,
        "value": found.value if found else None,
        "low": found.low if found else None,
        "high": found.high if found else None,
        "certified": found.certified if found else None,
        "wall": wall,
        "load": found.seconds if found else None,
        "disturbed": sum(bool(one.refused) for one in shots) / max(1, len(shots)),
        "why": sorted({one.refused for one in shots if one.refused})[:6],
        "speed": msgspec.to_builtins(found.core_speed) if found and found.core_speed else None,
        "windows": [pair for shot in shots if (pair := costs(shot)) is not None],
        "findings": sorted({one.code for one in result.findings if one.severity != "info"}),
    }


def costs(shot: Shot) -> tuple[float, float, float] | None:
    """CPU seconds of a request, the thermometer's reading and the share of others; None: unknown.

    Only of windows that tested a rate: they are long enough.
    """
    probes = shot.probes
    if probes is None or not probes.turn_seconds or not probes.server_cpu_seconds:
        return None
    if shot.phase != "confirm" or not shot.count:
        return None
    return probes.server_cpu_seconds / shot.count, probes.turn_seconds, probes.foreign_share or 0.0


def page(rows: Sequence[dict[str, Any]]) -> Iterator[str]:
    """The page: capacities, and the scatter of windows with and without the thermometer."""
    yield from (
        "# Live capacities beside known ones",
        "",
        "Races of one server with known service times, made by `python -m benchmarks.known`. The",
        "exact capacity follows from floods before and after each race on the quiet machine.",
        "",
        HEAD,
        "|---|---|---|---|---|---|---|---|---|---|",
    )
    for (name, share), found in grouped(rows).items():
        known = [row for row in found if row["value"] is not None]
        covered = sum(row["low"] <= row["exact"] <= row["high"] for row in known)
        over = [(row["certified"] or 0.0) / row["exact"] for row in found]
        near = sum(0.85 <= one <= 1 for one in over)
        spread = f"{min(over):.2f} to {max(over):.2f}, median {statistics.median(over):.2f}"
        load = statistics.median(row["load"] or 0.0 for row in found)
        disturbed = statistics.mean(row["disturbed"] for row in found)
        yield (
            f"| {name} | {share:.0%} | {len(found)} | {covered} | {sum(one > 0 for one in over)} "
            f"| {sum(one > 1 for one in over)} | {near} | {spread} | {load:.0f} | {disturbed:.0%} |"
        )
    yield from (
        "",
        "Standard deviation of the CPU time of a request in windows of the same race (logarithms,",
        "pooled), and of what is left of it after the thermometer's part.",
        "",
        "| server | neighbour | windows | without | with the thermometer | slope |",
        "|---|---|---|---|---|---|",
    )
    for (name, share), found in grouped(rows).items():
        count, raw, left, slope = scatter([row["windows"] for row in found])
        yield f"| {name} | {share:.0%} | {count} | {raw:.1%} | {left:.1%} | {slope:.2f} |"


def grouped(rows: Sequence[dict[str, Any]]) -> dict[tuple[str, float], list[dict[str, Any]]]:
    """Rows by server and neighbour."""
    groups: dict[tuple[str, float], list[dict[str, Any]]] = {}
    for row in rows:
        groups.setdefault((row["scenario"], row["neighbour"]), []).append(row)
    return groups


def scatter(races: Sequence[Sequence[Sequence[float]]]) -> tuple[int, float, float, float]:
    """Windows, standard deviations without and with the thermometer, and its slope."""
    parts = [np.log(np.array(windows)[:, :2]) for windows in races if len(windows) > 1]
    if not parts:
        return 0, math.nan, math.nan, math.nan
    costs_, turns = np.concatenate([part - part.mean(axis=0) for part in parts]).T
    free = costs_.size - len(parts)
    slope = float((costs_ @ turns) / (turns @ turns))
    left = costs_ - slope * turns
    raw_sd, left_sd = (float(np.sqrt((one @ one) / free)) for one in (costs_, left))
    return costs_.size, raw_sd, left_sd, slope


if __name__ == "__main__":
    SERIES = Series(__doc__, tuple(SLOTS), 6, "known", measured, page, not_said="windows")
    SERIES.carry_out(sys.argv[1:])

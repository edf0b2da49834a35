"""Record slices of identical launches for replays of races, quiet and beside a neighbour.

Run as `python -m benchmarks.record [seconds]`. Copies of one server on the built-in project are
alive together and loaded in turn, in random order; all are launched again every ten seconds. They
differ only by chance, so any slice may stand for a slice of any arm, with a planted gap.
"""

from __future__ import annotations

import datetime
import json
import random
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from whichworker.bench import overlays
from whichworker.bench.lineup import Lineup
from whichworker.bench.running import Bench
from whichworker.bench.slices import Court
from whichworker.config.options import RaceOptions
from whichworker.design.slice_sizes import size
from whichworker.load.generator import Generator
from whichworker.model import SliceOrder
from whichworker.probes import machine
from whichworker.probes.thermometer import Thermometer
from whichworker.question.ask import ask, discover
from whichworker.race.ready import warm
from whichworker.store import places

from benchmarks.neighbour import beside

SERVER, COPIES, CONNECTIONS, ABOUT = "gunicorn-gthread", 4, 16, 2600.0
GENERATION_SECONDS, SHARE = 10.0, 0.3
FILE = Path(__file__).parent / "recorded.json"


def main() -> None:
    """Measure both recordings and write the file."""
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else 200.0
    described = machine.describe()
    recorded = {
        "date": f"{datetime.datetime.now(datetime.UTC):%Y-%m-%d}",
        "machine": f"{described.cpu}, {described.cores} cores",
        "server": SERVER,
        "copies": COPIES,
        "quiet": _record(seconds, 0.0),
        "neighbour": _record(seconds, SHARE),
    }
    FILE.write_text(json.dumps(recorded) + "\n", encoding="utf-8")


def _record(seconds: float, share: float) -> dict[str, Any]:
    """Slices: time (s), launch, requests per second, thermometer's turn (µs), and disturbances."""
    question = discover(
        ask(
            "builtin:django", RaceOptions(servers=SERVER, seed=1), Path.cwd(), places.cache_folder()
        )
    ).question
    environments, without = overlays.build(question, places.cache_folder(), print)
    assert not without, without
    found: dict[str, Any] = {"launch_seconds": [], "slices": []}
    with (
        beside(share, seconds + 60),
        tempfile.TemporaryDirectory() as folder,
        Generator() as generator,
        Thermometer(question.budget.server_cores) as warmth,
    ):
        generator.start(question.budget.generator_cores)
        bench = Bench(question, environments, Path(folder), places.cache_folder())
        with Lineup(bench, generator) as lineup:
            _rounds(lineup, Court(bench, generator, warmth), seconds, found)
    return found


def _rounds(lineup: Lineup, court: Court, seconds: float, found: dict[str, Any]) -> None:
    part, began, launch = size(CONNECTIONS, ABOUT), time.monotonic(), 0
    drawn = random.Random(1)
    while time.monotonic() - began < seconds:
        lineup.leave(*lineup.alive)
        for copy in range(COPIES):
            started, launch = time.monotonic(), launch + 1
            contender = lineup.enter(f"copy {copy}", court.bench.question.arms[0], launch)
            lineup.sit(contender, CONNECTIONS, 0.001)
            warm(court, contender, 0.001)
            found["launch_seconds"].append(round(time.monotonic() - started, 3))
        ends = time.monotonic() + GENERATION_SECONDS
        while time.monotonic() < ends:
            order = list(lineup.alive.values())
            drawn.shuffle(order)
            for contender in order:
                asked = SliceOrder(
                    seat=contender.seat,
                    uncounted=part.uncounted,
                    counted=part.counted,
                    most_seconds=1.0,
                )
                seen, _ = court.slice_of(contender, asked)
                turn = round(seen.turn_seconds * 1e6, 2) if seen.turn_seconds else None
                rate = round(seen.requests / seen.seconds, 1)
                found["slices"].append(
                    [
                        round(seen.at - began, 4),
                        contender.generation,
                        rate,
                        turn,
                        bool(seen.refused),
                    ]
                )
    print(f"{len(found['slices'])} slices of {launch} launches", flush=True)


if __name__ == "__main__":
    main()

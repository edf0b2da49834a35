"""Record windows of identical arms, for replays of races: `python -m benchmarks.record [blocks]`; about 45 s a block.

Thirteen copies of one server on the built-in project, in random order, each on a launch of its own with three windows. What differs between
launches and windows of a block is chance, whatever it is called: so permuting the labels gives as many A/A races as one likes.
"""

from __future__ import annotations

import datetime
import json
import random
import sys
import tempfile
from pathlib import Path

from whichworker.bench import overlays
from whichworker.bench.running import Bench, running
from whichworker.bench.window import WARM_UP_SECONDS, load_and_probe, load_of
from whichworker.config.options import RaceOptions
from whichworker.lab.ask import ask
from whichworker.load.generator import Generator
from whichworker.probes import machine
from whichworker.store import places

SERVER, COPIES, WINDOWS, SECONDS, CONNECTIONS = "gunicorn-gthread", 13, 3, 0.5, 16
FILE = Path(__file__).parent / "recorded.json"


def main() -> None:
    """Measure and write the file, block by block, so that an interrupted recording keeps what it has."""
    blocks = int(sys.argv[1]) if len(sys.argv) > 1 else 16
    question, _ = ask("builtin:django", RaceOptions(servers=SERVER, connections=CONNECTIONS), Path.cwd(), places.cache_folder())
    environments, without = overlays.build(question, places.cache_folder(), print)
    assert not without, without
    described = machine.describe()
    recorded: list[list[list[float]]] = []
    with tempfile.TemporaryDirectory() as folder, Generator() as generator:
        generator.start(question.budget.generator_cores)
        bench = Bench(question, environments, Path(folder), places.cache_folder())
        for block in range(blocks):
            order = list(range(COPIES))
            random.Random(block).shuffle(order)
            found: dict[int, list[float]] = {copy: _launch(bench, generator) for copy in order}
            recorded.append([found[copy] for copy in range(COPIES)])
            print(f"block {block + 1} of {blocks}: {sum(map(sum, recorded[-1])) / COPIES / WINDOWS:,.0f}/s", flush=True)
            FILE.write_text(
                json.dumps(
                    {
                        "date": f"{datetime.datetime.now(datetime.UTC):%Y-%m-%d}",
                        "machine": f"{described.cpu}, {described.cores} cores",
                        "server": SERVER,
                        "window_seconds": SECONDS,
                        "requests_per_second": recorded,
                    }
                )
                + "\n",
                encoding="utf-8",
            )


def _launch(bench: Bench, generator: Generator) -> list[float]:
    """The requests per second of a few windows of one fresh launch."""
    rates = []
    with running(bench, bench.question.arms[0]) as run:
        for window in range(WINDOWS):
            load = load_of(bench, run, CONNECTIONS, SECONDS, settle=WARM_UP_SECONDS if not window else 0.1)
            tally, _ = load_and_probe(bench, generator, run, load, whole=False)
            rates.append(round(tally.requests / tally.seconds, 1))
    return rates


if __name__ == "__main__":
    main()

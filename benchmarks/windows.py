"""Slices beside alternating windows: does the ratio of each usual setup to the leader agree?

    python -m benchmarks.windows [seconds of a window]

For each usual setup, both it and the leader run at the same time. Windows of ten seconds alternate:
leader, setup, setup, leader, each window a closed loop. The ratio is that of the windows, divided
by the change of the core's speed that the thermometer reports. Nothing else may run meanwhile.
"""

from __future__ import annotations

import json
import math
import sys
import tempfile
from pathlib import Path

from whichworker.bench import overlays
from whichworker.bench.lineup import Contender, Lineup
from whichworker.bench.running import Bench
from whichworker.bench.slices import Court
from whichworker.bench.window import load_of
from whichworker.config.options import RaceOptions
from whichworker.load.generator import Generator
from whichworker.probes.thermometer import Thermometer
from whichworker.question.ask import ask, discover
from whichworker.store import places

LEADER = "granian-wsgi"
SLOPE = (
    -0.9
)  # change of log rate by change of the thermometer, as fitted in benchmarks/planted runs
SETTLE_SECONDS = 0.5
CONNECTIONS = {"uwsgi": 4}
FEWER = 8  # for setups that do less than 2,000 requests a second, as a race gives them


def main(seconds: float) -> None:
    """Measure every usual setup and print a line for each."""
    with tempfile.TemporaryDirectory() as folder:
        asked = ask("builtin:django", RaceOptions(seed=1), Path.cwd(), places.cache_folder())
        question = discover(asked).question
        environments, _ = overlays.build(question, places.cache_folder(), lambda _: None)
        bench = Bench(question, environments, Path(folder), places.cache_folder())
        with Thermometer(question.budget.server_cores) as warmth, Generator() as generator:
            generator.start(question.budget.generator_cores)
            with Lineup(bench, generator) as lineup:
                court = Court(bench, generator, warmth)
                lead = lineup.enter(LEADER, question.arm(LEADER), 1)
                for arm in question.arms:
                    if arm.name == LEADER:
                        continue
                    other = lineup.enter(arm.name, arm, 1)
                    sys.stdout.write(
                        json.dumps(compare(court, warmth, lead, other, seconds)) + "\n"
                    )
                    lineup.leave(arm.name)


def compare(
    court: Court, warmth: Thermometer, lead: Contender, other: Contender, seconds: float
) -> dict[str, object]:
    """The log ratio of a setup to the leader by four windows, raw and corrected."""
    slow = "asgi" in other.name or other.name in ("uvicorn", "daphne", "hypercorn")
    few = CONNECTIONS.get(other.name, FEWER if slow or "uvicorn" in other.name else 16)
    rates, turns = [], []
    for contender, connections in ((lead, 16), (other, few), (other, few), (lead, 16)):
        opened: list[tuple[int, int]] = []
        load = load_of(court.bench, contender.run, connections, seconds, SETTLE_SECONDS)
        tally = court.generator.run(load, lambda *edges, kept=opened: kept.append(edges))
        turn = warmth.seconds(*opened[0])
        rates.append(math.log(tally.requests / tally.seconds))
        turns.append(math.log(turn) if turn else 0.0)
    fixed = [rate - SLOPE * (turn - turns[0]) for rate, turn in zip(rates, turns, strict=True)]
    return {
        "setup": other.name,
        "raw": [math.exp(rates[1] - rates[0]), math.exp(rates[2] - rates[3])],
        "corrected": [math.exp(fixed[1] - fixed[0]), math.exp(fixed[2] - fixed[3])],
    }


if __name__ == "__main__":
    main(float(sys.argv[1]) if len(sys.argv) > 1 else 10.0)

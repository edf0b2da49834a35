"""Live races with a planted truth: does the verdict find it, how soon, and is it ever wrong?

    python -m benchmarks.planted SCENARIO [--runs 10] [--time 60] [--neighbour 0.3]

Each race runs for a minute or two on an otherwise idle machine. Results are added to
benchmarks/planted.jsonl; `python -m benchmarks.planted --table` prints them as a table.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import msgspec
from whichworker.config.options import RaceOptions
from whichworker.model import Question
from whichworker.question.ask import ask, discover
from whichworker.race import investigation
from whichworker.result import Result
from whichworker.store import places

from benchmarks.neighbour import beside
from tests.conftest import changed, faulty_question
from tests.silent import Silent

RECORD = Path(__file__).parent / "planted.jsonl"
SERVER = "waitress"
WORK = 4000
"""Loops of about 0.25 ms: with waitress, a request takes 0.4 ms, like a light view of Django."""
OVERHEAD = 0.42
"""The server's own time relative to the work; it dilutes a difference planted in the work."""


def planted(*arms: dict[str, object]) -> Callable[[float, int], Question]:
    """A race of copies of one server, each with its own planted environment."""

    def question(seconds: float, seed: int) -> Question:
        asked = faulty_question([(SERVER, "")] * len(arms), seconds=seconds, connections=None)
        with_work = tuple(
            msgspec.structs.replace(
                arm,
                environment={"WORK": str(WORK), **{name: str(value) for name, value in of.items()}},
            )
            for arm, of in zip(asked.arms, arms, strict=True)
        )
        apps = {
            label: msgspec.structs.replace(app, wsgi="planted:application")
            for label, app in asked.apps.items()
        }
        return changed(asked, arms=with_work, apps=apps, seed=seed)

    return question


def slower(share: float) -> dict[str, object]:
    """An arm whose requests take that share longer, the server's own part included."""
    return {"WORK": round(WORK * (1 + share * (1 + OVERHEAD)))}


def usual(seconds: float, seed: int) -> Question:
    """The twelve usual arms on the built-in Django project."""
    return discover(
        ask(
            "builtin:django",
            RaceOptions(time=seconds, seed=seed),
            Path.cwd(),
            places.cache_folder(),
        )
    ).question


SHOWN = ("scenario", "seed", "wall", "valid", "state", "leader", "claims", "rounds", "findings")
SAME: dict[str, object] = {}
SCENARIOS: dict[str, Callable[[float, int], Question]] = {
    "usual": usual,
    "same": planted(SAME, SAME, SAME, SAME),
    "slower-2": planted(SAME, SAME, SAME, slower(0.02)),
    "slower-3": planted(SAME, SAME, SAME, slower(0.03)),
    "slower-5": planted(SAME, SAME, SAME, slower(0.05)),
    "slower-10": planted(SAME, SAME, SAME, slower(0.10)),
    "gap-3": planted(SAME, slower(0.03)),
    "idle": planted(SAME, SAME, {"IDLE": 0.9}, slower(0.10)),
    "launches": planted(SAME, SAME, {"LAUNCH_SD": 0.10}, SAME),
    "slowing": planted(SAME, slower(0.10), {"SLOWER": 0.3}),
    "working-set": planted(SAME, SAME, {"WORKING_SET_MB": 64}),
}


def run(name: str, seconds: float, seed: int) -> dict[str, Any]:
    """One race, and what came of it."""
    question = SCENARIOS[name](seconds, seed)
    with tempfile.TemporaryDirectory() as folder:
        planned = investigation.plan(question, [], Path(folder), places.cache_folder(), Silent())
        began = time.monotonic()
        result = investigation.carry_out(planned, Silent(), "whichworker race")
        return {
            "scenario": name,
            "time": seconds,
            "seed": seed,
            "wall": time.monotonic() - began,
            **seen(result),
        }


def seen(result: Result) -> dict[str, Any]:
    """The verdict, the claims and the ratios of a race."""
    verdict = result.verdict
    assert verdict is not None
    return {
        "valid": result.validity.state,
        "reasons": result.validity.reasons,
        "state": verdict.state,
        "leader": verdict.leader,
        "claims": [[claim.better, claim.worse] for claim in result.claims],
        "ratios": {arm.name: arm.against_leader.value for arm in result.arms if arm.against_leader},
        "unranked": [arm.name for arm in result.arms if arm.rank_low is None],
        "rounds": result.blocks,
        "launches": sum(arm.launches for arm in result.arms),
        "refused": sum(arm.repeats for arm in result.arms),
        "findings": sorted(
            {finding.code for finding in result.findings if finding.severity != "info"}
        ),
    }


def main(words: Sequence[str]) -> None:
    """Run a scenario several times, or print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("scenario", nargs="*", choices=[[], *SCENARIOS])
    parser.add_argument("--runs", type=int, default=1)
    parser.add_argument("--time", type=float, default=60.0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--neighbour", type=float, default=0.0)
    parser.add_argument("--table", action="store_true")
    asked = parser.parse_args(words)
    for name in asked.scenario:
        for seed in range(asked.seed, asked.seed + asked.runs):
            with beside(asked.neighbour, asked.time + 60, seed):
                row = {**run(name, asked.time, seed), "neighbour": asked.neighbour}
            with RECORD.open("a", encoding="utf-8") as file:
                file.write(json.dumps(row) + "\n")
            print(
                json.dumps(
                    {
                        name: row[name]
                        for name in (
                            "scenario",
                            "seed",
                            "wall",
                            "valid",
                            "state",
                            "leader",
                            "claims",
                            "rounds",
                            "findings",
                        )
                    }
                )
            )
    if asked.table:
        say(
            "\n".join(
                table(
                    [json.loads(line) for line in RECORD.read_text(encoding="utf-8").splitlines()]
                )
            )
        )


def say(text: str) -> None:
    """A line on standard output."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def table(rows: Sequence[dict[str, Any]]) -> list[str]:
    """A line for each scenario, time and neighbour."""
    lines = [
        "| scenario | time | neighbour | runs | valid | verdicts | any claim | seconds (median) |",
        "|---|---|---|---|---|---|---|---|",
    ]
    groups: dict[tuple[str, float, float], list[dict[str, Any]]] = {}
    for row in rows:
        groups.setdefault((row["scenario"], row["time"], row["neighbour"]), []).append(row)
    for (name, seconds, share), found in groups.items():
        states = ", ".join(
            f"{sum(row['state'] == state for row in found)} {state}"
            for state in sorted({row["state"] for row in found})
        )
        claimed, valid = (
            sum(bool(row["claims"]) for row in found),
            sum(row["valid"] == "valid" for row in found),
        )
        wall = statistics.median(row["wall"] for row in found)
        lines.append(
            f"| {name} | {seconds:g} s | {share:.0%} | {len(found)} | {valid} | {states} "
            f"| {claimed} | {wall:.0f} |"
        )
    return lines


if __name__ == "__main__":
    main(sys.argv[1:])

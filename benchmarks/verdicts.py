"""The race beside the usual protocol (each arm once, 22 s), replayed from the same slices.

`python -m benchmarks.verdicts` writes RESULTS-verdicts.md up to its mark, and keeps the rest.
Nothing is measured here: see record.py and planted.py.
"""

from __future__ import annotations

import json
import math
import statistics
from pathlib import Path

import numpy as np

from tests.oracle.replay import FILE, Ending, Place, fixed, recorded, replay

RACES, ARMS = 60, 12
GAPS = (0.0, 0.01, 0.03, 0.05, 0.10)
PLACES: tuple[Place, ...] = ("quiet", "neighbour")
PAGE = Path(__file__).parent / "RESULTS-verdicts.md"
MARK = "<!-- what follows is kept -->"
BEFORE = {
    0.0: ("–", 361),
    0.01: ("58.0%", 373),
    0.03: ("3.5%", 283),
    0.05: ("0.0%", 213),
    0.10: ("0.0%", 151),
}
"""Wrong picks and seconds to the pick (calibration of 80 s excluded) of the old method.

It raced blocks of windows.
"""


def main() -> None:
    """Replay and write the tables."""
    about = json.loads(FILE.read_text(encoding="utf-8"))
    lines = [
        "# The race beside 22 s each",
        "",
        f"Recorded {about['date']} on {about['machine']}: slices of {about['copies']} identical",
        f"launches of `{about['server']}` that were alive together, launched again every ten",
        "seconds. Any slice may stand for a slice of any arm, so the gap of the first arm is",
        "planted, and so are launches that differ by 1.2 %.",
        f"{RACES} replays a row, {ARMS} arms, δ = 3 %; made by `python -m benchmarks.verdicts`.",
        "The pick is known when every other arm is slower, tied, or not better by more than δ.",
        "Seconds are wall time with the calibration (1.6 s an arm),",
        "medians; a race that has no pick after 300 s of measuring is counted with that time.",
        "",
    ]
    for place in PLACES:
        lines += [*_described(place), "", *_table(place), ""]
    lines += [
        (
            "Blocks of windows were replayed from launches recorded on 2026-11-22; "
            "their calibration (80 s) is excluded."
        )
    ]
    kept = PAGE.read_text(encoding="utf-8").partition(MARK)[2] if PAGE.exists() else ""
    PAGE.write_text("\n".join(lines) + f"\n\n{MARK}{kept}", encoding="utf-8")


def _described(place: Place) -> list[str]:
    seen = recorded(place)
    near = float(np.diff(seen.logs).std(ddof=1))
    title = (
        "Quiet"
        if place == "quiet"
        else "Beside a neighbour that takes 30 % of both cores in bursts of 5-500 ms"
    )
    return [
        f"## {title}",
        "",
        (
            f"{seen.at.size} slices; two that follow each other differ by {near:.1%} "
            "(standard deviation of the log ratio)."
        ),
    ]


def _table(place: Place) -> list[str]:
    seen, rng = recorded(place), np.random.default_rng(20261128)
    lines = [
        (
            "| gap | wrong pick | no pick | any false claim | s to the pick "
            "| wrong, 22 s each | s, 22 s each | wrong, blocks | s, blocks |"
        ),
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for gap in GAPS:
        gaps = [math.log1p(gap), *[0.0] * (ARMS - 1)]
        ours = [replay(seen, gaps, rng) for _ in range(RACES)]
        usual = [fixed(seen, gaps, rng) for _ in range(RACES)]
        before = BEFORE[gap] if place == "quiet" else ("–", "–")
        open_, false = (
            _share([flag(ending) for ending in ours])
            for flag in (lambda one: not one.picked, lambda one: one.false_claims > 0)
        )
        seconds = (
            statistics.median(ending.seconds for ending in ours),
            statistics.median(ending.seconds for ending in usual),
        )
        row = [
            f"{gap:.0%}",
            _wrong(ours, gap),
            open_,
            false,
            f"{seconds[0]:.0f}",
            _wrong(usual, gap),
            f"{seconds[1]:.0f}",
            *map(str, before),
        ]
        lines.append(f"| {' | '.join(row)} |")
    return lines


def _wrong(endings: list[Ending], gap: float) -> str:
    """Where all arms are equal no pick is wrong; a race without a pick in time has none."""
    return _share([ending.picked and ending.pick != "arm-00" for ending in endings]) if gap else "–"


def _share(flags: list[bool]) -> str:
    return f"{sum(flags) / len(flags):.1%}"


if __name__ == "__main__":
    main()

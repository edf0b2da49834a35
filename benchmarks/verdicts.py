"""The race beside the usual protocol (each arm once, 22 s, one after the other), replayed from the same recorded launches.

`python -m benchmarks.verdicts` writes RESULTS-verdicts.md. Nothing is measured here: see record.py.
"""

from __future__ import annotations

import json
import math
import statistics
from pathlib import Path

import numpy as np

from tests.oracle.replay import FILE, Recorded, fixed, recorded, replay

RACES = 200
ARMS = 12
GAPS = (0.0, 0.01, 0.03, 0.05, 0.10)
PAGE = Path(__file__).parent / "RESULTS-verdicts.md"


def main() -> None:
    """Replay and write the table."""
    seen, rng = recorded(), np.random.default_rng(20261121)
    about = json.loads(FILE.read_text(encoding="utf-8"))
    blocks, launches, windows = seen.logs.shape
    centred = seen.logs - seen.logs.mean(axis=(1, 2), keepdims=True)
    launch_sd = float(centred.mean(axis=2).std(ddof=1))
    window_sd = float((seen.logs - seen.logs.mean(axis=2, keepdims=True)).std(ddof=1)) * math.sqrt(windows / (windows - 1))
    block_sd = float(seen.logs.mean(axis=(1, 2)).std(ddof=1))
    lines = [
        "# The race beside 22 s each",
        "",
        f"Recorded {about['date']} on {about['machine']}: {blocks} blocks of {launches} launches of `{about['server']}`,",
        f"{windows} windows of {seen.window_seconds:g} s each. Standard deviations on the log scale: between blocks {block_sd:.1%},",
        f"launches {launch_sd:.1%}, windows {window_sd:.1%}.",
        f"{RACES} replays a row, {ARMS} arms of which one is better by the gap; made by `python -m benchmarks.verdicts`.",
        "The pick is known when one arm is left that can be the best, or those that are left are tied; ranks take longer.",
        "",
        *_table(seen, rng),
        "",
        "## The same with everything between launches and windows halved",
        "",
        f"What these launches would take on a machine on which they differ by {launch_sd / 2:.1%}: not measured, but scaled.",
        "",
        *_table(Recorded(seen.logs.mean() + (seen.logs - seen.logs.mean()) / 2, seen.window_seconds), rng),
    ]
    PAGE.write_text("\n".join(lines) + "\n", encoding="utf-8")


def _table(seen: Recorded, rng: np.random.Generator) -> list[str]:
    lines = [
        "| gap | wrong pick, race | wrong pick, 22 s each | any false claim | s to the pick (median) | to the last rank | 22 s each |",
        "|---|---|---|---|---|---|---|",
    ]
    for gap in GAPS:
        gaps = [math.log1p(gap), *[0.0] * (ARMS - 1)]
        ours = [replay(seen, gaps, rng) for _ in range(RACES)]
        usual = [fixed(seen, gaps, rng) for _ in range(RACES)]
        wrong = [sum(ending.pick != "arm-00" for ending in endings) / RACES if gap else None for endings in (ours, usual)]
        picks = [f"{share:.1%}" if share is not None else "–" for share in wrong]
        false = sum(ending.false_claims > 0 for ending in ours) / RACES
        picked = statistics.median(ending.picked_seconds for ending in ours)
        whole = statistics.median(ending.seconds for ending in ours)
        lines.append(f"| {gap:.0%} | {picks[0]} | {picks[1]} | {false:.1%} | {picked:.0f} | {whole:.0f} | {usual[0].seconds:.0f} |")
    return lines


if __name__ == "__main__":
    main()

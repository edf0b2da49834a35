"""Hunts for the exact capacities of simulated servers: how often intervals and rates are right.

`python -m benchmarks.capacities` writes RESULTS-capacities.md (400 hunts a row take about a quarter
of an hour), `python -m benchmarks.capacities 40` fewer. Nothing is measured here.
"""

from __future__ import annotations

import itertools
import statistics
import sys
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

from tests.oracle.served import KINDS, LAUNCH_SD, THROUGHPUT_SD, Case, case, hunted

HUNTS = 400
THROUGHPUTS, TIMES = (500.0, 3000.0, 70.0), (10, 50)
BRISK = 3000.0
"""The full load of the brisk hunts."""
PAGE = Path(__file__).parent / "RESULTS-capacities.md"
HEAD = (
    "| full load | objective | server | exact | interval covers | too high | too low | width "
    "| validated | too high | median | seconds | most |"
)


def main(hunts: int) -> None:
    """Hunt, and write the table row by row."""
    lines = [
        "# Validated rates beside exact capacities",
        "",
        f"{hunts} hunts a row in virtual time, made by `python -m benchmarks.capacities`. Launches",
        f"differ by {LAUNCH_SD:.1%}, and full load is known to {THROUGHPUT_SD:.0%} (standard",
        "deviations). The objective is p99 below so many mean service times; that of the server",
        "that stalls for a second in each minute is 800 ms, as no rate meets a shorter one.",
        "`exact` is a share of full load, `width` the 90 % interval's, over its median.",
        "Validated rates are over the exact capacity; seconds are of search and confirmation.",
        "A brisk hunt is one of several finalists.",
        "",
        HEAD,
        f"|{'---|' * (HEAD.count('|') - 1)}",
    ]
    for one in rows(hunts):
        lines.append(one)
        PAGE.write_text("\n".join(lines) + "\n", encoding="utf-8")


def rows(hunts: int) -> Iterator[str]:
    """One row for each server and objective, on all cores."""
    asked = [
        (throughput, times, name, brisk)
        for throughput, brisk in (*((one, False) for one in THROUGHPUTS), (BRISK, True))
        for times in TIMES
        for name, server in KINDS.items()
        if not server.stalls or times == TIMES[0]
    ]
    with ProcessPoolExecutor() as pool:
        yield from pool.map(row, asked, itertools.repeat(hunts))


def row(asked: tuple[float, int, str, bool], hunts: int) -> str:
    """The row of a server with this full load (1/s), and an objective in mean service times."""
    throughput, times, name, brisk = asked
    of = case(name, throughput, times)
    objective = f"{of.seconds * 1e3:.0f} ms" if of.server.stalls else f"{times} ×"
    load = f"{throughput:.0f}/s{', brisk' if brisk else ''}"
    cells = [load, objective, name, *judged(of, hunts, brisk)]
    return f"| {' | '.join(cells)} |"


def judged(of: Case, hunts: int, brisk: bool) -> list[str]:
    """The cells of a row, from the share that is exact on."""
    ended = [hunted(of, seed, brisk=brisk) for seed in range(hunts)]
    found = [hunt.found for hunt in ended]
    known = [estimate for estimate in found if estimate is not None]
    high = sum(estimate.low > of.exact for estimate in known)
    low = sum(estimate.high < of.exact for estimate in known)
    rates = [(hunt.certified or 0.0) / of.exact for hunt in ended]
    spent = [hunt.spent["search"] + hunt.spent["confirm"] for hunt in ended]
    return [
        f"{of.exact / of.server.throughput:.3f}",
        f"{(len(known) - high - low) / hunts:.1%}",
        f"{high / hunts:.1%}",
        f"{low / hunts:.1%}",
        f"{statistics.median((one.high - one.low) / one.value for one in known):.0%}",
        f"{sum(rate > 0 for rate in rates) / hunts:.1%}",
        f"{sum(rate > 1 for rate in rates) / hunts:.1%}",
        f"{statistics.median(rates):.2f}",
        f"{statistics.median(spent):.0f}",
        f"{max(spent):.0f}",
    ]


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else HUNTS)

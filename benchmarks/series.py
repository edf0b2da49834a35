"""The command line of a benchmark whose runs are kept: run scenarios, or write the table."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.planted import say

Rows = Sequence[dict[str, Any]]


@dataclass(frozen=True)
class Series:
    """A benchmark: its help, scenarios, runs of each by default, and the base of its files' names.

    `measured` gives the rows of one run of a scenario, by its seed and the neighbour's share.
    """

    about: str | None
    scenarios: Sequence[str]
    runs: int
    name: str
    measured: Callable[[str, int, float], Iterable[dict[str, Any]]]
    page: Callable[[Rows], Iterable[str]]
    not_said: str = ""

    def carry_out(self, words: Sequence[str]) -> None:
        """Add rows to `name`.jsonl as they come, or write RESULTS-`name`.md from all of them."""
        parser = argparse.ArgumentParser(
            description=self.about, formatter_class=argparse.RawDescriptionHelpFormatter
        )
        parser.add_argument("scenario", nargs="*", choices=[[], *self.scenarios])
        parser.add_argument("--runs", type=int, default=self.runs)
        parser.add_argument("--seed", type=int, default=1)
        parser.add_argument("--neighbour", type=float, default=0.0)
        parser.add_argument("--table", action="store_true")
        asked = parser.parse_args(words)
        folder = Path(__file__).parent
        record = folder / f"{self.name}.jsonl"
        if asked.table:
            rows = [json.loads(line) for line in record.read_text(encoding="utf-8").splitlines()]
            text = "\n".join(self.page(rows)) + "\n"
            (folder / f"RESULTS-{self.name}.md").write_text(text, encoding="utf-8")
            return
        for seed in range(asked.seed, asked.seed + asked.runs):
            for scenario in asked.scenario or self.scenarios:
                for row in self.measured(scenario, seed, asked.neighbour):
                    with record.open("a", encoding="utf-8") as file:
                        file.write(json.dumps(row) + "\n")
                    told = {key: value for key, value in row.items() if key != self.not_said}
                    say(json.dumps(told))

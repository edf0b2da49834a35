"""Measure the matrix cell by cell and write docs/reference/conformance.md: `make conformance`."""

from __future__ import annotations

import argparse
import datetime
import time
from collections.abc import Sequence
from pathlib import Path

from tests.conformance import cells
from tests.conformance.cells import PLATFORMS, Cell
from tests.conformance.matrix import page

from whichworker.servers import names, table
from whichworker.store import places

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "conformance.md"


def main(arguments: Sequence[str] | None = None) -> None:
    """Test contenders first, then all others; the next run continues after the time's end."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--arms", default="", help="some servers only, separated by commas")
    parser.add_argument("--pythons", default="", help="some Pythons only")
    parser.add_argument("--seconds", type=float, default=3600.0, help="no cell begins after that")
    given = parser.parse_args(arguments)
    shown = [name for name in table.SERVERS if not table.load(name).opt_in]
    everyone = [*table.CONTENDERS, *(name for name in shown if name not in table.CONTENDERS)]
    arms = [names.resolve(arm) for arm in names.split(given.arms)] or everyone
    wanted = [
        place for place in PLATFORMS if not given.pythons or place[1] in given.pythons.split(",")
    ]
    cache, ends, found = places.cache_folder(), time.monotonic() + given.seconds, list[Cell]()
    places.make_cache(cache)
    for arm in arms:
        for platform in wanted:
            cell = (
                cells.measure(arm, platform, cache)
                if time.monotonic() < ends
                else cells.kept_cell(arm, platform)
            )
            if cell is not None:
                found.append(cell)
                print(_line(cell), flush=True)
    text = page(
        found,
        arms if given.arms else list(table.SERVERS),
        datetime.datetime.now(datetime.UTC).date().isoformat(),
    )
    if given.arms or given.pythons:
        print(text)
    else:
        PAGE.write_text(text, encoding="utf-8")
        print(f"wrote {PAGE}")


def _line(cell: Cell) -> str:
    wrong = [
        f"{outcome.case}: {outcome.note or outcome.kind}"
        for outcome in cell.outcomes
        if outcome.state in ("failed", "timeout")
    ]
    what = cell.reason or ", ".join(wrong) or "all right"
    where = f"Django {cell.django} Python {cell.python} {cell.arm} {cell.version}"
    return f"{where} {cell.seconds:g} s: {what}"


if __name__ == "__main__":
    main()

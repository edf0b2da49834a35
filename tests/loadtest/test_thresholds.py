"""The objective of a load, by what a result has counted."""

from __future__ import annotations

import msgspec
import pytest
from tests.report.load_samples import opened

from whichworker.design.capacity.slo import parse
from whichworker.loadtest.thresholds import judged
from whichworker.model.histogram import Histogram
from whichworker.result import LoadResult


def load(quick: int, slow: int, failed: int = 0, dropped: int = 0) -> LoadResult:
    """An open loop with responses of 10 ms and of 500 ms, and failures."""
    times = Histogram()
    times.record_all([10_000_000] * quick + [500_000_000] * slow)
    return msgspec.structs.replace(
        opened(),
        requests=quick + slow,
        errors={"status": failed} if failed else {},
        dropped=dropped,
        histograms={"response": times.to_hdr()},
    )


@pytest.mark.parametrize(
    ("result", "objective", "outcome", "missed"),
    [
        (load(990, 10), "p99<100ms", "met", 10),
        (load(989, 11), "p99<100ms", "missed", 11),
        (load(990, 5, failed=5), "p99<100ms", "met", 10),
        (load(990, 5, failed=7), "p99<100ms", "missed", 12),
        (load(990, 0, dropped=20), "p99<100ms", "missed", 20),
        (load(290, 0), "p99<100ms", "undecided", 0),
        (load(300, 0), "p99<100ms", "met", 0),
        (load(50, 50), "p99<100ms", "missed", 50),
        (load(999, 0, failed=1), "errors<0.5%", "met", 1),
        (load(990, 0, failed=10), "errors<0.5%", "missed", 10),
        (load(100, 0), "errors<0.5%", "undecided", 0),
    ],
)
def test_each_clause_is_met_or_missed(
    result: LoadResult, objective: str, outcome: str, missed: int
) -> None:
    (clause,) = judged(result, parse(objective)).thresholds
    assert (clause.outcome, clause.missed) == (outcome, missed)

"""What a validated rate stands on: the windows that tested it, and the speed of the cores."""

from __future__ import annotations

import math
from collections.abc import Sequence

from whichworker.design import paces
from whichworker.design.capacity.hunt import Hunt
from whichworker.model.histogram import Histogram
from whichworker.result import CoreSpeed, PassedTest
from whichworker.store.open_loop import Shot


def tested(hunt: Hunt, shots: Sequence[Shot]) -> tuple[list[Shot], float | None]:
    """The windows that passed the test of the validated rate, or of the user's; and their rate.

    They are those without other programs, if there are any.
    """
    for phase, test in (("confirm", hunt.confirmation), ("holds", hunt.holding)):
        if test is not None and test.certified is not None and (kept := test.kept):
            same = [
                one
                for one in shots
                if one.phase == phase and math.isclose(one.rate, kept, rel_tol=1e-6)
            ]
            return [one for one in same if not one.refused] or same, kept
    return [], None


def passed_test(hunt: Hunt, used: Sequence[Shot], kept: float | None) -> PassedTest | None:
    """The windows at the highest rate that passed, as one sample; None if none passed.

    It has the time of the objective's own percentile, from the intended start of a request. A
    clause on a route has its own line in the report.
    """
    clause = hunt.slo.timed
    if not used or kept is None or clause is None or clause.seconds is None or clause.route:
        return None
    merged = Histogram()
    for shot in used:
        merged.merge(Histogram.from_hdr(shot.response))
    requests, place = sum(shot.count for shot in used), hunt.slo.clauses.index(clause)
    q, lost = 1 - clause.share, requests - merged.count
    value = merged.supported_percentile(q, lost)
    low, high = _interval(merged, used, q, lost, kept / hunt.throughput) if value else (None, None)
    return PassedTest(
        rate_per_second=kept,
        seconds=sum(shot.window_seconds for shot in used),
        requests=requests,
        late=sum(shot.missed[place] for shot in used),
        limit_seconds=clause.seconds,
        percentile=clause.text.partition("<")[0],
        response_seconds=value,
        low=low,
        high=high,
    )


def _interval(
    merged: Histogram, used: Sequence[Shot], q: float, lost: int, load: float
) -> tuple[float | None, float | None]:
    """At 95 %, with the clusters of those that missed the objective; None if the sample has none.

    `lost` more requests are later than all of `merged`.
    """
    counts = [count for shot in used for count, _ in shot.slices]
    late = [missed for shot in used for _, missed in shot.slices]
    place = q * (1 + lost / merged.count)
    shares = paces.interval_shares(merged.count, place, late, counts, load)
    if shares is None:
        return None, None
    low, high = (merged.percentile(min(1.0, share)) for share in shares)
    return (None if low is None else low / 1e9), (None if high is None else high / 1e9)


def core_speed(hunt: Hunt) -> CoreSpeed | None:
    """How fast the cores were in an arm's windows, by the thermometer; None if unknown."""
    turns, usual = hunt.search.turns, hunt.search.usual_turn
    return CoreSpeed(low=usual / max(turns), high=usual / min(turns)) if usual else None

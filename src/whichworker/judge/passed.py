"""What a validated rate stands on: the windows that tested it, and the speed of the cores."""

from __future__ import annotations

import math
from collections.abc import Sequence

from whichworker.design import paces
from whichworker.design.capacity.hunt import Hunt
from whichworker.judge.hunts import usual_turn
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
    q, place = 1 - clause.share, hunt.slo.clauses.index(clause)
    counts, late = zip(*(part for shot in used for part in shot.slices), strict=True)
    shares = paces.interval_shares(merged.count, q, late, counts, kept / hunt.throughput)
    low, high = (merged.percentile(min(1.0, share)) for share in shares) if shares else (None, None)
    value = merged.percentile(q)
    return PassedTest(
        rate_per_second=kept,
        seconds=sum(shot.window_seconds for shot in used),
        requests=sum(shot.count for shot in used),
        late=sum(shot.missed[place] for shot in used),
        limit_seconds=clause.seconds,
        percentile=clause.text.partition("<")[0],
        response_seconds=value / 1e9 if value is not None else None,
        low=low / 1e9 if low is not None else None,
        high=high / 1e9 if high is not None else None,
    )


def core_speed(shots: Sequence[Shot]) -> CoreSpeed | None:
    """How fast the cores were in an arm's windows, by the thermometer; None if unknown."""
    usual = usual_turn(shots)
    turns = [one.probes.turn_seconds for one in shots if one.probes and one.probes.turn_seconds]
    return CoreSpeed(low=usual / max(turns), high=usual / min(turns)) if usual else None

"""The objective of a load: did its requests meet it?"""

from __future__ import annotations

import msgspec

from whichworker.errors import UsageError
from whichworker.loadtest.plan import LoadPlan
from whichworker.model import Clause, Slo
from whichworker.model.histogram import Histogram
from whichworker.result import LoadResult
from whichworker.result.load import Threshold

RULE_OF_THREE = 3.0
"""Without a miss in n requests, at most 3/n are missed with a certainty of 95 %."""


def check(slo: Slo, plan: LoadPlan) -> None:
    """Raise UsageError if this load cannot tell whether the objective is met."""
    if slo.has_routes:
        raise UsageError(
            "--slo of a load bounds all requests together", hint="leave out the part with `on`"
        )
    if plan.load.sessions:
        raise UsageError(
            "--slo of a load bounds single requests, and this file has sessions",
            hint="check the times of the sessions in the JSON: --json",
        )
    if slo.shortest_seconds and plan.load.pace is None:
        raise UsageError(
            "a response time at full load is no objective: users do not wait for each other",
            hint="send requests on schedule: --rate 200/s",
        )


def judged(result: LoadResult, slo: Slo) -> LoadResult:
    """The result with each clause of the objective."""
    clauses = tuple(_judged(result, clause) for clause in slo.clauses)
    return msgspec.structs.replace(result, thresholds=clauses)


def _judged(result: LoadResult, clause: Clause) -> Threshold:
    failed = sum(result.errors.values()) + result.dropped
    late, due = failed, result.requests + failed
    if clause.seconds is not None:
        text = result.histograms.get("response", "")
        times = Histogram.from_hdr(text) if text else Histogram()
        late, due = times.count_above(round(clause.seconds * 1e9)) + failed, times.count + failed
    share = late / due if due else None
    few = due * clause.share < RULE_OF_THREE and late <= clause.share * due
    met = share is not None and share <= clause.share
    return Threshold(
        clause=clause.text,
        requests=due,
        missed=late,
        limit=clause.share,
        outcome="undecided" if few else "met" if met else "missed",
    )

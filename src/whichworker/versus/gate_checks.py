"""The limits of a gate: each is kept, broken, or not decided."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import msgspec

from whichworker.model import Terms
from whichworker.result import ArmResult, Result
from whichworker.result.versus import LimitCheck, Measure, Outcome

MEMORY_MARGIN = 0.02
"""Of a ratio of memory, which is one reading of each side: launches of a server differ by 1 %."""


def checks(
    result: Result,
    measures: Sequence[Measure],
    terms: Terms,
    first: ArmResult,
    second: ArmResult,
) -> Iterator[LimitCheck]:
    """Throughput first, which decides; CPU per request can only fail; then the limits asked for.

    A second side that breaks under load, while the first does not, has lost all of its speed. An
    invalid run decides nothing, and shows no number.
    """
    limit = terms.most_loss or 0.0
    if result.validity.state == "invalid":
        text = f"the run is invalid: {'; '.join(result.validity.reasons)}"
        yield LimitCheck(measure="throughput", limit=limit, outcome="undecided", text=text)
        return
    speed, spent, memory, start = measures[:4]
    both = f"{second.name} over {first.name}"
    text = _said(speed, f"requests/s of {both}", f"at least {1 - limit:.2f}")
    outcome = _kept(speed.low, speed.high, math.log1p(-limit))
    if second.state == "failed" and first.state != "failed":
        outcome, text = "failed", f"{second.name} broke under load, and {first.name} did not"
    yield LimitCheck(measure="throughput", limit=limit, outcome=outcome, text=text)
    more = 1 / (1 - limit)
    yield _at_most(spent, limit, more, f"CPU per request of {both}", required=False)
    if terms.most_memory is not None:
        yield _memory(memory, terms.most_memory, f"memory of {both}")
    if terms.most_start is not None:
        most = terms.most_start
        yield _at_most(start, most, 1 + most, f"start of {both}", required=True)


def _memory(seen: Measure, limit: float, name: str) -> LimitCheck:
    """As for the others, by one reading of each side with the usual difference of launches."""
    text = _said(seen, name, f"at most {1 + limit:.2f}")
    assumed = f"{text}; two launches of a server differ by up to {MEMORY_MARGIN:.0%}"
    if seen.ratio is not None:
        low, high = seen.ratio * (1 - MEMORY_MARGIN), seen.ratio * (1 + MEMORY_MARGIN)
        seen = msgspec.structs.replace(seen, low=low, high=high)
    check = _at_most(seen, limit, 1 + limit, name, required=True)
    return msgspec.structs.replace(check, text=assumed)


def _at_most(seen: Measure, limit: float, bar: float, name: str, *, required: bool) -> LimitCheck:
    """Whether a ratio is at most `bar`."""
    low, high = (1 / end if end else None for end in (seen.high, seen.low))
    return LimitCheck(
        measure=seen.name,
        limit=limit,
        outcome=_kept(low, high, -math.log(bar)),
        required=required,
        text=_said(seen, name, f"at most {bar:.2f}"),
    )


def _kept(low: float | None, high: float | None, bar: float) -> Outcome:
    """Whether an interval of a ratio is above a bar (a logarithm), below it, or on it."""
    if low is not None and low > 0 and math.log(low) > bar:
        return "passed"
    if high is not None and high > 0 and math.log(high) < bar:
        return "failed"
    return "undecided"


def _said(seen: Measure, name: str, limit: str) -> str:
    if seen.ratio is None:
        return f"{name}: not measured, {limit} is allowed"
    known = f" ({seen.low:.2f} to {seen.high:.2f})" if seen.low and seen.high else ""
    return f"{name}: {seen.ratio:.2f}{known}, {limit} is allowed"

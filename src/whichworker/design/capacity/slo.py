"""Service level objectives as people write them."""

from __future__ import annotations

import re

from whichworker import units
from whichworker.errors import UsageError
from whichworker.model import Clause, Slo

HINT = 'write clauses such as "p99<300ms,errors<0.1%"'
LONGEST_SECONDS = 60.0
"""A longer objective than a minute would take hours to test."""
LEAST_SHARE = 1e-4
"""One in ten thousand: a rarer event does not show in a run of usual length."""

_CLAUSE = re.compile(r"\s*(?:p(\d{1,2}(?:\.\d+)?)|(errors))\s*<\s*(\S.*?)\s*")


def parse(text: str) -> Slo:
    """Read `p99<300ms,errors<0.1%`; raises UsageError for anything else."""
    clauses = [_clause(part) for part in text.split(",")]
    names = [clause.text.partition("<")[0] for clause in clauses]
    if twice := {name for name in names if names.count(name) > 1}:
        raise UsageError(f"{', '.join(sorted(twice))} is bounded twice in {text!r}", hint=HINT)
    return Slo(clauses=tuple(clauses))


def _clause(text: str) -> Clause:
    match = _CLAUSE.fullmatch(text)
    if not match:
        raise UsageError(f"not a clause of an objective: {text.strip()!r}", hint=HINT)
    if match[2]:
        share = units.parse_share(match[3])
        return Clause(
            text=f"errors<{units.show_share(share)}".replace(" ", ""), share=_checked(share, text)
        )
    share, seconds = 1 - float(match[1]) / 100, units.parse_duration(match[3])
    if seconds > LONGEST_SECONDS:
        raise UsageError(
            f"{units.show_seconds(seconds)} is more than a minute, the longest objective", hint=HINT
        )
    return Clause(
        text=f"p{match[1]}<{units.show_seconds(seconds)}".replace(" ", ""),
        share=_checked(share, text),
        seconds=seconds,
    )


def _checked(share: float, text: str) -> float:
    if not LEAST_SHARE * 0.999 <= share < 1:
        raise UsageError(
            f"{text.strip()!r} is too rare for any run to show",
            hint="use p1 to p99.99, and errors of at least 0.01%",
        )
    return share

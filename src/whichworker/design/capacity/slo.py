"""Service level objectives as people write them."""

from __future__ import annotations

import re

from whichworker import units
from whichworker.errors import UsageError
from whichworker.model import Clause, Slo

HINT = 'write clauses such as "p99<300ms,errors<0.1%", or "p99<100ms on /health" for one route'
LONGEST_SECONDS = 60.0
"""A longer objective than a minute would take hours to test."""
LEAST_SHARE = 1e-4
"""One in ten thousand: a rarer event does not show in a run of usual length."""

_CLAUSE = re.compile(r"\s*(?:p(\d{1,2}(?:\.\d+)?)|(errors))\s*<\s*(\S.*?)\s*")
_COMMA = re.compile(r""",(?=(?:[^'"]|'[^']*'|"[^"]*")*$)""")
"""Between two clauses: one that is not in quotes."""
_ON = re.compile(r"\s+on(?:\s+|$)")
_QUOTED = re.compile(r"""(['"])(.*)\1""")


def parse(text: str) -> Slo:
    """Read `p99<300ms on /search,errors<0.1%`; raises UsageError for anything else."""
    clauses = tuple(_clause(part) for part in _COMMA.split(text))
    names = [(clause.text.partition("<")[0], clause.route) for clause in clauses]
    if twice := {name for name in names if names.count(name) > 1}:
        shown = sorted(f"{kind} on {route}" if route else kind for kind, route in twice)
        raise UsageError(f"{', '.join(shown)} is bounded twice in {text!r}", hint=HINT)
    return Slo(clauses=clauses)


def _clause(text: str) -> Clause:
    bound, *rest = _ON.split(text, maxsplit=1)
    match, route = _CLAUSE.fullmatch(bound), _route(*rest) if rest else ""
    if not match or (rest and not route):
        raise UsageError(f"not a clause of an objective: {text.strip()!r}", hint=HINT)
    where = f" on {_shown(route)}" if route else ""
    if match[2]:
        share = units.parse_share(match[3])
        return Clause(
            text=f"errors<{units.show_share(share)}".replace(" ", "") + where,
            share=_checked(share, text),
            seconds=None,
            route=route,
        )
    share, seconds = 1 - float(match[1]) / 100, units.parse_duration(match[3])
    if seconds > LONGEST_SECONDS:
        raise UsageError(
            f"{units.show_seconds(seconds)} is more than a minute, the longest objective", hint=HINT
        )
    return Clause(
        text=f"p{match[1]}<{units.show_seconds(seconds)}".replace(" ", "") + where,
        share=_checked(share, text),
        seconds=seconds,
        route=route,
    )


def _route(text: str) -> str:
    quoted = _QUOTED.fullmatch(text.strip())
    return (quoted[2] if quoted else text).strip()


def _shown(route: str) -> str:
    """A route as it can be typed: in quotes if it has a comma or quotes."""
    if not re.search("""[,'"]""", route):
        return route
    return f'"{route}"' if "'" in route else f"'{route}'"


def _checked(share: float, text: str) -> float:
    if not LEAST_SHARE * 0.999 <= share < 1:
        raise UsageError(
            f"{text.strip()!r} is too rare for any run to show",
            hint="use p1 to p99.99, and errors of at least 0.01%",
        )
    return share

"""Why an arm failed under load though it was correct alone: it shares or lacks something."""

from __future__ import annotations

import re
from collections.abc import Iterator

from whichworker.model import Failure, Finding, Question, codes
from whichworker.servers import table
from whichworker.store.records import Failed

WRONG = ("header", "body", "framing")
"""Another request's response, or a broken one: no shortage causes that."""
CONNECTIONS = re.compile(
    r"too many (clients|connections)|remaining connection slots|QueuePool limit|"
    r"connection pool (is )?exhausted|PoolTimeout|"
    r"max_connections|max_user_connections|sorry, too many|couldn't get a connection",
    re.IGNORECASE,
)
LOCKED = re.compile(r"database( table)? is locked", re.IGNORECASE)
SERVER_ERROR = re.compile(r"got 5\d\d")


def diagnose(question: Question, record: Failed) -> Iterator[Finding]:
    """Findings about the cause. The arm was correct alone in the calibration, so load broke it."""
    for failure in record.failures:
        if failure.kind in WRONG:
            yield _shared(question, record.arm, failure)
        elif failure.kind == "status" and SERVER_ERROR.search(failure.sample):
            yield _short(question, record.arm, failure)


def _shared(question: Question, name: str, failure: Failure) -> Finding:
    slots = _slots(question, name)
    fact, _, rest = failure.sample.partition("\n")
    text = f"{name} was correct alone and wrong with {slots} requests at once ({fact})"
    return codes.WRONG_UNDER_LOAD.finding(text, arm=name, evidence=rest)


def _short(question: Question, name: str, failure: Failure) -> Finding:
    slots = _slots(question, name)
    if line := _line(failure.sample, CONNECTIONS):
        text = (
            f"The database refused connections to {name}, which works on {slots} requests at once"
        )
        return codes.CONNECTIONS_REFUSED.finding(text, arm=name, evidence=line)
    if line := _line(failure.sample, LOCKED):
        text = f"{name} found its SQLite database locked with {slots} requests at once"
        return codes.DATABASE_LOCKED.finding(text, arm=name, evidence=line)
    fact, _, rest = failure.sample.partition("\n")
    text = f"{name} was correct alone and returned errors with {slots} requests at once: {fact}"
    return codes.ERROR_UNDER_LOAD.finding(text, arm=name, evidence=rest)


def _slots(question: Question, name: str) -> str:
    arm = next((one for one in question.arms if one.name == name), None)
    limit = table.load(arm.server).in_flight_limit(arm.settings) if arm else None
    return str(limit) if limit else "many"


def _line(sample: str, pattern: re.Pattern[str]) -> str:
    return next((line.strip() for line in sample.splitlines() if pattern.search(line)), "")

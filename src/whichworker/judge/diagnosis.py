"""Why an arm failed under load though it was correct alone: it shares or lacks something.

Or the app itself refuses the load, or its page changed: that ends a race, as no server is to blame.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from whichworker.model import Code, Failure, Finding, Question, codes
from whichworker.servers import proxies, table
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
GOT = re.compile(r"expected status \d+, got (\d+(?: \([^)]*\))?)")
"""The first one in a sample, before the body: what the app writes is no status."""
SERVER_ERROR = re.compile(r"5\d\d")
RATE_LIMIT = re.compile(r"429")
APP_REFUSES = (
    (RATE_LIMIT, codes.RATE_LIMITED, "limits the rate: it returns"),
    (re.compile(r"403"), codes.BOT_CHECK, "takes the load for a robot: it returns"),
    (
        re.compile(r"401|30\d \(Location: [^)]*(login|signin)"),
        codes.LOGIN_EXPIRED,
        "wants a new login: it returns",
    ),
)
"""The status of a refusal, its code, and what the app does."""
HTTP_ADDRESS = re.compile(r"expected .*https://.*, got .*http://")
TO_HTTPS = re.compile(r"30\d \(Location: https:")


def refusal_of_app(question: Question, records: Iterable[Failed]) -> Finding | None:
    """The finding that no server is to blame for: the app refuses the load, or its page changed.

    A limit of the rate may be left over from the load of another arm, so it counts alone, too.
    """
    for record in records if not question.app.is_builtin else ():
        if record.changed:
            text = f"The app's response changed by itself: {record.changed}"
            return codes.PAGE_CHANGES.finding(text, evidence=record.failures[0].sample)
        for failure in record.failures:
            if failure.kind == "status" and (row := _refused(record, failure)):
                code, does = row
                fact, _, rest = failure.sample.partition("\n")
                text = f"The app {does} status {_got(failure)} under load"
                return code.finding(text, evidence=f"{record.arm}: {fact}\n{rest}".rstrip())
    return None


def distrust(question: Question, record: Failed) -> Finding | None:
    """The finding that an arm does not pass on a proxy's header that all requests carry."""
    names = proxies.trusted(
        (
            *question.app.headers,
            *(pair for one in question.workload.requests for pair in one.headers),
        )
    )
    family = next((arm.family for arm in question.arms if arm.name == record.arm), "")
    failure = record.failures[0]
    if not record.alone or not names:
        return None
    if TO_HTTPS.match(_got(failure)):
        does = "redirects to HTTPS"
    elif failure.kind == "body" and HTTP_ADDRESS.search(failure.sample):
        does = "writes addresses with http:"
    else:
        return None
    text = f"{record.arm} does not pass on {', '.join(names)} as a trusted one, so the app {does}"
    hint = proxies.flag(family)
    return codes.PROXY_UNTRUSTED.finding(
        text, arm=record.arm, evidence=failure.sample.partition("\n")[0], hint=hint
    )


def _got(failure: Failure) -> str:
    """The status of a wrong response, with the header that says more, or an empty string."""
    found = GOT.search(failure.sample)
    return found[1] if found else ""


def _refused(record: Failed, failure: Failure) -> tuple[Code, str] | None:
    for pattern, code, does in APP_REFUSES:
        if pattern.match(_got(failure)) and (not record.alone or pattern is RATE_LIMIT):
            return code, does
    return None


def diagnose(question: Question, record: Failed) -> Iterator[Finding]:
    """Findings about the cause. The arm was correct alone in the calibration, so load broke it."""
    for failure in record.failures:
        if failure.kind in WRONG:
            yield _shared(question, record.arm, failure)
        elif failure.kind == "status" and SERVER_ERROR.match(_got(failure)):
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

"""Why an arm failed under load though it was correct alone: it shares or lacks something.

Or the app itself refuses the load, or its page changed: that ends a race, as no server is to blame.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from whichworker.design import shortages
from whichworker.model import Arm, Code, Failure, Finding, Pool, Question, codes
from whichworker.servers import proxies, table
from whichworker.store.records import Failed, Overloaded

WRONG = ("header", "body", "framing")
"""Another request's response, or a broken one: no shortage causes that."""
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
            *(pair for one in question.workload.every for pair in one.headers),
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


THREADED = ("fastapi", "starlette")
STARLETTE_THREADS = 40
"""Of each process, for sync routes: the default of anyio's limiter."""


def diagnose(
    question: Question, record: Failed | Overloaded, sent: int | None = None
) -> Iterator[Finding]:
    """Findings about the cause. The arm was correct alone in the calibration, so load broke it.

    `sent`: the most requests at once that the load sent, if it is known.
    """
    for failure in record.failures:
        if failure.kind in WRONG:
            yield _shared(question, record.arm, failure)
        elif failure.kind == "status" and SERVER_ERROR.match(_got(failure)):
            yield _short(question, record.arm, failure)
        elif failure.kind == "timeout":
            yield from _late(question, record.arm, failure, sent)


def _shared(question: Question, name: str, failure: Failure) -> Finding:
    slots = _slots(question, name) or "many"
    fact, _, rest = failure.sample.partition("\n")
    text = f"{name} was correct alone and wrong with {slots} requests at once ({fact})"
    return codes.WRONG_UNDER_LOAD.finding(text, arm=name, evidence=rest)


def _short(question: Question, name: str, failure: Failure) -> Finding:
    shortage = shortages.in_text(failure.sample)
    if shortage is not None:
        return _lacking(question, name, shortage)
    slots = _slots(question, name) or "many"
    fact, _, rest = failure.sample.partition("\n")
    text = f"{name} was correct alone and returned errors with {slots} requests at once: {fact}"
    return codes.ERROR_UNDER_LOAD.finding(text, arm=name, evidence=rest)


def _late(question: Question, name: str, failure: Failure, sent: int | None) -> Iterator[Finding]:
    """The shortage in the log, or a known pool that is smaller than the number of threads.

    Its requests may wait longer than the load does, and say so only then. Fewer requests than its
    connections, if `sent` says so, cannot have used it up.
    """
    fact, _, rest = failure.sample.partition("\n")
    if (shortage := shortages.in_text(rest)) is not None:
        yield _lacking(question, name, shortage)
        return
    threads = _each(question, name)
    most = min(threads, sent or threads) if threads else 0
    small = [pool for pool in question.app.pools if pool.connections < most]
    if small:
        yield _exhausted(question, name, small[0].connections, fact, small[0])


def _lacking(question: Question, name: str, shortage: shortages.Shortage) -> Finding:
    slots = _slots(question, name) or "many"
    if shortage.lack == "server":
        text = (
            f"The database refused connections to {name}, which works on {slots} requests at once"
        )
        return codes.CONNECTIONS_REFUSED.finding(text, arm=name, evidence=shortage.line)
    if shortage.lack == "lock":
        text = f"{name} found its SQLite database locked with {slots} requests at once"
        return codes.DATABASE_LOCKED.finding(text, arm=name, evidence=shortage.line)
    known = next(iter(question.app.pools), None)
    size = shortage.pool_connections or (known.connections if known else None)
    return _exhausted(question, name, size, shortage.line, known)


def _exhausted(
    question: Question, name: str, size: int | None, evidence: str, pool: Pool | None
) -> Finding:
    """The pool, the threads that want its connections, and both mends."""
    arm = next((one for one in question.arms if one.name == name), None)
    threads = _each(question, name)
    of = f" of {pool.library}" if pool else ""
    has = f"{size} connections" if size else "too few connections"
    wanted = f"{threads} requests" if threads else "any number of requests"
    text = f"The pool{of} has {has} in each process, and {name} lets {wanted} want one at once"
    option = "max_size" if pool and pool.library == "psycopg_pool" else "pool_size + max_overflow"
    more = f"raise {option} to {threads or 'the number of requests at once'}"
    fewer = "use fewer threads"
    if arm is not None and "threads" in arm.settings:
        fewer = f"use at most {size or 'as many'} threads: {arm.server}[threads={size or 'N'}]"
    elif _on_threads(question, arm):
        fewer = (
            f"let at most {size or 'N'} sync routes run at once:"
            f" anyio.to_thread.current_default_thread_limiter().total_tokens = {size or 'N'}"
        )
    return codes.POOL_EXHAUSTED.finding(
        text, arm=name, evidence=evidence, hint=f"{more}, or {fewer}"
    )


def _on_threads(question: Question, arm: Arm | None) -> bool:
    """Whether its sync routes run on the threads of Starlette."""
    return arm is not None and arm.interface == "asgi" and question.app.framework in THREADED


def _slots(question: Question, name: str) -> int | None:
    """How many requests of one arm the app works on at a time; None: any number."""
    arm = next((one for one in question.arms if one.name == name), None)
    if arm is None:
        return None
    limit = table.load(arm.server).in_flight_limit(arm.settings)
    if not _on_threads(question, arm):
        return limit
    threads = STARLETTE_THREADS * int(arm.settings.get("workers", 1))
    return min(threads, limit or threads)


def _each(question: Question, name: str) -> int | None:
    """The same of one process."""
    slots = _slots(question, name)
    workers = int(question.arm(name).settings.get("workers", 1))
    return slots // workers if slots else None

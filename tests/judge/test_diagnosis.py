"""What a failure under load means."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from tests.conftest import changed, faulty_question

from whichworker.judge.diagnosis import diagnose, distrust, refusal_of_app
from whichworker.model import Failure, Pool, Question, Request
from whichworker.store.records import Failed, Overloaded

QUESTION = faulty_question([("gunicorn-gthread[threads=8]", "")])
NAME = QUESTION.arms[0].name
ERROR = "expected status 200, got 500; body starts 'oops'"


@pytest.mark.parametrize(
    ("kind", "sample", "code", "evidence"),
    [
        ("body", "expected 5 bytes\nmore", "wrong-under-load", "more"),
        (
            "status",
            f"{ERROR}\nx\nFATAL: sorry, too many clients already\ny",
            "connections-refused",
            "FATAL: sorry, too many clients already",
        ),
        (
            "status",
            f"{ERROR}\nQueuePool limit of size 5 overflow 0 reached",
            "pool-exhausted",
            "QueuePool limit of size 5 overflow 0 reached",
        ),
        (
            "status",
            f"{ERROR}\nsqlite3.OperationalError: database is locked",
            "database-locked",
            "sqlite3.OperationalError: database is locked",
        ),
        ("status", f"{ERROR}\nZeroDivisionError", "error-under-load", "ZeroDivisionError"),
    ],
)
def test_each_failure_has_its_meaning(kind: str, sample: str, code: str, evidence: str) -> None:
    (found,) = diagnose(
        QUESTION, Failed(arm=NAME, failures=(Failure(kind=kind, count=3, sample=sample),))
    )
    assert (found.code, found.evidence, found.arm) == (code, evidence, NAME)
    assert found.hint
    assert "8" in found.text, "how many were in progress"


@pytest.mark.parametrize(
    ("kind", "sample"),
    [
        ("status", "expected status 200, got 404"),
        ("timeout", "late"),
        ("died", "gone"),
        ("install", "no"),
    ],
)
def test_what_says_nothing_of_the_app_is_not_explained(kind: str, sample: str) -> None:
    assert not list(
        diagnose(QUESTION, Failed(arm=NAME, failures=(Failure(kind=kind, count=1, sample=sample),)))
    )


def asked(server: str, framework: str, pool: int) -> Question:
    """A question about an app with a pool of so many connections."""
    question = faulty_question([(server, "")])
    app = msgspec.structs.replace(
        question.app,
        framework=framework,
        pools=(Pool(library="SQLAlchemy", connections=pool, seconds=30.0),),
    )
    return changed(question, apps={next(iter(question.apps)): app})


@pytest.mark.parametrize(
    ("server", "framework", "pool", "threads", "mends"),
    [
        ("uvicorn", "fastapi", 15, 40, ("pool_size + max_overflow to 40", "total_tokens = 15")),
        ("granian-asgi[workers=3]", "starlette", 15, 40, ("total_tokens = 15",)),
        ("gunicorn-gthread[workers=2,threads=8]", "flask", 5, 8, ("to 8", "[threads=5]")),
        ("gunicorn-gthread[threads=8]", "flask", 8, None, ()),
        ("uvicorn", "fastapi", 40, None, ()),
        ("uvicorn", "quart", 5, None, ()),  # its coroutines wait without a thread
    ],
)
def test_a_pool_that_is_smaller_than_the_threads_explains_late_responses(
    server: str, framework: str, pool: int, threads: int | None, mends: tuple[str, ...]
) -> None:
    question = asked(server, framework, pool)
    late = Failure(kind="timeout", count=9, sample="GET /items: no complete response within 5 s")
    record = Overloaded(arm=question.arms[0].name, connections=64, failures=(late,))
    found = list(diagnose(question, record))
    if threads is None:
        assert not found
        return
    (finding,) = found
    assert finding.code == "pool-exhausted"
    assert f"SQLAlchemy has {pool} connections" in finding.text
    assert f"lets {threads} requests" in finding.text
    for mend in mends:
        assert mend in finding.hint


@pytest.mark.parametrize(("connections", "used_up"), [(4, False), (15, False), (16, True)])
def test_fewer_requests_than_the_pool_has_connections_cannot_use_it_up(
    connections: int, used_up: bool
) -> None:
    question = asked("uvicorn", "fastapi", 15)
    late = Failure(kind="timeout", count=9, sample="no complete response within the slice")
    arm = question.arms[0].name
    for record in (
        Overloaded(arm=arm, connections=connections, failures=(late,)),
        Failed(arm=arm, failures=(late,)),
    ):
        assert bool(list(diagnose(question, record, connections))) == used_up


def test_the_log_of_a_late_response_says_more_than_the_size() -> None:
    line = "psycopg_pool.PoolTimeout: couldn't get a connection after 30.00 sec"
    late = Failure(kind="timeout", count=9, sample=f"no complete response\n{line}")
    (finding,) = diagnose(QUESTION, Failed(arm=NAME, failures=(late,)))
    assert (finding.code, finding.evidence) == ("pool-exhausted", line)


def record(sample: str, kind: str = "status", **fields: Any) -> Failed:
    return Failed(arm=NAME, failures=(Failure(kind=kind, count=1, sample=sample),), **fields)


@pytest.mark.parametrize(
    ("failed", "code", "fact"),
    [
        (record("expected status 200, got 429 (Retry-After: 7); x"), "rate-limited", "After: 7"),
        (record("expected status 200, got 429; x"), "rate-limited", "status 429 under load"),
        (record("expected status 200, got 429; x", alone=True), "rate-limited", "429"),
        (record("expected status 200, got 403; x"), "bot-check", "a robot: it returns status 403"),
        (record("expected status 200, got 401; x"), "login-expired", "a new login"),
        (record("expected status 200, got 302 (Location: /login/); x"), "login-expired", "302"),
        (record("x", "body", changed="expected '12 minutes'"), "page-changes", "12 minutes"),
    ],
)
def test_what_no_server_is_to_blame_for(failed: Failed, code: str, fact: str) -> None:
    found = refusal_of_app(QUESTION, [record("late", "timeout"), failed])
    assert found is not None
    assert (found.code, found.arm) == (code, None)
    assert fact in found.text
    assert found.hint
    builtin = msgspec.structs.replace(QUESTION.app, name="builtin:django")
    assert refusal_of_app(changed(QUESTION, apps={"3": builtin}), [failed]) is None


@pytest.mark.parametrize(
    "failed",
    [
        record("expected status 200, got 403; x", alone=True),
        record("expected status 200, got 401; x", alone=True),
        record("expected status 200, got 302 (Location: /home); x"),
        record("expected status 200, got 500; body starts 'got 429'"),
        record("x", "body"),
    ],
)
def test_what_the_arm_may_be_to_blame_for(failed: Failed) -> None:
    assert refusal_of_app(QUESTION, [failed]) is None


@pytest.mark.parametrize("of_the_app", [True, False])
def test_a_server_that_does_not_pass_a_proxys_header_on(of_the_app: bool) -> None:
    header = ("X-Forwarded-Proto", "https")
    app = msgspec.structs.replace(QUESTION.app, headers=(header,) if of_the_app else ())
    requests = (Request(headers=() if of_the_app else (header,)),)
    workload = msgspec.structs.replace(QUESTION.workload, requests=requests)
    behind = changed(QUESTION, apps={"3": app}, workload=workload)
    failed = record("expected status 200, got 301 (Location: https://a/); x", alone=True)
    found = distrust(behind, failed)
    assert found is not None
    assert (found.code, found.arm) == ("proxy-untrusted", NAME)
    assert "x-forwarded-proto" in found.text
    assert "--forwarded-allow-ips" in found.hint
    address = "expected a body that contains 'a https://shop/', got 'a http://shop/'"
    assert distrust(behind, record(address, "body", alone=True)) is not None
    assert distrust(behind, record("expected 'a', got 'b'", "body", alone=True)) is None
    assert distrust(QUESTION, failed) is None
    assert distrust(behind, record("expected status 200, got 404; x", alone=True)) is None

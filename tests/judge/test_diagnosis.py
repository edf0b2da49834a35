"""What a failure under load means."""

from __future__ import annotations

import pytest
from tests.conftest import faulty_question

from whichworker.judge.diagnosis import diagnose
from whichworker.model import Failure
from whichworker.store.records import Failed

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
            "connections-refused",
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

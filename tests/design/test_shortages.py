"""What the logs of apps say that ran short of something, as their libraries write it."""

from __future__ import annotations

import pytest

from whichworker.design.shortages import in_text, of_load
from whichworker.model import Failure

LINES = [
    (
        "exc.TimeoutError: QueuePool limit of size 5 overflow 10 reached, connection timed out",
        "pool",
        15,
    ),
    ("psycopg_pool.PoolTimeout: couldn't get a connection after 30.00 sec", "pool", None),
    ("psycopg2.pool.PoolError: connection pool exhausted", "pool", None),
    (
        "mysql.connector.errors.PoolError: Failed getting connection; pool exhausted",
        "pool",
        None,
    ),
    ("FATAL:  sorry, too many clients already", "server", None),
    (
        "asyncpg.exceptions.TooManyConnectionsError: remaining connection slots are reserved",
        "server",
        None,
    ),
    ("pymysql.err.OperationalError: (1040, 'Too many connections')", "server", None),
    ("sqlite3.OperationalError: database is locked", "lock", None),
]


@pytest.mark.parametrize(("line", "lack", "connections"), LINES)
def test_each_library_has_its_words(line: str, lack: str, connections: int | None) -> None:
    found = in_text(f"Traceback (most recent call last):\n  {line}\nGET /items 500")
    assert found is not None
    assert (found.lack, found.line, found.pool_connections) == (lack, line, connections)


@pytest.mark.parametrize("text", ["", "the swimming pool is open", "ValueError: 3"])
def test_other_texts_lack_nothing(text: str) -> None:
    assert in_text(text) is None


@pytest.mark.parametrize(
    ("failures", "fewer"),
    [
        ([("timeout", "no complete response within 5 s")], True),
        ([("status", f"got 500\n{LINES[0][0]}")], True),
        ([("timeout", "late"), ("status", f"got 500\n{LINES[0][0]}")], True),
        ([("timeout", "late"), ("status", f"got 500\n{LINES[4][0]}")], False),
        ([("status", "got 500\nsqlite3.OperationalError: database is locked")], False),
        ([("status", "got 500\nZeroDivisionError")], False),
        ([("timeout", "late"), ("body", "another page")], False),
        ([("worker", "worker 3 died of SIGSEGV")], False),
    ],
)
def test_fewer_requests_help_against_a_shortage_alone(
    failures: list[tuple[str, str]], fewer: bool
) -> None:
    assert (
        of_load([Failure(kind=kind, count=1, sample=sample) for kind, sample in failures]) is fewer
    )

"""The status of several services, for a wide terminal, a narrow one, a log and a program."""

from __future__ import annotations

import io
import json

import msgspec
import pytest
from rich.console import Console

from whichworker.report import status
from whichworker.report.status import ServiceStatus, State, Status, Traffic
from whichworker.result import encode

UP = ServiceStatus(
    name="granian-wsgi[workers=2]",
    version="2.8.7",
    python="3.12.1",
    address="127.0.0.1:8000",
    state="up",
    command=("granian",),
    processes=3,
    threads=14,
    memory_bytes=123_456_789,
    cpu_cores=1.234,
    traffic=Traffic(
        connections_open=64,
        connections=1064,
        segments_received=1_234_567,
        bytes_received=9,
        bytes_sent=9,
    ),
    segments_per_second=5663.4,
)
FAILED = ServiceStatus(
    name="uvicorn",
    version="0.54.0",
    python="3.12.1",
    address="127.0.0.1:8001",
    state="failed",
    command=(),
    restarts=3,
    failure="it ended",
)
STATUS = Status(at="2026-01-02T03:04:05Z", app="mysite", services=(UP, FAILED))


def drawn(width: int) -> list[str]:
    """The lines of the table, with single spaces."""
    console = Console(file=io.StringIO(), width=width)
    console.print(status.table(STATUS, console.width))
    file = console.file
    assert isinstance(file, io.StringIO)
    return [" ".join(line.split()) for line in file.getvalue().splitlines()]


def test_a_wide_table_shows_everything() -> None:
    assert drawn(120) == [
        "name address state proc thr open connections segments in /s memory CPU",
        "granian-wsgi[workers=2] 127.0.0.1:8000 up 3 14 64 1,064 1,234,567 5,663 123 MB 123 %",
        "uvicorn 127.0.0.1:8001 failed +3 – – – – – – – –",
    ]


def test_a_narrow_table_has_whole_words_and_no_cut_numbers() -> None:
    assert drawn(80) == [
        "name port state proc thr segments in /s memory CPU",
        "granian-wsgi[workers=2] 8000 up 3 14 1,234,567 5,663 123 MB 123 %",
        "uvicorn 8001 failed +3 – – – – – –",
    ]


def test_a_log_has_a_line_for_each_service_with_what_is_known() -> None:
    first, second = status.lines(STATUS)
    assert first == (
        "granian-wsgi[workers=2] 127.0.0.1:8000 up, processes 3, threads 14, open 64,"
        " connections 1,064, "
        "segments in 1,234,567, /s 5,663, memory 123 MB, CPU 123 %"
    )
    assert second == "uvicorn 127.0.0.1:8001 failed (restarts 3)"


def test_the_json_has_null_where_nothing_is_known() -> None:
    found = json.loads(encode(STATUS))
    assert found["schema"] == status.SCHEMA
    assert found["services"][0]["traffic"]["segments_received"] == 1_234_567
    assert found["services"][1]["traffic"] is None
    assert found["services"][1]["memory_bytes"] is None


def test_counts_that_miss_something_are_marked() -> None:
    traffic = Traffic(
        connections_open=1,
        connections=2,
        segments_received=3,
        bytes_received=4,
        bytes_sent=5,
        complete=False,
    )
    (line,) = status.lines(
        Status(at="", app="", services=(msgspec.structs.replace(UP, traffic=traffic),))
    )
    assert "connections ≥2, segments in ≥3" in line
    assert "open 1," in line


@pytest.mark.parametrize(
    ("state", "restarts", "shown", "short"),
    [
        ("up", 0, "up", "up"),
        ("up", 2, "up (restarts 2)", "up +2"),
        ("restarting", 1, "restarting 1", "restarting 1"),
    ],
)
def test_the_words_for_a_state(state: State, restarts: int, shown: str, short: str) -> None:
    service = msgspec.structs.replace(UP, state=state, restarts=restarts)
    assert status.state_of(service) == shown
    assert status.state_of(service, short=True) == short

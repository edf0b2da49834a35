"""`make truth` leaves a table: what was planted, what was found, when and where."""

from __future__ import annotations

import datetime
import os
from pathlib import Path

import pytest

from whichworker.probes import machine

PAGE = Path(__file__).parent / "RESULTS.md"
LINES = 4  # of a test's output in the table
ROWS: list[tuple[str, str, float, str]] = []


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Remember each test that was run, or skipped, and the last lines it printed."""
    if report.when == "call" or (report.when == "setup" and report.skipped):
        said = [line.strip() for line in report.capstdout.splitlines() if line.strip()][-LINES:]
        ROWS.append(
            (report.nodeid.partition("::")[2], report.outcome, report.duration, "; ".join(said))
        )


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Write the table only on request: a run of one test must not replace it."""
    if not os.environ.get("WHICHWORKER_TRUTH_TABLE") or not ROWS:
        return
    described = machine.describe()
    lines = [
        "# What the truth tests found",
        "",
        (
            f"{datetime.datetime.now(datetime.UTC):%Y-%m-%d}, {described.cpu}, "
            f"{described.cores} cores, {described.system}."
        ),
        "Written by `make truth`.",
        "",
        "| test | outcome | seconds | what it saw |",
        "| --- | --- | ---: | --- |",
    ]
    lines += [
        f"| {name} | {outcome} | {seconds:.0f} | {said.replace('|', '/')} |"
        for name, outcome, seconds, said in ROWS
    ]
    PAGE.write_text("\n".join(lines) + "\n", encoding="utf-8")

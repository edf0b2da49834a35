"""The page of the matrix from made-up cells: marks, timeouts, absences, and disagreements."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.conformance.cells import PLATFORMS, Cell
from tests.conformance.expected import EXPECTED
from tests.conformance.generate import PAGE
from tests.conformance.matrix import differences, mark, page

from whichworker.conformance.cases import CASES, Outcome
from whichworker.servers import table

NOTES = {"stop": "drains", "reload": "rolls", "chunked": "reads", "keep-alive": "reuses"}


def cell(arm: str, *changed: Outcome, python: str = "3.12") -> Cell:
    """A cell in which all but some outcomes are correct."""
    found = {outcome.case: outcome for outcome in changed}
    outcomes = tuple(
        found.get(case.name, Outcome(case=case.name, note=NOTES.get(case.name, "")))
        for case in CASES
    )
    return Cell(
        arm=arm,
        django="6.1",
        python=python,
        date="2000-01-01",
        version="1.0",
        exact_django="6.1.9",
        outcomes=outcomes,
    )


def failed(case: str, kind: str, note: str = "") -> Outcome:
    return Outcome(
        case=case,
        state="timeout" if kind == "timeout" else "failed",
        kind=kind,
        evidence="seen | this",
        note=note,
    )


@pytest.mark.parametrize(
    ("arm", "outcome", "shown"),
    [
        ("uvicorn", Outcome(case="stop", note="drains"), "✓ drains"),
        ("uvicorn", failed("post", "body"), "✗ body"),
        ("uvicorn", failed("slow-async", "status"), "✗ status"),
        ("gunicorn-gevent", failed("slow-async", "status"), "(✗) status"),
        ("uvicorn", failed("slow", "slow"), "! slow"),
        ("waitress", failed("chunked", "body", "0 bytes"), "! 0 bytes"),
        ("waitress", failed("post", "timeout"), "⧗"),
        ("waitress", Outcome(case="reload", state="not applicable"), "–"),
    ],
)
def test_marks(arm: str, outcome: Outcome, shown: str) -> None:
    assert mark(cell(arm, outcome), outcome.case) == shown


def test_disagreement_is_printed_in_both_directions() -> None:
    assert list(differences(cell("gunicorn-asgi"))) == []
    assert list(differences(cell("gunicorn-gthread"))) == [("chunked", "0 bytes", "reads")]
    assert list(differences(cell("gunicorn-asgi", failed("stop", "reset", "drops")))) == [
        ("stop", "drains", "drops")
    ]
    assert list(differences(cell("gunicorn-asgi", failed("post", "body")))) == [
        ("post", "right", "body")
    ]
    assert ("slow-async", "fails", "right") in list(differences(cell("gunicorn-gevent")))
    assert "slow-async" not in {
        case for case, *_ in differences(cell("gunicorn-gevent", failed("slow-async", "status")))
    }


def test_the_page_has_everything() -> None:
    late, dropping = (
        cell("waitress", failed("post", "timeout")),
        cell("uvicorn", failed("stop", "reset", "drops")),
    )
    cells = [late, cell("waitress", python="3.13"), dropping]
    absent = Cell(arm="uwsgi", django="6.1", python="3.12", date="2000-01-01", reason="no compiler")
    text = page([*cells, absent], ["waitress", "uvicorn", "uwsgi"], "2000-01-02")
    assert "2000-01-02" in text
    assert "| waitress | 6.1 | 3.12 | post | 0 |" in text
    assert "| uvicorn | stop | drains | drops | 6.1/3.12 |" in text
    assert "| waitress | post | timeout | 6.1/3.12 | seen \\| this |" in text
    assert "| uwsgi | 6.1/3.12 | no compiler |" in text
    for django, python in PLATFORMS:
        assert f"## Django {django}, Python {python}" in text


def test_what_was_expected_is_of_servers_and_cases_that_are_there() -> None:
    assert set(EXPECTED) <= set(table.SERVERS)
    assert {case for wanted in EXPECTED.values() for case in wanted} <= {
        case.name for case in CASES
    }


def test_the_committed_page_shows_the_contenders_and_every_case() -> None:
    text = Path(PAGE).read_text(encoding="utf-8")
    assert all(f"| {name} |" in text for name in table.CONTENDERS)
    assert all(f"| {case.name} | {case.title} |" in text for case in CASES), (
        "run `make conformance`"
    )

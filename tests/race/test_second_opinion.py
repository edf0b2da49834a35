"""An arm is out by its own fault, or the app ends the race for all arms."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.conftest import calibrations_of, faulty_bench

from whichworker.judge.diagnosis import refusal_of_app
from whichworker.load.generator import Generator
from whichworker.store.records import Failed, Prepared

pytestmark = pytest.mark.servers


@pytest.mark.parametrize(
    ("fault", "code"), [("late-limit", "rate-limited"), ("ages", "page-changes")]
)
def test_the_app_ends_the_race_before_the_next_arm_starts(
    fault: str, code: str, tmp_path: Path, generator: Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FAULT_MARK", str(tmp_path / "aged"))
    monkeypatch.setenv("FAULT", fault)
    bench = faulty_bench([("waitress", fault), ("gunicorn-gthread", "")], tmp_path)
    found = calibrations_of(bench, generator)
    assert list(found) == ["waitress"]
    (record,) = found.values()
    assert isinstance(record, Failed)
    refusal = refusal_of_app(bench.question, [record])
    assert refusal is not None
    assert refusal.code == code
    assert bool(record.changed) == (fault == "ages")


def test_a_page_that_changed_before_the_first_arm_is_no_servers_fault(
    tmp_path: Path, generator: Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    mark = tmp_path / "aged"
    monkeypatch.setenv("FAULT_MARK", str(mark))
    monkeypatch.setenv("FAULT", "ages")
    mark.touch()
    bench = faulty_bench([("waitress", "ages"), ("gunicorn-gthread", "ages")], tmp_path)
    (record,) = calibrations_of(bench, generator).values()
    assert isinstance(record, Failed)
    refusal = refusal_of_app(bench.question, [record])
    assert refusal is not None
    assert refusal.code == "page-changes"
    assert "got '3}'" in refusal.text


@pytest.mark.parametrize("fault", ["late-body", "body"])
def test_an_arm_that_shares_what_it_must_not_is_out_alone(
    fault: str, tmp_path: Path, generator: Generator
) -> None:
    bench = faulty_bench([("gunicorn-gthread", ""), ("waitress", fault)], tmp_path)
    found = calibrations_of(bench, generator)
    assert isinstance(found["gunicorn-gthread"], Prepared)
    record = found["waitress"]
    assert isinstance(record, Failed)
    assert not record.changed
    assert refusal_of_app(bench.question, [record]) is None

"""What the page says of a journal: while it is written, at its end, and of each kind of run."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.judge.stories import CUT, END, SERVERS, SERVICE_TEXT, Story
from whichworker.design.capacity import slo
from whichworker.live.standing import Clock, LiveStanding, standing_of
from whichworker.model import Failure, Terms
from whichworker.store.journal import Journal
from whichworker.store.open_loop import Shot, Sought
from whichworker.store.records import Failed, Record, RunSession

NOW = datetime(2025, 1, 1, 12, 0, 40, tzinfo=UTC)
WRITTEN, ABANDONED = Clock(NOW, NOW - timedelta(minutes=2)), Clock(NOW, None)


def read(folder: Path, *records: Record, clock: Clock = WRITTEN) -> LiveStanding:
    path = folder / "journal.jsonl"
    path.unlink(missing_ok=True)
    with Journal(path) as journal:
        for record in records:
            journal.append(record)
    return standing_of(Journal.read(path), clock)


def test_a_run_that_only_begins_says_so(tmp_path: Path) -> None:
    story = Story(tmp_path, SERVERS)
    shown = read(tmp_path, *story.records[:1])
    assert shown.state == "measuring"
    assert shown.headline == "Nothing is decided yet"
    assert shown.phase == "Each setup is started once: 0 of 3 done"
    assert [row.word for row in shown.rows] == ["waits"] * 3
    assert shown.spent_seconds == pytest.approx(40.0)


def test_a_running_race_shows_claims_with_intervals(tmp_path: Path) -> None:
    story = Story(tmp_path, SERVERS).rounds(40)
    shown = read(tmp_path, *story.records)
    assert shown.state == "measuring"
    assert shown.phase.startswith("Round ")
    assert shown.headline.startswith("Clear winner: granian-wsgi")
    lead, second, last = shown.rows
    assert (lead.name, lead.ratio, lead.word) == ("granian-wsgi", 1.0, "leader")
    assert second.name == "gunicorn-gthread"
    assert second.low is not None and second.high is not None and second.ratio is not None
    assert second.low < second.ratio < second.high < 1
    assert last.name == "waitress"
    assert second.band == pytest.approx((0.97, 1.03))
    assert "the time ended" not in shown.headline


@pytest.mark.parametrize(("end", "state"), [(END, "finished"), (CUT, "interrupted")])
def test_the_end_of_a_run_is_its_verdict(tmp_path: Path, end: Record, state: str) -> None:
    story = Story(tmp_path, SERVERS).rounds(40).add(end)
    shown = read(tmp_path, *story.records)
    assert (shown.state, shown.phase) == (state, state.capitalize())
    assert shown.decide_seconds is None
    assert isinstance(end, RunSession)
    assert shown.spent_seconds == end.seconds


def test_a_run_that_was_killed_is_not_measuring(tmp_path: Path) -> None:
    story = Story(tmp_path, SERVERS).rounds(40)
    shown = read(tmp_path, *story.records, clock=ABANDONED)
    assert (shown.state, shown.phase) == ("interrupted", "Interrupted")
    assert shown.spent_seconds == pytest.approx(40.0), "until its last record"


def test_a_resumed_run_counts_both_sessions(tmp_path: Path) -> None:
    story = Story(tmp_path, SERVERS).rounds(20).add(CUT)
    more = Clock(NOW, NOW - timedelta(seconds=10))
    shown = read(tmp_path, *story.records, story.records[-2], clock=more)
    assert shown.state == "measuring"
    assert shown.spent_seconds == pytest.approx(CUT.seconds + 10)
    assert shown.budget_seconds is None, "a resumed run may have more time"


def test_a_setup_that_failed_says_why(tmp_path: Path) -> None:
    story = Story(tmp_path, SERVERS)
    why = Failure(kind="start", count=1, sample="no module named blue\nTraceback")
    shown = read(tmp_path, story.records[0], Failed(arm="waitress", failures=(why,), alone=True))
    row = next(row for row in shown.rows if row.name == "waitress")
    assert (row.word, row.out) == ("failed", "no module named blue")


def test_a_gate_shows_its_measures_and_its_limit(tmp_path: Path) -> None:
    terms = Terms(seed=3, claims="all", most_loss=0.05)
    story = Story(tmp_path, SERVERS[:2], terms=terms).rounds(40)
    shown = read(tmp_path, *story.records)
    assert shown.kind == "gate"
    speed, _, memory, _ = shown.rows
    assert speed.band == pytest.approx((0.95, 1 / 0.95))
    assert memory.band is None, "it has no limit"
    assert speed.name == "throughput"
    assert speed.low is not None and speed.high is not None
    assert len(speed.figures) == len(shown.columns) == 2


def test_an_objective_shows_each_test_of_a_rate(tmp_path: Path) -> None:
    story = Story(tmp_path, SERVERS).rounds(40)
    sought = Sought(
        slo=slo.parse("p99<50ms"),
        finalists=("granian-wsgi",),
        throughput={"granian-wsgi": 2000.0},
        connections=8,
        stall_seconds=0.0001,
    )
    shot = Shot(
        arm="granian-wsgi", launch=1, phase="search", rate=1500.0, settle_seconds=1.0,
        window_seconds=2.0, count=3000, missed=(7,), good=2993, failures=(), response=SERVICE_TEXT,
    )  # fmt: skip
    shown = read(tmp_path, *story.records, sought, shot)
    assert shown.capacities is not None
    assert shown.capacities.objective == "p99<50ms"
    (only,) = shown.capacities.tries
    assert (only.late, only.count, only.rate) == (7, 3000, "1,500/s")
    assert only.allowed == pytest.approx(0.01)
    assert shown.phase == "Capacity: granian-wsgi at 1,500/s"

"""The main path on real servers, in seconds."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest
from tests.conftest import changed, faulty_bench, planned, processes_with
from tests.silent import Silent

from whichworker.design.rounds import TWIN
from whichworker.judge.replay import replay
from whichworker.load.generator import Generator
from whichworker.race import investigation
from whichworker.race import run as main_path
from whichworker.race.watch import Progress
from whichworker.store.journal import FILE, Journal
from whichworker.store.records import Launched, Left, Prepared, RoundEnd, Settled, Slice, Window

pytestmark = [pytest.mark.servers, pytest.mark.alone]

ARMS = [("waitress", ""), ("gunicorn-sync", "slow")]
MOST_ROUNDS = 40


class Listener(Silent):
    """The events of a watch; it ends an undecided race after forty rounds."""

    def __init__(self) -> None:
        self.prepared_: list[str] = []
        self.progress: list[Progress] = []
        self.slices: list[Slice] = []

    def prepared(self, record: Prepared) -> None:
        self.prepared_.append(record.arm)

    def slice(self, arm: str, seen: Slice, progress: Progress) -> None:
        assert seen.arm == arm
        self.slices.append(seen)
        self.progress.append(progress)
        if seen.round > MOST_ROUNDS:
            raise KeyboardInterrupt


def test_a_race_of_two_servers_from_launch_to_verdict(tmp_path: Path) -> None:
    """waitress beside a gunicorn whose app burns 2 ms for each response."""
    watch = Listener()
    result = investigation.carry_out(
        planned(faulty_bench(ARMS, tmp_path), seconds=20), watch, "whichworker race"
    )
    assert not processes_with(f"TMPDIR={tmp_path}")
    with Journal(tmp_path / FILE) as journal:
        slices, ends = list(journal.of(Slice)), list(journal.of(RoundEnd))
        (settled,) = journal.of(Settled)
        launched = [(one.arm, one.generation) for one in journal.of(Launched)]
        left = [(one.arm, one.generation) for one in journal.of(Left)]
        windows = list(journal.of(Window))
        again = replay(journal.header().question, settled, journal)
    assert watch.prepared_ == ["waitress", "gunicorn-sync"] == [one.arm for one in windows]
    assert watch.slices == slices, "everything that the watch is told is in the journal"
    assert settled.twin_of == "waitress"
    assert launched[:3] == [("waitress", 1), ("gunicorn-sync", 1), (TWIN, 1)]
    assert len(set(launched)) == len(launched)
    if result.run.finished:
        assert sorted(left) == sorted(launched), "how each launch ended is told"
    for end in ends:
        of_round = {one.place: one.arm for one in slices if one.round == end.number}
        assert sorted(of_round) == list(range(len(of_round)))
        assert not end.abandoned and end.seconds > 0
    for number, one in enumerate(watch.progress):
        assert (one.place, one.round) == (slices[number].place + 1, slices[number].round)
        assert 0 < one.spent_seconds < one.budget_seconds + 1
    assert result.blocks == len(ends) == again.rounds
    assert result.twin is not None and result.twin.arm == "waitress"
    measured = [one for one in slices if not one.refused]
    assert all(
        one.requests > 0 and one.seconds > 0 and one.responses >= one.requests for one in measured
    )
    if min(sum(one.arm == name for one in measured) for name in ("waitress", "gunicorn-sync")) < 4:
        pytest.skip("others used this machine in nearly every slice")
    arms = {arm.name: arm for arm in result.arms}
    assert {arm.state for arm in arms.values()} == {"ranked"}
    assert arms["waitress"].windows == sum(
        one.arm in ("waitress", TWIN) for one in measured if one.round <= result.blocks
    )
    if result.validity.state == "valid":  # by chance, twins differ in one run of twenty
        assert result.leader == "waitress"
        assert [(claim.better, claim.worse) for claim in result.claims] == [
            ("waitress", "gunicorn-sync")
        ]
        assert result.verdict is not None and result.verdict.state == "clear"


def test_a_race_ends_in_its_time_and_stops_who_is_alive(
    tmp_path: Path, generator: Generator
) -> None:
    """Two equal arms, which never differ; slices count the time, so that the test needs none."""
    bench = faulty_bench([("waitress", ""), ("waitress", "")], tmp_path)
    apps = {
        label: msgspec.structs.replace(app, name="builtin:faults")
        for label, app in bench.question.apps.items()
    }
    bench = msgspec.structs.replace(bench, question=changed(bench.question, apps=apps))
    watch = Listener()
    with Journal(tmp_path / FILE) as journal:
        raced = main_path.race(
            bench, generator, journal, watch, lambda: 30.0 if len(watch.slices) < 30 else 0.0
        )
        rounds = [record.number for record in journal.of(RoundEnd)]
    assert raced is not None and raced.rounds == rounds[-1]
    assert 30 <= len(watch.slices) < 30 + 4 * 3, "a round that has begun is ended"
    assert not processes_with(f"TMPDIR={tmp_path}")


def test_without_time_or_without_an_arm_there_is_no_race(
    tmp_path: Path, generator: Generator
) -> None:
    bench = faulty_bench([("waitress", "import"), ("gunicorn-sync", "")], tmp_path)
    with Journal(tmp_path / "a" / FILE) as journal:
        assert main_path.race(bench, generator, journal, Silent(), lambda: 0.0) is None
        assert journal.records == []
    bench = faulty_bench([("waitress", "import")], tmp_path)
    with Journal(tmp_path / "b" / FILE) as journal:
        assert main_path.race(bench, generator, journal, Silent(), lambda: 30.0) is None
        assert [type(record).__name__ for record in journal.records] == ["Failed"]

"""Stands whose launches are alive together: slices, portraits, cells, and resumed runs."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import msgspec
import pytest
from tests.conftest import RIGHT, faulty_bench, processes_with
from tests.studies.test_cells import STAND, arm, asked, planned, window

from whichworker.design.slice_sizes import SKIPPED_TURNS
from whichworker.model import Failure, Reading, Request, Session, Workload
from whichworker.result.study import Cell
from whichworker.store.journal import FILE, Journal
from whichworker.store.records import Prepared, RoundEnd, Slice, StandFailed, StandWindow
from whichworker.studies.amounts import is_quick, users_in_slices
from whichworker.studies.campaign import measure_study
from whichworker.studies.cells import Table, latency, rate
from whichworker.studies.plan import Stand, StandAsk, StudyPlan, cell_name
from whichworker.studies.side_by_side import Calibrated, rounds_of
from whichworker.studies.watch import StudyProgress

ARMS = [("waitress", ""), ("gunicorn-sync", ""), ("waitress", "slow")]
QUICK = StandAsk(
    key="answer",
    workload=Workload(name="answer", title="", requests=(Request(path="/", answer=RIGHT),)),
    users=4,
    launches=2,
)


@pytest.mark.parametrize(
    ("changes", "quick"),
    [
        ({}, True),
        ({"service_seconds": 0.02}, True),
        ({"service_seconds": 0.1}, False),
        ({"settle_seconds": 1.0}, False),
        ({"keep_alive": False}, False),
        ({"drain": False}, False),
        ({"overfull": True}, False),
        ({"upstream": True}, False),
        ({"sessions": (Session(name="visit", steps=()),)}, False),
    ],
)
def test_what_is_waited_for_stays_a_window(changes: dict[str, Any], quick: bool) -> None:
    assert is_quick(msgspec.structs.replace(QUICK, **changes)) is quick


def test_a_server_that_starves_connections_has_no_more_than_its_threads() -> None:
    assert users_in_slices(Stand(key="a", app="a", arm=arm("uwsgi", threads=4), asks=()), 16) == 4
    assert (
        users_in_slices(Stand(key="a", app="a", arm=arm("waitress", threads=4), asks=()), 16) == 16
    )


@pytest.mark.parametrize(("share", "count"), [(0.0, 2), (0.3, 3), (10.0, 12)])
def test_rounds_fill_the_time_of_the_windows_that_they_replace(share: float, count: int) -> None:
    cells = {"fast": Calibrated(16, 5000.0), "slow": Calibrated(16, 1000.0)}
    assert rounds_of(cells, share, 2, 12) == pytest.approx(count, abs=1)


def test_a_calibration_is_read_back_from_its_record() -> None:
    record = Prepared(
        arm="a",
        ladder={16: 1600.0},
        response_seconds=0.01,
        cold_start_seconds=1.0,
        command=(),
        connections=16,
    )
    assert Calibrated.read(record).part.uncounted == 16 * SKIPPED_TURNS


class Quiet:
    """A watcher that may interrupt."""

    def __init__(self, interrupt_after: int = 1_000) -> None:
        self.windows, self.interrupt_after = 0, interrupt_after

    def note(self, text: str) -> None: ...
    def out(self, stand: str, ask: str, failures: tuple[Failure, ...]) -> None: ...

    def asked(self, stand: str, ask: str, reading: Reading, progress: StudyProgress) -> None:
        self.windows += 1
        if self.windows >= self.interrupt_after:
            raise KeyboardInterrupt


@pytest.fixture
def plan(tmp_path: Path) -> StudyPlan:
    bench = faulty_bench(ARMS, tmp_path)
    names = [one.name for one in bench.question.arms]
    assert len(set(names)) == len(ARMS)
    stands = tuple(
        Stand(key=f"{one.name} on faults", app="faults", arm=one, asks=(QUICK,))
        for one in bench.question.arms
    )
    return StudyPlan(
        study="any",
        stands=stands,
        benches={"faults": bench},
        absent=(),
        folder=tmp_path,
        seed=1,
        seconds=40.0,
    )


def cells_of(plan: StudyPlan, journal: Journal) -> list[Cell]:
    table = Table(plan, journal)
    return [table.cell(stand.key, "answer", rate) for stand in plan.stands]


@pytest.mark.slow
@pytest.mark.servers
@pytest.mark.timeout(200)
def test_quick_cells_are_measured_side_by_side_and_a_cut_study_goes_on(
    plan: StudyPlan, tmp_path: Path
) -> None:
    with Journal(tmp_path / FILE) as journal:
        with pytest.raises(KeyboardInterrupt):
            measure_study(plan, journal, Quiet(interrupt_after=2))
        assert not processes_with(f"TMPDIR={tmp_path}")
        kept = len(list(journal.of(Slice)))
        assert kept
    with Journal(tmp_path / FILE) as journal:
        measure_study(plan, journal, Quiet())
        assert len(list(journal.of(Prepared))) == len(ARMS), "a calibration is not made again"
        numbers = [record.number for record in journal.of(RoundEnd)]
        assert numbers == sorted(set(numbers))
        windows = [record for record in journal.of(StandWindow) if not record.reading.refused]
        if any(record.lost for record in journal.of(Slice)) or len(windows) != 2 * len(ARMS):
            return  # on a machine that was busy with something else
        waitress, gunicorn, slow = cells_of(plan, journal)
        assert waitress.value
        assert gunicorn.value
        assert slow.value
        assert waitress.interval == "side by side"
        assert (waitress.launches, waitress.state) == (2, "measured")
        assert slow.value < waitress.value / 2, "it computes for two milliseconds more"
        assert slow.high is not None
        assert waitress.low is not None
        assert (
            Table(plan, journal)
            .cell(plan.stands[0].key, "answer", latency(0.5), metric="p50", unit="s")
            .value
        )


@pytest.mark.slow
@pytest.mark.servers
@pytest.mark.timeout(200)
def test_a_stand_that_answers_wrongly_is_out_and_the_others_are_not(tmp_path: Path) -> None:
    bench = faulty_bench(
        [("waitress", ""), ("waitress", "late-body"), ("gunicorn-sync", "")], tmp_path
    )
    stands = tuple(
        Stand(key=f"{one.name} on faults", app="faults", arm=one, asks=(QUICK,))
        for one in bench.question.arms
    )
    plan = StudyPlan(
        study="any",
        stands=stands,
        benches={"faults": bench},
        absent=(),
        folder=tmp_path,
        seed=1,
        seconds=40.0,
    )
    with Journal(tmp_path / FILE) as journal:
        measure_study(plan, journal, Quiet())
        assert {record.stand for record in journal.of(StandFailed)} == {stands[1].key}
        right, wrong, other = cells_of(plan, journal)
        assert (wrong.value, wrong.state, wrong.note) == (None, "failed", "wrong answers")
        assert {right.state, other.state} <= {"measured", "absent"}, (
            "absent on a machine that was busy with something else"
        )


def test_an_older_journal_of_windows_alone_is_still_read() -> None:
    plan = planned(Stand(key=STAND, app="a", arm=arm("uvicorn"), asks=(asked(),)))
    journal = Journal(Path())
    journal.records = [window(100), window(200), window(400)]
    cell = Table(plan, journal).cell(STAND, "json", rate)
    assert cell.value == pytest.approx(200)
    assert (cell.interval, cell.launches) == ("launches", 3)


def test_the_rate_of_slices_takes_the_place_of_the_portraits() -> None:
    names = ("a", "b")
    plan = planned(
        *(Stand(key=name, app="a", arm=arm("uvicorn"), asks=(asked(),)) for name in names)
    )
    journal = Journal(Path())
    for block in (1, 2, 3):
        for name in names:
            journal.records.append(
                Slice(
                    round=block,
                    place=0,
                    arm=cell_name(name, "json"),
                    generation=block,
                    requests=100 if name == "a" else 50,
                    seconds=1.0,
                    responses=100,
                    whole_seconds=1.0,
                    at=block + 0.1,
                )
            )
        journal.records.append(RoundEnd(number=block))
        journal.records += [
            msgspec.structs.replace(window(77, stand=name), block=block) for name in names
        ]
    cell = Table(plan, journal).cell("a", "json", rate)
    assert cell.value == pytest.approx(100)
    assert (cell.interval, cell.launches) == ("side by side", 3)
    assert (
        Table(plan, journal).cell("a", "json", latency(0.5), metric="p50", unit="s").interval
        == "launches"
    )
    assert cast(float, Table(plan, journal).cell("b", "json", rate).value) == pytest.approx(50)

"""From records to cells: values with intervals, ceilings, and notes where there is no value."""

from __future__ import annotations

from pathlib import Path

import pytest

from whichworker.model import Arm, Failure, Probes, Reading, Tally, Workload
from whichworker.model.histogram import Histogram
from whichworker.store.journal import Journal
from whichworker.store.records import Record, StandFailed, StandWindow
from whichworker.studies.cells import Table, latency, latency_mean, rate, stand_key, within_stdev
from whichworker.studies.plan import Absent, Stand, StandAsk, StudyPlan

STAND = "uvicorn on builtin:django"


def arm(server: str, **settings: int) -> Arm:
    return Arm(
        name=server,
        server=server,
        kind="",
        family="",
        interface="wsgi",
        requirements=(),
        python="3.11",
        settings={"workers": 1, "limit": 0, **settings},
    )


def planned(*stands: Stand, absent: tuple[Absent, ...] = ()) -> StudyPlan:
    return StudyPlan(
        study="any", stands=stands, benches={}, absent=absent, folder=Path(), seed=1, seconds=1.0
    )


def asked(key: str = "json", **changes: float) -> StandAsk:
    return StandAsk(
        key=key,
        workload=Workload(name=key, title="", requests=()),
        users=10,
        **changes,  # type: ignore[arg-type]
    )


def window(
    per_second: int,
    *,
    stand: str = STAND,
    ask: str = "json",
    latencies: tuple[int, ...] = (),
    refused: str = "",
) -> StandWindow:
    times = Histogram()
    times.record_all(latencies or (1_000_000,) * per_second)
    tally = Tally(
        engine="epoll",
        seconds=1.0,
        requests=per_second,
        statuses={"200": per_second},
        failures=(),
        service=times.to_hdr(),
    )
    probes = Probes(
        seconds=1.0,
        server_cpu_seconds=0.5,
        memory_bytes=1,
        processes=1,
        threads=1,
        foreign_share=0.0,
        steal_share=0.0,
        listen_overflows=0,
        retransmits=0,
    )
    return StandWindow(
        block=1,
        stand=stand,
        ask=ask,
        reading=Reading(
            tally=tally, probes=probes, cold_start_seconds=0.1, connections=10, refused=refused
        ),
    )


def table(plan: StudyPlan, *records: Record) -> Table:
    journal = Journal(Path())
    journal.records = list(records)
    return Table(plan, journal)


def test_three_launches_make_an_interval_around_their_geometric_mean() -> None:
    plan = planned(Stand(key=STAND, app="a", arm=arm("uvicorn"), asks=(asked(),)))
    cell = table(plan, window(100), window(200), window(400)).cell(
        STAND, "json", rate, published=50.0
    )
    assert cell.value == pytest.approx(200)
    assert cell.low is not None
    assert cell.high is not None
    assert cell.low < 200 < cell.high
    assert (cell.state, cell.note, cell.published, cell.launches) == ("measured", "", 50.0, 3)


def test_two_launches_make_none() -> None:
    plan = planned(Stand(key=STAND, app="a", arm=arm("uvicorn"), asks=(asked(),)))
    cell = table(plan, window(100), window(200)).cell(STAND, "json", rate)
    assert (cell.low, cell.high) == (None, None)


def test_a_refused_window_is_counted_and_not_used() -> None:
    plan = planned(Stand(key=STAND, app="a", arm=arm("uvicorn"), asks=(asked(),)))
    found = table(plan, window(100), window(900, refused="others used 40% of the cores"))
    assert found.cell(STAND, "json", rate).value == pytest.approx(100)
    assert (found.refused, found.tried) == (1, 2)


def test_a_value_at_users_by_service_time_is_at_its_ceiling() -> None:
    plan = planned(
        Stand(key=STAND, app="a", arm=arm("uvicorn"), asks=(asked(service_seconds=0.1),))
    )
    cell = table(plan, window(99)).cell(STAND, "json", rate)
    assert (cell.ceiling, cell.state, cell.note) == (100.0, "ceiling", "at its ceiling")
    assert cell.value == pytest.approx(99)
    assert "10 users" in cell.evidence


def test_what_is_above_the_ceiling_is_not_printed() -> None:
    plan = planned(
        Stand(key=STAND, app="a", arm=arm("uvicorn"), asks=(asked(service_seconds=0.1),))
    )
    cell = table(plan, window(148)).cell(STAND, "json", rate, published=12.0)
    assert (cell.value, cell.state, cell.note, cell.published) == (
        None,
        "failed",
        "wrong answers",
        12.0,
    )
    assert "148/s is above the ceiling of 100/s" in cell.evidence


def test_slots_are_a_ceiling_too() -> None:
    plan = planned(
        Stand(
            key=STAND,
            app="a",
            arm=arm("gunicorn-gthread", threads=4),
            asks=(asked(service_seconds=1.0),),
        )
    )
    cell = table(plan, window(4)).cell(STAND, "json", rate)
    assert (cell.ceiling, cell.state) == (4.0, "ceiling")
    assert "4 slots" in cell.evidence


def test_one_failure_has_a_second_chance_two_have_none() -> None:
    plan = planned(Stand(key=STAND, app="a", arm=arm("uvicorn"), asks=(asked(),)))
    failed = StandFailed(
        block=1,
        stand=STAND,
        ask="json",
        failures=(Failure(kind="status", count=3, sample="500\nTraceback"),),
    )
    assert table(plan, failed, window(100)).cell(STAND, "json", rate).value == pytest.approx(100)
    cell = table(plan, failed, window(100), failed).cell(STAND, "json", rate, published=7.0)
    assert (cell.value, cell.state, cell.note, cell.published) == (
        None,
        "failed",
        "wrong answers",
        7.0,
    )
    assert "status: 500" in cell.evidence


def test_what_was_never_reached_and_what_does_not_apply_are_told_apart() -> None:
    away = Absent(
        stand=stand_key("builtin:django", "hypercorn-trio"),
        note="not installable",
        evidence="no such version",
    )
    found = table(
        planned(Stand(key=STAND, app="a", arm=arm("uvicorn"), asks=(asked(),)), absent=(away,))
    )
    assert found.cell(STAND, "json", rate).note == "not reached"
    assert found.cell(STAND, "brotli", rate).note == "not applicable"
    cell = found.cell(away.stand, "json", rate)
    assert (cell.arm, cell.note, cell.evidence, cell.state) == (
        "hypercorn-trio",
        "not installable",
        "no such version",
        "absent",
    )


def test_what_wrk_prints() -> None:
    reading = window(100, latencies=(1_000_000,) * 90 + (11_000_000,) * 10).reading
    assert latency_mean(reading) == pytest.approx(0.002, rel=0.01)
    assert within_stdev(reading) == pytest.approx(0.9)
    assert latency(0.5)(reading) == pytest.approx(0.001, rel=0.01)
    assert latency(0.99)(reading) is None, "a hundred answers cannot support it"


def test_a_full_queue_is_a_ceiling_and_no_wrong_answer() -> None:
    plan = planned(Stand(key=STAND, app="a", arm=arm("uvicorn"), asks=(asked(),)))
    full = StandFailed(
        block=1,
        stand=STAND,
        ask="json",
        failures=(Failure(kind="overflow", count=1, sample="the listen queue"),),
    )
    cell = table(plan, full, full).cell(STAND, "json", rate)
    assert (cell.value, cell.state, cell.note) == (None, "failed", "at its ceiling")


def test_one_failure_of_two_kinds_is_one_failure() -> None:
    plan = planned(Stand(key=STAND, app="a", arm=arm("uvicorn"), asks=(asked(),)))
    both = (
        Failure(kind="status", count=1, sample="500"),
        Failure(kind="reset", count=1, sample="gone"),
    )
    failed = StandFailed(block=1, stand=STAND, ask="json", failures=both)
    assert table(plan, failed, window(100)).cell(STAND, "json", rate).value == pytest.approx(100)

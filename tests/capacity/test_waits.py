"""Response times at moderate rates, of real servers, and what a journal of them says."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest
from tests.conftest import changed, faulty_bench, faulty_question
from tests.report import samples
from tests.silent import Silent

from whichworker.capacity import waits
from whichworker.design import paces
from whichworker.design.capacity.slo import parse
from whichworker.design.validity import MOST_TRIES
from whichworker.judge.response_times import ResponseTimes
from whichworker.load.generator import Generator
from whichworker.model import Failure, Request, Session, Step, Workload
from whichworker.model.histogram import Histogram
from whichworker.result import ArmResult
from whichworker.store.journal import FILE, Journal
from whichworker.store.open_loop import Paced, RouteCount, Unpaced

ARM = samples.clear().arms[0]
SINGLE = Workload(name="json", title="GET /json", requests=(Request(),))
THREE = Session(name="visitor", steps=(Step(request=Request()),) * 3)
ONE = Session(name="passer-by", steps=(Step(request=Request()),), weight=3)


def window(
    share: float = 0.5, milliseconds: float = 2.0, *, count: int = 1000, **more: object
) -> Paced:
    times, part = Histogram(), Histogram()
    spread = [round(milliseconds * 1e6 * (1 + at / count)) for at in range(count)]
    times.record_all(spread)
    part.record_all(spread[::10])
    return Paced(
        arm=ARM.name,
        share=share,
        rate=share * 1000,
        settle_seconds=0.3,
        window_seconds=count / (share * 1000),
        count=count,
        lost=0,
        failures=(),
        response=times.to_hdr(),
        slices=(part.to_hdr(),) * 10,
        **more,  # type: ignore[arg-type]
    )


def seen_in(
    folder: Path, *records: Paced | Unpaced, workload: Workload = SINGLE
) -> tuple[ArmResult, list[str]]:
    journal = Journal(folder / FILE)
    journal.records = list(records)
    found = ResponseTimes(journal, workload)
    return found.add_to(ARM), [finding.code for finding in found.findings()]


def test_the_windows_of_a_rate_are_one_sample(tmp_path: Path) -> None:
    arm, told = seen_in(tmp_path, window(0.25), window(0.5, 2), window(0.5, 4), window(0.5, 4))
    low, high = arm.waits
    assert not told
    assert (low.share, low.requests, high.share, high.requests) == (0.25, 1000, 0.5, 3000)
    assert low.p50 == pytest.approx(0.003, rel=0.01)
    assert high.p50 == pytest.approx(0.005, rel=0.02)
    shortest, longest = high.intervals["p50"]
    assert shortest <= (high.p50 or 0.0) <= longest


def test_a_refused_window_counts_for_nothing_and_a_lost_request_is_told(tmp_path: Path) -> None:
    lost = msgspec.structs.replace(window(0.75), lost=3)
    arm, _ = seen_in(tmp_path, window(0.5, refused="the machine was busy"), lost)
    (point,) = arm.waits
    assert (point.share, point.lost, point.requests) == (0.75, 3, 1003)


def test_each_route_has_a_line_of_its_own(tmp_path: Path) -> None:
    fast, slow = window(milliseconds=1, count=900), window(milliseconds=300, count=100)
    routes = {
        name: RouteCount(due=one.count, response=one.response, slices=one.slices)
        for name, one in (("GET /health", fast), ("GET /report", slow))
    }
    arm, _ = seen_in(tmp_path, window(routes=routes), window(routes=routes))
    (point,) = arm.waits
    health, report = point.routes
    assert (health.name, health.requests, report.requests) == ("GET /health", 1800, 200)
    assert (health.p50 or 1) < 0.01 < (report.p50 or 0)
    assert health.intervals
    assert seen_in(tmp_path, window())[0].waits[0].routes == ()


@pytest.mark.parametrize(("sessions", "each"), [((THREE,), 3.0), ((THREE, ONE), 1.5)])
def test_of_sessions_both_rates_are_told(
    sessions: tuple[Session, ...], each: float, tmp_path: Path
) -> None:
    workload = Workload(name="visits", title="visits", requests=(), sessions=sessions)
    arm, _ = seen_in(tmp_path, window(0.5), workload=workload)
    (point,) = arm.waits
    assert point.rate_per_second == 500.0
    assert point.sessions_per_second == pytest.approx(500.0 / each)
    arm, _ = seen_in(tmp_path, window(0.5))
    assert arm.waits[0].sessions_per_second is None


def test_only_the_last_table_of_a_resumed_run_counts(tmp_path: Path) -> None:
    again = msgspec.structs.replace(window(0.5, 8), rate=700.0)
    arm, _ = seen_in(tmp_path, window(0.25), window(0.5), again)
    assert [(one.share, one.rate_per_second, one.requests) for one in arm.waits] == [
        (0.5, 700.0, 1000)
    ]


def test_a_table_whose_windows_were_all_refused_is_told(tmp_path: Path) -> None:
    busy = window(0.5, refused="others used 40% of the cores")
    arm, told = seen_in(tmp_path, busy, busy)
    assert not arm.waits
    assert told == ["response-times-lacking"]
    assert seen_in(tmp_path, busy, window(0.25))[1] == []


def test_too_few_requests_have_no_p99(tmp_path: Path) -> None:
    arm, _ = seen_in(tmp_path, window(0.5, count=40))
    (point,) = arm.waits
    assert point.p50 is not None
    assert point.p99 is None
    assert "p99" not in point.intervals


def test_an_arm_that_broke_is_told_and_keeps_what_it_has(tmp_path: Path) -> None:
    broken = Unpaced(arm=ARM.name, failures=(Failure(kind="died", count=1, sample="it ended\nx"),))
    arm, told = seen_in(tmp_path, window(0.25), broken)
    assert [point.share for point in arm.waits] == [0.25]
    assert told == ["response-times-broken"]


def test_a_short_race_has_none_nor_has_one_that_seeks_a_capacity() -> None:
    def seconds(race: float, **more: object) -> float:
        question = changed(faulty_question([("waitress", "")], seconds=race), **more)
        own = msgspec.structs.replace(question.budget, shared=False)
        return changed(question, budget=own).waits_seconds

    assert seconds(30) == seconds(120, slo=parse("p99<1s")) == 0
    assert 0 < seconds(45) <= 15
    assert seconds(120) == seconds(3600) == 40
    whole = faulty_question([("waitress", "")], seconds=120)
    shared = changed(whole, budget=msgspec.structs.replace(whole.budget, shared=True))
    assert shared.waits_seconds == 0


@pytest.mark.servers
def test_two_servers_are_measured_at_each_rate_and_once(
    tmp_path: Path, generator: Generator
) -> None:
    names = ("waitress", "gunicorn-gthread")
    bench = faulty_bench([(name, "") for name in names], tmp_path)
    bench = msgspec.structs.replace(bench, question=changed(bench.question, seed=7))
    with Journal(tmp_path / FILE) as journal:
        for _ in range(2):
            waits.measure(
                bench,
                generator,
                journal,
                Silent(),
                dict.fromkeys(names, 200.0),
                dict.fromkeys(names, 4),
                seconds=24.0,
            )
        records = list(journal.of(Paced))
        assert not list(journal.of(Unpaced))
    for name in names:
        own = [record for record in records if record.arm == name]
        assert {record.share for record in own} == set(paces.SHARES)
        assert all(record.count + record.lost > 0 for record in own)
    attempts = MOST_TRIES * paces.PASSES * len(paces.SHARES) * len(names)
    assert len(records) <= attempts


@pytest.mark.servers
def test_whole_sessions_arrive_at_the_rate_of_their_requests(
    tmp_path: Path, generator: Generator
) -> None:
    bench = faulty_bench([("waitress", "")], tmp_path)
    (request,) = bench.question.workload.requests
    three = Session(name="visitor", steps=(Step(request=request),) * 3)
    workload = Workload(name="visits", title="visits", requests=(), sessions=(three,))
    bench = msgspec.structs.replace(bench, question=changed(bench.question, workload=workload))
    with Journal(tmp_path / FILE) as journal:
        waits.measure(
            bench, generator, journal, Silent(), {"waitress": 200.0}, {"waitress": 4}, seconds=9.0
        )
        records = list(journal.of(Paced))
        assert not list(journal.of(Unpaced))
    assert records
    sent = sum(record.count for record in records)
    due = sum(record.rate * record.window_seconds for record in records)
    assert due / 3 < sent < 2 * due, "as many sessions as requests would be three times as many"
    assert not any(record.lost for record in records)


@pytest.mark.servers
def test_a_server_that_responds_wrongly_is_left_out(tmp_path: Path, generator: Generator) -> None:
    bench = faulty_bench([("waitress", "late-body"), ("gunicorn-gthread", "")], tmp_path)
    names = [arm.name for arm in bench.question.arms]
    with Journal(tmp_path / FILE) as journal:
        waits.measure(
            bench,
            generator,
            journal,
            Silent(),
            dict.fromkeys(names, 200.0),
            dict.fromkeys(names, 2),
            seconds=16.0,
        )
        (lost,) = journal.of(Unpaced)
        assert lost.arm == names[0]
        assert {record.arm for record in journal.of(Paced)} == {names[1]}

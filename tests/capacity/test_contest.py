"""The second stage on a real server, and what a journal of it says."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
from tests.conftest import changed, faulty_bench
from tests.silent import Silent

from whichworker.capacity import contest
from whichworker.design.capacity.hunt import BOUNDED, Hunt, ShotPlan
from whichworker.design.capacity.slo import parse
from whichworker.judge import hunts
from whichworker.judge.second_stage import SecondStage
from whichworker.load.generator import Generator
from whichworker.model import Probes, Question, Slo
from whichworker.model.histogram import Histogram
from whichworker.result import ArmResult
from whichworker.store.journal import FILE, Journal
from whichworker.store.open_loop import RouteCount, Shot, Sought, Unsought
from whichworker.store.records import Prepared

ARM = "waitress"
PROBES = Probes(
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
SLO = parse("p99<200ms,errors<1%")


def arm_of(name: str = ARM) -> ArmResult:
    return ArmResult(
        name=name,
        server=name,
        kind="",
        version=None,
        python=None,
        interface="wsgi",
        settings={},
        state="ranked",
    )


def sought(slo: Slo = SLO, stall: float | None = 0.001) -> Sought:
    return Sought(
        slo=slo,
        finalists=(ARM,),
        throughput={ARM: 1000.0},
        connections=64,
        stall_seconds=stall,
        patience=math.inf,
    )


def shot(
    phase: str,
    rate: float,
    count: int,
    missed: tuple[int, ...],
    *,
    settle: float = 0.4,
    window: float = 0.85,
    **more: object,
) -> Shot:
    times = Histogram()
    times.record_all([5_000_000] * (count - missed[0]) + [400_000_000] * missed[0])
    return Shot(
        arm=ARM,
        launch=1,
        phase=phase,  # type: ignore[arg-type]
        rate=rate,
        settle_seconds=settle,
        window_seconds=window,
        count=count,
        missed=missed,
        good=count - missed[0],
        failures=(),
        response=times.to_hdr(),
        **more,  # type: ignore[arg-type]
    )


def beside(turn_seconds: float) -> Probes:
    """Readings of a quiet machine with this reading of the thermometer."""
    return Probes(
        seconds=1.0,
        server_cpu_seconds=0.5,
        memory_bytes=None,
        processes=1,
        threads=1,
        foreign_share=0.0,
        steal_share=0.0,
        listen_overflows=0,
        retransmits=0,
        turn_seconds=turn_seconds,
    )


@pytest.fixture
def question() -> Question:
    from tests.conftest import faulty_question

    return faulty_question([(ARM, "")])


def written(folder: Path, *records: object) -> Journal:
    journal = Journal(folder / FILE)
    journal.records = list(records)  # type: ignore[arg-type]
    return journal


def hunted(
    most: int = 200,
    patience: float = math.inf,
    steep: float = 20,
    *,
    slo: Slo = SLO,
    busy: float = 1.0,
    change: Callable[[Shot], Shot] = lambda one: one,
    spoiled: str = "",
    **more: Any,
) -> list[Shot]:
    """The shots of a hunt whose capacity is 700/s; each third one may be spoiled for a reason.

    `change` has the last word on each.
    """
    hunt = Hunt(slo, 1000.0, seed=1, patience=patience, busy=busy)
    found: list[Shot] = []
    for _ in range(most):
        asked = hunt.next_shot()
        if asked is None:
            break
        count = round(asked.rate * asked.window_seconds)
        late = min(count, round(count * 0.01 * (asked.rate / 700) ** steep))
        times: dict[str, Any] = {"settle": asked.settle_seconds, "window": asked.window_seconds}
        slices = ((count, late),) * 10
        record = shot(asked.phase, asked.rate, count, (late, 0), **times, slices=slices, **more)
        if spoiled and len(found) % 3 == 2 and asked.phase in BOUNDED:
            record = msgspec.structs.replace(record, refused=spoiled, missed=(count, count))
        record = change(record)
        hunt.take(asked, hunts.seen_of(record))
        found.append(record)
    return found


def test_a_journal_of_shots_becomes_a_capacity_with_its_curve(
    question: Question, tmp_path: Path
) -> None:
    records = hunted()
    stage = SecondStage(question, written(tmp_path, sought(), *records))
    found = stage.add_to(arm_of())
    assert found.capacity_per_second is not None
    assert found.capacity_per_second.value == pytest.approx(700, rel=0.06)
    assert found.capacity_per_second.certified is not None
    assert found.capacity_per_second.certified < 700
    assert found.capacity_per_second.binding == "p99<200ms"
    assert [point.rate_per_second for point in found.latency_curve] == sorted(
        point.rate_per_second for point in found.latency_curve
    )
    assert len(found.latency_curve) == 8
    assert found.latency_curve[-1].goodput_per_second < found.latency_curve[-1].rate_per_second
    assert not list(stage.findings())


def test_a_hunt_is_judged_with_the_patience_it_had(question: Question, tmp_path: Path) -> None:
    records = hunted(patience=30.0, steep=2)
    assert sum(one.phase == "search" for one in records) < sum(
        one.phase == "search" for one in hunted(steep=2)
    )
    began = msgspec.structs.replace(sought(), patience=30.0)
    longer = msgspec.structs.replace(
        question, budget=msgspec.structs.replace(question.budget, seconds=5000.0)
    )
    found = SecondStage(longer, written(tmp_path, began, *records)).add_to(arm_of())
    assert found.capacity_per_second is not None
    assert found.capacity_per_second.certified is not None
    assert len(found.latency_curve) == 8


def test_a_journal_of_another_version_certifies_nothing_that_was_not_asked(
    question: Question, tmp_path: Path
) -> None:
    early = [shot("confirm", 900.0, 20_000, (0, 0)) for _ in range(5)]
    searched = [record for record in hunted() if record.phase == "search"]
    journal = written(tmp_path, sought(), *early, *searched, *early)
    found = SecondStage(question, journal).add_to(arm_of())
    assert found.capacity_per_second is not None
    assert found.capacity_per_second.certified is None


def test_misses_beside_other_programs_are_no_evidence(question: Question, tmp_path: Path) -> None:
    """Every third window is spoiled: the capacity is not taken for a lower one."""
    records = hunted(spoiled="others used 60% of the cores")
    assert sum(bool(one.refused) for one in records) >= 5
    found = SecondStage(question, written(tmp_path, sought(), *records)).add_to(arm_of())
    assert found.capacity_per_second is not None
    assert found.capacity_per_second.low <= 700 <= found.capacity_per_second.high
    assert found.capacity_per_second.certified is not None
    assert 350 < found.capacity_per_second.certified <= 700


def test_a_validated_rate_says_what_it_stands_on(question: Question, tmp_path: Path) -> None:
    turns = itertools.cycle((1e-4, 1e-4, 1.25e-4, 1e-4, 0.8e-4))
    began = msgspec.structs.replace(sought(), busy={ARM: 0.0})
    records = hunted(
        change=lambda one: msgspec.structs.replace(one, probes=beside(next(turns))), busy=0.0
    )
    found = SecondStage(question, written(tmp_path, began, *records)).add_to(arm_of())
    capacity = found.capacity_per_second
    assert capacity is not None
    assert capacity.passed is not None
    assert capacity.certified is not None
    tests = [
        one
        for one in records
        if one.phase == "confirm" and one.rate == capacity.passed.rate_per_second
    ]
    assert capacity.passed.requests == sum(one.count for one in tests)
    assert capacity.passed.late == sum(one.missed[0] for one in tests)
    assert capacity.passed.seconds >= 16
    assert capacity.passed.response_seconds == pytest.approx(0.005, rel=0.01)
    assert capacity.core_speed is not None
    assert capacity.core_speed.low == pytest.approx(0.8)
    assert capacity.core_speed.high == pytest.approx(1.25)


def test_many_disturbed_windows_are_told(question: Question, tmp_path: Path) -> None:
    records = [
        msgspec.structs.replace(one, refused="others used 60% of the cores" if at % 2 else "")
        for at, one in enumerate(hunted())
    ]
    stage = SecondStage(question, written(tmp_path, sought(), *records))
    assert "capacity-doubtful" in [finding.code for finding in stage.findings()]


def test_a_short_hunt_says_what_is_missing(question: Question, tmp_path: Path) -> None:
    stage = SecondStage(question, written(tmp_path, sought(), *hunted(3)))
    assert stage.add_to(arm_of()).capacity_per_second is None
    assert [finding.code for finding in stage.findings()] == ["capacity-short"]
    stage = SecondStage(question, written(tmp_path, sought(), *hunted(12)))
    found = stage.add_to(arm_of()).capacity_per_second
    assert found is not None
    assert found.certified is None
    assert "capacity-uncertified" in [finding.code for finding in stage.findings()]


def test_what_broke_is_told_and_has_no_capacity(question: Question, tmp_path: Path) -> None:
    from whichworker.model import Failure

    lost = Unsought(
        arm=ARM, failures=(Failure(kind="died", count=1, sample="the server ended under load"),)
    )
    stage = SecondStage(question, written(tmp_path, sought(), *hunted(10), lost))
    assert stage.add_to(arm_of()).capacity_per_second is None
    assert [finding.code for finding in stage.findings()] == ["capacity-broken"]


def test_a_machine_that_stalls_certifies_nothing_shorter(
    question: Question, tmp_path: Path
) -> None:
    stage = SecondStage(question, written(tmp_path, sought(stall=0.1)))
    (finding,) = stage.findings()
    assert finding.code == "slo-below-stalls"
    assert "p99<300" in finding.hint


def test_a_rate_that_no_arm_can_do_is_told(question: Question, tmp_path: Path) -> None:

    asked = changed(question, slo=SLO, rate=1e6)
    (finding,) = SecondStage(asked, written(tmp_path)).findings()
    assert finding.code == "capacity-not-sought"
    assert "1,000,000/s" in finding.text
    assert not list(SecondStage(question, written(tmp_path)).findings()), "nobody asked"


ON_HEALTH = parse("p99<200ms on /health, errors<1%")


def on_health(one: Shot) -> Shot:
    """The same shot with a tenth of the requests, and of the misses, on the route."""
    due, late = one.count // 10, one.missed[0] // 10
    times = Histogram()
    times.record_all([5_000_000] * (due - late) + [400_000_000] * late)
    missed = {ON_HEALTH.clauses[0].text: late}
    return msgspec.structs.replace(
        one,
        missed=(late, 0),
        counts=(due, one.count),
        slices=((due // 10, late // 10),) * 10,
        routes={"GET /health": RouteCount(due=due, response=times.to_hdr(), missed=missed)},
    )


def test_a_clause_on_a_route_binds_and_each_route_has_its_line(
    question: Question, tmp_path: Path
) -> None:
    records = hunted(patience=600.0, slo=ON_HEALTH, change=on_health)
    seen = hunts.seen_of(records[0])
    assert seen.counted == (records[0].count // 10, records[0].count)
    with Journal(tmp_path / FILE) as journal:
        journal.append(msgspec.structs.replace(sought(ON_HEALTH), patience=600.0))
        for record in records:
            journal.append(record)
    with Journal(tmp_path / FILE) as journal:
        found = SecondStage(question, journal).add_to(arm_of()).capacity_per_second
    assert found is not None
    assert found.value == pytest.approx(700, rel=0.1)
    assert found.binding == "p99<200ms on /health"
    assert found.slo == "p99<200ms on /health, errors<1%"
    (route,) = found.routes
    assert found.routes_rate_per_second is not None
    assert (found.certified or 0.0) <= found.routes_rate_per_second
    tested = [
        one
        for one in records
        if one.phase == "confirm" and math.isclose(one.rate, found.routes_rate_per_second)
    ]
    assert route.requests == sum(one.counts[0] for one in tested) > 0
    assert route.missed == {"p99<200ms on /health": sum(one.missed[0] for one in tested)}
    assert route.p50 == pytest.approx(0.005, rel=0.01)


def test_a_recovery_is_that_of_the_route(question: Question, tmp_path: Path) -> None:
    records = hunted(slo=ON_HEALTH, change=on_health)
    places = [at for at, one in enumerate(records) if one.phase == "recovery"]
    for lost, known in ((0, True), (50, False)):
        for at in places:
            of_route = ((20, 0),) * 10
            records[at] = msgspec.structs.replace(
                records[at], slices=of_route, counts=(200 + lost, records[at].count)
            )
        stage = SecondStage(question, written(tmp_path, sought(ON_HEALTH), *records))
        found = stage.add_to(arm_of()).capacity_per_second
        assert found is not None
        assert (found.recovery_seconds == 0.0) is known


@pytest.mark.alone
@pytest.mark.servers
def test_a_real_server_is_sought(tmp_path: Path, generator: Generator) -> None:
    import msgspec

    bench = faulty_bench([(ARM, "")], tmp_path)
    bench = msgspec.structs.replace(bench, question=changed(bench.question, slo=SLO))
    ready = Prepared(
        arm=ARM,
        ladder={1: 1000.0, 4: 1500.0},
        response_seconds=0.001,
        cold_start_seconds=0.3,
        command=(ARM,),
    )
    ends = itertools.count(30, -1)
    with Journal(tmp_path / FILE) as journal:
        journal.append(ready)
        contest.contest(
            bench, generator, journal, Silent(), {ARM: 1500.0}, 4, lambda: float(next(ends))
        )
        records = list(journal.of(Shot))
        assert {record.phase for record in records} >= {"search"}
        assert all(record.count > 0 for record in records)
        stage = SecondStage(bench.question, journal)
        assert not stage.lost
    assert not (tmp_path / "launches").exists() or not list((tmp_path / "launches").glob("*.tmp"))


@pytest.mark.parametrize(
    ("arm", "connections"),
    [("uwsgi[threads=6]", 6), ("uwsgi[workers=2,threads=2]", 4), ("waitress", 64)],
)
def test_no_connection_is_opened_that_the_server_would_let_starve(
    arm: str, connections: int
) -> None:
    from tests.conftest import faulty_question

    question = faulty_question([(arm, "")])
    (name,) = (one.name for one in question.arms)
    assert contest.connections_of(question, name, 64) == connections


def test_all_finalists_are_tested_before_the_best_has_its_curve(
    question: Question, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    arms = {"gunicorn-sync": 850.0, "waitress": 600.0, "uwsgi": 650.0}
    began = msgspec.structs.replace(
        sought(), finalists=tuple(arms), throughput=dict.fromkeys(arms, 1000.0), patience=60.0
    )
    bench = faulty_bench([(name, "") for name in arms], tmp_path)

    def virtual(self: contest.Contest, name: str, asked: ShotPlan) -> Shot:
        self.places.pop(name, None)
        count = round(asked.rate * asked.window_seconds)
        late = min(count, round(count * 0.01 * (asked.rate / arms[name]) ** 20))
        times = {"settle": asked.settle_seconds, "window": asked.window_seconds}
        made = shot(asked.phase, asked.rate, count, (late, 0), **times)
        return msgspec.structs.replace(made, arm=name)

    monkeypatch.setattr(contest.Contest, "_shoot", virtual)
    with Generator() as generator, Journal(tmp_path / FILE) as journal:
        one = contest.Contest(bench, generator, journal, Silent(), began, lambda: 1e6)
        one.run()
        shots = list(journal.of(Shot))
    phases = [record.phase for record in shots]
    tested = max(at for at, phase in enumerate(phases) if phase == "confirm")
    assert {record.arm for record in shots if record.phase == "confirm"} == set(arms)
    assert set(phases[tested + 1 :]) == {"curve", "recovery"}
    assert {record.arm for record in shots[tested + 1 :]} == {"gunicorn-sync"}
    for name, found in one.hunts.items():
        assert 0 < (found.certified or 0) <= arms[name]
        assert found.spent["search"] + found.spent["confirm"] < 0.6 * (17 + 40) + 10


def grown(sizes: list[int]) -> list[Shot]:
    import msgspec

    return [
        msgspec.structs.replace(one, probes=msgspec.structs.replace(PROBES, memory_bytes=size))
        for one, size in zip(hunted(len(sizes)), sizes, strict=True)
    ]


@pytest.mark.parametrize(
    ("sizes", "told"),
    [
        ([100_000_000 + 9_000_000 * at for at in range(8)], True),
        ([100_000_000 + 1_000_000 * at for at in range(8)], False),
        ([100_000_000, 140_000_000, 139_000_000, 138_000_000, 140_000_000, 139_500_000], False),
    ],
)
def test_memory_that_grows_with_the_requests_is_told(
    sizes: list[int], told: bool, question: Question, tmp_path: Path
) -> None:
    stage = SecondStage(question, written(tmp_path, sought(), *grown(sizes)))
    assert any(finding.code == "memory-grows" for finding in stage.findings()) is told

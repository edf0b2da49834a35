"""From the calibration to a race: its contenders, its heats, and its twin."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import msgspec
import psutil
import pytest
from tests.conftest import calibrations_of, changed, faulty_bench, faulty_question
from tests.judge.stories import reading
from tests.race.acting import prepared
from tests.silent import Silent

from whichworker.bench.slices import Court
from whichworker.judge.diagnosis import diagnose
from whichworker.judge.replay import PORTRAIT
from whichworker.load.generator import Generator
from whichworker.model import Question
from whichworker.race.calibration import USUAL_CONNECTIONS, calibrate, parts_of, settle
from whichworker.services import postgres
from whichworker.store.journal import FILE, Journal
from whichworker.store.records import Failed, Launched, Overloaded, Prepared, Settled, Window

ARMS = ("waitress", "gunicorn-sync", "gunicorn-gthread", "granian-wsgi")
MEGABYTE = 10**6


@pytest.fixture
def question() -> Question:
    return faulty_question([(name, "") for name in ARMS], connections=None)


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    with Journal(tmp_path / FILE) as opened:
        yield opened


@pytest.fixture(autouse=True)
def memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine with 1 GB that is free while everybody of the calibration is alive."""
    monkeypatch.setattr(
        psutil, "virtual_memory", lambda: SimpleNamespace(available=1000 * MEGABYTE)
    )


def court_of(question: Question) -> Court:
    return cast(Court, SimpleNamespace(bench=SimpleNamespace(question=question)))


def ready(**changed: Prepared) -> dict[str, Prepared]:
    """Four arms, granian the fastest; each with 4 connections."""
    rates = dict(zip(ARMS, (3000.0, 1000.0, 2500.0, 4000.0), strict=True))
    return {
        name: changed.get(name.replace("-", "_"), prepared(name, rate))
        for name, rate in rates.items()
    }


def of(
    question: Question, journal: Journal, every: dict[str, Prepared], race_seconds: float = 60.0
) -> Settled:
    return settle(court_of(question), journal, every, race_seconds)


def test_all_that_are_ready_race_and_the_fastest_has_the_twin(
    question: Question, journal: Journal
) -> None:
    settled = of(question, journal, ready())
    assert settled.contenders == ARMS
    assert (settled.twin_of, settled.heats, settled.reason) == ("granian-wsgi", (), "")
    assert (settled.window_seconds, settled.too_slow) == ({}, ())


def test_fast_is_who_is_so_on_the_top_rung(question: Question, journal: Journal) -> None:
    lucky = prepared("gunicorn-sync", ladder={1: 9000.0, 4: 1000.0})
    assert of(question, journal, ready(gunicorn_sync=lucky)).twin_of == "granian-wsgi"


def test_arms_that_are_alike_have_the_same_number_of_connections(
    question: Question, journal: Journal
) -> None:
    """gunicorn-sync is less than half as fast as the next, so its number does not affect them."""
    wide = prepared("gunicorn-gthread", 2500.0, connections=16)
    few = prepared("gunicorn-sync", 1000.0, connections=8)
    settled = of(question, journal, ready(gunicorn_gthread=wide, gunicorn_sync=few))
    assert {name: part.connections for name, part in settled.parts.items()} == {
        "granian-wsgi": 16,
        "waitress": 16,
        "gunicorn-gthread": 16,
        "gunicorn-sync": 8,
    }
    assert settled.connections == 16, "the most of any are kept for what comes after the race"
    for name, part in settled.parts.items():
        assert part.counted % part.connections == part.uncounted % part.connections == 0, (
            "whole turns"
        )
        assert part.counted >= 5 * part.connections and part.uncounted >= 3 * part.connections
        whole = (part.counted + part.uncounted + part.connections) / max(
            ready()[name].ladder.values()
        )
        assert part.seconds == pytest.approx(whole)


def test_a_number_that_was_asked_for_is_that_of_all(question: Question, journal: Journal) -> None:
    asked = changed(question, connections=7)
    settled = of(asked, journal, ready())
    assert {part.connections for part in settled.parts.values()} == {7} and settled.connections == 7


def test_who_is_busy_while_idle_runs_in_a_heat_of_its_own(
    question: Question, journal: Journal
) -> None:
    settled = of(
        question, journal, ready(gunicorn_sync=prepared("gunicorn-sync", 1000.0, idle_share=0.3))
    )
    assert ("granian-wsgi", "gunicorn-sync") in settled.heats
    others = [heat for heat in settled.heats if "gunicorn-sync" not in heat]
    assert [set(heat) for heat in others] == [{"granian-wsgi", "waitress", "gunicorn-gthread"}]
    assert "gunicorn-sync" in settled.reason


def test_who_is_busy_while_idle_does_not_lead_though_it_seems_the_fastest(
    question: Question, journal: Journal
) -> None:
    """The leader is alive in each heat, and would disturb all of them."""
    settled = of(
        question, journal, ready(granian_wsgi=prepared("granian-wsgi", 4000.0, idle_share=0.3))
    )
    assert settled.twin_of == "waitress"
    assert set(settled.heats) == {
        ("waitress", "granian-wsgi"),
        ("waitress", "gunicorn-sync", "gunicorn-gthread"),
    }
    everybody = {
        name: prepared(name, 1000.0 + number, idle_share=0.3) for number, name in enumerate(ARMS)
    }
    assert of(question, journal, everybody).twin_of == ARMS[-1], "unless there is nobody else"


def portraits(journal: Journal, megabytes: int) -> None:
    for name in ARMS:
        taken = reading(1000.0, "waitress")
        taken = msgspec.structs.replace(
            taken, probes=msgspec.structs.replace(taken.probes, memory_bytes=megabytes * MEGABYTE)
        )
        journal.append(Window(block=PORTRAIT, arm=name, reading=taken))


@pytest.mark.parametrize(("megabytes", "heats"), [(100, 0), (220, 0), (250, 2), (900, 3)])
def test_launches_that_need_too_much_memory_are_not_alive_together(
    megabytes: int, heats: int, question: Question, journal: Journal
) -> None:
    """1000 MB are free beside the four alive, and 60 % of all may be used: 5 × 220 of 1880 MB."""
    portraits(journal, megabytes)
    settled = of(question, journal, ready())
    assert len(settled.heats) == heats
    assert ("memory" in settled.reason) is (heats > 0)


@pytest.mark.parametrize(("race_seconds", "heats"), [(600.0, 0), (40.0, 0), (5.0, 3)])
def test_a_round_takes_a_quarter_of_the_time_at_most(
    race_seconds: float, heats: int, question: Question, journal: Journal
) -> None:
    """Responses of 0.25 s, 4 at a time: a slice takes a second."""
    slow = {name: prepared(name, 16.0) for name in ARMS}
    settled = of(question, journal, slow, race_seconds)
    assert len(settled.heats) == heats
    assert ("quarter of the time" in settled.reason) is (heats > 0)


def test_the_first_step_of_a_search_has_the_time_of_both_for_its_heats(
    question: Question, journal: Journal
) -> None:
    slow = {name: prepared(name, 16.0) for name in ARMS}
    whole = changed(question, search=question.budget.seconds + 60.0)
    assert of(question, journal, slow, 5.0).heats
    assert not of(whole, journal, slow, 5.0).heats


@pytest.mark.parametrize(
    ("database", "databases", "connections", "heats"),
    [
        (None, (), 64, 0),
        ("sqlite", (), 64, 0),
        (None, ("SQLite at db.sqlite3",), 64, 0),
        ("postgres", (), 4, 0),
        ("postgres", (), 10 * postgres.MOST_CONNECTIONS, 3),
        (None, ("PostgreSQL at db.example",), 4, 0),
        (None, ("PostgreSQL at db.example",), USUAL_CONNECTIONS, 3),
        (None, ("MySQL at db.example",), USUAL_CONNECTIONS, 3),
    ],
)
def test_a_database_must_have_connections_for_all(
    database: str | None,
    databases: tuple[str, ...],
    connections: int,
    heats: int,
    question: Question,
    journal: Journal,
) -> None:
    apps = {
        label: msgspec.structs.replace(app, databases=databases)
        for label, app in question.apps.items()
    }
    arms = tuple(
        msgspec.structs.replace(arm, settings={**arm.settings, **wide(arm.server, connections)})
        for arm in question.arms
    )
    asked = changed(question, apps=apps, arms=arms, database=cast(Any, database))
    every = {name: prepared(name, 4000.0, connections=connections) for name in ARMS}
    settled = of(asked, journal, every)
    assert len(settled.heats) == heats
    assert ("database" in settled.reason) is (heats > 0)


def wide(server: str, slots: int) -> dict[str, int | str]:
    """Settings with so many slots."""
    return (
        {"workers": slots}
        if server in ("gunicorn-sync",)
        else {"blocking_threads": slots}
        if "granian" in server
        else {"threads": slots}
    )


def test_an_arm_opens_no_more_connections_to_the_database_than_it_has_slots(
    question: Question, journal: Journal
) -> None:
    asked = changed(question, database="postgres")
    every = {
        name: prepared(name, 4000.0, connections=10 * postgres.MOST_CONNECTIONS) for name in ARMS
    }
    assert of(asked, journal, every).heats == ()


def test_what_the_journal_knows_is_not_done_again(question: Question, journal: Journal) -> None:
    nobody = cast(Any, None)
    assert calibrate(nobody, court_of(question), journal, Silent(), lambda: 0.0) is None, (
        "there is no time"
    )
    failed = Failed(arm="waitress", failures=())
    journal.append(failed)
    for name, record in ready().items():
        if name != "waitress":
            journal.append(record)
    settled = calibrate(nobody, court_of(question), journal, Silent(), lambda: 60.0)
    assert settled is not None
    assert settled.contenders == ARMS[1:]
    assert journal.records[-1] == settled
    assert calibrate(nobody, court_of(question), journal, Silent(), lambda: 0.0) == settled
    assert len(list(journal.of(Settled))) == 1


def test_if_every_arm_failed_there_is_no_race(question: Question, journal: Journal) -> None:
    for name in ARMS:
        journal.append(Failed(arm=name, failures=()))
    assert calibrate(cast(Any, None), court_of(question), journal, Silent(), lambda: 60.0) is None
    assert not list(journal.of(Settled))


@pytest.mark.servers
def test_a_calibration_of_real_servers(tmp_path: Path, generator: Generator) -> None:
    bench = faulty_bench(
        [("waitress", ""), ("gunicorn-sync", "slow"), ("uwsgi[threads=2]", "")], tmp_path
    )
    bench = msgspec.structs.replace(bench, question=changed(bench.question, connections=None))
    found = calibrations_of(bench, generator)
    with Journal(tmp_path / FILE) as journal:
        (settled,) = journal.of(Settled)
        launched = [(record.arm, record.generation) for record in journal.of(Launched)]
        windows = {record.arm: record for record in journal.of(Window)}
    assert launched == [(name, 1) for name in settled.contenders] == [(name, 1) for name in found]
    for name, record in found.items():
        assert isinstance(record, Prepared), record
        assert record.connections == max(record.ladder) and 1 in record.ladder
        assert (
            record.idle_share is not None
            and record.response_seconds > 0
            and record.cold_start_seconds > 0
        )
        assert (windows[name].block, windows[name].reading.connections) == (
            PORTRAIT,
            record.connections,
        )
        assert windows[name].reading.probes.memory_bytes
    uwsgi = found["uwsgi[threads=2]"]
    assert isinstance(uwsgi, Prepared) and uwsgi.connections == 2, "more would wait for ever"
    assert settled.parts["uwsgi[threads=2]"].connections == 2
    assert settled.twin_of != "gunicorn-sync"


def test_a_forced_number_of_connections_is_not_more_than_a_server_can_have() -> None:
    """uWSGI leaves the others waiting without end, so its slices would take the whole race."""
    asked = faulty_question([("waitress", ""), ("uwsgi", "threads=4")], connections=8)
    every = {arm.name: prepared(arm.name, 2000.0) for arm in asked.arms}
    parts = parts_of(asked, every, dict.fromkeys(every, 2000.0))
    assert {name.partition("[")[0]: part.connections for name, part in parts.items()} == {
        "waitress": 8,
        "uwsgi": 4,
    }


@pytest.mark.servers
def test_an_app_with_a_small_pool_is_measured_with_what_it_can_serve(
    tmp_path: Path, generator: Generator
) -> None:
    bench = faulty_bench([("gunicorn-gthread[threads=16]", "pool")], tmp_path)
    name = bench.question.arms[0].name
    bench = msgspec.structs.replace(bench, question=changed(bench.question, connections=None))
    record = calibrations_of(bench, generator)[name]
    assert isinstance(record, Prepared), record
    assert record.most_connections == 8
    assert max(record.ladder) <= 8
    with Journal(tmp_path / FILE) as journal:
        tried = list(journal.of(Overloaded))
    assert [one.connections for one in tried] == [32, 16]
    assert all("QueuePool limit" in one.failures[0].sample for one in tried)
    (finding,) = diagnose(bench.question, tried[-1])
    assert "8 connections in each process" in finding.text
    assert "[threads=8]" in finding.hint


def test_no_arm_gets_more_connections_than_it_could_serve(
    question: Question, journal: Journal
) -> None:
    wide = prepared("waitress", 3000.0, connections=32)
    small = prepared("granian-wsgi", 4000.0, connections=8, most_connections=8)
    settled = of(question, journal, ready(waitress=wide, granian_wsgi=small))
    assert settled.parts["granian-wsgi"].connections == 8
    assert settled.parts["waitress"].connections == 32

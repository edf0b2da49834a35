"""The race between its blocks: what the preflight settles, what a journal brings back, what a failure changes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.conftest import faulty_question

from whichworker.design.race import TWIN, Race
from whichworker.model import Failure, Probes, Question, Reading, Tally
from whichworker.race.run import close_torn_block, replay, settle
from whichworker.store.journal import FILE, Journal
from whichworker.store.records import BlockEnd, Failed, Prepared, Record, Settled, Window

ARMS = ("waitress", "gunicorn-sync", "gunicorn-gthread")
SETTLED = Settled(contenders=ARMS, connections=4, window_seconds=dict.fromkeys(ARMS, 0.5), twin_of="waitress")


@pytest.fixture
def question() -> Question:
    return faulty_question([(name, "") for name in ARMS], connections=None)


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    with Journal(tmp_path / FILE) as opened:
        yield opened


def prepared(arm: str, ladder: dict[int, float]) -> Prepared:
    return Prepared(arm=arm, ladder=ladder, response_seconds=0.01, cold_start_seconds=0.3, command=(arm,))


def window(block: int, arm: str, rate: float) -> Window:
    tally = Tally(engine="epoll", seconds=1.0, requests=round(rate), statuses={}, failures=(), service="")
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
    return Window(block=block, arm=arm, reading=Reading(tally=tally, probes=probes, cold_start_seconds=0.2, connections=4))


def failed(block: int, arm: str) -> Failed:
    return Failed(arm=arm, failures=(Failure(kind="died", count=1, sample="it died"),), block=block)


def rates(number: int, name: str) -> float:
    base = {"waitress": 3000, TWIN: 3010, "gunicorn-sync": 2800, "gunicorn-gthread": 2950}[name]
    return base * (1 + 0.01 * ((number * 7 + len(name)) % 3))


def test_the_largest_knee_saturates_all_and_the_fastest_has_the_twin(question: Question) -> None:
    ready = {
        "waitress": prepared("waitress", {1: 3000.0, 2: 3010.0, 4: 3000.0}),
        "gunicorn-gthread": prepared("gunicorn-gthread", {1: 1000.0, 2: 2000.0, 4: 2900.0, 8: 2910.0, 16: 2900.0}),
    }
    settled = settle(question, ready)
    assert (settled.connections, settled.twin_of, settled.too_slow) == (4, "waitress", ())
    assert set(settled.window_seconds) == set(settled.contenders) == set(ready)


def test_an_arm_too_slow_at_the_common_number_of_connections_is_left_out(question: Question) -> None:
    slow = {1: 10.0, 2: 10.0, 4: 10.0}
    wide = {2**power: 10.0 * 2**power for power in range(7)} | {128: 640.0, 256: 640.0}
    settled = settle(question, {"gunicorn-sync": prepared("gunicorn-sync", slow), "gunicorn-gthread": prepared("gunicorn-gthread", wide)})
    assert settled.connections == 64
    assert settled.too_slow == ("gunicorn-sync",)
    assert settled.contenders == ("gunicorn-gthread",)
    assert settled.window_seconds["gunicorn-gthread"] == pytest.approx(2.0)


def test_no_arm_at_all_settles_nothing(question: Question) -> None:
    assert settle(question, {}).contenders == ()


@pytest.mark.parametrize("abandoned", [False, True])
def test_a_journal_brings_back_the_race_as_it_was_run(question: Question, journal: Journal, abandoned: bool) -> None:
    live = Race(ARMS, twin_of="waitress", delta=question.delta, alpha=question.alpha, seed=question.seed)
    journal.append(SETTLED)
    for number in range(1, 8):
        block = live.next_block()
        assert block is not None
        seen = {}
        for name in block.order:
            if number == 5 and name == "gunicorn-sync":
                journal.append(failed(number, name))
                live.fail(name)
                continue
            record = window(number, name, rates(number, name))
            journal.append(record)
            seen[name] = record.reading.throughput_per_second
        if number == 5 and abandoned:
            journal.append(BlockEnd(number=number, abandoned=True))
            break
        journal.append(BlockEnd(number=number))
        live.enter(seen)
    again = replay(question, SETTLED, journal)
    assert (again.failed, again.dropped, again.blocks, again.logs) == (live.failed, live.dropped, live.blocks, live.logs)
    assert "gunicorn-sync" in again.failed
    assert again.next_block() == live.next_block()


@pytest.mark.parametrize(
    ("torn", "closed"),
    [
        ([], False),
        ([window(1, "waitress", 3000)], True),
        ([failed(1, "waitress")], True),
        ([window(1, "waitress", 3000), BlockEnd(number=1)], False),
    ],
)
def test_a_torn_block_is_closed_once(journal: Journal, torn: list[Record], closed: bool) -> None:
    for record in (SETTLED, *torn):
        journal.append(record)
    close_torn_block(journal)
    close_torn_block(journal)
    ends = [record for record in journal.of(BlockEnd) if record.abandoned]
    assert ends == ([BlockEnd(number=1, abandoned=True)] if closed else [])

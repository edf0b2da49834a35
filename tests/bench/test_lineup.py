"""Launches that are alive together, each with its connections; none outlives the lineup."""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.conftest import faulty_bench, processes_with

from whichworker.bench.lineup import (
    MOST_TURNS,
    PATIENCE_SECONDS,
    Lineup,
    deadline_of,
    most_connections,
)
from whichworker.bench.running import Bench
from whichworker.errors import GeneratorFailed, ServerFailed, UsageError
from whichworker.load.generator import Generator
from whichworker.load.http1 import fetch
from whichworker.model import SettingValue, SliceOrder
from whichworker.process import launch

ARMS = [("waitress", ""), ("waitress", ""), ("gunicorn-sync", "")]


@pytest.mark.parametrize(
    ("server", "settings", "most"),
    [
        ("uwsgi", {"workers": 1, "threads": 4}, 4),
        ("uwsgi", {"workers": 2, "threads": 3}, 6),
        ("pyuwsgi", {"workers": 1, "threads": 2}, 2),
        ("gunicorn-sync", {"workers": 1}, None),
        ("gunicorn-gthread", {"workers": 1, "threads": 4}, None),
        ("waitress", {"threads": 4}, 96),
        ("uvicorn", {"workers": 1}, None),
    ],
)
def test_only_who_leaves_connections_waiting_has_a_most(
    server: str, settings: dict[str, SettingValue], most: int | None
) -> None:
    assert most_connections(server, settings) == most


@pytest.mark.parametrize(
    ("turn", "seconds"),
    [
        (0.001, PATIENCE_SECONDS),
        (0.5, PATIENCE_SECONDS),
        (2.0, MOST_TURNS * 2.0),
        (30.0, MOST_TURNS * 30.0),
    ],
)
def test_a_response_is_waited_for_ten_turns(turn: float, seconds: float) -> None:
    assert deadline_of(turn) == seconds


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return faulty_bench(ARMS, tmp_path)


@pytest.fixture
def lineup(bench: Bench, generator: Generator) -> Iterator[Lineup]:
    """All three arms alive, with four connections each."""
    with Lineup(bench, generator) as opened:
        for arm in bench.question.arms:
            opened.sit(opened.enter(arm.name, arm, 1), 4, 0.001)
        yield opened


def alive(bench: Bench) -> list[int]:
    return processes_with(f"TMPDIR={bench.folder}")


def loaded(lineup: Lineup, generator: Generator, name: str) -> int:
    """Correct responses of one slice of a contender."""
    order = SliceOrder(seat=lineup.alive[name].seat, uncounted=0, counted=20, most_seconds=10.0)
    tally = generator.slice(order)
    assert not tally.failures
    return tally.requests


@pytest.mark.servers
@pytest.mark.parametrize("error", [None, RuntimeError(), KeyboardInterrupt()])
def test_nothing_outlives_a_lineup(
    error: BaseException | None, bench: Bench, generator: Generator
) -> None:
    lineup = Lineup(bench, generator)
    with contextlib.suppress(RuntimeError, KeyboardInterrupt), lineup:
        for arm in bench.question.arms:
            lineup.enter(arm.name, arm, 1)
        assert len(alive(bench)) >= len(ARMS)
        if error:
            raise error
    assert not alive(bench)
    assert not lineup.alive
    assert not list((bench.folder / "launches").glob("*.tmp"))


@pytest.mark.servers
def test_as_many_connections_as_waitress_accepts_are_answered(
    tmp_path: Path, generator: Generator
) -> None:
    """Of 128 connections 30 were once left to time out, and the arm was out of the race."""
    bench = faulty_bench([("waitress", "")], tmp_path)
    arm = bench.question.arms[0]
    with Lineup(bench, generator) as lineup:
        contender = lineup.enter("waitress", arm, 1)
        most = most_connections("waitress", arm.settings)
        assert most is not None
        lineup.sit(contender, most, 0.001)
        tally = generator.slice(
            SliceOrder(seat=contender.seat, uncounted=0, counted=2 * most, most_seconds=20.0)
        )
    assert (tally.failures, tally.requests) == ((), 2 * most)


@pytest.mark.servers
def test_who_leaves_is_gone_and_the_others_go_on(
    lineup: Lineup, bench: Bench, generator: Generator
) -> None:
    seat = lineup.alive["waitress"].seat
    assert [loaded(lineup, generator, name) for name in lineup.alive] == [20, 20, 20]
    before = set(alive(bench))
    (gone,) = lineup.leave("waitress", "nobody")
    assert gone.name == "waitress" and gone.run.launch.ended()
    assert list(lineup.alive) == ["waitress#2", "gunicorn-sync"]
    assert set(alive(bench)) < before
    assert [loaded(lineup, generator, name) for name in lineup.alive] == [20, 20]
    with pytest.raises(UsageError, match="no seat"):
        generator.slice(SliceOrder(seat=seat, uncounted=0, counted=1, most_seconds=1.0))


@pytest.mark.servers
def test_a_later_generation_stands_beside_nobody_of_its_name(
    lineup: Lineup, bench: Bench, generator: Generator
) -> None:
    old = lineup.alive["waitress"]
    lineup.leave("waitress")
    new = lineup.enter("waitress", bench.question.arms[0], 2)
    lineup.sit(new, 2, 0.001)
    assert (
        (new.seat, new.connections, new.loaded_seconds)
        == ("waitress/2", 2, 0.0)
        != (old.seat, old.connections, old.loaded_seconds)
    )
    assert loaded(lineup, generator, "waitress") == 20


@pytest.mark.servers
def test_an_arm_that_does_not_start_is_no_contender(tmp_path: Path, generator: Generator) -> None:
    bench = faulty_bench([("waitress", "import")], tmp_path)
    with Lineup(bench, generator) as lineup:
        with pytest.raises(ServerFailed):
            lineup.enter("waitress", bench.question.arms[0], 1)
        assert not lineup.alive
        assert not alive(bench)


@pytest.mark.servers
def test_launches_end_though_the_generator_is_gone(
    lineup: Lineup, bench: Bench, generator: Generator
) -> None:
    assert generator.pid is not None
    os.kill(generator.pid, signal.SIGKILL)
    with pytest.raises(GeneratorFailed):
        lineup.leave(*lineup.alive)
    assert not alive(bench)
    assert not lineup.alive


@pytest.mark.servers
def test_without_namespaces_one_that_leaves_takes_nobody_with_it(
    bench: Bench, generator: Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Then launches are contained by walking through what descends from them."""
    monkeypatch.setattr(launch, "containment", lambda: "walk")
    with Lineup(bench, generator) as lineup:
        for arm in bench.question.arms:
            assert lineup.enter(arm.name, arm, 1).run.launch.mode == "walk"
        lineup.leave("waitress#2")
        for name in ("waitress", "gunicorn-sync"):
            run = lineup.alive[name].run
            assert not run.launch.ended()
            assert (
                fetch(run.address, bench.question.workload.requests[0], "localhost", 5.0).status
                == 200
            )
    assert not alive(bench)


@pytest.mark.servers
def test_cpu_is_read_of_whoever_belongs_to_it_now(lineup: Lineup) -> None:
    """gunicorn's master starts another worker in the place of one that was killed."""
    contender = lineup.alive["gunicorn-sync"]
    master, worker = sorted(contender.cpu_seconds(), key=contender.run.launch.pids().index)
    os.kill(worker, signal.SIGKILL)
    while worker in (now := contender.run.launch.pids()) or len(now) < 2:
        pass
    seen = contender.cpu_seconds()
    assert master in seen and worker not in seen
    assert len(seen) == 2

"""A server that hangs, ignores its stop signal, forks, floods its log or eats memory is removed."""

from __future__ import annotations

import random
import re
import time
from contextlib import suppress
from pathlib import Path

import msgspec
import pytest
from tests import kills, storm
from tests.conftest import calibrations_of, faulty_bench, faulty_question, processes_with
from tests.silent import Silent

from whichworker.bench import running
from whichworker.bench.running import Bench
from whichworker.bench.window import load_and_probe, load_of
from whichworker.load.generator import Generator
from whichworker.load.http1 import fetch
from whichworker.model import Finding, Request
from whichworker.process.launch import LAUNCH_VARIABLE, LOG_BYTES
from whichworker.race import investigation
from whichworker.store import places
from whichworker.store.records import Failed

pytestmark = pytest.mark.servers

MEMORY_BYTES = 200_000_000
SEED, LAUNCHES, KILLS = 3, 12, 6


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two seconds of grace are enough for whoever does not mean to stop."""
    monkeypatch.setattr(running, "STOP_SECONDS", 2.0)


def one(fault: str, folder: Path, server: str = "waitress") -> Bench:
    """A bench with one arm of this fault, and little memory."""
    bench = faulty_bench([(server, fault)], folder)
    budget = msgspec.structs.replace(bench.question.budget, memory_bytes=MEMORY_BYTES)
    return msgspec.structs.replace(
        bench, question=msgspec.structs.replace(bench.question, budget=budget)
    )


def codes(findings: tuple[Finding, ...] | list[Finding]) -> set[str]:
    """What was found."""
    return {finding.code for finding in findings}


def assert_gone(folder: Path) -> None:
    """Nothing of any launch of this bench runs, and its temporary folders are removed."""
    assert not processes_with(f"TMPDIR={folder}")
    assert not list((folder / "launches").glob("*.tmp"))


@pytest.mark.parametrize(
    ("fault", "server", "found"),
    [
        ("", "waitress", set()),
        ("ignore-term", "waitress", {"stopped-by-force"}),
        ("ignore-term", "gunicorn-sync", {"stopped-by-force"}),
        ("double-fork", "gunicorn-sync", {"left-running"}),
    ],
)
def test_how_a_launch_ends_is_told_with_it(
    fault: str, server: str, found: set[str], tmp_path: Path, generator: Generator
) -> None:
    bench = one(fault, tmp_path, server)
    with running.running(bench, bench.question.arms[0]) as run:
        tally, _ = load_and_probe(bench, generator, run, load_of(bench, run, 4, 0.3, 0.1))
    assert tally.requests > 20
    assert codes(run.findings) == found
    assert all(finding.arm == server for finding in run.findings)
    assert_gone(tmp_path)


def test_a_frozen_server_is_stopped_by_force(tmp_path: Path) -> None:
    bench = one("frozen", tmp_path)
    with running.running(bench, bench.question.arms[0]) as run:
        with suppress(TimeoutError):  # the thread that stops its process may still come to answer
            fetch(run.address, Request(path="/freeze"), "localhost", 0.3)
        mark = f"{LAUNCH_VARIABLE}={run.launch.token}"
        assert processes_with(mark)
    assert codes(run.findings) == {"stopped-by-force"}
    assert not processes_with(mark)
    assert_gone(tmp_path)


def test_a_flooded_log_stays_small_and_its_end_is_kept(tmp_path: Path) -> None:
    bench = one("flood", tmp_path)
    with running.running(bench, bench.question.arms[0]) as run:
        log, largest = Path(run.launch.order.log), 0
        while b"were cut out here" not in log.read_bytes():
            largest = max(largest, log.stat().st_size)
            time.sleep(0.01)
        assert "xxxx" in run.launch.log_tail()
    assert largest < 8 * LOG_BYTES
    (finding,) = run.findings
    assert finding.code == "log-flooded"
    assert run.launch.flooded_bytes > LOG_BYTES
    assert_gone(tmp_path)
    assert not log.exists(), "a launch that went well leaves no file"


def test_a_server_that_eats_memory_is_killed_and_says_why(
    tmp_path: Path, generator: Generator
) -> None:
    bench = one("memory", tmp_path)
    record = calibrations_of(bench, generator)["waitress"]
    assert isinstance(record, Failed)
    (failure,) = record.failures
    assert failure.kind == "memory"
    assert "over the limit of 200 MB, and were killed" in failure.sample
    assert_gone(tmp_path)


@pytest.mark.slow
def test_a_race_tells_of_all_of_them_and_ranks_who_is_well(tmp_path: Path, state: Path) -> None:
    question = faulty_question(
        [("waitress", ""), ("waitress", "ignore-term"), ("gunicorn-sync", "memory")], seconds=20
    )
    budget = msgspec.structs.replace(question.budget, memory_bytes=MEMORY_BYTES)
    planned = investigation.plan(
        msgspec.structs.replace(question, budget=budget),
        [],
        tmp_path,
        places.cache_folder(),
        Silent(),
    )
    result = investigation.carry_out(planned, Silent(), "whichworker race")
    arms = {arm.name: arm for arm in result.arms}
    assert arms["gunicorn-sync"].state == "failed"
    assert [failure.kind for failure in arms["gunicorn-sync"].failures] == ["memory"]
    found = {(finding.code, finding.arm): finding.text for finding in result.findings}
    assert ("arm-memory", "gunicorn-sync") in found
    stubborn = "waitress#2, in N of N launches: it did not stop within 2 s after SIGINT"
    assert re.sub(r"(\d+) of \1 ", "N of N ", found["stopped-by-force", "waitress#2"]) == stubborn
    assert ("stopped-by-force", "waitress") not in found
    if arms["waitress"].windows:  # a busy machine may have refused them all
        probes = arms["waitress"].probes
        assert probes is not None
        assert probes.cpu_cores
        assert probes.processes == 1
        assert probes.open_files


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_nothing_is_left_of_a_dozen_launches_ended_in_every_way(tmp_path: Path) -> None:
    bench, weather = storm.shelter(tmp_path), random.Random(SEED)
    gusts = storm.forecast(SEED, LAUNCHES)
    assert {gust.end for gust in gusts} == set(storm.ENDS)
    complaints = {
        (place, *gust): found
        for place, gust in enumerate(gusts)
        if (found := storm.blow(bench, gust, weather))
    }
    assert not complaints


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_nothing_is_left_of_commands_killed_at_random() -> None:
    damages = kills.blow(SEED, KILLS)
    assert not [damage for damage in damages if damage.complaints]
    assert sum(damage.hit for damage in damages) >= KILLS / 2

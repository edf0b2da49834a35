"""A race that is cut short in the middle of a round leaves nothing but its journal."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest
from tests.conftest import changed, faulty_bench, planned, processes_with
from tests.silent import Silent

from whichworker.errors import JournalFailed
from whichworker.question.stages import Planned
from whichworker.race import investigation
from whichworker.race.watch import Progress
from whichworker.store.journal import FILE, Journal
from whichworker.store.records import Launched, Prepared, RoundEnd, RunSession, Settled, Slice

pytestmark = [pytest.mark.servers, pytest.mark.alone]

ARMS = [("waitress", ""), ("waitress", ""), ("gunicorn-sync", "slow")]
ALIVE = len(ARMS) + 1
"""The twin is one, too."""
MARK = "WHICHWORKER_TEST"
GONE_SECONDS = 10.0
TOOL = """
import sys
from pathlib import Path
from tests.bench.test_interruptions import plan_of
from whichworker.race import investigation
from tests.silent import Silent

class Loud(Silent):
    def slice(self, arm, seen, progress):
        print(seen.round, progress.place, flush=True)

investigation.carry_out(plan_of(Path(sys.argv[1])), Loud(), "whichworker race")
"""


def plan_of(folder: Path) -> Planned:
    """A race of a built-in app that would last far longer than its test."""
    plan = planned(faulty_bench(ARMS, folder), seconds=90)
    apps = {
        label: msgspec.structs.replace(app, name="builtin:faults")
        for label, app in plan.question.apps.items()
    }
    return msgspec.structs.replace(plan, question=changed(plan.question, apps=apps))


class At(Silent):
    """Does something at one slice of the race, and looks who is alive then."""

    def __init__(self, folder: Path, round_: int, place: int, action: Callable[[], object]) -> None:
        self.folder, self.moment, self.action = folder, (round_, place), action
        self.alive = 0

    def slice(self, arm: str, seen: Slice, progress: Progress) -> None:
        if (seen.round, progress.place) == self.moment and (not seen.refused or seen.lost):
            self.alive = len(servers(self.folder))
            self.action()


def servers(folder: Path) -> list[int]:
    """The processes of all launches."""
    return processes_with(f"TMPDIR={folder}")


def interrupt() -> None:
    raise KeyboardInterrupt


@pytest.fixture
def plan(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Planned:
    """A race of which every process can be told."""
    monkeypatch.setenv(MARK, str(tmp_path))
    return plan_of(tmp_path)


def journal_of(folder: Path) -> Journal:
    with Journal(folder / FILE) as journal:
        return journal


def ends(journal: Journal) -> list[tuple[int, bool]]:
    return [(record.number, record.abandoned) for record in journal.of(RoundEnd)]


def test_ctrl_c_keeps_whole_rounds_and_a_resumed_run_repeats_the_torn_one(
    plan: Planned, tmp_path: Path
) -> None:
    watch = At(tmp_path, 3, 2, interrupt)
    result = investigation.carry_out(plan, watch, "whichworker race")
    assert watch.alive >= ALIVE
    assert not processes_with(f"{MARK}={tmp_path}")
    assert not list((tmp_path / "launches").glob("*.tmp"))
    assert (result.run.finished, result.blocks) == (False, 2)
    first = journal_of(tmp_path)
    assert ends(first) == [(1, False), (2, False)]
    torn = {(record.place, record.arm) for record in first.of(Slice) if record.round == 3}
    assert isinstance(first.records[-1], RunSession) and first.records[-1].ended == "interrupted"

    resumed = investigation.carry_out(
        msgspec.structs.replace(plan, resumed=True),
        At(tmp_path, 5, 1, interrupt),
        "whichworker race",
    )
    assert not processes_with(f"{MARK}={tmp_path}")
    both = journal_of(tmp_path)
    assert ends(both) == [(1, False), (2, False), (3, True), (3, False), (4, False)], (
        "no whole round is measured twice"
    )
    assert resumed.blocks == 4
    again = {
        (one.place, one.arm)
        for one in both.records[len(first.records) :]
        if isinstance(one, Slice) and one.round == 3
    }
    assert len(torn) == 2 and torn < again, "in the same order"
    assert len(list(both.of(Settled))) == 1 and len(list(both.of(Prepared))) == len(ARMS), (
        "the preflight is not repeated"
    )
    generations = [record.generation for record in both.of(Launched) if record.arm == "waitress"]
    assert generations == sorted(set(generations)), "each launch has a number of its own"


def test_a_kill_leaves_no_process_though_all_contenders_are_alive(tmp_path: Path) -> None:
    environment = {**os.environ, MARK: str(tmp_path)}
    root = Path(__file__).parents[2]
    with subprocess.Popen(
        [sys.executable, "-c", TOOL, str(tmp_path)],
        stdout=subprocess.PIPE,
        text=True,
        env=environment,
        cwd=root,
    ) as tool:
        assert tool.stdout is not None
        assert any(line == "2 2\n" for line in tool.stdout), "the race ended too soon"
        assert len(servers(tmp_path)) >= ALIVE
        tool.send_signal(signal.SIGKILL)
    deadline = time.monotonic() + GONE_SECONDS
    while processes_with(f"{MARK}={tmp_path}") and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not processes_with(f"{MARK}={tmp_path}"), (
        "wardens, generator and thermometer end with it, too"
    )
    assert ends(journal_of(tmp_path)) == [(1, False)]


def test_a_full_disk_in_a_round_ends_everything(plan: Planned, tmp_path: Path) -> None:
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)

    def fill() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, ((tmp_path / FILE).stat().st_size, limits[1]))

    watch = At(tmp_path, 2, 2, fill)
    try:
        with pytest.raises(JournalFailed, match="cannot be written"):
            investigation.carry_out(plan, watch, "whichworker race")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert watch.alive >= ALIVE
    assert not processes_with(f"{MARK}={tmp_path}")
    assert (tmp_path / FILE).read_bytes().endswith(b"\n"), "no torn line is left"
    kept = journal_of(tmp_path)
    assert ends(kept) == [(1, False)]
    assert {record.place for record in kept.of(Slice) if record.round == 2} == {0, 1}

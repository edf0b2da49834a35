"""Kept runs: listed from their journals, found by id, and compared as far as that is possible."""

from __future__ import annotations

import math
import random
import sqlite3
from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec
import pytest
from tests.judge.stories import CUT, END, SERVERS, Story
from tests.silent import Silent

from whichworker.deployment.recipe import JudgedRun, read
from whichworker.design.rounds import TWIN
from whichworker.errors import UsageError
from whichworker.history import comparable, entries, index
from whichworker.model import Terms
from whichworker.race import investigation
from whichworker.store import places
from whichworker.store.journal import FILE, Journal
from whichworker.store.records import Header


@pytest.fixture(autouse=True)
def kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("WHICHWORKER_STATE", str(tmp_path / "state"))
    return tmp_path


def speeds(**factors: float) -> Callable[[str, int], float]:
    """Rates of 1000/s with noise; each named setup does its factor of that."""

    def rate(name: str, number: int) -> float:
        shared = random.Random(f"round {number}").gauss(0, 0.1)
        own = random.Random(f"{number} {name}").gauss(0, 0.02)
        server = "granian-wsgi" if name == TWIN else name
        return 1000 * factors.get(server.replace("-", "_"), 1.0) * math.exp(shared + own)

    return rate


def written(
    project: Path,
    name: str = "20260101-120000-aaaa",
    *,
    rate: Callable[[str, int], float] | None = None,
    end: object = END,
    change: Callable[[Header], Header] = lambda one: one,
    servers: Sequence[str] = SERVERS,
    **more: object,
) -> Path:
    folder = places.project_folder(project) / name
    folder.mkdir(parents=True)
    story = Story(folder, servers, **more)  # type: ignore[arg-type]
    story.rounds(40, rate or speeds(granian_wsgi=2.0, waitress=0.4)).add(end)  # type: ignore[arg-type]
    with Journal(folder / FILE) as journal:
        for record in story.records:
            if isinstance(record, Header):
                record = change(msgspec.structs.replace(record, run=name))
            journal.append(record)
    return folder


def test_a_run_is_listed_with_its_verdict(kept: Path) -> None:
    folder = written(kept / "shop")
    entry = entries.entry_of(folder)
    assert (entry.id, entry.kind, entry.app) == (folder.name, "race", "shop")
    assert entry.finished
    assert entry.seconds == pytest.approx(30.0)
    assert "granian-wsgi" in entry.verdict
    cut = entries.entry_of(written(kept / "shop", "20260102-120000-bbbb", end=CUT))
    assert not cut.finished


def test_a_gate_is_listed_as_one(kept: Path) -> None:
    terms = Terms(seed=3, claims="all", most_loss=0.05)
    rate = speeds(waitress=0.5)
    folder = written(kept / "shop", servers=("gthread", "waitress"), rate=rate, terms=terms)
    entry = entries.entry_of(folder)
    assert entry.kind == "gate"
    assert entry.verdict.startswith("waitress does 0.")
    assert entry.verdict.endswith("it is slower")


@pytest.mark.parametrize("content", [b"", b"{}\n", b"not json\n", b'{"record":"session"}\n'])
def test_a_broken_journal_is_listed_with_the_reason(content: bytes, kept: Path) -> None:
    folder = kept / "run"
    folder.mkdir()
    (folder / FILE).write_bytes(content)
    entry = entries.entry_of(folder)
    assert entry.kind == "unreadable"
    assert entry.verdict


def test_each_journal_is_read_once_until_it_changes(
    kept: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folders = [written(kept / "shop", f"2026010{day}-120000-aaaa") for day in (1, 2)]
    cache = kept / "cache"
    said: list[str] = []
    cache.mkdir()
    first = index.entries(cache, folders, said.append)
    assert len(said) == 2
    assert index.entries(cache, folders, said.append) == first
    assert len(said) == 2
    with (folders[1] / FILE).open("ab") as file:
        file.write(b"x")
    index.entries(cache, folders, said.append)
    assert len(said) == 3


def test_a_broken_index_costs_nothing_but_time(kept: Path) -> None:
    folder, cache = written(kept / "shop"), kept / "cache"
    cache.mkdir()
    (cache / index.NAME).write_bytes(b"no database" * 100)
    found = index.entries(cache, [folder], lambda _: None)
    assert [entry.id for entry in found] == [folder.name]
    said: list[str] = []
    assert index.entries(cache, [folder], said.append) == found
    assert not said, "it was made again"


def test_an_index_in_use_is_left_alone(kept: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(index, "BUSY_SECONDS", 0.05)
    folder, cache = written(kept / "shop"), kept / "cache"
    cache.mkdir()
    first = index.entries(cache, [folder], lambda _: None)
    with sqlite3.connect(cache / index.NAME, isolation_level=None) as other:
        other.execute("BEGIN EXCLUSIVE")
        assert index.entries(cache, [folder], lambda _: None) == first
        other.execute("COMMIT")
    said: list[str] = []
    assert index.entries(cache, [folder], said.append) == first
    assert not said, "it is still there"


def test_a_comparison_is_no_race(kept: Path) -> None:
    terms = Terms(seed=3, claims="all", width=0.01)
    folder = written(kept / "shop", servers=("gthread", "waitress"), terms=terms)
    with pytest.raises(UsageError, match="is a versus, not a race"):
        entries.race_of(folder)
    assert entries.comparison_of(folder) is not None
    with pytest.raises(UsageError, match="only a race can be resumed"):
        investigation.resume(folder, kept, Silent(), None, project=kept / "shop")


def test_runs_of_every_project_are_found_by_their_id(kept: Path) -> None:
    one = written(kept / "shop", "20260101-120000-aaaa")
    other = written(kept / "blog", "20260102-120000-bbbb")
    assert entries.every_folder() == [other, one]
    assert entries.every_folder(kept / "shop") == [one]
    assert entries.find("20260102-120000-bbbb", kept / "shop") == other
    assert entries.find("latest", kept / "shop") == one
    with pytest.raises(UsageError, match="there is no run 'x'"):
        entries.find("x", kept / "shop")


def two(
    kept: Path, change: Callable[[Header], Header] = lambda one: one, **factors: float
) -> tuple[JudgedRun, JudgedRun]:
    usual = {"granian_wsgi": 2.0, "waitress": 0.4}
    first = written(kept / "shop", "20260101-120000-aaaa", rate=speeds(**usual))
    rate = speeds(**(usual | factors))
    second = written(kept / "shop", "20260102-120000-bbbb", rate=rate, change=change)
    return read(first), read(second)


def test_ratios_of_two_runs_are_compared(kept: Path) -> None:
    found = comparable.compare(*two(kept, waitress=0.8))
    assert found.reference == "granian-wsgi"
    by_arm = {change.arm: change for change in found.changes}
    changed = by_arm["waitress"]
    assert changed.verdict == "higher"
    assert changed.low < 2.0 < changed.high
    assert changed.first == pytest.approx(0.2, rel=0.05)
    assert by_arm["gunicorn-gthread"].verdict in ("same", "not decided")


def test_a_faster_machine_changes_no_ratio(kept: Path) -> None:
    usual = speeds(granian_wsgi=2.0, waitress=0.4)
    first = written(kept / "shop", "20260101-120000-aaaa", rate=usual)
    faster = written(
        kept / "shop", "20260102-120000-bbbb", rate=lambda name, number: 1.3 * usual(name, number)
    )
    found = comparable.compare(read(first), read(faster))
    for change in found.changes:
        assert change.change == pytest.approx(1.0, abs=0.03)
        assert change.low < 1.0 < change.high


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (
            lambda header: msgspec.structs.replace(
                header, machine=msgspec.structs.replace(header.machine, fingerprint="other")
            ),
            "two machines",
        ),
        (
            lambda header: msgspec.structs.replace(
                header,
                question=msgspec.structs.replace(
                    header.question,
                    budget=msgspec.structs.replace(header.question.budget, server_cores=(0, 2)),
                ),
            ),
            "other cores",
        ),
    ],
)
def test_runs_that_cannot_be_compared_say_why_and_what_to_run(
    change: Callable[[Header], Header], said: str, kept: Path
) -> None:
    with pytest.raises(UsageError, match=said) as caught:
        comparable.compare(*two(kept, change))
    assert "whichworker versus --app-at REV" in caught.value.hint

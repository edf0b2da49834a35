"""The last releases of a server, found in the index, and the steps between them."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.version import Version
from rich.console import Console
from tests.judge.stories import Story

from whichworker.design.rounds import TWIN
from whichworker.errors import UsageError
from whichworker.judge import verdict
from whichworker.model import Terms
from whichworker.report.sides import release_steps
from whichworker.result.versus import ReleaseStep
from whichworker.servers import table
from whichworker.store.journal import Journal
from whichworker.versus import releases

ALL = Terms(seed=3, claims="all")
RELEASES = ("waitress@2.1.2", "waitress@3.0.0", "waitress@3.0.2")


def told(tmp_path: Path, **rates: float) -> tuple[Journal, tuple[ReleaseStep, ...]]:
    """The steps of a race of three releases at these rates."""

    def rate(name: str, number: int) -> float:
        twin_or_first = RELEASES[0] if name == TWIN else name
        version = twin_or_first.rpartition("@")[2].replace(".", "_")
        return rates.get(f"v{version}", 1000.0) * (1.0 + 0.001 * (number % 3))

    story = Story(tmp_path, RELEASES, terms=ALL).rounds(12, rate)
    for _ in range(8):
        story.relaunch().rounds(12, rate)
    path = tmp_path / "journal.jsonl"
    path.unlink(missing_ok=True)
    with Journal(path) as journal:
        for record in story.records:
            journal.append(record)
    journal = Journal.read(path)
    return journal, releases.steps(journal)


def test_a_loss_is_between_two_releases(tmp_path: Path) -> None:
    _, steps = told(tmp_path, v3_0_2=800.0)
    first, second = steps
    assert (first.before, first.after, first.change) == (*RELEASES[:2], "alike")
    assert (second.before, second.after, second.change) == (*RELEASES[1:], "slower")
    assert second.ratio == pytest.approx(0.8, rel=0.02)
    assert second.ratio is not None and second.low is not None and second.high is not None
    assert second.low < second.ratio < second.high < 1
    assert release_steps.headline(steps).startswith(
        "waitress@3.0.2 is slower than waitress@3.0.0: 0.80x"
    )


def test_a_gain_is_no_loss(tmp_path: Path) -> None:
    journal, steps = told(tmp_path, v2_1_2=700.0)
    assert [step.change for step in steps] == ["faster", "alike"]
    assert steps[0].ratio == pytest.approx(1 / 0.7, rel=0.02)
    console = Console(width=120, record=True)
    release_steps.print_steps(console, verdict.judge(journal), steps)
    text = console.export_text()
    assert "No release was shown to be slower than the one before it." in text
    rows = [line.split()[0] for line in text.splitlines() if line.startswith("waitress@")]
    assert rows == list(RELEASES)


def test_steps_that_are_not_decided_are_counted(tmp_path: Path) -> None:
    story = Story(tmp_path, RELEASES, terms=ALL).rounds(1, lambda *_: 1000.0)
    with Journal(tmp_path / "journal.jsonl") as journal:
        for record in story.records:
            journal.append(record)
    steps = releases.steps(Journal.read(tmp_path / "journal.jsonl"))
    assert [step.change for step in steps] == ["not decided"] * 2
    assert "2 of 2 steps are not decided" in release_steps.headline(steps)


@pytest.mark.servers
def test_the_newest_releases_of_the_index(tmp_path: Path) -> None:
    found = releases.newest(
        "waitress[threads=2]", 3, sys.executable, None, tmp_path, lambda _: None
    )
    assert len(found) == 3
    versions = [Version(name.partition("@")[2].partition("[")[0]) for name in found]
    assert versions == sorted(set(versions))
    assert all(name.endswith("[threads=2]") for name in found)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.servers
def test_releases_of_a_day_and_within_what_is_supported(tmp_path: Path) -> None:
    day = "2024-06-01T00:00:00Z"
    found = releases.newest("waitress", 2, sys.executable, day, tmp_path, lambda _: None)
    assert found == ("waitress@2.1.2", "waitress@3.0.0")
    supported = table.load("gunicorn-eventlet").requirements[0]
    specifier = Requirement(supported).specifier
    (*_, last) = releases.newest(
        "gunicorn-eventlet", 2, sys.executable, None, tmp_path, lambda _: None
    )
    assert last.partition("@")[2] in specifier


def test_fewer_than_two_releases_are_no_good_news() -> None:
    assert release_steps.headline(()).startswith("Nothing was compared")


def test_a_release_that_is_named_already(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="names a release already"):
        releases.newest("waitress@3.0.0", 3, sys.executable, None, tmp_path, lambda _: None)

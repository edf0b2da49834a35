"""What there is to report of a run beside its numbers."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest
from msgspec.structs import replace
from tests.conftest import changed
from tests.judge.stories import DIED, END, Story

from whichworker.design.capacity.slo import parse
from whichworker.design.rounds import TWIN
from whichworker.design.validity import THROTTLED
from whichworker.judge.run_findings import run_findings
from whichworker.judge.slices import Sliced
from whichworker.model import Failure, Finding, Pool, Resolution
from whichworker.result import Twin, Validity
from whichworker.store.records import (
    Failed,
    Header,
    Left,
    Noted,
    Overloaded,
    Prepared,
    Slice,
    Window,
)

VALID = Validity(state="valid")
HEATS = (("granian-wsgi", "waitress"), ("granian-wsgi", "gunicorn-gthread"))


def found(story: Story, *, twin_rounds: int = 10, validity: Validity = VALID) -> Sequence[Finding]:
    journal = story.journal()
    twin = Twin(arm="granian-wsgi", blocks=twin_rounds, ratio=1.0, evidence=1.0, limit=20.0)
    return list(run_findings(journal, twin, validity, Sliced(journal, "granian-wsgi")))


def test_a_run_in_which_all_went_well_has_none(tmp_path: Path) -> None:
    assert found(Story(tmp_path).rounds().add(END)) == []


@pytest.mark.parametrize(
    ("share", "codes"), [(0.0, []), (0.01, []), (0.02, ["busy-while-idle"] * 3)]
)
def test_an_arm_that_is_busy_while_idle_is_named_with_its_share(
    share: float, codes: list[str], tmp_path: Path
) -> None:
    seen = found(Story(tmp_path, idle_share=share).rounds())
    assert [finding.code for finding in seen] == codes
    assert all(
        finding.severity == "warning" and "2%" in finding.text and finding.arm in finding.text
        for finding in seen
        if finding.arm
    )


def test_an_idle_share_that_is_not_known_is_no_finding(tmp_path: Path) -> None:
    story = Story(tmp_path)
    story.records = [
        replace(record, idle_share=None) if isinstance(record, Prepared) else record
        for record in story.records
    ]
    assert found(story.rounds()) == []


def test_heats_are_explained_once(tmp_path: Path) -> None:
    (finding,) = found(
        Story(
            tmp_path, heats=HEATS, reason="the database does not have connections for all"
        ).rounds()
    )
    assert (finding.code, finding.severity) == ("heats", "info")
    assert (
        "2 groups" in finding.text
        and "the database does not have connections for all" in finding.text
    )


def test_a_twin_that_failed_is_its_arms_and_no_failure_of_it(tmp_path: Path) -> None:
    seen = found(Story(tmp_path).rounds(1, fail=TWIN).rounds())
    assert [(finding.code, finding.arm, finding.evidence) for finding in seen] == [
        ("twin-failed", "granian-wsgi", DIED.sample)
    ]


@pytest.mark.parametrize(
    ("rounds", "state", "short"), [(3, "valid", True), (4, "valid", False), (3, "invalid", False)]
)
def test_a_twin_of_few_rounds_shows_little(
    rounds: int, state: str, short: bool, tmp_path: Path
) -> None:
    validity = Validity(state=state)  # type: ignore[arg-type]
    codes = [
        finding.code
        for finding in found(Story(tmp_path).rounds(), twin_rounds=rounds, validity=validity)
    ]
    assert ("twin-short" in codes) is short


def test_each_failure_has_its_code_its_first_line_and_the_rest_as_evidence(tmp_path: Path) -> None:
    (finding,) = found(Story(tmp_path).rounds(1, fail="waitress").rounds())
    assert (finding.code, finding.severity, finding.arm) == ("arm-died", "error", "waitress")
    assert (finding.text, finding.evidence) == ("waitress: it died", "last words")


def test_samples_that_were_taken_again_are_counted(tmp_path: Path) -> None:
    story = Story(tmp_path).rounds(4, refusals=1)
    (finding,) = found(story)
    assert finding.code == "windows-refused"
    assert finding.text.startswith("16 slices: other processes used the cores")


def test_the_cores_that_others_used_are_told(tmp_path: Path) -> None:
    story, shares = Story(tmp_path).rounds(1, refusals=1), iter((0.26, 0.31, 0.44, 0.3))
    story.records = [
        replace(record, foreign_share=next(shares))
        if isinstance(record, Slice) and record.refused
        else record
        for record in story.records
    ]
    (finding,) = found(story)
    cores = "of the servers' cores (limit 25 %)"
    assert finding.text == f"4 slices: other processes used 26-44 % {cores}"


def test_a_quota_that_was_used_up_is_no_other_process(tmp_path: Path) -> None:
    story = Story(tmp_path).rounds(1, refusals=1)
    story.records = [
        replace(record, refused=THROTTLED)
        if isinstance(record, Slice) and record.refused
        else record
        for record in story.records
    ]
    (finding,) = found(story)
    assert finding.text == f"4 slices: {THROTTLED}"
    assert "docker run --cpus" in finding.hint and "other processes" not in finding.hint


def test_what_a_launch_showed_is_told_wherever_it_was_noticed(tmp_path: Path) -> None:
    """At the end of a launch, and in an old window; the twin's launches count for its arm."""
    told = Finding(code="log-flooded", severity="warning", text="it wrote 30 MB to its log")
    story = Story(tmp_path).rounds(2)
    story.add(
        *(
            Left(arm=name, generation=1, findings=(told,))
            for name in ("waitress", TWIN, "gunicorn-gthread")
        )
    )
    windows = [
        at
        for at, record in enumerate(story.records)
        if isinstance(record, Window) and record.arm == "waitress"
    ]
    window = story.records[windows[0]]
    assert isinstance(window, Window)
    story.records[windows[0]] = replace(window, reading=replace(window.reading, findings=(told,)))
    seen = [(finding.arm, finding.text) for finding in found(story)]
    assert seen == [
        ("waitress", "waitress, in 2 of 2 launches: it wrote 30 MB to its log"),
        ("granian-wsgi", "granian-wsgi, in 1 of 2 launches: it wrote 30 MB to its log"),
        ("gunicorn-gthread", "gunicorn-gthread, in 1 of 1 launches: it wrote 30 MB to its log"),
    ]


def test_what_was_noted_on_the_way_comes_before_failures(tmp_path: Path) -> None:
    noted = Finding(
        code="second-chance", severity="warning", arm="waitress", text="waitress broke once"
    )
    story = (
        Story(tmp_path)
        .rounds(2)
        .add(Failed(arm="waitress", failures=(DIED,), block=3), Noted(finding=noted))
    )
    assert [finding.code for finding in found(story)] == ["second-chance", "arm-died"]


def test_versions_that_no_date_can_repeat_are_named(tmp_path: Path) -> None:
    story = Story(tmp_path).rounds()
    (first,) = [record for record in story.records if isinstance(record, Header)]
    environments = {
        name: replace(one, resolution=Resolution(locked=False) if name == "waitress" else None)
        for name, one in first.environments.items()
    }
    story.records[story.records.index(first)] = replace(first, environments=environments)
    (finding,) = found(story)
    assert finding.code == "upload-times-missing"
    assert "waitress" in finding.text and "granian" not in finding.text
    assert finding.hint


@pytest.mark.parametrize("most", [16, None])
def test_an_arm_with_fewer_connections_says_why(most: int | None, tmp_path: Path) -> None:
    """If it failed in the end, too, its last failure says why."""
    story = Story(tmp_path)
    story.records = [
        replace(record, most_connections=most)
        if isinstance(record, Prepared) and record.arm == "gunicorn-gthread"
        else record
        for record in story.records
    ]
    line = "psycopg_pool.PoolTimeout: couldn't get a connection after 30.00 sec"
    failure = Failure(kind="timeout", count=3, sample=f"no complete response\n{line}")
    for connections in (64, 32):
        story.add(Overloaded(arm="gunicorn-gthread", connections=connections, failures=(failure,)))
    seen = found(story.rounds())
    assert [(one.code, one.severity, one.arm) for one in seen] == (
        [
            ("fewer-connections", "warning", "gunicorn-gthread"),
            ("pool-exhausted", "warning", "gunicorn-gthread"),
        ]
        if most
        else []
    )
    if most:
        assert "at most 16 connections, as it failed with 32" in seen[0].text


@pytest.mark.parametrize(
    ("connections", "capacity", "used_up"), [(2, False, False), (8, False, True), (2, True, True)]
)
def test_a_pool_is_blamed_only_for_as_many_requests_as_were_sent(
    connections: int, capacity: bool, used_up: bool, tmp_path: Path
) -> None:
    """A pool of 3, four threads; windows for a capacity send more than the slices."""
    pools = (Pool(library="SQLAlchemy", connections=3, seconds=30.0),)
    story = Story(tmp_path)
    first = story.records[0]
    assert isinstance(first, Header)
    (label,) = first.question.apps
    question = changed(
        first.question,
        apps={label: replace(first.question.app, pools=pools)},
        slo=parse("p99<1s") if capacity else None,
    )
    story.records = [
        replace(record, connections=connections) if isinstance(record, Prepared) else record
        for record in (replace(first, question=question), *story.records[1:])
    ]
    late = Failure(kind="timeout", count=1, sample="not one response was complete")
    story.add(Failed(arm="gunicorn-gthread", failures=(late,)))
    codes = [finding.code for finding in found(story.rounds())]
    assert ("pool-exhausted" in codes) == used_up

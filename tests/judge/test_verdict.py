"""The verdict on journals written by hand: nothing is launched."""

from __future__ import annotations

import math
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest
from msgspec.structs import replace
from scipy import stats
from tests.judge.stories import BUSY, CUT, DIED, END, SERVERS, OldStory, Story, rate_of, reading

from whichworker.design.rounds import TWIN
from whichworker.errors import JournalFailed
from whichworker.judge import verdict
from whichworker.model import Failure, Finding
from whichworker.result import ArmResult, Result, decode, encode
from whichworker.store.journal import FILE, Journal
from whichworker.store.records import (
    BlockEnd,
    Failed,
    Left,
    Noted,
    RoundEnd,
    RunSession,
    Slice,
    Window,
)

OLD_JOURNAL = Path(__file__).with_name("old_journal.jsonl")
MEASURING = (
    "whichworker.load.generator",
    "whichworker.process",
    "whichworker.bench",
    "whichworker.race",
    "whichworker.capacity",
    "whichworker.question",
    "whichworker.conformance",
    "whichworker.environments",
    "whichworker.apps",
)


def by_name(result: Result) -> dict[str, ArmResult]:
    return {arm.name: arm for arm in result.arms}


def codes(result: Result) -> list[str]:
    return [finding.code for finding in result.findings]


def even(name: str, number: int) -> float:
    """All arms are equally fast."""
    return rate_of("waitress" if name == TWIN else f"waitress#{name}", number)


@pytest.fixture(params=[Story, OldStory])
def story_of(request: pytest.FixtureRequest) -> type[Story]:
    """A journal of slices, and one of windows: both are judged."""
    kind: type[Story] = request.param
    return kind


def told(story: Story, most: int = 200, *, fail: str = "") -> Story:
    """The rounds, or the blocks, of a story."""
    return (
        story.blocks(most, fail=fail)
        if isinstance(story, OldStory)
        else story.rounds(most, fail=fail)
    )


def test_a_finished_race(story_of: type[Story], tmp_path: Path) -> None:
    result = told(story_of(tmp_path)).add(END).judged()
    assert result.validity.state == "valid"
    assert result.run.finished and result.run.seconds == 30.0
    assert [
        (arm.name, arm.state, arm.rank_low, arm.rank_high, arm.dropped) for arm in result.arms
    ] == [
        ("granian-wsgi", "ranked", 1, 1, False),
        ("gunicorn-gthread", "ranked", 2, 2, True),
        ("waitress", "ranked", 3, 3, True),
    ]
    assert result.leader == "granian-wsgi"
    assert {(claim.better, claim.worse) for claim in result.claims} == {
        ("granian-wsgi", "gunicorn-gthread"),
        ("granian-wsgi", "waitress"),
        ("gunicorn-gthread", "waitress"),
    }
    assert all(1 < claim.low <= claim.ratio <= claim.high for claim in result.claims)
    assert (result.ties, result.undetermined, result.findings) == ((), (), ())
    assert result.verdict is not None and result.verdict.state == "clear"
    assert result.twin is not None and (result.twin.arm, result.twin.blocks) == (
        "granian-wsgi",
        result.blocks,
    )
    assert all(window.arm != TWIN for window in result.windows)


def test_each_arm_has_its_own_connections_and_windows_had_the_same_for_all(tmp_path: Path) -> None:
    now, once = (
        Story(tmp_path / "a").rounds().add(END).judged(),
        OldStory(tmp_path / "b").blocks().add(END).judged(),
    )
    assert (now.question.connections, once.question.connections) == (None, 2)
    assert {arm.connections for result in (now, once) for arm in result.arms} == {2}


def test_the_advice_is_the_leader_and_says_why(story_of: type[Story], tmp_path: Path) -> None:
    advice = told(story_of(tmp_path)).add(END).judged().advice
    assert advice is not None
    assert (advice.arm, advice.runner_up, advice.command) == (
        "granian-wsgi",
        "gunicorn-gthread",
        ("granian", "--go"),
    )
    assert "faster than all 2 others" in advice.because


def test_what_is_said_of_the_leader_is_the_mean_of_its_slices_and_of_its_twins(
    tmp_path: Path,
) -> None:
    story = Story(tmp_path).rounds(6).add(END)
    arm = by_name(story.judged())["granian-wsgi"]
    own = [
        record
        for record in story.records
        if isinstance(record, Slice) and record.arm in (arm.name, TWIN)
    ]
    logs = [math.log(record.requests / record.seconds) for record in own]
    assert (
        arm.throughput_per_second is not None
        and arm.throughput_per_second.low is not None
        and arm.throughput_per_second.high is not None
    )
    assert arm.throughput_per_second.value == pytest.approx(math.exp(sum(logs) / len(logs)))
    assert (
        arm.throughput_per_second.low
        < arm.throughput_per_second.value
        < arm.throughput_per_second.high
    )
    assert (arm.windows, arm.launches, arm.repeats) == (len(own), 2, 0)
    assert (arm.memory_bytes, arm.cold_start_seconds, arm.connections, arm.idle_share) == (
        60_000_000,
        0.4,
        2,
        0.0,
    )
    assert (arm.version, arm.python, arm.versions) == (
        "1.2.3",
        "3.12.4",
        {"granian": "1.2.3", "django": "5.1"},
    )
    assert arm.cpu_seconds_per_request == pytest.approx(0.9 / 2000, rel=0.2)
    assert arm.latency_at_saturation_seconds is not None, "from its portrait"
    assert arm.latency_at_saturation_seconds.p50 == pytest.approx(0.002, rel=1e-3)
    assert arm.latency_at_saturation_seconds.p99 == pytest.approx(0.009, rel=1e-3)
    assert arm.against_leader is None


def test_a_rate_of_another_arm_is_the_leaders_times_the_ratio_of_neighbours(tmp_path: Path) -> None:
    """The machine is half as fast after round 3: the means of earlier leavers do not compare."""

    def slowed(name: str, number: int) -> float:
        return rate_of(name, number) * (1.0 if number <= 4 else 0.5)

    story = (
        Story(tmp_path, ("granian-wsgi", "granian-wsgi", "waitress")).rounds(40, slowed).add(END)
    )
    arms = by_name(story.judged())
    out = arms["waitress"]
    assert out.dropped and out.windows < arms["granian-wsgi"].windows
    speed, leader = (
        out.throughput_per_second,
        arms["granian-wsgi"].throughput_per_second or arms["granian-wsgi#2"].throughput_per_second,
    )
    assert speed is not None and leader is not None and out.against_leader is not None
    assert out.against_leader.value == pytest.approx(0.2, rel=0.1)
    assert speed.value / leader.value == pytest.approx(0.2, rel=0.1)


def test_what_is_said_of_one_arm_of_an_old_journal(tmp_path: Path) -> None:
    story = OldStory(tmp_path).blocks(6).add(END)
    arm = by_name(story.judged())["granian-wsgi"]
    own = [
        math.log(record.reading.throughput_per_second)
        for record in story.records
        if isinstance(record, Window) and record.arm in (arm.name, TWIN)
    ]
    assert arm.throughput_per_second is not None
    assert arm.throughput_per_second.value == pytest.approx(math.exp(sum(own) / len(own)))
    assert (arm.windows, arm.launches, arm.repeats) == (len(own), len(own), 0)
    assert (arm.memory_bytes, arm.connections, arm.idle_share) == (60_000_000, 2, None)


def test_the_interval_of_a_rate_is_students_over_stretches_of_rounds(tmp_path: Path) -> None:
    story = Story(tmp_path).rounds(6).add(END)
    result = story.judged()
    arm = by_name(result)["granian-wsgi"]
    logs = [
        math.log(window.throughput_per_second)
        for window in result.windows
        if window.arm == arm.name
    ]
    low, high = stats.t.interval(0.95, len(logs) - 1, loc=0.0, scale=stats.sem(logs))
    assert arm.throughput_per_second is not None and arm.throughput_per_second.low is not None
    assert arm.throughput_per_second.high is not None
    assert math.log(
        arm.throughput_per_second.low / arm.throughput_per_second.value
    ) == pytest.approx(low)
    assert math.log(
        arm.throughput_per_second.high / arm.throughput_per_second.value
    ) == pytest.approx(high)


def test_an_interrupted_run_says_so_and_ranks_nobody_too_early(
    story_of: type[Story], tmp_path: Path
) -> None:
    result = told(story_of(tmp_path), 3).add(CUT).judged()
    assert not result.run.finished
    assert result.validity.state == "valid", "too little time is not a wrong measurement"
    assert result.verdict is not None and (result.verdict.state, result.verdict.leader) == (
        "undecided",
        None,
    )
    assert {arm.state for arm in result.arms} == {"invalid"}
    assert {arm.rank_low for arm in result.arms} == {None}
    assert {arm.name: arm.windows for arm in result.arms} == {
        "granian-wsgi": 6,
        "gunicorn-gthread": 3,
        "waitress": 3,
    }
    assert (result.advice, result.claims, result.blocks) == (None, (), 3)


def test_a_crash_leaves_no_session_and_is_not_finished(
    story_of: type[Story], tmp_path: Path
) -> None:
    result = told(story_of(tmp_path), 5).judged()
    assert not result.run.finished
    assert result.leader == "granian-wsgi", "what was measured stays"


def test_a_resumed_run_adds_up(story_of: type[Story], tmp_path: Path) -> None:
    resumed = told(told(story_of(tmp_path / "a"), 3).add(CUT)).add(END).judged()
    straight = (
        told(story_of(tmp_path / "b")).add(RunSession(seconds=35.0, ended="finished")).judged()
    )
    assert resumed == straight


@pytest.mark.parametrize("cut", [1, 3])
def test_a_torn_round_does_not_count(cut: int, tmp_path: Path) -> None:
    story = Story(tmp_path / "a").rounds(3)
    torn = [story.slice(name, 4, place, 7.0) for place, name in enumerate(SERVERS[:cut])]
    story.seconds -= sum(one.whole_seconds for one in torn)  # as if nothing had been measured
    with_torn = story.add(*torn, RoundEnd(number=4, abandoned=True)).rounds().add(END).judged()
    assert with_torn == Story(tmp_path / "b").rounds(3).rounds().add(END).judged()


@pytest.mark.parametrize("cut", [1, 3])
def test_an_abandoned_block_does_not_count(cut: int, tmp_path: Path) -> None:
    torn = [Window(block=4, arm=name, reading=reading(7.0, name)) for name in SERVERS[:cut]]
    plain, torn_once = (
        OldStory(tmp_path / "b").blocks(3).blocks().add(END).judged(),
        OldStory(tmp_path / "a").blocks(3).add(*torn),
    )
    found = torn_once.add(BlockEnd(number=4, abandoned=True)).blocks().add(END).judged()
    assert (found.arms[0].windows, found.claims, found.blocks) == (
        plain.arms[0].windows,
        plain.claims,
        plain.blocks,
    )


def test_a_round_that_was_never_closed_does_not_count(tmp_path: Path) -> None:
    story = Story(tmp_path / "a").rounds(3)
    torn = story.slice("waitress", 4, 0, 7.0)
    assert story.add(torn).judged() == Story(tmp_path / "b").rounds(3).judged()


def test_an_arm_that_fails_has_no_number(story_of: type[Story], tmp_path: Path) -> None:
    result = told(told(told(story_of(tmp_path), 2), 1, fail="waitress")).add(END).judged()
    out = by_name(result)["waitress"]
    assert (out.state, out.rank_low, out.throughput_per_second, out.cpu_seconds_per_request) == (
        "failed",
        None,
        None,
        None,
    )
    assert (out.memory_bytes, out.against_leader, out.probes) == (None, None, None)
    assert out.failures == (DIED,)
    assert result.arms[-1] == out
    assert [(finding.code, finding.severity, finding.arm) for finding in result.findings] == [
        ("arm-died", "error", "waitress")
    ]
    assert all("waitress" not in (claim.better, claim.worse) for claim in result.claims)
    assert {arm.rank_high for arm in result.arms[:2]} == {1, 2}
    assert result.validity.state == "valid"


def test_an_arm_that_has_failed_is_in_no_claim_though_its_round_was_torn(tmp_path: Path) -> None:
    failed = Failed(arm="granian-wsgi", failures=(DIED,), block=5)
    result = Story(tmp_path).rounds(4).add(failed, RoundEnd(number=5, abandoned=True), END).judged()
    out = {arm.name for arm in result.arms if arm.state == "failed"}
    assert out == {"granian-wsgi"} and result.leader not in out
    assert not [claim for claim in result.claims if {claim.better, claim.worse} & out]


def test_a_refused_arm_is_refused_and_not_failed(tmp_path: Path) -> None:
    refused = Failed(
        arm="waitress",
        failures=(Failure(kind="refused", count=1, sample="no wsgi callable"),),
        refused=True,
    )
    story = Story(tmp_path, without=["waitress"])
    story.records.insert(1, refused)
    result = story.rounds().add(END).judged()
    out = by_name(result)["waitress"]
    assert (out.state, out.windows, out.command) == ("refused", 0, ())
    assert [(finding.code, finding.severity) for finding in result.findings] == [
        ("arm-refused", "info")
    ]
    assert result.advice is not None and result.advice.arm == "granian-wsgi"


def test_twins_that_differ_in_each_generation_make_a_run_invalid(tmp_path: Path) -> None:
    def unlike(name: str, number: int) -> float:
        return rate_of(name, number) * (0.8 if name == TWIN else 1)

    story = Story(tmp_path)
    for number in range(1, 25):
        story.one_round(number, ("granian-wsgi", "waitress", TWIN), unlike)
        if number % 4 == 0:
            story.generation += 1
    result = story.add(END).judged()
    assert result.validity.state == "invalid"
    assert "two identical copies of granian-wsgi differ by" in result.validity.reasons[0]
    assert result.twin is not None and result.twin.evidence >= result.twin.limit
    assert result.twin.ratio == pytest.approx(1.25, rel=0.05)
    assert result.advice is None
    assert result.verdict is not None and (result.verdict.state, result.verdict.leader) == (
        "invalid",
        None,
    )


def test_lost_slices_of_more_than_half_make_a_run_invalid(tmp_path: Path) -> None:
    result = Story(tmp_path).rounds(4, refusals=3, lost=True).add(END).judged()
    assert result.validity.state == "invalid"
    assert "too busy" in result.validity.reasons[0]
    assert by_name(result)["waitress"].throughput_per_second is None
    assert by_name(result)["waitress"].repeats == 12
    assert result.advice is None


def test_slices_that_had_to_be_taken_again_are_counted_and_spoil_nothing(tmp_path: Path) -> None:
    """Two of three were refused, and each was repeated with success: only lost slices count."""
    result = Story(tmp_path).rounds(refusals=2).add(END).judged()
    assert result.validity.state == "valid"
    assert codes(result) == ["windows-refused"]
    assert by_name(result)["waitress"].repeats == 2 * by_name(result)["waitress"].windows
    assert result.leader == "granian-wsgi"


@pytest.mark.parametrize(("repeats", "state"), [(1, "valid"), (2, "invalid")])
def test_more_than_half_of_the_windows_refused_make_an_old_run_invalid(
    repeats: int, state: str, tmp_path: Path
) -> None:
    result = OldStory(tmp_path).blocks(4, repeats=repeats).add(END).judged()
    assert result.validity.state == state
    assert "windows-refused" in codes(result)
    assert by_name(result)["waitress"].repeats == 4 * repeats


def test_a_window_that_stayed_refused_is_no_number(tmp_path: Path) -> None:
    busy = Window(
        block=1, arm="waitress", reading=reading(400.0, "waitress", repeats=5, refused=BUSY)
    )
    result = OldStory(tmp_path).add(busy, BlockEnd(number=1, abandoned=True), END).judged()
    assert result.validity.state == "invalid"
    assert by_name(result)["waitress"].throughput_per_second is None


@pytest.mark.parametrize("asked", [SERVERS, SERVERS[:1]])
def test_no_arm_at_all_is_invalid(asked: Sequence[str], tmp_path: Path) -> None:
    story = Story(tmp_path, asked, without=asked, settle=False)
    story.add(
        *(
            Failed(arm=name, failures=(Failure(kind="start", count=1, sample="no"),))
            for name in asked
        ),
        END,
    )
    result = story.judged()
    assert (result.validity.state, len(result.validity.reasons)) == ("invalid", 1)
    assert result.verdict is not None and result.verdict.state == "invalid"
    assert {arm.state for arm in result.arms} == {"failed"}
    assert (result.leader, result.twin, result.blocks, result.blocks_to_decide) == (
        None,
        None,
        0,
        None,
    )


@pytest.mark.parametrize(("failed", "state"), [(1, "valid"), (3, "invalid")])
def test_a_setup_that_was_not_tried_makes_no_run_invalid(
    failed: int, state: str, tmp_path: Path
) -> None:
    story = Story(tmp_path, without=SERVERS, settle=False)
    story.add(*(Failed(arm=name, failures=(DIED,)) for name in SERVERS[:failed]), END)
    result = story.judged()
    assert result.validity.state == state
    assert result.verdict is not None
    assert result.verdict.state == ("undecided" if state == "valid" else "invalid")


def test_all_arms_failed_in_the_race_is_invalid(tmp_path: Path) -> None:
    story = Story(tmp_path).rounds(2)
    story.add(*(Failed(arm=name, failures=(DIED,), block=3) for name in SERVERS), END)
    result = story.judged()
    assert (result.validity.state, len(result.validity.reasons)) == ("invalid", 1)
    assert "failed" in result.validity.reasons[0]
    assert (
        result.leader is None and result.verdict is not None and result.verdict.state == "invalid"
    )


def test_time_for_no_rank_is_undecided_and_says_what_it_takes(tmp_path: Path) -> None:
    result = Story(tmp_path).rounds(2).add(END).judged()
    assert result.validity.state == "valid"
    assert result.verdict is not None and result.verdict.state == "undecided"
    assert result.verdict.seconds_to_decide == pytest.approx(2 * 1.3 * 4 * 0.055), (
        "two rounds of four slices, and launches"
    )
    assert result.advice is None and {arm.state for arm in result.arms} == {"invalid"}


def test_before_anything_was_measured_nothing_is_claimed(tmp_path: Path) -> None:
    result = Story(tmp_path, settle=False, without=SERVERS).judged()
    assert (result.run.finished, result.arms[0].state, result.leader, result.claims) == (
        False,
        "invalid",
        None,
        (),
    )
    assert result.verdict is not None and (
        result.verdict.state,
        result.verdict.seconds_to_decide,
    ) == ("undecided", None)


def test_one_arm_is_described_and_not_compared(tmp_path: Path) -> None:
    result = Story(tmp_path, ["granian-wsgi"]).rounds().add(END).judged()
    only = result.arms[0]
    assert (only.state, only.rank_low, only.rank_high, only.against_leader) == (
        "ranked",
        1,
        1,
        None,
    )
    assert only.windows >= 4
    assert only.throughput_per_second is not None and only.throughput_per_second.low is not None
    assert (result.claims, result.ties, result.undetermined) == ((), (), ())
    assert result.advice is not None and "only" in result.advice.because


def test_equal_arms_are_undetermined_or_tied_and_never_claimed(tmp_path: Path) -> None:
    story = Story(tmp_path, ("waitress", "waitress", "waitress"))
    for _ in range(4):
        story.rounds(5, even).relaunch()
    result = story.add(END).judged()
    assert result.validity.state == "valid"
    assert result.claims == ()
    assert len(result.ties) + len(result.undetermined) == 3
    assert {(arm.rank_low, arm.rank_high) for arm in result.arms} == {(1, 3)}


def test_the_table_is_sorted_by_the_estimate(tmp_path: Path) -> None:
    story = Story(tmp_path, ("waitress", "waitress", "waitress")).rounds(12, even).add(END)
    values = [
        arm.throughput_per_second.value for arm in story.judged().arms if arm.throughput_per_second
    ]
    assert len(values) == 3
    assert values == sorted(values, reverse=True)


def test_findings_of_the_way_come_first(tmp_path: Path) -> None:
    noted = Finding(code="app-found", severity="info", text="the built-in project was raced")
    story = Story(tmp_path)
    story.records.insert(1, Noted(finding=noted))
    result = story.rounds(1, fail="waitress").rounds().add(END).judged()
    assert result.findings[0] == noted
    assert codes(result) == ["app-found", "arm-died"]


def test_a_failure_under_load_is_explained_and_one_alone_is_not(tmp_path: Path) -> None:
    wrong = Failure(kind="body", count=1, sample="expected 5 bytes")
    seen = {}
    for alone in (True, False):
        story = Story(tmp_path / str(alone), without=["waitress"])
        story.records.insert(1, Failed(arm="waitress", failures=(wrong,), alone=alone))
        seen[alone] = codes(story.rounds().add(END).judged())
    assert seen == {True: ["arm-body"], False: ["arm-body", "wrong-under-load"]}


def test_a_journal_without_a_header_cannot_be_judged(tmp_path: Path) -> None:
    with Journal(tmp_path / FILE) as journal, pytest.raises(JournalFailed):
        verdict.judge(journal)


def test_a_journal_that_the_tool_wrote_before_there_were_slices_is_still_judged(
    tmp_path: Path,
) -> None:
    """Recorded by the last version with blocks: two good arms, and one wrong under load."""
    path = tmp_path / FILE
    path.write_bytes(OLD_JOURNAL.read_bytes())
    with Journal(path) as journal:
        result = verdict.judge(journal)
        windows = [
            record
            for record in journal.of(Window)
            if not record.reading.refused and record.arm != TWIN
        ]
    assert result.validity.state == "valid"
    assert result.run.finished
    arms = by_name(result)
    assert {name: arm.state for name, arm in arms.items()} == {
        "waitress": "ranked",
        "gunicorn-sync": "ranked",
        "gunicorn-gthread": "failed",
    }
    assert result.blocks >= 4 and len(result.windows) <= len(windows)
    assert {"arm-body", "wrong-under-load"} <= set(codes(result))
    assert decode(encode(result)) == result


def test_judging_loads_nothing_that_measures() -> None:
    code = "import sys, whichworker.judge.verdict; print(*sys.modules)"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = run.stdout.split()
    assert "whichworker.judge.verdict" in loaded
    assert [
        name
        for name in loaded
        if any(name == room or name.startswith(f"{room}.") for room in MEASURING)
    ] == []


def test_a_race_that_was_given_more_time_says_the_time_it_had(tmp_path: Path) -> None:
    story = Story(tmp_path).rounds().add(END)
    assert verdict.judge(story.journal(), 90.0).question.time_seconds == 90.0
    assert verdict.judge(story.journal()).question.time_seconds == 60.0


def test_what_launches_showed_is_told_once_for_each_arm(tmp_path: Path) -> None:
    story = Story(tmp_path).rounds(3).relaunch().rounds(3).relaunch().rounds().add(END)
    stubborn = Finding(
        code="stopped-by-force", severity="warning", arm="waitress", text="it did not stop"
    )
    left = [
        (at, record)
        for at, record in enumerate(story.records)
        if isinstance(record, Left) and record.arm == "waitress"
    ]
    for at, record in left:
        story.records[at] = replace(record, findings=(stubborn,))
    result = story.judged()
    launches = by_name(result)["waitress"].launches
    assert launches == len(left) + 1
    seen = [
        (finding.arm, finding.text)
        for finding in result.findings
        if finding.code == "stopped-by-force"
    ]
    assert seen == [
        ("waitress", f"waitress, in {len(left)} of {launches} launches: it did not stop")
    ]

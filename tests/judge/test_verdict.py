"""The verdict on journals written by hand: nothing is launched, and what the journal says is what the result says."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import pytest
from msgspec.structs import replace
from scipy import stats

from whichworker.design.race import TWIN
from whichworker.errors import JournalFailed
from whichworker.lab import verdict
from whichworker.lab.race import replay
from whichworker.load.histogram import Histogram
from whichworker.model import (
    Answer,
    App,
    Arm,
    Budget,
    Environment,
    Failure,
    Finding,
    Machine,
    Probes,
    Question,
    Reading,
    Request,
    Tally,
    Workload,
)
from whichworker.result import ArmResult, Result, decode, encode
from whichworker.servers import names
from whichworker.store.journal import FILE, Journal
from whichworker.store.records import BlockEnd, Failed, Header, Noted, Prepared, Record, Session, Settled, Window

SERVERS = ("gunicorn-gthread", "granian-wsgi", "waitress")
RATES = {"gunicorn-gthread": 1000.0, "granian-wsgi": 2000.0, "waitress": 400.0}
MEMORY = {"gunicorn-gthread": 80_000_000, "granian-wsgi": 60_000_000, "waitress": 50_000_000}
SERVICE = Histogram()
SERVICE.record_all([2_000_000] * 990 + [9_000_000] * 110)
SERVICE_TEXT = SERVICE.to_hdr()
END = Session(seconds=30.0, ended="finished")
Rate = Callable[[str, int], float]


def question(servers: Sequence[str] = SERVERS) -> Question:
    arms = names.number_copies([names.contender(names.parse(server), "3.12", cores=1) for server in servers])
    return Question(
        apps={"3.12": App(name="shop", directory="/srv/shop", python="/usr/bin/python3.12", wsgi="shop.wsgi:application")},
        workload=Workload(name="/", title="GET /", requests=(Request(answer=Answer(body=b"hello")),)),
        arms=arms,
        budget=Budget(seconds=60.0, server_cores=(0,), generator_cores=(1,)),
        seed=3,
    )


def header(asked: Question) -> Header:
    environments = {
        arm.name: Environment(
            python="/env/bin/python",
            bin="/env/bin",
            version="1.2.3",
            python_version="3.12.4",
            packages={arm.family: "1.2.3", "django": "5.1"},
        )
        for arm in asked.arms
    }
    machine = Machine(fingerprint="f00", system="Linux", cpu="a CPU", cores=2, usable_cores=(0, 1), memory_bytes=8 * 10**9)
    return Header(
        run="run-1",
        started="2025-01-01T12:00:00+00:00",
        version="0",
        command="whichworker race",
        digest="d",
        machine=machine,
        question=asked,
        environments=environments,
    )


def prepared(arm: Arm) -> Prepared:
    return Prepared(
        arm=arm.name, ladder={1: 100.0, 2: RATES[arm.server]}, response_seconds=0.002, cold_start_seconds=0.4, command=(arm.family, "--go")
    )


def reading(rate: float, server: str, *, repeats: int = 0, refused: str = "") -> Reading:
    requests = round(rate * 0.5)
    return Reading(
        tally=Tally(engine="epoll", seconds=0.5, requests=requests, statuses={"200": requests}, failures=(), service=SERVICE_TEXT),
        probes=Probes(
            seconds=0.5,
            server_cpu_seconds=0.45,
            memory_bytes=MEMORY[server],
            processes=2,
            threads=5,
            foreign_share=0.0,
            steal_share=0.0,
            listen_overflows=0,
            retransmits=0,
        ),
        cold_start_seconds=0.4,
        connections=2,
        repeats=repeats,
        refused=refused,
    )


def rate_of(name: str, block: int) -> float:
    """The rate of an arm in a block, with an effect of the block and noise; the twin is like its arm."""
    server = "granian-wsgi" if name == TWIN else name.partition("#")[0]
    shared = random.Random(f"block {block}").gauss(0, 0.1)
    return RATES[server] * math.exp(shared + random.Random(f"{block} {name}").gauss(0, 0.02))


class Story:
    """A journal being written: the header and the preflight, then what a test adds."""

    def __init__(self, folder: Path, servers: Sequence[str] = SERVERS, *, without: Iterable[str] = (), settle: bool = True) -> None:
        self.asked, self.path = question(servers), folder / FILE
        self.records: list[Record] = [header(self.asked)]
        ready = [arm for arm in self.asked.arms if arm.name not in without]
        self.records += [prepared(arm) for arm in ready]
        self.settled = Settled(
            contenders=tuple(arm.name for arm in ready),
            connections=2,
            window_seconds={arm.name: 0.5 for arm in ready},
            twin_of="granian-wsgi" if "granian-wsgi" in [arm.name for arm in ready] else (ready[0].name if ready else ""),
        )
        if settle:
            self.records.append(self.settled)

    def add(self, *records: Record) -> Story:
        self.records += records
        return self

    def blocks(self, most: int = 200, rate: Rate = rate_of, *, fail: str = "", repeats: int = 0) -> Story:
        """Run blocks as the race plans them; `fail` breaks in the first of them."""
        journal = Journal(self.path)
        for _ in range(most):
            journal.records = self.records
            planned = replay(self.asked, self.settled, journal).next_block()
            if planned is None:
                break
            for name in planned.order:
                if name == fail:
                    self.records.append(
                        Failed(arm=name, failures=(Failure(kind="died", count=1, sample="it died\nlast words"),), block=planned.number)
                    )
                else:
                    server = self.settled.twin_of if name == TWIN else name
                    self.records.append(
                        Window(
                            block=planned.number,
                            arm=name,
                            reading=reading(rate(name, planned.number), server.partition("#")[0], repeats=repeats),
                        )
                    )
            self.records.append(BlockEnd(number=planned.number))
            fail = ""
        return self

    def judged(self) -> Result:
        """Written, judged, written out and read back; judged again from the file it must be the same."""
        with Journal(self.path) as journal:
            for record in self.records:
                journal.append(record)
            first = verdict.judge(journal)
        with Journal(self.path) as journal:
            assert verdict.judge(journal) == first
        assert decode(encode(first)) == first
        return first


def by_name(result: Result) -> dict[str, ArmResult]:
    return {arm.name: arm for arm in result.arms}


def codes(result: Result) -> list[str]:
    return [finding.code for finding in result.findings]


def test_a_finished_race(tmp_path: Path) -> None:
    result = Story(tmp_path).blocks().add(END).judged()
    assert result.validity.state == "valid"
    assert result.run.finished and result.run.seconds == 30.0
    assert [(arm.name, arm.state, arm.rank_low, arm.rank_high) for arm in result.arms] == [
        ("granian-wsgi", "ranked", 1, 1),
        ("gunicorn-gthread", "ranked", 2, 2),
        ("waitress", "ranked", 3, 3),
    ]
    assert result.leader == "granian-wsgi"
    assert {(claim.better, claim.worse) for claim in result.claims} == {
        ("granian-wsgi", "gunicorn-gthread"),
        ("granian-wsgi", "waitress"),
        ("gunicorn-gthread", "waitress"),
    }
    assert all(1 < claim.low <= claim.ratio <= claim.high for claim in result.claims)
    assert (result.ties, result.undetermined, result.findings) == ((), (), ())
    assert result.question.connections == 2
    assert all(window.arm != TWIN for window in result.windows)


def test_the_advice_is_the_leader_and_says_why(tmp_path: Path) -> None:
    advice = Story(tmp_path).blocks().add(END).judged().advice
    assert advice is not None
    assert (advice.arm, advice.runner_up, advice.command) == ("granian-wsgi", "gunicorn-gthread", ("granian", "--go"))
    assert advice.because == "it is faster than all 2 others"


def test_what_is_said_of_one_arm(tmp_path: Path) -> None:
    story = Story(tmp_path).blocks(6).add(END)
    arm = by_name(story.judged())["granian-wsgi"]
    seen = [
        math.log(record.reading.throughput_per_second) for record in story.records if isinstance(record, Window) and record.arm == arm.name
    ]
    low, high = stats.t.interval(0.95, len(seen) - 1, loc=sum(seen) / len(seen), scale=stats.sem(seen))
    assert arm.throughput_per_second is not None and arm.latency_at_saturation_seconds is not None
    assert arm.throughput_per_second.value == pytest.approx(math.exp(sum(seen) / len(seen)))
    interval = [arm.throughput_per_second.low, arm.throughput_per_second.high]
    assert interval == pytest.approx([math.exp(low), math.exp(high)])
    assert arm.latency_at_saturation_seconds.p50 == pytest.approx(0.002, rel=1e-3)
    assert arm.latency_at_saturation_seconds.p99 == pytest.approx(0.009, rel=1e-3)
    assert (arm.memory_bytes, arm.cold_start_seconds, arm.connections) == (60_000_000, 0.4, 2)
    assert (arm.windows, arm.launches, arm.repeats) == (len(seen), len(seen), 0)
    assert (arm.version, arm.python, arm.versions) == ("1.2.3", "3.12.4", {"granian": "1.2.3", "django": "5.1"})
    assert arm.cpu_seconds_per_request == pytest.approx(0.9 / 2000, rel=0.2)


def test_an_interrupted_run_says_so_and_ranks_nobody_too_early(tmp_path: Path) -> None:
    result = Story(tmp_path).blocks(3).add(Session(seconds=5.0, ended="interrupted")).judged()
    assert not result.run.finished
    assert result.validity.reasons == ("it was interrupted before any arm had 4 launches",)
    assert {arm.state for arm in result.arms} == {"invalid"}
    assert {(arm.rank_low, arm.windows) for arm in result.arms} == {(None, 3)}
    assert (result.advice, result.claims, result.blocks) == (None, (), 3)


def test_a_crash_leaves_no_session_and_is_not_finished(tmp_path: Path) -> None:
    assert not Story(tmp_path).blocks(5).judged().run.finished


def test_a_resumed_run_adds_up(tmp_path: Path) -> None:
    resumed = Story(tmp_path).blocks(3).add(Session(seconds=5.0, ended="interrupted")).blocks().add(END).judged()
    other = tmp_path / "other"
    straight = Story(other).blocks().add(Session(seconds=35.0, ended="finished")).judged()
    assert resumed == straight


@pytest.mark.parametrize("cut", [1, 3])
def test_an_abandoned_block_does_not_count(cut: int, tmp_path: Path) -> None:
    torn = [Window(block=5, arm=name, reading=reading(7.0, name)) for name in SERVERS[:cut]]
    with_torn = Story(tmp_path / "a").blocks(4).add(*torn, BlockEnd(number=5, abandoned=True)).blocks().add(END).judged()
    assert with_torn == Story(tmp_path / "b").blocks(4).blocks().add(END).judged()


def test_a_block_that_was_never_closed_does_not_count(tmp_path: Path) -> None:
    torn = Window(block=5, arm="waitress", reading=reading(7.0, "waitress"))
    assert Story(tmp_path / "a").blocks(4).add(torn).judged() == Story(tmp_path / "b").blocks(4).judged()


def test_an_arm_that_fails_has_no_number(tmp_path: Path) -> None:
    result = Story(tmp_path).blocks(2).blocks(1, fail="waitress").blocks().add(END).judged()
    out = by_name(result)["waitress"]
    assert (out.state, out.rank_low, out.throughput_per_second, out.cpu_seconds_per_request) == ("failed", None, None, None)
    assert out.failures == (Failure(kind="died", count=1, sample="it died\nlast words"),)
    assert result.arms[-1] == out
    assert [(finding.code, finding.severity, finding.arm) for finding in result.findings] == [("arm-died", "error", "waitress")]
    assert all("waitress" not in (claim.better, claim.worse) for claim in result.claims)
    assert {arm.rank_high for arm in result.arms[:2]} == {1, 2}
    assert result.validity.state == "valid"


def test_an_arm_that_has_failed_is_in_no_claim_though_its_block_was_abandoned(tmp_path: Path) -> None:
    failed = Failed(arm="granian-wsgi", failures=(Failure(kind="died", count=1, sample="it died"),), block=5)
    result = Story(tmp_path).blocks(4).add(failed, BlockEnd(number=5, abandoned=True), END).judged()
    out = {arm.name for arm in result.arms if arm.state == "failed"}
    assert result.leader not in out
    assert not [claim for claim in result.claims if {claim.better, claim.worse} & out]


def test_a_refused_arm_is_refused_and_not_failed(tmp_path: Path) -> None:
    refused = Failed(arm="waitress", failures=(Failure(kind="refused", count=1, sample="no wsgi callable"),), refused=True)
    story = Story(tmp_path, without=["waitress"])
    story.records.insert(1, refused)
    result = story.blocks().add(END).judged()
    out = by_name(result)["waitress"]
    assert (out.state, out.windows, out.command) == ("refused", 0, ())
    assert [(finding.code, finding.severity) for finding in result.findings] == [("arm-refused", "info")]
    assert result.advice is not None and result.advice.arm == "granian-wsgi"


def test_twins_that_differ_make_a_run_invalid(tmp_path: Path) -> None:
    result = Story(tmp_path).blocks(rate=lambda name, block: rate_of(name, block) * (0.8 if name == TWIN else 1)).add(END).judged()
    assert result.validity.state == "invalid"
    assert "two copies of granian-wsgi differ by" in result.validity.reasons[0]
    assert result.twin is not None and result.twin.evidence >= result.twin.limit
    assert result.advice is None


def test_a_twin_of_few_blocks_is_told(tmp_path: Path) -> None:
    result = Story(tmp_path).blocks(1, fail=TWIN).blocks().add(END).judged()
    assert "twin-short" in codes(result)
    assert result.twin is not None and result.twin.blocks == 0 and result.twin.ratio is None
    assert {arm.state for arm in result.arms} == {"ranked"}


@pytest.mark.parametrize(("repeats", "state"), [(1, "valid"), (2, "invalid")])
def test_more_than_half_of_the_windows_refused_make_a_run_invalid(repeats: int, state: str, tmp_path: Path) -> None:
    result = Story(tmp_path).blocks(4, repeats=repeats).add(END).judged()
    assert result.validity.state == state
    assert "windows-refused" in codes(result)
    assert by_name(result)["waitress"].repeats == 4 * repeats
    if state == "invalid":
        assert result.validity.reasons == ("32 of 48 windows were refused: the machine is too busy to measure on",)
        assert result.advice is None


def test_a_window_that_stayed_refused_is_no_number(tmp_path: Path) -> None:
    busy = Window(block=1, arm="waitress", reading=reading(400.0, "waitress", repeats=5, refused="others used 80% of the cores"))
    result = Story(tmp_path).add(busy, BlockEnd(number=1, abandoned=True), END).judged()
    assert result.validity.state == "invalid"
    assert by_name(result)["waitress"].throughput_per_second is None


@pytest.mark.parametrize("asked", [SERVERS, SERVERS[:1]])
def test_no_arm_at_all_is_invalid(asked: Sequence[str], tmp_path: Path) -> None:
    story = Story(tmp_path, asked, without=asked, settle=False)
    story.add(*(Failed(arm=name, failures=(Failure(kind="start", count=1, sample="no"),)) for name in asked), END)
    result = story.judged()
    assert (result.validity.state, result.validity.reasons) == ("invalid", ("no arm could be measured",))
    assert {arm.state for arm in result.arms} == {"failed"}
    assert (result.leader, result.twin, result.blocks, result.blocks_to_decide) == (None, None, 0, None)


def test_time_for_no_arm_to_be_ranked_is_invalid(tmp_path: Path) -> None:
    result = Story(tmp_path).blocks(2).add(END).judged()
    assert result.validity.state == "invalid"
    assert "--time" in result.validity.reasons[0]


def test_before_anything_was_measured_nothing_is_believed(tmp_path: Path) -> None:
    result = Story(tmp_path, settle=False, without=SERVERS).judged()
    assert (result.validity.state, result.run.finished, result.arms[0].state) == ("invalid", False, "invalid")
    assert "interrupted" in result.validity.reasons[0]


def test_one_arm_is_described_and_not_compared(tmp_path: Path) -> None:
    result = Story(tmp_path, ["granian-wsgi"]).blocks().add(END).judged()
    only = result.arms[0]
    assert (only.state, only.rank_low, only.rank_high, only.windows) == ("ranked", 1, 1, 4)
    assert only.throughput_per_second is not None and only.throughput_per_second.low is not None
    assert (result.claims, result.ties, result.undetermined) == ((), (), ())
    assert result.advice is not None and result.advice.because == "it is the only arm that could be measured"


def test_findings_of_the_way_come_first(tmp_path: Path) -> None:
    noted = Finding(code="app-found", severity="info", text="the built-in project was raced")
    story = Story(tmp_path)
    story.records.insert(1, Noted(finding=noted))
    result = story.blocks(5, fail="waitress").add(END).judged()
    assert result.findings[0] == noted
    assert codes(result) == ["app-found", "arm-died"]


def test_what_launches_showed_is_told_once_for_each_arm(tmp_path: Path) -> None:
    story = Story(tmp_path).blocks().add(END)
    stubborn = Finding(code="stopped-by-force", severity="warning", arm="waitress", text="it did not stop")
    seen, windows = 0, 0
    for place, record in enumerate(story.records):
        if isinstance(record, Window) and record.arm == "waitress":
            windows += 1
            if record.block % 2:
                seen += 1
                story.records[place] = replace(record, reading=replace(record.reading, findings=(stubborn,)))
    told = [finding for finding in story.judged().findings if finding.code == "stopped-by-force"]
    assert [(finding.arm, finding.text) for finding in told] == [
        ("waitress", f"waitress: it did not stop (in {seen} of {windows} launches)")
    ]


def test_a_journal_without_a_header_cannot_be_judged(tmp_path: Path) -> None:
    with Journal(tmp_path / FILE) as journal, pytest.raises(JournalFailed):
        verdict.judge(journal)

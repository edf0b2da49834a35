"""The state of a running race: generations, failures, refusals, heats, and resumed journals."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.race.acting import (
    ARMS,
    DIED,
    LAUNCH_SECONDS,
    PART,
    RESET,
    SLICE_SECONDS,
    WRONG,
    Stage,
    prepared,
    run_round,
)

from whichworker.bench.slices import MOST_TRIES
from whichworker.design.elimination import FIRST_DECISION
from whichworker.design.rounds import TWIN
from whichworker.design.selection import Race
from whichworker.errors import ServerFailed
from whichworker.judge.replay import replay
from whichworker.model import Failure, Finding
from whichworker.race.track import (
    GENERATION_SECONDS,
    GENERATION_TIMES,
    PATIENCE_SLICES,
    STOP_SECONDS,
    Track,
    close_torn_round,
)
from whichworker.store.journal import FILE, Journal
from whichworker.store.records import Failed, Launched, Left, Noted, Record, RoundEnd, Slice

BUSY = "others used 80% of the servers' cores"
EVERYBODY = {*ARMS, TWIN}


@pytest.fixture
def stage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Stage]:
    made = Stage(tmp_path, monkeypatch)
    with made.journal:
        yield made


@pytest.fixture
def track(stage: Stage) -> Track:
    """A race of three arms of which everybody has been launched."""
    made = stage.track(stage.settled())
    (heat,) = made.heats()
    made.launch(heat)
    return made


def generations(stage: Stage, name: str) -> list[int]:
    return [record.generation for record in stage.journal.of(Launched) if record.arm == name]


def state(race: Race) -> tuple[object, ...]:
    return (
        race.rounds,
        race.failed,
        race.dropped,
        race.alive,
        race.leader(),
        race.pairs(),
        race.estimates(),
        race.twin_evidence(),
    )


def test_everybody_is_launched_once_and_the_twin_beside_them(track: Track, stage: Stage) -> None:
    assert set(stage.lineup.alive) == EVERYBODY
    assert {name: generations(stage, name) for name in EVERYBODY} == {
        name: [1] for name in EVERYBODY
    }
    assert all(contender.loaded_seconds == 0.0 for contender in stage.lineup.alive.values()), (
        "warming up is not counted"
    )
    assert track.arm(TWIN) == track.arm("waitress")
    assert track.launch_seconds == dict.fromkeys(
        EVERYBODY, pytest.approx(LAUNCH_SECONDS + SLICE_SECONDS)
    )


def test_what_runs_already_is_not_launched_again(stage: Stage) -> None:
    made = stage.track(stage.settled())
    stage.lineup.enter("waitress", made.arm("waitress"), 1)
    made.launch(ARMS)
    assert stage.lineup.entered.count(("waitress", 1)) == 1
    assert generations(stage, "waitress") == [], "whoever launched it has said so"


def test_a_race_of_one_has_no_twin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = Stage(tmp_path, monkeypatch, ARMS[:1])
    with made.journal:
        track = made.track(made.settled())
        track.launch(ARMS[:1])
        assert set(made.lineup.alive) == {"waitress"}
        orders = []
        while (order := run_round(track, ARMS[:1])) is not None:
            orders.append(order)
        assert len(orders) == 4, "as many rounds as it takes to be listed"
        assert track.race.listed == ["waitress"]


def test_each_slice_is_asked_for_by_what_the_calibration_found(track: Track, stage: Stage) -> None:
    order = run_round(track, ARMS)
    assert order is not None and set(order) == EVERYBODY
    assert [one.seat for one in stage.court.orders] == [f"{name}/1" for name in order]
    assert {(one.uncounted, one.counted) for one in stage.court.orders} == {
        (PART.uncounted, PART.counted)
    }
    assert {contender.connections for contender in stage.lineup.alive.values()} == {
        PART.connections
    }
    assert all(one.most_seconds >= 0.5 for one in stage.court.orders)
    slices = list(stage.journal.of(Slice))
    assert [(one.round, one.place, one.arm) for one in slices] == [
        (1, place, name) for place, name in enumerate(order)
    ]
    assert isinstance(stage.journal.records[-1], RoundEnd)


def test_a_round_gets_other_requests_than_the_one_before(track: Track, stage: Stage) -> None:
    for _ in range(3):
        run_round(track, ARMS)
    starts = [one.start for one in stage.court.orders]
    assert len(set(starts)) == 3
    assert starts == sorted(starts)


def test_a_race_ends_when_it_is_decided_and_its_journal_brings_it_back(
    track: Track, stage: Stage
) -> None:
    rounds = 0
    while run_round(track, ARMS) is not None and rounds < 300:
        rounds += 1
        track.relaunch(track.due())
    assert "gunicorn-sync" in track.race.dropped
    assert track.race.rounds == rounds >= 4
    again = replay(stage.question, track.settled, stage.journal)
    assert state(again) == state(track.race)
    with Journal(stage.journal.path.with_name("copy.jsonl")) as copy:
        for record in stage.journal.records:
            copy.append(record)
    with Journal(stage.journal.path.with_name("copy.jsonl")) as copy:
        assert state(replay(stage.question, track.settled, copy)) == state(track.race)


# Generations.


@pytest.mark.parametrize(
    ("loaded", "lasted", "left", "due"),
    [
        (GENERATION_SECONDS, 100.0, 1000.0, True),
        (GENERATION_SECONDS - 0.01, 100.0, 1000.0, False),
        (GENERATION_SECONDS, GENERATION_TIMES * 4.0 - 0.1, 1000.0, False),
        (GENERATION_SECONDS, GENERATION_TIMES * 4.0 + 0.1, 1000.0, True),
        (GENERATION_SECONDS, 100.0, 2 * 4.0 + 1.0, False),
        (GENERATION_SECONDS, 100.0, 2 * 4.0 + 1.1, True),
    ],
)
def test_a_generation_is_due_after_a_second_each_if_it_was_worth_its_launches(
    loaded: float, lasted: float, left: float, due: bool, track: Track, stage: Stage
) -> None:
    """Four launches of a second each take four; a second is kept for stopping."""
    track.launch_seconds = dict.fromkeys(EVERYBODY, 1.0)
    for contender in stage.lineup.alive.values():
        contender.loaded_seconds = GENERATION_SECONDS + 5.0
    stage.lineup.alive[TWIN].loaded_seconds = loaded
    stage.clock.now = track.generation_began + lasted
    stage.seconds = stage.clock.now - stage.began + left
    assert set(track.due()) == (EVERYBODY if due else set())


def test_a_relaunch_stops_everybody_and_starts_the_next_generation_of_these(
    track: Track, stage: Stage
) -> None:
    stage.lineup.findings["waitress"] = []
    stage.lineup.alive["waitress"].run.findings.append(
        Finding(code="left-running", severity="warning", text="two ran on")
    )
    track.relaunch(["waitress", "gunicorn-gthread", TWIN])
    assert {name: one.generation for name, one in stage.lineup.alive.items()} == {
        "waitress": 2,
        "gunicorn-gthread": 2,
        TWIN: 2,
    }
    left = {record.arm: record for record in stage.journal.of(Left)}
    assert set(left) == EVERYBODY
    assert [finding.code for finding in left["waitress"].findings] == ["left-running"]
    assert track.generation_began == stage.clock.now


def test_what_the_last_launches_showed_is_told_at_the_end(track: Track, stage: Stage) -> None:
    stage.lineup.alive[TWIN].run.findings.append(
        Finding(code="stopped-by-force", severity="warning", text="it did not stop")
    )
    track.end()
    assert stage.lineup.alive == {}
    left = {record.arm: record.findings for record in stage.journal.of(Left)}
    assert set(left) == EVERYBODY and len(left[TWIN]) == 1


def test_nobody_is_due_no_relaunch(track: Track, stage: Stage) -> None:
    before = list(stage.lineup.entered)
    track.relaunch([])
    assert stage.lineup.entered == before and not list(stage.journal.of(Left))


def dropped(track: Track, name: str, stage: Stage) -> None:
    """Rounds until an arm is out."""
    for _ in range(40):
        if name in track.race.dropped:
            return
        run_round(track, ARMS)
    raise AssertionError(f"{name} is not out: {track.race.pairs()}")


def test_who_was_dropped_has_no_next_generation(track: Track, stage: Stage) -> None:
    dropped(track, "gunicorn-sync", stage)
    for contender in stage.lineup.alive.values():
        contender.loaded_seconds = GENERATION_SECONDS
    stage.clock.now += 20
    due = track.due()
    assert "gunicorn-sync" not in due and "waitress" in due
    track.relaunch(due)
    assert "gunicorn-sync" not in stage.lineup.alive


def test_a_dropped_arm_is_back_when_the_only_one_that_beat_it_fails(
    track: Track, stage: Stage
) -> None:
    """Nothing is known of gunicorn-gthread, as others always used the core in its slices."""
    stage.script = lambda name, generation, number: BUSY if name == "gunicorn-gthread" else None
    dropped(track, "gunicorn-sync", stage)
    track.relaunch([name for name in stage.lineup.alive if name != "gunicorn-sync"])
    assert set(run_round(track, ARMS) or ()) == EVERYBODY - {"gunicorn-sync"}
    stage.script = lambda name, generation, number: WRONG if name in ("waitress", TWIN) else None
    run_round(track, ARMS)
    assert "waitress" in track.race.failed
    assert track.race.dropped == [] and track.race.alive == ["gunicorn-sync", "gunicorn-gthread"]
    assert set(run_round(track, ARMS) or ()) == {"gunicorn-sync", "gunicorn-gthread"}
    assert generations(stage, "gunicorn-sync") == [1, 2], "it is launched for its next round"


# Failures.


@pytest.mark.parametrize("error", [DIED, RESET])
def test_a_server_that_broke_once_has_another_launch(
    error: BaseException, track: Track, stage: Stage
) -> None:
    stage.script = lambda name, generation, number: (
        error if name == "gunicorn-sync" and generation == 1 else None
    )
    order = run_round(track, ARMS)
    assert order is not None and track.race.failed == set() and stage.watch.out == []
    assert generations(stage, "gunicorn-sync") == [1, 2]
    (noted,) = stage.journal.of(Noted)
    assert (noted.finding.code, noted.finding.arm) == ("second-chance", "gunicorn-sync")
    assert "gunicorn-sync" not in [one.arm for one in stage.journal.of(Slice)], (
        "the slice it broke in is no measurement"
    )
    assert set(run_round(track, ARMS) or ()) == EVERYBODY


@pytest.mark.parametrize("error", [DIED, RESET])
def test_a_server_that_broke_twice_is_out_and_the_others_go_on(
    error: BaseException, track: Track, stage: Stage
) -> None:
    stage.script = lambda name, generation, number: error if name == "gunicorn-sync" else None
    run_round(track, ARMS)
    run_round(track, ARMS)
    (failed,) = stage.journal.of(Failed)
    assert (failed.arm, failed.block, failed.alone) == ("gunicorn-sync", 2, False)
    assert failed.failures[0].kind == ("died" if error is DIED else "reset")
    assert track.race.failed == {"gunicorn-sync"} and stage.watch.out == ["gunicorn-sync"]
    assert len(list(stage.journal.of(Noted))) == 1
    assert "gunicorn-sync" not in stage.lineup.alive
    assert set(run_round(track, ARMS) or ()) == EVERYBODY - {"gunicorn-sync"}


def test_a_wrong_response_has_no_second_chance(track: Track, stage: Stage) -> None:
    stage.script = lambda name, generation, number: WRONG if name == "gunicorn-sync" else None
    run_round(track, ARMS)
    (failed,) = stage.journal.of(Failed)
    assert (failed.arm, failed.block, failed.failures) == ("gunicorn-sync", 1, WRONG.failures)
    assert generations(stage, "gunicorn-sync") == [1] and not list(stage.journal.of(Noted))


def test_the_last_one_goes_on_alone_until_it_has_its_rounds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The failure of one setup is no reason to know nothing about the other."""
    made = Stage(tmp_path, monkeypatch, ARMS[:2])
    with made.journal:
        track = made.track(made.settled())
        track.launch(ARMS[:2])
        made.script = lambda name, generation, number: WRONG if name == "gunicorn-sync" else None
        orders = []
        while (order := run_round(track, ARMS[:2])) is not None:
            orders.append(set(order))
        assert orders == [{*ARMS[:2], TWIN}, *[{"waitress", TWIN}] * (FIRST_DECISION - 1)]
        assert track.race.listed == ["waitress"]
        assert not track.time_is_up


def test_a_heat_whose_arms_have_all_failed_has_no_round(stage: Stage) -> None:
    heats = (("waitress", "gunicorn-sync"), ("waitress", "gunicorn-gthread"))
    made = stage.track(stage.settled(heats))
    made.launch(heats[0])
    made.race.fail("waitress")
    made.race.fail("gunicorn-sync")
    assert made.next_round(heats[0]) is None


def test_a_second_launch_that_does_not_start_is_the_end(track: Track, stage: Stage) -> None:
    stage.script = lambda name, generation, number: DIED if name == "gunicorn-sync" else None
    stage.starts = refusing("gunicorn-sync")
    run_round(track, ARMS)
    (failed,) = stage.journal.of(Failed)
    assert (failed.arm, failed.block, failed.failures[0].kind) == ("gunicorn-sync", 1, "start")
    assert "cannot bind" in failed.failures[0].sample
    assert set(stage.lineup.alive) == EVERYBODY - {"gunicorn-sync"}


def test_an_arm_that_cannot_be_launched_again_is_out(track: Track, stage: Stage) -> None:
    """Its chance was the second of two launches."""
    stage.starts = refusing("gunicorn-sync")
    track.relaunch(list(stage.lineup.alive))
    assert stage.lineup.entered.count(("gunicorn-sync", 2)) == 2
    (failed,) = stage.journal.of(Failed)
    assert (failed.arm, failed.block) == ("gunicorn-sync", 1)
    assert set(run_round(track, ARMS) or ()) == EVERYBODY - {"gunicorn-sync"}


def test_a_twin_that_fails_leaves_its_arm_alone(track: Track, stage: Stage) -> None:
    stage.script = lambda name, generation, number: WRONG if name == TWIN else None
    run_round(track, ARMS)
    (failed,) = stage.journal.of(Failed)
    assert failed.arm == TWIN
    assert set(run_round(track, ARMS) or ()) == set(ARMS)
    assert "waitress" in track.race.alive


def test_nobody_has_a_second_chance_when_the_time_is_over(track: Track, stage: Stage) -> None:
    round_ = track.next_round(ARMS)
    assert round_ is not None
    stage.clock.now = stage.began + stage.seconds
    stage.script = lambda name, generation, number: DIED
    assert track.slice("gunicorn-sync", round_, 0) is None
    assert not list(stage.journal.of(Noted))
    assert [failed.arm for failed in stage.journal.of(Failed)] == ["gunicorn-sync"]


def refusing(name: str) -> Callable[[str, int], None]:
    """No launch of this arm starts."""

    def starts(wanted: str, generation: int) -> None:
        if wanted == name:
            raise ServerFailed(
                "start", "the server ended with status 1 before it answered", seen="cannot bind"
            )

    return starts


# Refusals.


def test_a_refused_slice_is_taken_again_at_once(track: Track, stage: Stage) -> None:
    stage.script = lambda name, generation, number: (
        BUSY if name == "gunicorn-sync" and number < MOST_TRIES else None
    )
    run_round(track, ARMS)
    seen = [
        (one.repeats, bool(one.refused), one.lost)
        for one in stage.journal.of(Slice)
        if one.arm == "gunicorn-sync"
    ]
    assert seen == [(0, True, False), (1, True, False), (2, False, False)]
    assert (track.slices, track.lost) == (4, 0)
    assert len({one.place for one in stage.journal.of(Slice) if one.arm == "gunicorn-sync"}) == 1


def test_a_slice_that_stays_refused_is_lost_and_spoils_nobody_elses(
    track: Track, stage: Stage
) -> None:
    stage.script = lambda name, generation, number: BUSY if name == "gunicorn-sync" else None
    for _ in range(5):
        run_round(track, ARMS)
    seen = [
        (one.repeats, one.lost) for one in stage.journal.of(Slice) if one.arm == "gunicorn-sync"
    ]
    assert seen == [(0, False), (1, False), (2, True)] * 5
    assert (track.slices, track.lost) == (20, 5)
    assert "gunicorn-sync" not in track.race.listed and {"waitress", "gunicorn-gthread"} <= set(
        track.race.listed
    )
    assert not track.hopeless


def test_a_session_of_lost_slices_is_given_up(track: Track, stage: Stage) -> None:
    stage.seconds = 10_000.0
    stage.script = lambda name, generation, number: BUSY
    rounds = 0
    while run_round(track, ARMS) is not None:
        rounds += 1
        assert rounds <= PATIENCE_SLICES
    assert track.hopeless and track.slices >= PATIENCE_SLICES
    assert track.race.listed == []


# Heats.

HEATS = (("waitress", "gunicorn-sync"), ("waitress", "gunicorn-gthread"))


def test_each_heat_has_its_part_of_the_time_and_its_own_launches(stage: Stage) -> None:
    track = stage.track(stage.settled(HEATS))
    began, alive, ends = stage.clock.now, [], []
    for heat in track.heats():
        track.launch(heat)
        alive.append(set(stage.lineup.alive))
        ends.append(began + stage.seconds - track.heat_ends)
        while run_round(track, heat) is not None:
            pass
    assert alive == [{"waitress", "gunicorn-sync", TWIN}, {"waitress", "gunicorn-gthread", TWIN}]
    assert ends == [began + stage.seconds / 2, began + stage.seconds]
    assert stage.lineup.entered.count(("waitress", 1)) == 1, "who is in both goes on"
    assert {record.arm for record in stage.journal.of(Left)} == {"gunicorn-sync"}
    seen = [
        {one.arm for one in stage.journal.of(Slice) if one.round == number}
        for number in (1, track.race.rounds)
    ]
    assert seen == [{"waitress", "gunicorn-sync", TWIN}, {"waitress", "gunicorn-gthread", TWIN}]
    assert set(track.race.listed) == set(ARMS)


def test_a_later_heat_meets_whoever_leads_then(stage: Stage) -> None:
    """The calibration found gunicorn-sync the fastest, and the first heat refuted that."""
    heats = (("gunicorn-sync", "waitress"), ("gunicorn-sync", "gunicorn-gthread"))
    track = stage.track(stage.settled(heats, twin_of="gunicorn-sync"))
    for heat in track.heats():
        track.launch(heat)
        while run_round(track, heat) is not None:
            pass
    assert "gunicorn-sync" in track.race.dropped
    assert set(track.race.listed) == set(ARMS), "everybody was raced"
    assert {one.arm for one in stage.journal.of(Slice) if one.round == track.race.rounds} == {
        "waitress",
        "gunicorn-gthread",
    }


def test_no_round_is_begun_that_the_time_is_too_short_for(track: Track, stage: Stage) -> None:
    assert run_round(track, ARMS) is not None
    cost = 4 * SLICE_SECONDS
    stage.seconds = stage.clock.now - stage.began + cost + STOP_SECONDS - 0.01
    assert track.next_round(ARMS) is None
    stage.seconds += 0.02
    assert track.next_round(ARMS) is not None


# What a journal brings back.


def slice_(round_: int, arm: str, refused: str = "") -> Slice:
    return Slice(
        round=round_,
        place=0,
        arm=arm,
        generation=1,
        requests=32,
        seconds=0.04,
        responses=44,
        whole_seconds=0.05,
        at=1.0,
        refused=refused,
    )


LEFT = Left(arm="waitress", generation=1)
FAILED = Failed(
    arm="waitress", failures=(Failure(kind="died", count=1, sample="it died"),), block=1
)


@pytest.mark.parametrize(
    ("records", "closed"),
    [
        ([], []),
        ([prepared("waitress"), LEFT], []),
        ([FAILED], []),
        ([slice_(1, "waitress"), RoundEnd(number=1)], []),
        ([slice_(1, "waitress")], [1]),
        ([slice_(1, "waitress", BUSY)], [1]),
        ([slice_(1, "waitress"), RoundEnd(number=1), slice_(2, "waitress"), LEFT, FAILED], [2]),
        ([slice_(1, "waitress"), RoundEnd(number=1, abandoned=True)], [1]),
    ],
)
def test_a_torn_round_is_closed_once(
    records: list[Record], closed: list[int], tmp_path: Path
) -> None:
    with Journal(tmp_path / FILE) as journal:
        for record in records:
            journal.append(record)
        close_torn_round(journal)
        close_torn_round(journal)
        assert [end.number for end in journal.of(RoundEnd) if end.abandoned] == closed


@pytest.mark.parametrize("cut", [1, 2])
def test_a_resumed_race_repeats_the_torn_round_and_goes_on(
    cut: int, track: Track, stage: Stage
) -> None:
    for _ in range(3):
        run_round(track, ARMS)
    round_ = track.next_round(ARMS)
    assert round_ is not None and round_.number == 4
    for place in range(cut):
        track.slice(round_.order[place], round_, place)
    stage.lineup.alive.clear()
    before = state(track.race)
    again = stage.track(track.settled)
    assert state(again.race) == before
    again.launch(ARMS)
    assert {name: generations(stage, name) for name in EVERYBODY} == {
        name: [1, 2] for name in EVERYBODY
    }
    assert again.next_round(ARMS) == round_
    assert run_round(again, ARMS) == round_.order
    assert [(end.number, end.abandoned) for end in stage.journal.of(RoundEnd)][-2:] == [
        (4, True),
        (4, False),
    ]


def test_an_arm_that_failed_before_is_not_launched_when_a_race_is_resumed(
    track: Track, stage: Stage
) -> None:
    stage.script = lambda name, generation, number: WRONG if name == "gunicorn-sync" else None
    run_round(track, ARMS)
    stage.lineup.alive.clear()
    again = stage.track(track.settled)
    again.launch(ARMS)
    assert set(stage.lineup.alive) == EVERYBODY - {"gunicorn-sync"}

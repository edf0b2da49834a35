"""The race as a state machine: who runs when, what failure, twins and placement do, and that a resumed race is the same race."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Mapping, Sequence

import pytest

from whichworker.design.elimination import FIRST_DECISION
from whichworker.design.race import PLACEMENT_BLOCKS, TWIN, TWIN_LIMIT, Block, Claims, Race, block

Rates = Mapping[str, float]


def race_of(names: Sequence[str], *, claims: Claims = "leader", seed: int = 1, delta: float = 0.03, twin_of: str = "") -> Race:
    return Race(names, twin_of=twin_of or names[0], delta=delta, alpha=0.05, claims=claims, seed=seed)


def throughput(race: Race, planned: Block, rates: Rates, noise: float = 0.01) -> dict[str, float]:
    """What each arm of a block shows: its rate, an effect of the block and noise that depend on nothing but arm and block."""
    shared = random.Random(f"block {planned.number}").gauss(0, 0.1)
    twinned = {**rates, TWIN: rates[race.twin_of]}
    return {name: twinned[name] * math.exp(shared + random.Random(f"{planned.number} {name}").gauss(0, noise)) for name in planned.order}


def run(race: Race, rates: Rates, most: int = 200, noise: float = 0.01) -> list[Block]:
    """Run a race to its end, or for so many blocks; the blocks that were run."""
    ran: list[Block] = []
    while len(ran) < most and (planned := race.next_block()):
        race.enter(throughput(race, planned, rates, noise))
        ran.append(planned)
    return ran


def state(race: Race) -> object:
    return (race.logs, race.failed, race.dropped, race.blocks, race.pairs(), race.leader(), race.twin_evidence(), race.next_block())


def verdicts(race: Race) -> dict[tuple[str, str], str]:
    return {(pair.first, pair.second): pair.verdict for pair in race.pairs()}


@pytest.mark.parametrize("number", [1, 2, 77])
def test_the_order_of_a_block_is_a_function_of_seed_and_number(number: int) -> None:
    names = [f"arm-{place}" for place in range(10)]
    assert block(number, names, seed=5) == block(number, list(reversed(names)), seed=5)
    assert sorted(block(number, names, seed=5).order) == sorted(names)
    assert block(number, names, seed=5) != block(number, names, seed=6)
    assert block(number, names, seed=5).order != block(number + 1, names, seed=5).order


def test_the_order_never_changes_between_versions() -> None:
    """A journal of an earlier version is resumed in the same order."""
    assert block(3, ["a", "b", "c", "d", "e"], seed=42).order == ("d", "a", "e", "b", "c")


def test_every_arm_comes_first_about_equally_often() -> None:
    first = [block(number, ["a", "b", "c", "d"], seed=9).order[0] for number in range(1, 401)]
    assert all(70 <= first.count(name) <= 130 for name in "abcd")


def test_the_first_blocks_hold_every_arm_and_the_twin() -> None:
    race = race_of(["a", "b", "c"])
    ran = run(race, {"a": 100, "b": 200, "c": 400}, most=FIRST_DECISION)
    assert all(sorted(planned.order) == sorted(["a", "b", "c", TWIN]) for planned in ran)
    assert [planned.number for planned in ran] == [1, 2, 3, 4]
    assert race.dropped == ["a", "b"]


def test_a_clear_winner_is_found_and_named() -> None:
    race = race_of(["a", "b", "c"])
    ran = run(race, {"a": 100, "b": 200, "c": 400})
    assert race.leader() == "c"
    assert race.alive == ["c"]
    assert verdicts(race) == {("a", "b"): "worse", ("a", "c"): "worse", ("b", "c"): "worse"}
    assert len(ran) <= PLACEMENT_BLOCKS
    assert race.next_block() is None
    assert race.blocks_to_decide() is None


def test_equal_arms_end_in_ties() -> None:
    race = race_of(["a", "b", "c"], claims="all")
    run(race, {"a": 100, "b": 100, "c": 100}, noise=0.02)
    assert race.next_block() is None
    assert set(verdicts(race).values()) == {"tie"}
    assert race.alive == ["a", "b", "c"]


def test_one_arm_is_no_race() -> None:
    race = race_of(["a"])
    ran = run(race, {"a": 100})
    assert len(ran) == FIRST_DECISION
    assert (race.pairs(), race.leader(), race.listed, race.dropped) == ([], "a", ["a"], [])
    assert race.blocks_to_decide() is None


def test_before_the_first_block_nothing_is_known() -> None:
    race = race_of(["a", "b"])
    assert (race.leader(), race.listed, race.pairs(), race.twin_evidence()) == (None, [], [], (1.0, []))


def test_arms_are_listed_from_the_first_decision_on() -> None:
    race = race_of(["a", "b"])
    run(race, {"a": 100, "b": 100}, most=FIRST_DECISION - 1)
    assert (race.listed, race.pairs()) == ([], [])
    run(race, {"a": 100, "b": 100}, most=1)
    assert race.listed == ["a", "b"]


@pytest.mark.parametrize("shown", [None, 0.0])
@pytest.mark.parametrize("at", [1, 3, 6])
def test_an_arm_without_a_number_has_failed_and_never_runs_again(shown: float | None, at: int) -> None:
    race, rates = race_of(["a", "b", "c"]), {"a": 100.0, "b": 100.0, "c": 100.0}
    run(race, rates, most=at - 1)
    planned = race.next_block()
    assert planned is not None and "b" in planned.order
    seen = throughput(race, planned, rates)
    del seen["b"]
    race.enter(seen if shown is None else {**seen, "b": shown})
    later = run(race, rates)
    assert race.failed == {"b"}
    assert all("b" not in planned.order for planned in later)
    assert race.listed == ["a", "c"]
    assert race.alive and race.leader() in race.alive
    assert at not in race.logs["b"]


@pytest.mark.parametrize("at", [5, 6])
def test_when_the_winner_fails_those_it_drove_out_compete_again(at: int) -> None:
    names = [f"arm-{place:02d}" for place in range(12)]
    race, rates = race_of(names, twin_of="arm-03"), {name: 1000 * 0.94**place for place, name in enumerate(names)}
    run(race, rates, most=at - 1)
    planned = race.next_block()
    assert planned is not None
    assert race.alive == ["arm-00"]
    race.enter({name: rate for name, rate in throughput(race, planned, rates).items() if name != "arm-00"})
    assert race.alive == ["arm-01"]
    run(race, rates)
    assert race.failed == {"arm-00"}
    assert race.leader() == "arm-01"
    assert race.dropped == names[2:]


def test_when_all_have_failed_the_race_is_over() -> None:
    race = race_of(["a", "b"])
    race.enter({})
    assert (race.next_block(), race.leader(), race.listed, race.alive) == (None, None, [], [])


def test_the_last_arm_standing_still_reaches_four_launches() -> None:
    race = race_of(["a", "b"])
    race.enter({"a": 100.0, TWIN: 100.0})
    ran = run(race, {"a": 100, "b": 100})
    assert len(ran) == FIRST_DECISION - 1
    assert race.listed == ["a"]
    assert race.leader() == "a"


@pytest.mark.parametrize("broken", ["a", TWIN])
def test_when_one_twin_fails_there_are_no_twins(broken: str) -> None:
    race, rates = race_of(["a", "b", "c"]), {"a": 100.0, "b": 100.0, "c": 100.0}
    planned = race.next_block()
    assert planned is not None
    race.enter({name: rate for name, rate in throughput(race, planned, rates).items() if name != broken})
    following = race.next_block()
    assert following is not None
    assert TWIN not in following.order
    assert ("a" in following.order) == (broken == TWIN)


def test_twins_run_until_the_race_ends_though_their_arm_is_dropped() -> None:
    race = race_of(["slow", "a", "b"], twin_of="slow")
    ran = run(race, {"slow": 10, "a": 100, "b": 99.5}, noise=0.02)
    assert "slow" in race.dropped
    assert all({"slow", TWIN} <= set(planned.order) for planned in ran)
    assert len(race.twin_evidence()[1]) == len(ran)


def test_the_twin_is_no_contender() -> None:
    race = race_of(["a", "b"])
    run(race, {"a": 100, "b": 100})
    assert TWIN not in (*race.arms, *race.listed, *race.alive, *race.dropped, race.leader())
    assert all(TWIN not in (pair.first, pair.second) for pair in race.pairs())


def test_twins_that_differ_raise_the_alarm_and_it_stays_raised() -> None:
    race = race_of(["a", "b"], delta=0.001)
    for number in range(1, 30):
        planned = race.next_block()
        assert planned is not None
        seen = throughput(race, planned, {"a": 100, "b": 100})
        race.enter({**seen, TWIN: seen["a"] * (1.1 + 0.001 * (number % 3) if number < 10 else 0.9)})
    evidence, differences = race.twin_evidence()
    assert evidence >= TWIN_LIMIT
    assert len(differences) == 29


def test_placement_brings_dropped_arms_back_beside_the_leader_only() -> None:
    names = ["best", *(f"arm-{place}" for place in range(11))]
    race = race_of(names)
    ran = run(race, {name: 1000 / (1 + place) for place, name in enumerate(names)}, noise=0.03)
    assert race.alive == ["best"]
    late = [set(planned.order) - {TWIN} for planned in ran if planned.number > race.least]
    assert all("best" in order and len(order) < len(names) for order in late)
    assert all(len(race.logs[name]) <= max(PLACEMENT_BLOCKS, race.least) for name in names if name != "best")
    assert all(len(race.logs[name]) >= race.least for name in names)


def test_all_claims_keep_arms_until_their_pairs_are_settled() -> None:
    rates = {"a": 100.0, "b": 103.5, "c": 50.0, "d": 50.0}
    race = race_of(list(rates), claims="all")
    ran = run(race, rates, noise=0.02)
    assert race.dropped == []
    assert "undetermined" not in verdicts(race).values()
    assert verdicts(race)["c", "d"] == "tie"
    assert verdicts(race)["a", "c"] == "better"
    assert len(ran) > PLACEMENT_BLOCKS


def test_leaders_only_settle_less_than_all() -> None:
    rates = {"a": 100.0, "b": 60.0, "c": 58.0}
    leader, every = race_of(list(rates)), race_of(list(rates), claims="all")
    assert len(run(leader, rates, noise=0.02)) < len(run(every, rates, noise=0.02))
    assert leader.leader() == every.leader() == "a"


def test_the_forecast_is_about_the_pairs_of_the_leader() -> None:
    race = race_of(["a", "b"])
    run(race, {"a": 100, "b": 101}, most=5, noise=0.02)
    wait = race.blocks_to_decide()
    assert verdicts(race) == {("a", "b"): "undetermined"}
    assert wait is not None and wait > 1


def _uneventful(number: int, seen: dict[str, float]) -> dict[str, float]:
    return seen


def _failing(number: int, seen: dict[str, float]) -> dict[str, float]:
    return {name: rate for name, rate in seen.items() if (name, number) not in {("b", 3), (TWIN, 7)}}


@pytest.mark.parametrize("claims", ["leader", "all"])
@pytest.mark.parametrize("event", [_uneventful, _failing])
def test_a_race_entered_again_block_by_block_is_in_the_identical_state(
    claims: Claims, event: Callable[[int, dict[str, float]], dict[str, float]]
) -> None:
    rates = {"a": 100.0, "b": 101.0, "c": 98.0, "d": 79.0, "e": 30.0}
    race = race_of(list(rates), claims=claims, seed=11)
    entered: list[dict[str, float]] = []
    while len(entered) < 25 and (planned := race.next_block()):
        entered.append(event(planned.number, throughput(race, planned, rates, 0.05)))
        race.enter(entered[-1])
        if len(entered) % 5 == 0:
            again = race_of(list(rates), claims=claims, seed=11)
            for seen in entered:
                again.enter(seen)
            assert state(again) == state(race)
    assert len(entered) >= 8


def test_looking_changes_nothing() -> None:
    rates = {"a": 100.0, "b": 101.0, "c": 80.0}
    watched, alone = race_of(list(rates)), race_of(list(rates))
    for _ in range(10):
        for race in (watched, alone):
            if planned := race.next_block():
                race.enter(throughput(race, planned, rates))
        assert state(watched) == state(watched)
    assert state(watched) == state(alone)


def test_the_seed_decides_the_order_and_nothing_else() -> None:
    rates = {"a": 100.0, "b": 97.0, "c": 80.0}
    one, other = race_of(list(rates), seed=1), race_of(list(rates), seed=2)
    orders = [[planned.order for planned in run(race, rates, 10)] for race in (one, other)]
    assert orders[0] != orders[1]
    assert (one.logs, one.pairs(), one.dropped) == (other.logs, other.pairs(), other.dropped)

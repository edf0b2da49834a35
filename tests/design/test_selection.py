"""The race as a state machine: rounds, failures, twins, and resumed races."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Mapping, Sequence

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from whichworker.design.elimination import FIRST_DECISION
from whichworker.design.pairs import ranks
from whichworker.design.rounds import TWIN, Heard, Round, random_round
from whichworker.design.selection import TWIN_LIMIT, Claims, Race

Rates = Mapping[str, float]
Entered = list[tuple[int, list[Heard]]]

GENERATION_ROUNDS = 6
SLICE_SECONDS = 0.05


def race_of(
    names: Sequence[str],
    *,
    claims: Claims = "leader",
    seed: int = 1,
    delta: float = 0.03,
    twin_of: str = "",
) -> Race:
    return Race(
        names, twin_of=twin_of or names[0], delta=delta, alpha=0.05, claims=claims, seed=seed
    )


def slices(race: Race, planned: Round, rates: Rates, noise: float = 0.01) -> list[Heard]:
    """Slices whose noise depends on nothing but arm and round, on the level of the round."""
    rates, level = (
        {**rates, TWIN: rates[race.twin_of]},
        random.Random(f"round {planned.number}").gauss(0, 0.1),
    )
    generation = 1 + (planned.number - 1) // GENERATION_ROUNDS
    found = []
    for place, name in enumerate(planned.order):
        deviation = random.Random(f"{planned.number} {name}").gauss(0, noise)
        at = planned.number + SLICE_SECONDS * place
        found.append(
            Heard(name, place, generation, math.log(rates[name]) + level + deviation, at, None)
        )
    return found


def run(race: Race, rates: Rates, most: int = 200, noise: float = 0.01) -> list[Round]:
    """Run a race to its end, or for so many rounds; the rounds that were run."""
    ran: list[Round] = []
    while len(ran) < most and (planned := race.next_round()):
        race.enter(planned.number, slices(race, planned, rates, noise))
        ran.append(planned)
    return ran


def state(race: Race) -> object:
    return (
        race.failed,
        race.dropped,
        race.rounds,
        race.pairs(),
        race.leader(),
        race.estimates(),
        race.twin_evidence(),
        race.next_round(),
    )


def verdicts(race: Race) -> dict[tuple[str, str], str]:
    return {(pair.first, pair.second): pair.verdict for pair in race.pairs()}


def test_the_first_rounds_hold_every_arm_and_the_twin() -> None:
    race = race_of(["a", "b", "c"])
    ran = run(race, {"a": 100, "b": 200, "c": 400}, most=FIRST_DECISION)
    assert all(sorted(planned.order) == sorted(["a", "b", "c", TWIN]) for planned in ran)
    assert [planned.number for planned in ran] == [1, 2, 3, 4]
    assert race.dropped == ["a", "b"]


def test_a_clear_winner_is_found_and_named() -> None:
    race = race_of(["a", "b", "c"])
    ran = run(race, {"a": 100, "b": 200, "c": 400})
    assert (race.leader(), race.alive, race.picked) == ("c", ["c"], True)
    assert verdicts(race) == {("a", "b"): "worse", ("a", "c"): "worse", ("b", "c"): "worse"}
    assert len(ran) <= 6
    assert race.next_round() is None


def test_equal_arms_end_in_ties() -> None:
    race = race_of(["a", "b", "c"], claims="all")
    run(race, {"a": 100, "b": 100, "c": 100})
    assert race.next_round() is None
    assert set(verdicts(race).values()) == {"tie"}
    assert race.alive == ["a", "b", "c"]
    assert race.picked


def test_one_arm_is_no_race() -> None:
    race = race_of(["a"])
    ran = run(race, {"a": 100})
    assert len(ran) == FIRST_DECISION
    assert (race.pairs(), race.leader(), race.listed, race.dropped) == ([], "a", ["a"], [])


def test_before_the_first_round_nothing_is_known() -> None:
    race = race_of(["a", "b"])
    assert (race.leader(), race.listed, race.pairs(), race.estimates()) == (None, [], [], {})
    assert race.twin_evidence() == (1.0, None)
    assert race.rounds_to_decide("a", "b") is None


def test_arms_are_listed_from_the_first_decision_on() -> None:
    race = race_of(["a", "b"])
    run(race, {"a": 100, "b": 100}, most=FIRST_DECISION - 1)
    assert (race.listed, race.pairs()) == ([], [])
    run(race, {"a": 100, "b": 100}, most=1)
    assert race.listed == ["a", "b"]


def test_an_arm_without_rivals_makes_up_for_lost_rounds() -> None:
    race = race_of(["a"])
    for number in range(1, FIRST_DECISION + 3):
        planned = race.next_round()
        assert planned is not None
        lost = number in (2, 3)
        race.enter(number, [] if lost else slices(race, planned, {"a": 100.0}))
    assert race.listed == ["a"]
    assert race.next_round() is None


@pytest.mark.parametrize("bad", [None, -math.inf, math.nan])
def test_a_bad_slice_leaves_its_arm_alone_for_that_round(bad: float | None) -> None:
    race, rates = race_of(["a", "b", "c"]), {"a": 100.0, "b": 100.0, "c": 100.0}
    planned = race.next_round()
    assert planned is not None
    heard = [one for one in slices(race, planned, rates) if one.arm != "b"]
    if bad is not None:
        heard.append(Heard("b", 9, 1, bad, 1.5, None))
    race.enter(planned.number, heard)
    assert race.failed == set()
    run(race, rates, most=FIRST_DECISION - 1)
    assert race.listed == ["a", "c"]
    run(race, rates, most=1)
    assert race.listed == ["a", "b", "c"]
    assert {(pair.first, pair.second): pair.rounds for pair in race.pairs()} == {
        ("a", "b"): 4,
        ("a", "c"): 5,
        ("b", "c"): 4,
    }


@pytest.mark.parametrize("at", [1, 3, 6])
def test_an_arm_that_failed_never_runs_again(at: int) -> None:
    race, rates = race_of(["a", "b", "c"]), {"a": 100.0, "b": 100.0, "c": 100.0}
    run(race, rates, most=at)
    race.fail("b")
    later = run(race, rates)
    assert race.failed == {"b"}
    assert later and all("b" not in planned.order for planned in later)
    assert race.listed == ["a", "c"]
    assert race.leader() in race.alive
    assert set(race.alive) <= {"a", "c"}


def test_when_the_winner_fails_those_that_only_it_drove_out_compete_again() -> None:
    names = [f"arm-{place:02d}" for place in range(6)]
    race, rates = (
        race_of(names, twin_of="arm-03"),
        {name: 1000 * 0.5**place for place, name in enumerate(names)},
    )
    rates["arm-02"] = 495.0
    run(race, rates, most=6)
    assert race.alive == ["arm-00"]
    race.fail("arm-00")
    assert set(race.alive) >= {"arm-01", "arm-02"}
    assert set(race.dropped) >= {"arm-04", "arm-05"}
    run(race, rates)
    assert race.leader() in {"arm-01", "arm-02"}
    assert race.next_round() is None


def test_when_all_have_failed_the_race_is_over() -> None:
    race = race_of(["a", "b"])
    race.fail("a")
    race.fail("b")
    assert (race.next_round(), race.leader(), race.listed, race.alive) == (None, None, [], [])


def test_the_last_arm_standing_still_reaches_four_rounds() -> None:
    race = race_of(["a", "b"])
    run(race, {"a": 100, "b": 100}, most=1)
    race.fail("b")
    ran = run(race, {"a": 100, "b": 100})
    assert len(ran) == FIRST_DECISION - 1
    assert (race.listed, race.leader()) == (["a"], "a")


def test_without_a_twin_the_last_arm_is_listed_too() -> None:
    race = race_of(["a", "b"], twin_of="b")
    race.fail("b")
    ran = run(race, {"a": 100, "b": 100})
    assert [planned.order for planned in ran] == [("a",)] * FIRST_DECISION
    assert race.listed == ["a"]


@pytest.mark.parametrize("broken", ["a", TWIN])
def test_when_one_twin_fails_there_are_no_twins(broken: str) -> None:
    race = race_of(["a", "b", "c"])
    race.fail(broken)
    planned = race.next_round()
    assert planned is not None
    assert TWIN not in planned.order
    assert ("a" in planned.order) == (broken == TWIN)


def test_twins_run_as_long_as_their_arm() -> None:
    race = race_of(["slow", "a", "b"], twin_of="slow")
    ran = run(race, {"slow": 10, "a": 100, "b": 99.5}, noise=0.03)
    assert all(("slow" in planned.order) == (TWIN in planned.order) for planned in ran)
    assert "slow" in race.dropped
    assert TWIN not in ran[-1].order


def test_the_twin_is_no_contender() -> None:
    race = race_of(["a", "b"])
    run(race, {"a": 100, "b": 100})
    assert TWIN not in (
        *race.arms,
        *race.listed,
        *race.alive,
        *race.dropped,
        *race.estimates(),
        race.leader(),
    )
    assert all(TWIN not in (pair.first, pair.second) for pair in race.pairs())


def test_twins_that_differ_raise_the_alarm_and_it_stays_raised() -> None:
    race, rates = race_of(["a", "b"]), {"a": 100.0, "b": 100.0}
    for number in range(1, 61):
        shift = 0.2 if number <= 30 else -0.2
        heard = slices(race, random_round(number, ["a", "b", TWIN], 1), rates)
        moved = [
            msgspec.structs.replace(one, log_rate=one.log_rate + shift * (one.arm == TWIN))
            for one in heard
        ]
        race.enter(number, moved)
    evidence, mean = race.twin_evidence()
    assert evidence >= TWIN_LIMIT
    assert mean == pytest.approx(0.0, abs=0.05)


def test_all_claims_keep_arms_until_their_pairs_are_settled() -> None:
    rates = {"a": 100.0, "b": 106.0, "c": 50.0, "d": 50.0}
    race = race_of(list(rates), claims="all")
    run(race, rates, most=600, noise=0.02)
    assert race.dropped == []
    assert race.next_round() is None
    assert "undetermined" not in verdicts(race).values()
    assert verdicts(race)["c", "d"] == "tie"
    assert verdicts(race)["a", "c"] == "better"


def test_leaders_only_settle_less_than_all() -> None:
    rates = {"a": 100.0, "b": 60.0, "c": 58.0}
    leader, every = race_of(list(rates)), race_of(list(rates), claims="all")
    assert len(run(leader, rates, noise=0.02)) < len(run(every, rates, noise=0.02))
    assert leader.leader() == every.leader() == "a"


def test_estimates_are_about_the_leader() -> None:
    race = race_of(["a", "b", "c"])
    run(race, {"a": 100, "b": 80, "c": 99}, most=18)
    shown = race.estimates()
    assert race.leader() == "a"
    assert shown["a"] == (0.0, 0.0, 0.0)
    assert shown["b"][0] == pytest.approx(math.log(0.8), abs=0.02)
    assert all(low < mean < high for mean, low, high in (shown["b"], shown["c"]))


def test_the_forecast_is_about_open_pairs() -> None:
    race = race_of(["a", "b", "c"])
    run(race, {"a": 100, "b": 98, "c": 50}, most=8, noise=0.02)
    assert verdicts(race)["a", "b"] == "undetermined"
    wait = race.rounds_to_decide("a", "b")
    assert wait is not None and 1 < wait <= 1000
    assert wait == race.rounds_to_decide("b", "a")
    assert race.rounds_to_decide("a", "c") is None


@pytest.mark.parametrize(("ratio", "noise"), [(0.94, 0.03), (0.9, 0.06), (1.0, 0.02)])
def test_the_forecast_comes_about_true(ratio: float, noise: float) -> None:
    race, rates = race_of(["a", "b"]), {"a": 100.0, "b": 100.0 * ratio}
    run(race, rates, most=2 * GENERATION_ROUNDS, noise=noise)
    wait = race.rounds_to_decide("a", "b")
    assert wait is not None
    took = len(run(race, rates, most=1000, noise=noise))
    assert wait / 4 <= took <= 4 * wait


def _uneventful(number: int, heard: list[Heard]) -> list[Heard]:
    return heard


def _lossy(number: int, heard: list[Heard]) -> list[Heard]:
    return [one for one in heard if (one.arm, number) not in {("b", 3), (TWIN, 7), ("a", 5)}]


@pytest.mark.parametrize("claims", ["leader", "all"])
@pytest.mark.parametrize("event", [_uneventful, _lossy])
def test_a_race_entered_again_is_in_the_identical_state(
    claims: Claims, event: Callable[[int, list[Heard]], list[Heard]]
) -> None:
    rates = {"a": 100.0, "b": 101.0, "c": 98.0, "d": 79.0, "e": 30.0}
    race = race_of(list(rates), claims=claims, seed=11)
    entered: Entered = []
    while len(entered) < 25 and (planned := race.next_round()):
        entered.append((planned.number, event(planned.number, slices(race, planned, rates, 0.05))))
        race.enter(*entered[-1])
        if len(entered) % 5 == 0:
            again = race_of(list(rates), claims=claims, seed=11)
            for number, heard in entered:
                again.enter(number, heard)
            assert state(again) == state(race)
    assert len(entered) >= 8


RACES = st.fixed_dictionaries(
    {
        "rates": st.lists(st.sampled_from([30.0, 70.0, 85.0, 96.0, 100.0]), min_size=2, max_size=6),
        "noise": st.sampled_from([0.005, 0.03, 0.15]),
        "seed": st.integers(0, 1000),
        "fails": st.integers(0, 30),
        "claims": st.sampled_from(["leader", "all"]),
    }
)


def whole(drawn: dict[str, object], most: int) -> tuple[Race, Rates, Entered]:
    listed = drawn["rates"]
    assert isinstance(listed, list)
    rates = dict(zip("abcdef", listed, strict=False))
    race = race_of(list(rates), claims=drawn["claims"], seed=int(str(drawn["seed"])))  # type: ignore[arg-type]
    entered: Entered = []
    while len(entered) < most and (planned := race.next_round()):
        entered.append((planned.number, slices(race, planned, rates, float(str(drawn["noise"])))))
        race.enter(*entered[-1])
        if len(entered) == drawn["fails"]:
            race.fail("b")
    return race, rates, entered


@settings(max_examples=25, deadline=None)
@given(drawn=RACES, stop=st.integers(1, 20))
def test_a_resumed_race_runs_the_same_rounds(drawn: dict[str, object], stop: int) -> None:
    race, rates, entered = whole({**drawn, "fails": -1}, stop)
    again = race_of(list(rates), claims=race.claims, seed=race.seed)
    for number, heard in entered:
        again.enter(number, heard)
    for _ in range(4):
        planned = race.next_round()
        assert planned == again.next_round()
        if planned is None:
            break
        for each in (race, again):
            each.enter(planned.number, slices(each, planned, rates))
    assert state(race) == state(again)


@settings(max_examples=25, deadline=None)
@given(drawn=RACES)
def test_whatever_happens_the_books_agree(drawn: dict[str, object]) -> None:
    """One arm at least is alive, verdicts fit their intervals, ranks fit the verdicts."""
    race, rates, _ = whole(drawn, 40)
    assert set(race.alive) | set(race.dropped) | race.failed == set(rates)
    assert not set(race.alive) & (set(race.dropped) | race.failed)
    assert race.alive or race.failed == set(rates)
    assert race.leader() in race.alive
    places = ranks(race.listed, race.pairs())
    for pair in race.pairs():
        assert pair.low <= pair.high
        if pair.verdict == "better":
            assert pair.low > 0 and places[pair.first][0] < places[pair.second][0]


@settings(max_examples=15, deadline=None)
@given(drawn=RACES, order=st.permutations(range(7)))
def test_the_order_in_which_slices_are_entered_does_not_matter(
    drawn: dict[str, object], order: list[int]
) -> None:
    race, rates, entered = whole({**drawn, "fails": -1}, 12)
    again = race_of(list(rates), claims=race.claims, seed=race.seed)
    for number, heard in entered:
        again.enter(number, [heard[at] for at in order if at < len(heard)])
    for one, other in zip(race.pairs(), again.pairs(), strict=True):
        assert one.mean == pytest.approx(other.mean, abs=1e-9)
        assert one.standard_error == pytest.approx(other.standard_error, rel=1e-6)


def test_arms_of_different_heats_are_compared_through_the_one_they_share() -> None:
    """Two heats in turn, launched for each turn: a with b, then a with c."""
    race, rates = race_of(["a", "b", "c"]), {"a": 100.0, "b": 90.0, "c": 60.0}
    for number in range(1, 41):
        names = ["a", TWIN, "b" if (number - 1) // GENERATION_ROUNDS % 2 == 0 else "c"]
        race.enter(number, slices(race, random_round(number, names, 1), rates))
    found = {(pair.first, pair.second): pair for pair in race.pairs()}
    assert found["b", "c"].mean == pytest.approx(math.log(1.5), abs=0.03)
    assert found["b", "c"].standard_error > max(
        found["a", "b"].standard_error, found["a", "c"].standard_error
    )
    assert found["b", "c"].verdict == "better"
    assert (race.leader(), race.alive) == ("a", ["a"])


def test_looking_changes_nothing() -> None:
    rates = {"a": 100.0, "b": 101.0, "c": 80.0}
    watched, alone = race_of(list(rates)), race_of(list(rates))
    for _ in range(10):
        for race in (watched, alone):
            if planned := race.next_round():
                race.enter(planned.number, slices(race, planned, rates))
        assert state(watched) == state(watched)
    assert state(watched) == state(alone)

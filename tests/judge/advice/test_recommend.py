"""Advice: the leader, or the cheapest setup tied with it, no more than the claims say."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest
from msgspec.structs import replace
from tests.report import samples

from whichworker.judge.advice.recommend import recommend
from whichworker.model import Machine
from whichworker.result import (
    ArmResult,
    ArmState,
    AskedQuestion,
    AtRate,
    Attribution,
    Claim,
    Estimate,
    RaceVerdict,
    Result,
    Run,
    Validity,
)

MEGABYTE = 10**6


def arm(name: str, rate: float, memory: int | None = 80, state: ArmState = "ranked") -> ArmResult:
    return ArmResult(
        name=name,
        server=name,
        kind="sync",
        version="1",
        python="3.12",
        interface="wsgi",
        settings={"workers": 2},
        state=state,
        rank_low=1 if state in ("ranked", "dropped") else None,
        rank_high=3 if state in ("ranked", "dropped") else None,
        throughput_per_second=Estimate(value=rate),
        memory_bytes=None if memory is None else memory * MEGABYTE,
        command=(name, "--serve"),
    )


def claim(better: str, worse: str) -> Claim:
    return Claim(better=better, worse=worse, ratio=1.2, low=1.1, high=1.3)


def result_of(
    arms: Sequence[ArmResult],
    *,
    leader: str | None = "a",
    claims: Sequence[Claim] = (),
    ties: Sequence[tuple[str, str]] = (),
    undetermined: Sequence[tuple[str, str]] = (),
) -> Result:
    return Result(
        question=AskedQuestion(
            app="shop",
            workload="/",
            delta=0.03,
            alpha=0.05,
            claims="leader",
            seed=1,
            time_seconds=60.0,
            connections=8,
            server_cores=(0,),
            generator_cores=(1,),
        ),
        machine=Machine(
            fingerprint="f",
            system="Linux",
            cpu="c",
            cores=2,
            usable_cores=(0, 1),
            memory_bytes=10**9,
        ),
        run=Run(id="r", started="s", command="c", version="v", seconds=1.0, finished=True),
        validity=Validity(state="valid"),
        arms=tuple(arms),
        leader=leader,
        claims=tuple(claims),
        ties=tuple(ties),
        undetermined=tuple(undetermined),
    )


A, B, C = arm("a", 300), arm("b", 200, 50), arm("c", 100, 20)


@pytest.mark.parametrize(
    ("found", "advised", "because", "runner_up"),
    [
        (result_of([A]), "a", "it is the only server setup that could be measured", None),
        (
            result_of([A, arm("b", 1, state="failed")]),
            "a",
            "it is the only server setup that could be measured",
            None,
        ),
        (
            result_of([A, B, C], claims=[claim("a", "b"), claim("a", "c")]),
            "a",
            "it is faster than all 2 others",
            "b",
        ),
        (
            result_of([A, B, C], claims=[claim("a", "c")], undetermined=[("a", "b")]),
            "a",
            "it leads and is faster than 1 of the 2 others. b is not decided yet.",
            "b",
        ),
        (
            result_of([A, B, C], claims=[claim("a", "c")], ties=[("b", "a")]),
            "b",
            "it is tied with the leader, a (less than 3% apart), and uses less memory",
            "a",
        ),
        (
            result_of([A, B, C], ties=[("b", "a")], undetermined=[("a", "c")]),
            "b",
            (
                "it is tied with the leader, a (less than 3% apart), and uses less memory."
                " c is not decided yet."
            ),
            "a",
        ),
        (
            result_of([A, arm("b", 290, 80), C], claims=[claim("a", "c")], ties=[("a", "b")]),
            "a",
            (
                "it leads and is faster than 1 of the 2 others;"
                " tied with b, which does not need less memory"
            ),
            "b",
        ),
        (
            result_of([A, arm("b", 290, 80), arm("c", 280, 90)], ties=[("a", "b"), ("a", "c")]),
            "a",
            "it leads; tied with b and c, none of them needs less memory",
            "b",
        ),
        (
            result_of([A, arm("b", 290, None), C], claims=[claim("a", "c")], ties=[("a", "b")]),
            "a",
            "it leads and is faster than 1 of the 2 others; tied with b",
            "b",
        ),
        (
            result_of([arm("a", 300, None), B, C], ties=[("a", "b"), ("b", "c")]),
            "b",
            (
                "it is tied with the leader, a (less than 3% apart),"
                " and uses the least memory of those measured"
            ),
            "a",
        ),
        (
            result_of([A, B, C], ties=[("b", "c")], undetermined=[("a", "b"), ("a", "c")]),
            "a",
            "it leads. b and c are not decided yet.",
            "b",
        ),
        (
            result_of([C, B], leader="b", claims=[claim("b", "c")]),
            "b",
            "it is faster than the other",
            "c",
        ),
    ],
)
def test_advice(found: Result, advised: str, because: str, runner_up: str | None) -> None:
    advice = recommend(found).advice
    assert advice is not None
    assert (advice.arm, advice.runner_up, advice.command, advice.settings) == (
        advised,
        runner_up,
        (advised, "--serve"),
        {"workers": 2},
    )
    assert advice.because == because


def test_of_many_undetermined_only_three_are_named() -> None:
    arms = [A, *(arm(name, 100) for name in "bcdef")]
    advice = recommend(result_of(arms, undetermined=[("a", name) for name in "bcdef"])).advice
    assert advice is not None
    assert advice.because == "it leads. b, c, d and 2 more are not decided yet."


@pytest.mark.parametrize("sample", [samples.clear, samples.tied, samples.race, samples.sought])
def test_the_advice_agrees_with_the_verdict(sample: Callable[[], Result]) -> None:
    whole = sample()
    assert whole.advice is not None
    found = recommend(replace(whole, advice=None)).advice
    assert found is not None
    assert (found.arm, found.because) == (whole.advice.arm, whole.advice.because)


def test_who_left_early_is_not_called_undecided_if_the_verdict_does_not() -> None:
    """The pair with the leader may be open, though somebody else is claimed faster."""
    found = result_of([A, B, C], claims=[claim("a", "b")], undetermined=[("a", "c")])
    verdict = RaceVerdict(state="clear", headline="", leader="a")
    advice = recommend(replace(found, verdict=verdict)).advice
    assert advice is not None
    assert advice.because == "it leads and is faster than 1 of the 2 others"


def test_the_conditions_of_the_advice_are_sentences() -> None:
    light = replace(arm("b", 200, 20), cpu_seconds_per_request=1e-4)
    heavy = replace(
        A, cpu_seconds_per_request=3e-4, attribution=Attribution(cause="worker slots", evidence=())
    )
    advice = recommend(result_of([heavy, light], undetermined=[("a", "b")])).advice
    assert advice is not None
    assert advice.flips_when == (
        "a longer run shows b to be faster: the two are not decided yet",
        "memory counts most: b needs 20 MB instead of 80 MB, at 67% of the throughput",
        "CPU counts most: b needs 100 µs of CPU per request instead of 300 µs",
        (
            "the app waits longer for databases or other services than it did here: its limit is"
            " worker slots, so it would need more of them"
        ),
    )


def test_the_longer_run_names_the_fastest_of_those_not_decided() -> None:
    near, far = arm("b", 295, 80), arm("c", 250, 80)
    pairs = [("a", "c"), ("a", "b")]
    advice = recommend(result_of([A, near, far], undetermined=pairs)).advice
    assert advice is not None
    assert advice.flips_when == ("a longer run shows b to be faster: the two are not decided yet",)


def test_a_longer_run_is_not_promised_for_whoever_left_early() -> None:
    gone = replace(arm("b", 200, 80), dropped=True)
    advice = recommend(result_of([A, gone], undetermined=[("a", "b")])).advice
    assert advice is not None and advice.flips_when == ()


@pytest.mark.parametrize(
    "found",
    [
        replace(result_of([A, B]), validity=Validity(state="invalid", reasons=("twins",))),
        result_of([A, B], leader=None),
        result_of([arm("a", 300, state="invalid"), B]),
        result_of([arm("a", 300, state="failed"), B]),
        result_of([]),
    ],
)
def test_no_advice(found: Result) -> None:
    assert recommend(found) == found


def test_the_cheapest_that_holds_the_users_own_rate_is_deployed() -> None:
    whole = samples.sought()
    holds = AtRate(rate_per_second=2350.0, holds=True, headroom=4.0)
    arms = (
        replace(whole.arms[0], at_rate=holds),
        replace(whole.arms[1], at_rate=holds),
        *whole.arms[2:],
    )
    found = recommend(replace(whole, arms=arms, advice=None)).advice
    assert found is not None
    cheapest = min(arms[:2], key=lambda arm: arm.cpu_seconds_per_request or 0)
    assert (found.arm, found.runner_up) == (
        cheapest.name,
        next(arm.name for arm in arms[:2] if arm is not cheapest),
    )
    meets = "it meets p99<50ms at 2,350/s with the least CPU per request"
    meets += " of the 2 setups that meet it"
    assert found.because == f"{meets}; its capacity is 4.0 times this rate"


def test_the_only_one_that_holds_the_users_own_rate_is_deployed() -> None:
    whole = samples.sought()
    holds = AtRate(rate_per_second=2350.0, holds=True, headroom=None)
    arms = (
        replace(whole.arms[0], at_rate=holds),
        *(replace(arm, at_rate=None) for arm in whole.arms[1:]),
    )
    found = recommend(replace(whole, arms=arms, advice=None)).advice
    assert found is not None
    assert found.because == "it meets p99<50ms at 2,350/s, and no other setup was shown to meet it"


def test_no_arm_is_advised_for_a_rate_that_none_was_seen_to_hold() -> None:
    whole = samples.sought()
    arms = tuple(
        replace(arm, at_rate=replace(arm.at_rate, holds=None) if arm.at_rate else None)
        for arm in whole.arms
    )
    assert recommend(replace(whole, arms=arms, advice=None)).advice is None

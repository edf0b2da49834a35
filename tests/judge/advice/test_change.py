"""The sentence about the setup that serves today."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from msgspec.structs import replace
from tests.judge.advice.test_recommend import arm, claim, result_of

from whichworker.judge.advice.recommend import recommend
from whichworker.result import ArmState, Claim, Result


def told(result: Result) -> str:
    advice = recommend(result).advice
    assert advice is not None
    return advice.today


def race_of(
    state: ArmState = "ranked",
    claims: Sequence[Claim] = (),
    ties: Sequence[tuple[str, str]] = (),
) -> Result:
    today = replace(arm("b", 80, state=state), today="Procfile")
    return result_of((arm("a", 100), today), claims=claims, ties=ties)


def test_it_claims_no_more_than_the_claims() -> None:
    assert told(race_of(claims=(claim("a", "b"),))) == (
        "b (Procfile): a does 1.2 times as many requests/s"
    )
    assert told(race_of()) == "b (Procfile): not decided against a"
    assert told(race_of("failed")) == "b (Procfile) could not be measured"
    assert told(result_of((arm("a", 100), arm("b", 80)))) == ""


@pytest.mark.parametrize("memory", (70, 90))
def test_a_tie_or_itself_brings_no_speed(memory: int) -> None:
    today = replace(arm("b", 99, memory=memory), today="compose.yaml")
    found = told(result_of((arm("a", 100), today), ties=(("a", "b"),)))
    assert found == (
        "b (compose.yaml) is the advised setup: nothing changes"
        if memory == 70
        else "b (compose.yaml): tied with a, so a change brings no speed"
    )

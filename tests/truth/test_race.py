"""Live races with a known truth; minutes each, so only `make truth` runs them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import msgspec
import pytest
from tests.conftest import changed, faulty_question
from tests.silent import Silent

from whichworker.config.options import RaceOptions
from whichworker.model import Question
from whichworker.question.ask import ask, discover
from whichworker.race import investigation
from whichworker.result import Result
from whichworker.store import places

pytestmark = [pytest.mark.truth, pytest.mark.timeout(600)]

SERVER = "waitress"
ROUNDS = 1500  # of work in a request: about 0.1 ms


def carry_out(question: Question, folder: Path) -> Result:
    """Race, and print what a table of results needs."""
    planned = investigation.plan(question, [], folder, places.cache_folder(), Silent())
    result = investigation.carry_out(planned, Silent(), "whichworker race")
    for arm in result.arms:
        speed = arm.throughput_per_second
        print(
            f"  {arm.name:14} {speed.value if speed else 0:8.0f}/s  "
            f"ranks {arm.rank_low}-{arm.rank_high}  dropped {arm.dropped}"
        )
    twin = result.twin.evidence if result.twin else 0
    print(
        f"  {result.blocks} blocks, {result.run.seconds:.0f} s, {len(result.claims)} claims, "
        f"twin E {twin:.2f}, {result.validity.state}"
    )
    return result


def working_question(rounds: Sequence[int], seed: int, seconds: float = 150) -> Question:
    """Arms of one server that differ in the work of their app alone."""
    question = faulty_question([(SERVER, "")] * len(rounds), seconds=seconds, connections=4)
    arms = tuple(
        msgspec.structs.replace(arm, environment={"WORK": str(count)})
        for arm, count in zip(question.arms, rounds, strict=True)
    )
    apps = {
        label: msgspec.structs.replace(app, wsgi="work:application")
        for label, app in question.apps.items()
    }
    return changed(question, arms=arms, apps=apps, seed=seed)


def test_two_identical_arms_by_name(tmp_path: Path, state: Path) -> None:
    options = RaceOptions(servers="granian-asgi,granian-asgi", time=60, seed=11)
    question = discover(ask("builtin:django", options, tmp_path, places.cache_folder())).question
    result = carry_out(question, tmp_path)
    assert [arm.name for arm in question.arms] == ["granian-asgi", "granian-asgi#2"]
    assert result.validity.state == "valid"
    assert not result.claims


def test_five_identical_arms(tmp_path: Path, state: Path) -> None:
    result = carry_out(working_question([ROUNDS] * 5, seed=12), tmp_path)
    assert result.validity.state == "valid"
    assert not result.claims


@pytest.mark.parametrize("seed", [21, 22, 23])
def test_an_arm_ten_percent_slower_is_found(seed: int, tmp_path: Path, state: Path) -> None:
    slow = f"{SERVER}#3"
    result = carry_out(
        working_question([ROUNDS, ROUNDS, round(ROUNDS * 1.14), ROUNDS], seed=seed), tmp_path
    )
    assert result.validity.state == "valid"
    arms = {arm.name: arm for arm in result.arms}
    assert arms[slow].dropped or any(claim.worse == slow for claim in result.claims)
    assert not any(claim.better == slow for claim in result.claims)
    speeds = [
        arm.throughput_per_second.value
        for name, arm in arms.items()
        if name != slow and arm.throughput_per_second
    ]
    measured = arms[slow].throughput_per_second
    assert measured is not None
    assert 0.84 < measured.value / (sum(speeds) / len(speeds)) < 0.96, (
        "the planted gap is about a tenth"
    )


def test_a_gap_of_one_percent_is_never_claimed_the_wrong_way(tmp_path: Path, state: Path) -> None:
    slow = f"{SERVER}#2"
    result = carry_out(
        working_question([ROUNDS, round(ROUNDS * 1.013), ROUNDS], seed=31, seconds=120), tmp_path
    )
    assert not any(claim.better == slow for claim in result.claims)

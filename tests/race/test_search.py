"""The two steps of a search over settings, as plans."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest
from tests.conftest import faulty_question
from tests.report import samples

from whichworker.model import Question
from whichworker.race import search
from whichworker.race.investigation import Plan
from whichworker.result import Result
from whichworker.servers import names, table

WHOLE = faulty_question([("waitress", ""), ("gunicorn-sync", "")], seconds=300)


def planned(question: Question) -> Plan:
    return Plan(question, {}, (), (), Path("run"), Path("cache"), Path("project"))


def seen(windows: int) -> Result:
    """A race in which every arm had so many launches, too few for a rank."""
    result = samples.race()
    arms = tuple(
        msgspec.structs.replace(
            arm, windows=windows, rank_low=None, rank_high=None, state="invalid"
        )
        for arm in result.arms
    )
    return msgspec.structs.replace(result, arms=arms)


def test_the_first_step_has_a_part_of_the_time() -> None:
    step = search.first(WHOLE)
    assert (step.budget.seconds, step.search) == (search.FIRST_SHARE * 300, 300)


def test_a_slow_app_has_all_of_the_time_for_its_servers() -> None:
    whole = search.longer(planned(search.first(WHOLE)), seen(windows=2))
    assert whole is not None
    assert (whole.question.budget.seconds, whole.question.search, whole.resumed) == (
        300,
        None,
        True,
    )


def test_what_time_does_not_mend_is_not_gone_on_with() -> None:
    assert search.longer(planned(search.first(WHOLE)), samples.race()) is None, "there are ranks"
    failed = samples.race()
    arms = tuple(
        msgspec.structs.replace(arm, windows=2, rank_low=None, rank_high=None, state="failed")
        for arm in failed.arms
    )
    failed = msgspec.structs.replace(failed, arms=arms)
    assert search.longer(planned(search.first(WHOLE)), failed) is None, "nothing could be measured"
    assert search.longer(planned(WHOLE), seen(windows=2)) is None, "it had all of the time"


@pytest.mark.parametrize("name", table.SERVERS)
def test_every_server_has_variants_that_can_be_named(name: str) -> None:
    cores = tuple(range(4))
    question = msgspec.structs.replace(
        WHOLE, budget=msgspec.structs.replace(WHOLE.budget, server_cores=cores)
    )
    arm = names.contender(names.parse(name), "3.12", cores=len(cores))
    seen_arm = msgspec.structs.replace(samples.race().arms[0], name=name, settings=arm.settings)
    usual, *variants = search.with_variants(question, arm, seen_arm)
    assert usual == arm
    assert len({one.name for one in variants}) == len(variants)
    for one in variants:
        assert one.settings != arm.settings
        assert (
            names.contender(names.parse(one.name), "3.12", cores=len(cores)).settings
            == one.settings
        )

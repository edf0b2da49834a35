"""The two steps of a search over settings, as plans."""

from __future__ import annotations

from pathlib import Path

import msgspec
from tests.conftest import faulty_question
from tests.report import samples

from whichworker.lab import search
from whichworker.lab.investigation import Plan
from whichworker.model import Question
from whichworker.result import Result

WHOLE = faulty_question([("waitress", ""), ("gunicorn-sync", "")], seconds=300)


def planned(question: Question) -> Plan:
    return Plan(question, {}, (), (), Path("run"), Path("cache"), Path("project"))


def seen(windows: int) -> Result:
    """A race in which every arm had so many launches, too few for a rank."""
    result = samples.race()
    arms = tuple(msgspec.structs.replace(arm, windows=windows, rank_low=None, rank_high=None, state="invalid") for arm in result.arms)
    return msgspec.structs.replace(result, arms=arms)


def test_the_first_step_has_a_part_of_the_time() -> None:
    step = search.first(WHOLE)
    assert (step.budget.seconds, step.search) == (search.FIRST_SHARE * 300, 300)


def test_a_slow_app_has_all_of_the_time_for_its_servers() -> None:
    whole = search.longer(planned(search.first(WHOLE)), seen(windows=2))
    assert whole is not None
    assert (whole.question.budget.seconds, whole.question.search, whole.resumed) == (300, None, True)


def test_what_time_does_not_mend_is_not_gone_on_with() -> None:
    assert search.longer(planned(search.first(WHOLE)), samples.race()) is None, "there are ranks"
    assert search.longer(planned(search.first(WHOLE)), seen(windows=0)) is None, "nothing could be measured"
    assert search.longer(planned(WHOLE), seen(windows=2)) is None, "it had all of the time"

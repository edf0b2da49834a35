"""The two steps of a search over settings, as plans."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest
from tests.conftest import changed, discovered, faulty_question
from tests.report import samples
from tests.silent import Silent

from whichworker.config.options import RaceOptions
from whichworker.model import Environment, Question, codes
from whichworker.question.ask import budget_of
from whichworker.question.stages import Planned
from whichworker.race import investigation, search
from whichworker.result import Result, Validity
from whichworker.servers import names, table

WHOLE = faulty_question([("waitress", ""), ("gunicorn-sync", "")], seconds=300)


def planned(question: Question) -> Planned:
    return Planned(question, {}, (), (), Path("run"), Path("cache"), Path("project"))


def first(question: Question, search_options: bool | None = None) -> Question:
    """What is raced first of this question."""
    found = discovered(question)
    asked = msgspec.structs.replace(found.asked, options=RaceOptions(search=search_options))
    found = msgspec.structs.replace(found, asked=asked)
    return search.planned_question(found, question.subject)


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
    step = first(WHOLE)
    assert (step.budget.seconds, step.search) == (search.FIRST_SHARE * 300, 300)


@pytest.mark.parametrize(
    ("name", "seconds", "asked", "searched"),
    [
        ("faults", 90.0, None, True),
        ("faults", 89.0, None, False),  # no time for two steps
        ("faults", 89.0, True, True),
        ("faults", 300.0, False, False),
        ("builtin:django", 300.0, None, False),  # its usual settings are known
        ("builtin:django", 300.0, True, True),
    ],
)
def test_a_search_is_made_by_itself_for_the_users_own_app_if_there_is_time(
    name: str, seconds: float, asked: bool | None, searched: bool
) -> None:
    app = msgspec.structs.replace(WHOLE.app, name=name)
    whole = changed(WHOLE, apps={"3.12": app}, budget=budget_of(seconds))
    step = first(whole, asked)
    assert (step.search is not None) is searched
    assert step.budget.seconds == (search.FIRST_SHARE if searched else 1.0) * seconds


def test_a_slow_app_has_all_of_the_time_for_its_servers() -> None:
    whole = search.longer(planned(first(WHOLE)), seen(windows=2))
    assert whole is not None
    assert (whole.question.budget.seconds, whole.question.search, whole.resumed) == (
        300,
        None,
        True,
    )


def test_what_time_does_not_mend_is_not_gone_on_with() -> None:
    assert search.longer(planned(first(WHOLE)), samples.race()) is None, "there are ranks"
    failed = samples.race()
    arms = tuple(
        msgspec.structs.replace(arm, windows=2, rank_low=None, rank_high=None, state="failed")
        for arm in failed.arms
    )
    failed = msgspec.structs.replace(failed, arms=arms)
    assert search.longer(planned(first(WHOLE)), failed) is None, "nothing could be measured"
    assert search.longer(planned(WHOLE), seen(windows=2)) is None, "it had all of the time"


class Steps(Silent):
    """Remembers what is said between the steps."""

    def __init__(self) -> None:
        self.said: list[str] = []

    def decided(self, text: str) -> None:
        self.said.append(text)

    def planned(self, plan: Planned) -> None:
        self.said.append(f"plan {plan.run}")


def carried_out(
    monkeypatch: pytest.MonkeyPatch, following: Planned | None, *results: Result
) -> tuple[Planned, Result, list[str]]:
    """What comes of a search whose steps have these results; `following` is its second step."""
    coming, steps = list(results), Steps()
    monkeypatch.setattr(investigation, "carry_out", lambda *_: coming.pop(0))
    monkeypatch.setattr(search, "second", lambda *_: following)
    plan, result = search.carry_out(planned(first(WHOLE)), steps, "whichworker race")
    assert not coming
    return plan, result, steps.said


SECOND = Planned(WHOLE, {}, (), (), Path("second"), Path("cache"), Path("project"))
INVALID = msgspec.structs.replace(
    samples.race(), validity=Validity(state="invalid", reasons=("too busy",))
)


def test_the_second_step_is_the_result(monkeypatch: pytest.MonkeyPatch) -> None:
    best = msgspec.structs.replace(samples.race(), blocks=99)
    plan, result, said = carried_out(monkeypatch, SECOND, samples.race(), best)
    assert (plan, result) == (SECOND, best)
    assert said[0].startswith("settings   2 setups") and said[1:] == ["plan second"]


def test_an_invalid_second_step_leaves_the_first(monkeypatch: pytest.MonkeyPatch) -> None:
    plan, result, said = carried_out(monkeypatch, SECOND, samples.race(), INVALID)
    assert plan.run == "run" and result == samples.race()
    assert "the result is the race of the servers" in said[-1]


def test_a_second_step_without_a_ranking_leaves_the_first(monkeypatch: pytest.MonkeyPatch) -> None:
    plan, result, said = carried_out(monkeypatch, SECOND, samples.race(), seen(windows=2))
    assert plan.run == "run" and result == samples.race()
    assert said[-1].startswith("the race of the settings ended without a ranking")


def test_a_second_step_in_which_all_fail_is_the_result(monkeypatch: pytest.MonkeyPatch) -> None:
    lost = msgspec.structs.replace(
        samples.race(), arms=tuple(samples.bare(arm.name, "failed") for arm in samples.race().arms)
    )
    plan, result, _ = carried_out(monkeypatch, SECOND, samples.race(), lost)
    assert (plan, result) == (SECOND, lost)


def test_a_race_without_a_second_step_is_the_result(monkeypatch: pytest.MonkeyPatch) -> None:
    plan, result, said = carried_out(monkeypatch, None, samples.race())
    assert plan.run == "run" and result == samples.race() and not said


def test_too_short_a_first_step_gets_all_of_the_time(monkeypatch: pytest.MonkeyPatch) -> None:
    plan, result, said = carried_out(monkeypatch, SECOND, seen(windows=2), samples.race())
    assert plan.resumed and plan.question.search is None and result == samples.race()
    assert len(said) == 1 and said[0].startswith("no ranking yet")


def test_an_interrupted_first_step_is_the_result(monkeypatch: pytest.MonkeyPatch) -> None:
    cut = msgspec.structs.replace(
        samples.race(), run=msgspec.structs.replace(samples.race().run, finished=False)
    )
    plan, result, said = carried_out(monkeypatch, SECOND, cut)
    assert plan.run == "run" and result == cut and not said


def test_only_a_search_has_a_second_step() -> None:
    assert search.second(planned(WHOLE), samples.race()) is None


def test_a_server_that_failed_in_the_first_step_is_named_after_the_second() -> None:
    lost = codes.ARM["install"].finding("bjoern: it cannot be installed", arm="bjoern")
    aside = codes.ARM["refused"].finding("daphne: the app has no asgi callable", arm="daphne")
    slow = codes.SQLITE.finding()
    question = msgspec.structs.replace(WHOLE, search=300.0)
    ranked = tuple(
        msgspec.structs.replace(samples.race().arms[0], name=arm.name, server=arm.server)
        for arm in question.arms
    )
    step = msgspec.structs.replace(
        samples.race(), arms=ranked, leader=ranked[0].name, findings=(lost, aside, slow)
    )
    plan = Planned(
        question,
        {
            arm.name: Environment(python="", bin="", version="", python_version="")
            for arm in question.arms
        },
        (),
        (),
        Path("run"),
        Path("cache"),
        Path("project"),
    )
    following = search.second(plan, step)
    assert following is not None
    assert following.findings == (lost,)


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


def test_today_s_setup_is_in_the_second_step_once_and_under_its_own_name() -> None:
    today = msgspec.structs.replace(
        names.contender(names.parse("gunicorn-sync[workers=3]"), "3.12", cores=1), today="Procfile"
    )
    step = first(changed(WHOLE, arms=(*WHOLE.arms, today)))
    ranked = samples.race().arms[0]
    seen_arms = tuple(
        msgspec.structs.replace(ranked, name=arm.name, state="ranked", throughput_per_second=None)
        for arm in step.arms
    )
    result = msgspec.structs.replace(samples.race(), arms=seen_arms)
    waitress = [arm for arm in step.arms if arm.server == "waitress"]
    assert search.with_today(step, result, waitress) == [*waitress, today]
    variant = msgspec.structs.replace(today, today="", name="gunicorn-sync[workers=3]")
    assert search.with_today(step, result, [*waitress, variant]) == [*waitress, today]
    assert search.with_today(step, result, [today]) == [today]
    lost = tuple(msgspec.structs.replace(arm, state="failed") for arm in seen_arms)
    assert search.with_today(step, msgspec.structs.replace(result, arms=lost), waitress) == waitress

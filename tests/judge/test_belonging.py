"""A journal whose records do not belong together is not judged."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from msgspec.structs import replace
from tests.conftest import changed
from tests.judge.stories import END, Story
from tests.silent import Silent

from whichworker import redaction
from whichworker.deployment import recipe
from whichworker.design.rounds import TWIN
from whichworker.errors import JournalFailed
from whichworker.judge.verdict import judge
from whichworker.model import Request
from whichworker.race import investigation
from whichworker.store.journal import Journal
from whichworker.store.records import Header, Prepared, Record, Settled, Slice


def other_slice(record: Record) -> Record:
    return replace(record, arm="daphne") if isinstance(record, Slice) else record


def nameless(record: Record) -> Record:
    return replace(record, arm="") if isinstance(record, Prepared) else record


def other_contender(record: Record) -> Record:
    return replace(record, contenders=("daphne",)) if isinstance(record, Settled) else record


def other_heat(record: Record) -> Record:
    return replace(record, heats=(("daphne",),)) if isinstance(record, Settled) else record


def no_app(record: Record) -> Record:
    return (
        replace(record, question=changed(record.question, apps={}))
        if isinstance(record, Header)
        else record
    )


def one_twice(record: Record) -> Record:
    if not isinstance(record, Header):
        return record
    arms = record.question.arms
    return replace(record, question=replace(record.question, arms=(arms[0], *arms)))


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (other_slice, "no server setup is called 'daphne'"),
        (nameless, "no server setup is called ''"),
        (other_contender, "no server setup is called 'daphne'"),
        (other_heat, "no server setup is called 'daphne'"),
        (no_app, "a server setup has no app"),
        (one_twice, "two server setups have one name"),
    ],
)
def test_a_name_that_the_question_does_not_have(
    change: Callable[[Record], Record], reason: str, tmp_path: Path
) -> None:
    story = Story(tmp_path).rounds(4).add(END)
    with Journal(story.path) as journal:
        for record in story.records:
            journal.append(change(record))
    with pytest.raises(JournalFailed, match=reason) as caught:
        recipe.read(tmp_path)
    assert caught.value.hint == "start a new run"
    with pytest.raises(JournalFailed, match=reason):
        investigation.resume(tmp_path, tmp_path, Silent(), None, project=tmp_path)


def test_a_record_of_the_twin_where_only_a_setup_can_be(tmp_path: Path) -> None:
    """Its name is known, and only the records of rounds may have it."""
    story = Story(tmp_path).rounds(4).add(END)
    ready = next(record for record in story.records if isinstance(record, Prepared))
    with Journal(story.path) as journal:
        for record in (*story.records, replace(ready, arm=TWIN)):
            journal.append(record)
    with pytest.raises(JournalFailed, match=r"KeyError: '\(twin\)'"):
        recipe.read(tmp_path)


def test_a_record_that_no_judge_understands(tmp_path: Path) -> None:
    """Its schema cannot know that a requirement of a server is no requirement."""
    story = Story(tmp_path).rounds(4).add(END)
    first = story.records[0]
    assert isinstance(first, Header)
    odd = replace(first.question.arms[0], requirements=("a\nb",))
    arms = (odd, *first.question.arms[1:])
    with Journal(story.path) as journal:
        journal.append(replace(first, question=replace(first.question, arms=arms)))
        for record in story.records[1:]:
            journal.append(record)
    with pytest.raises(JournalFailed, match="InvalidRequirement") as caught:
        recipe.read(tmp_path)
    assert len(caught.value.fact.splitlines()) == 1


@pytest.mark.parametrize("secret", [True, False])
def test_a_login_is_known_from_the_run_and_from_its_journal(secret: bool, tmp_path: Path) -> None:
    value = f"v4lue-0f-ann-{secret}"
    if secret:
        redaction.remember("cookie sid", value)
    story = Story(tmp_path).rounds(4).add(END)
    first = story.records[0]
    assert isinstance(first, Header)
    request = Request(headers=(("Cookie", f"sid={value}"),))
    workload = replace(first.question.workload, requests=(request,))
    asked = changed(first.question, workload=workload)
    with Journal(story.path) as journal:
        for record in (replace(first, question=asked), *story.records[1:]):
            journal.append(record)
        assert judge(journal).question.resumable is not secret
    assert judge(Journal.read(story.path)).question.resumable is not secret

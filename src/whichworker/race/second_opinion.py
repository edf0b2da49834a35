"""An arm is out: by its own fault, or because the app refuses the load or changed its page."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import msgspec

from whichworker.bench.running import running
from whichworker.bench.slices import Court
from whichworker.bench.window import WRONG_KINDS
from whichworker.errors import ServerFailed
from whichworker.judge.diagnosis import refusal_of_app
from whichworker.load.http1 import Response, judge_answer
from whichworker.model import Arm, Request
from whichworker.question.alone import ask_alone
from whichworker.race.ready import ask_each
from whichworker.race.watch import Watch
from whichworker.store.journal import Journal
from whichworker.store.records import Failed, Prepared
from whichworker.workloads.sources.mixture import SAFE


def out(court: Court, journal: Journal, watch: Watch, record: Failed, arm: Arm) -> None:
    """Journal and report an arm that is out, or the reason that ends the race for all arms.

    `arm` is what runs under the record's name: the twin's is the arm that it copies.
    """
    question = court.bench.question
    if not question.app.is_builtin and refusal_of_app(question, [record]) is None:
        record = msgspec.structs.replace(record, changed=_changed(court, journal, record, arm))
    journal.append(record)
    refusal = refusal_of_app(question, [record])
    if refusal is None:
        watch.failed(record.arm, record.failures)
    else:
        watch.note(refusal.text)


def refused(court: Court, journal: Journal) -> bool:
    """Whether the app itself ended the race, so that no server is to blame."""
    return refusal_of_app(court.bench.question, journal.of(Failed)) is not None


def _changed(court: Court, journal: Journal, record: Failed, arm: Arm) -> str:
    """The wrong response of the app itself, or an empty string if it is still correct.

    If it cannot be called without a server, a new launch without load is the witness; for a fault
    of the arm alone, one that was correct before: another arm.
    """
    if not any(failure.kind in WRONG_KINDS for failure in record.failures):
        return ""
    requests = [one for one in court.bench.question.workload.requests if one.method in SAFE]
    if answers := ask_alone(court.bench, arm, requests):
        return next(_wrong(answers), "")
    correct = {one.arm for one in journal.of(Prepared)} - {record.arm}
    others = [one for one in court.bench.question.arms if one.name in correct]
    witness = (others[0] if others else None) if record.alone else arm
    if witness is None:
        return ""
    try:
        with running(court.bench, witness) as run:
            ask_each(court, run)
    except ServerFailed as error:
        return error.fact if error.kind in WRONG_KINDS else ""
    return ""


def _wrong(answers: Mapping[Request, list[Response]]) -> Iterator[str]:
    for request, responses in answers.items():
        for response in responses:
            if complaint := judge_answer(request.answer, response):
                yield f"{request.title}: {complaint[1]}"

"""An arm is out: by its own fault, or because the app refuses the load or changed its page."""

from __future__ import annotations

import msgspec

from whichworker.bench.running import running
from whichworker.bench.slices import Court
from whichworker.bench.window import WRONG_KINDS
from whichworker.errors import ServerFailed
from whichworker.judge.diagnosis import refusal_of_app
from whichworker.model import Arm
from whichworker.race.ready import ask_each
from whichworker.race.watch import Watch
from whichworker.store.journal import Journal
from whichworker.store.records import Failed, Prepared


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
    """The wrong response of a new launch without load, or an empty string if it is correct.

    A fault of the arm alone needs a witness that was correct before: another arm.
    """
    if not any(failure.kind in WRONG_KINDS for failure in record.failures):
        return ""
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

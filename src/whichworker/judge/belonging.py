"""Whether the records of a journal belong to the question in its first one."""

from __future__ import annotations

from collections.abc import Iterator

from whichworker import redaction
from whichworker.design.rounds import TWIN
from whichworker.errors import JournalFailed
from whichworker.model import Workload
from whichworker.store.journal import Journal
from whichworker.store.records import Settled, Window

A_NANOSECOND = 1e-9
"""The resolution of the clock, in seconds: rates of shorter windows may be infinite."""
SHOWN = 80
"""Characters of a wrong name that a message shows."""


def check(journal: Journal) -> None:
    """Raise JournalFailed for a name that the question does not have, or an impossible window."""
    question = journal.header().question
    arms = {arm.name for arm in question.arms}
    reason = ""
    if len(arms) < len(question.arms):
        reason = "two server setups have one name"
    elif not question.apps or not {arm.python for arm in question.arms} <= question.apps.keys():
        reason = "a server setup has no app"
    if not all(one.reading.tally.seconds >= A_NANOSECOND for one in journal.of(Window)):
        reason = "a window is shorter than a clock can tell"
    for name in _names(journal):
        if name not in (*arms, TWIN):
            reason = f"no server setup is called {name[:SHOWN]!r}"
    if reason:
        raise JournalFailed(
            f"the records of {journal.path} do not belong together: {reason}",
            hint="start a new run",
        )


def _names(journal: Journal) -> Iterator[str]:
    """The setups that the records name."""
    for record in journal.records:
        if isinstance(record, Settled):
            yield from (*record.contenders, *record.parts)
            yield from filter(None, (record.twin_of,))  # no twin without contenders
            yield from (name for heat in record.heats for name in heat)
        elif isinstance(name := getattr(record, "arm", None), str):
            yield name


def needs_secrets(workload: Workload) -> bool:
    """Whether requests carry secrets, for example the cookies of a login: no journal keeps them."""
    return any(
        redaction.MARK.search(redaction.clean(value)) is not None
        for request in workload.requests
        for _, value in request.headers
    )

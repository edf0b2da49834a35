"""Whether the records of a journal belong to the question in its first one."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from whichworker.design.rounds import TWIN
from whichworker.errors import JournalFailed
from whichworker.store.journal import Journal
from whichworker.store.records import Settled, Window

A_NANOSECOND = 1e-9
"""The resolution of the clock, in seconds: rates of shorter windows may be infinite."""
SHOWN = 80
"""Characters of a wrong name that a message shows."""


@contextmanager
def guarded(path: Path) -> Iterator[None]:
    """Raise JournalFailed for errors of the block, which judges the journal at `path`.

    Each record fits its schema, but one was changed or lost: no judge can know what it was.
    """
    try:
        yield
    except (ArithmeticError, LookupError, TypeError, ValueError) as error:
        raise JournalFailed(
            f"the records of {path} do not belong together:"
            f" {type(error).__name__}: {' '.join(str(error).split())}",
            hint="start a new run",
        ) from error


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

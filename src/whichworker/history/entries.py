"""One run in a line: what its journal says, without measuring or changing anything."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from msgspec import Struct
from msgspec.structs import replace

from whichworker import foreign
from whichworker.deployment.recipe import JudgedRun, read
from whichworker.errors import JournalFailed, UsageError
from whichworker.judge import verdict
from whichworker.judge.belonging import guarded
from whichworker.result import VersusResult
from whichworker.store import places
from whichworker.store.journal import FILE, Journal
from whichworker.store.records import Header, RunSession, StudyHeader
from whichworker.versus.comparison import concluded

LATEST = "latest"
SHOW = "whichworker show run"
Kind = Literal["race", "versus", "gate", "study", "unreadable"]


class KeptRun(Struct, frozen=True, kw_only=True):
    """A run: its folder, its app or study, and its verdict in a sentence (empty: none).

    `project` is the folder of its app; `started` is ISO 8601 in UTC.
    """

    id: str
    kind: Kind
    folder: str
    project: str = ""
    app: str = ""
    started: str = ""
    seconds: float = 0.0
    finished: bool = False
    verdict: str = ""


def entry_of(folder: Path) -> KeptRun:
    """The entry of a run's folder; a journal that cannot be read is one, too, with the reason."""
    try:
        journal = Journal.read(folder / FILE)
        sessions = list(journal.of(RunSession))
        kept = KeptRun(
            id=folder.name,
            kind="study",
            folder=str(folder),
            seconds=sum(session.seconds for session in sessions),
            finished=bool(sessions) and sessions[-1].ended == "finished",
        )
        first = journal.records[0] if journal.records else None
        if isinstance(first, StudyHeader):
            return replace(kept, app=first.study, started=first.started)
        if not isinstance(first, Header):
            raise JournalFailed("it has no first line")
        question = first.question
        limit, compared = question.terms.most_loss, question.terms.compare
        return replace(
            kept,
            kind="race" if not compared else "versus" if limit is None else "gate",
            project=question.app.directory,
            app=question.app.name,
            started=first.started,
            verdict=_verdict(journal, compare=compared),
        )
    except (JournalFailed, foreign.Unreadable) as error:
        reason = error.fact if isinstance(error, JournalFailed) else str(error)
        return KeptRun(id=folder.name, kind="unreadable", folder=str(folder), verdict=reason)


def _verdict(journal: Journal, *, compare: bool) -> str:
    if compare:
        return concluded(journal).verdict.headline
    with guarded(journal.path):
        result = verdict.judge(journal)
    if result.validity.state == "invalid":
        return f"invalid: {'; '.join(result.validity.reasons)}"
    return result.verdict.headline if result.verdict else ""


def every_folder(project: Path | None = None) -> list[Path]:
    """The folders of all runs, or of a project's, the newest first."""
    if project is not None:
        return places.runs(project)[::-1]
    found = (place.parent for place in (places.state_folder() / "runs").glob(f"*/*/{FILE}"))
    return sorted(found, key=lambda folder: folder.name, reverse=True)


def find(run: str, project: Path) -> Path:
    """The folder of a run by its id, in any project; `latest` is the newest of this project.

    Raises UsageError.
    """
    if run == LATEST:
        return places.find_run(project, run)
    found = [folder for folder in every_folder() if folder.name == run]
    if not found:
        raise UsageError(f"there is no run {run!r}", hint="whichworker list --all shows all runs")
    return found[0]


def race_of(folder: Path) -> JudgedRun:
    """A race that is kept, judged again; raises UsageError for another kind, JournalFailed."""
    kind = entry_of(folder).kind
    if kind not in ("race", "unreadable"):
        raise UsageError(f"{folder.name} is a {kind}, not a race", hint=f"{SHOW} {folder.name}")
    return read(folder)


def comparison_of(folder: Path) -> VersusResult | None:
    """A comparison or gate that is kept; None for a race. Raises UsageError, JournalFailed."""
    journal = Journal.read(folder / FILE)
    first = journal.records[0] if journal.records else None
    if isinstance(first, StudyHeader):
        raise UsageError(
            f"{folder.name} is a study, and only its measurements are kept",
            hint=f"whichworker study {first.study} --resume {folder.name} --json result.json",
        )
    return concluded(journal) if journal.header().question.terms.compare else None

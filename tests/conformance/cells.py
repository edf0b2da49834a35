"""One cell of the matrix: one arm on one Django and one Python, kept in build/ for the next run."""

from __future__ import annotations

import datetime
import os
import tempfile
import time
from pathlib import Path

import msgspec
from msgspec import Struct, field

from whichworker.bench import overlays
from whichworker.bench.running import Bench
from whichworker.config.options import RaceOptions
from whichworker.conformance.attempts import examine
from whichworker.conformance.cases import CASES, Outcome
from whichworker.environments import venvs as environments
from whichworker.errors import ServerFailed, WhichworkerError
from whichworker.model import Budget, Question
from whichworker.question.ask import ask, discover
from whichworker.servers import names

KEPT = Path(__file__).parents[2] / "build" / "conformance"
WORKERS = 2  # some stop and reload only with several as they should
CELL_SECONDS = 60.0  # the whole matrix takes about 40 minutes
LONGEST_CASE_SECONDS = 12.0  # no case begins later than this before the end

Platform = tuple[str, str]
PLATFORMS: tuple[Platform, ...] = (
    ("5.2", "3.11"),
    ("5.2", "3.12"),
    ("5.2", "3.13"),
    ("6.1", "3.12"),
    ("6.1", "3.13"),
)
"""Django and Python. Django 6.1 needs 3.12."""


class Cell(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The outcomes of one arm there, or the `reason` why there are none."""

    arm: str
    django: str
    python: str
    date: str
    version: str = ""
    exact_django: str = ""
    exact_python: str = ""
    settings: dict[str, int | str] = field(default_factory=dict)
    outcomes: tuple[Outcome, ...] = ()
    reason: str = ""
    seconds: float = 0.0
    digest: str = ""

    @property
    def platform(self) -> Platform:
        """Its Django and Python."""
        return self.django, self.python

    def outcome(self, case: str) -> Outcome | None:
        """The outcome of one case."""
        return next((outcome for outcome in self.outcomes if outcome.case == case), None)


def app_of(django: str) -> str:
    """The built-in app with this Django; the newest has no lock file of its own."""
    return "builtin:django@5.2" if django == "5.2" else "builtin:django"


def question_of(arm: str, platform: Platform, cache: Path) -> Question:
    """One arm with two workers, if it has any, on every core; raises UsageError."""
    django, python = platform
    question = discover(
        ask(
            app_of(django),
            RaceOptions(servers=arm, workload="json", python=(python,), seed=1),
            Path.cwd(),
            cache,
        )
    ).question
    (asked,) = question.arms
    settings = names.contender(names.parse(arm), asked.python, cores=WORKERS).settings
    cores = tuple(sorted(os.sched_getaffinity(0)))
    budget = Budget(
        seconds=CELL_SECONDS, server_cores=cores, generator_cores=cores[-1:], shared=True
    )
    return msgspec.structs.replace(
        question, arms=(msgspec.structs.replace(asked, settings=settings),), budget=budget
    )


def measure(arm: str, platform: Platform, cache: Path) -> Cell:
    """Examine one arm, or take what is kept of the same versions and cases."""
    django, python = platform
    today = datetime.datetime.now(datetime.UTC).date().isoformat()
    cell = Cell(arm=arm, django=django, python=python, date=today)
    try:
        question = question_of(arm, platform, cache)
        found, without = overlays.build(question, cache, lambda _: None)
    except WhichworkerError as error:
        return msgspec.structs.replace(cell, reason=error.fact)
    if without:
        return msgspec.structs.replace(
            cell, reason=without[0].failures[0].sample.partition("\n")[0]
        )
    (environment,) = found.values()
    digest = environments.digest(
        msgspec.json.encode((CASES, question.arms, sorted(environment.packages.items()))).decode()
    )
    kept = kept_cell(arm, platform)
    if kept is not None and kept.digest == digest:
        return kept
    cell = msgspec.structs.replace(
        cell,
        version=environment.version,
        exact_django=environment.packages["django"],
        exact_python=environment.python_version,
        settings=question.arms[0].settings,
        digest=digest,
    )
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="whichworker-") as folder:
        try:
            outcomes = examine(
                Bench(question, found, Path(folder), cache),
                question.arms[0],
                CASES,
                CELL_SECONDS - LONGEST_CASE_SECONDS,
            )
        except ServerFailed as error:
            seen = error.seen.strip().splitlines()[-1:]
            cell = msgspec.structs.replace(
                cell, reason=": ".join([f"does not start: {error.fact}", *seen])[:300]
            )
        else:
            cell = msgspec.structs.replace(cell, outcomes=tuple(outcomes))
    cell = msgspec.structs.replace(cell, seconds=round(time.monotonic() - began, 1))
    keep(cell)
    return cell


def _place(arm: str, platform: Platform) -> Path:
    return KEPT / f"{'-'.join(platform)}-{arm}.json"


def keep(cell: Cell) -> None:
    """Keep a cell for the next run."""
    KEPT.mkdir(parents=True, exist_ok=True)
    _place(cell.arm, cell.platform).write_bytes(msgspec.json.encode(cell))


def kept_cell(arm: str, platform: Platform) -> Cell | None:
    """The cell of an earlier run, if there is one."""
    try:
        return msgspec.json.decode(_place(arm, platform).read_bytes(), type=Cell)
    except (FileNotFoundError, msgspec.DecodeError):
        return None

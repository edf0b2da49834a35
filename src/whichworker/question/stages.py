"""The stages of a question; each is made from the one before, and none changes afterwards.

Asked       the user's options, checked as far as possible without the app
Discovered  the app on each interpreter, and the requests; correct responses may be unknown
Learnt      the correct responses, from a reference run of the app alone
Planned     the question, an environment for each server setup, and the folder of the run
"""

from __future__ import annotations

from pathlib import Path

from msgspec import Struct

from whichworker.apps.examine import Database
from whichworker.config.options import RaceOptions
from whichworker.model import Arm, Budget, Environment, Finding, Permits, Question, Subject, Terms
from whichworker.result import Searched
from whichworker.servers.names import Wanted
from whichworker.store.records import Failed


class Asked(Struct, frozen=True, kw_only=True):
    """The options, checked; `app` is the app's reference (None: look in the folder `here`).

    `host` is the Host that the user named, or empty. `today`: the setup that the project's files
    start is raced, too.
    """

    app: str | None
    here: Path
    cache: Path
    options: RaceOptions
    servers: tuple[Wanted, ...]
    terms: Terms
    budget: Budget
    permits: Permits
    host: str = ""
    today: bool = False


class Discovered(Struct, frozen=True, kw_only=True):
    """The facts known before the app starts: interpreters, requests, services, possible arms.

    `databases` are the app's, with their passwords: they are never written.
    """

    asked: Asked
    subject: Subject
    arms: tuple[Arm, ...]
    databases: tuple[Database, ...] = ()
    findings: tuple[Finding, ...] = ()

    @property
    def question(self) -> Question:
        """The question as far as it is known now."""
        return self.question_about(self.subject)

    def question_about(self, subject: Subject) -> Question:
        """The question about what is known now, or was learnt since."""
        return Question(
            terms=self.asked.terms, subject=subject, arms=self.arms, budget=self.asked.budget
        )


class Learnt(Struct, frozen=True):
    """The subject with the correct response of each request, and findings about them."""

    subject: Subject
    findings: tuple[Finding, ...] = ()


class Planned(Struct, frozen=True):
    """A question whose arms have environments, or reasons why not, and the folder of its run.

    `searched` has the results of the first step of a search, if this is the second one.
    """

    question: Question
    environments: dict[str, Environment]
    without: tuple[Failed, ...]
    findings: tuple[Finding, ...]
    folder: Path
    cache: Path
    project: Path
    resumed: bool = False
    searched: tuple[Searched, ...] = ()

    @property
    def run(self) -> str:
        """The id of the run."""
        return self.folder.name

"""The stages of a question. Each is made from the one before it and none is changed afterwards:

Asked       what the user said, checked as far as that goes without the app
Discovered  the app on each interpreter, and the requests, whose correct responses may still be unknown
Learnt      the correct responses, from a reference run of the app alone
Planned     what is measured: the question, an environment for each server setup, and the folder of the run
"""

from __future__ import annotations

from pathlib import Path

from msgspec import Struct

from whichworker.config.options import RaceOptions
from whichworker.model import Arm, Budget, Environment, Finding, Permits, Question, Subject, Terms
from whichworker.result import Searched
from whichworker.servers.names import Wanted
from whichworker.store.records import Failed


class Asked(Struct, frozen=True, kw_only=True):
    """What the user asked: the app by its reference (None: look in the folder `here`), servers, and the options."""

    app: str | None
    here: Path
    cache: Path
    options: RaceOptions
    servers: tuple[Wanted, ...]
    terms: Terms
    budget: Budget
    permits: Permits


class Discovered(Struct, frozen=True, kw_only=True):
    """What is known of the app before it is started: its interpreters, requests, services, and the arms that could serve it."""

    asked: Asked
    subject: Subject
    arms: tuple[Arm, ...]
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
    """The subject with the correct response of each request, and what there is to say about how they were learnt."""

    subject: Subject
    findings: tuple[Finding, ...] = ()


class Planned(Struct, frozen=True):
    """A question whose arms have environments (or a reason why not), and the folder its run is kept in.

    `searched` is what the first step of a search found, if this is the second one.
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

"""The question of a race in three parts: facts about the app, the user's terms, and the plan."""

from __future__ import annotations

from typing import Literal

import msgspec
from msgspec import Struct, field

from whichworker.model.arms import App, Arm, Budget, Resolution
from whichworker.model.objectives import Slo
from whichworker.model.requests import Answer, Request, Workload

MOST_WAITS, WAITS_SHARE, LEAST_RACE = 40.0, 1 / 3, 40.0
"""Response times take at most 40 s, and a third of the race's time; a race of less than 40 s has
none."""


class Terms(Struct, frozen=True, kw_only=True):
    """The user's terms: certainty of a verdict, load, capacity, and what the app may do.

    `slo` is the objective of the capacity (None: none is sought), `rate` the user's own requests
    per second. `most_loss` or `width`: what two sides are compared for (design.pairs.Aim), without
    response times. `most_memory` and `most_start` are further limits of a gate: the shares by which
    the second side may need more memory, and longer to its first response. `allowed` is what the
    user lets the app do, in the words of the options.
    `resolution` chooses the versions of servers and of a built-in app.
    """

    connections: int | None = None
    delta: float = 0.03
    alpha: float = 0.05
    claims: Literal["leader", "all"] = "leader"
    seed: int = 1
    slo: Slo | None = None
    rate: float | None = None
    profile: bool = False
    most_loss: float | None = None
    most_memory: float | None = None
    most_start: float | None = None
    width: float | None = None
    allowed: tuple[str, ...] = ()
    resolution: Resolution = Resolution()

    @property
    def compare(self) -> bool:
        """Whether two sides are compared, and nothing else is measured."""
        return self.most_loss is not None or self.width is not None

    @property
    def ask_for_capacity(self) -> bool:
        """Whether the user wants a capacity, which needs an objective."""
        return self.slo is not None


class Subject(Struct, frozen=True, kw_only=True):
    """The app and the requests to it; `apps` is the same app on each interpreter.

    Its keys are the arms' `python`. `database` and `cache` belong to a built-in app, and are None
    for any other; `services` describes each service that runs beside it.
    """

    apps: dict[str, App]
    workload: Workload
    database: Literal["sqlite", "postgres"] | None = None
    cache: Literal["memory", "redis"] | None = None
    services: dict[str, str] = field(default_factory=dict)


class Question(Struct, frozen=True, kw_only=True):
    """Everything that decides what a race measures.

    `search` is the time of a search (seconds) if this is its first step, else None; `first_step` is
    the run of the first step if this is the second.
    """

    subject: Subject
    terms: Terms = Terms()
    arms: tuple[Arm, ...]
    budget: Budget
    search: float | None = None
    first_step: str = ""

    @property
    def waits_seconds(self) -> float:
        """How long the response times after the ranking may take; 0: there are none.

        A capacity has its own. On a shared core, no exact rate can be sent. A search of two steps
        takes at least 90 s, so its second one has all of them.
        """
        whole = self.search or self.budget.seconds
        own = self.terms.ask_for_capacity or self.terms.compare
        if own or self.budget.shared or whole < LEAST_RACE:
            return 0.0
        return MOST_WAITS if self.first_step else min(MOST_WAITS, WAITS_SHARE * whole)

    @property
    def apps(self) -> dict[str, App]:
        """The app on each interpreter."""
        return self.subject.apps

    @property
    def app(self) -> App:
        """The app on its first interpreter."""
        return next(iter(self.subject.apps.values()))

    @property
    def workload(self) -> Workload:
        """The requests to the app."""
        return self.subject.workload

    def another(
        self,
        seconds: float,
        arms: tuple[Arm, ...] = (),
        search: float | None = None,
        first_step: str = "",
    ) -> Question:
        """A question on the same subject and terms with another time [default: the same arms]."""
        return Question(
            subject=self.subject,
            terms=self.terms,
            arms=arms or self.arms,
            budget=msgspec.structs.replace(self.budget, seconds=seconds),
            search=search,
            first_step=first_step,
        )

    def arm(self, name: str) -> Arm:
        """The arm of this name; raises KeyError if there is none.

        No StopIteration: within a generator it would become a RuntimeError.
        """
        return {arm.name: arm for arm in self.arms}[name]


def readiness(app: App, response_seconds: float = 0.0) -> Workload:
    """One request, which shows that the app is up, whatever it responds.

    The response may take `response_seconds` (0: unknown).
    """
    first = Request(path=app.ready_path, headers=app.headers, answer=Answer(status=None))
    return Workload(
        name="ready", title="any response", requests=(first,), response_seconds=response_seconds
    )

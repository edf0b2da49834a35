"""From two sides to a plan that a race can carry out."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import msgspec
from msgspec import Struct

from whichworker.config.options import RaceOptions
from whichworker.model import Arm, Finding, Terms
from whichworker.question.ask import discover
from whichworker.question.own import base_of
from whichworker.question.stages import Discovered, Planned
from whichworker.race import investigation
from whichworker.race.watch import Watch
from whichworker.versus import sides as both
from whichworker.versus.sides import Side

SECONDS = 90.0
"""The most time of a comparison by default. A difference of 5 % usually takes a third of it."""


def shown(arm: Arm) -> str:
    """The server of a setup, and its settings."""
    settings = " ".join(f"{name}={value}" for name, value in arm.settings.items())
    return f"{arm.server} {settings}".strip()


class AskedSides(Struct, frozen=True, kw_only=True):
    """What to compare: `revisions` of the app (none: two setups), for a limit or a ratio."""

    app: str | None
    options: RaceOptions
    revisions: tuple[str, ...]
    most_loss: float | None = None
    most_memory: float | None = None
    most_start: float | None = None
    width: float | None = None

    def terms(self, usual: Terms) -> Terms:
        """The terms of a race of two: both are measured until the question is decided."""
        return msgspec.structs.replace(
            usual,
            claims="all",
            most_loss=self.most_loss,
            most_memory=self.most_memory,
            most_start=self.most_start,
            width=self.width,
        )


class FoundSides(Struct, frozen=True):
    """The sides before anything is started, and findings about them."""

    sides: tuple[Side, ...]
    each: tuple[Discovered, ...]

    @property
    def setups(self) -> tuple[tuple[str, str], ...]:
        """The name of each side, and its setup."""
        if len(self.each) == 1:
            return tuple((arm.name, shown(arm)) for arm in self.each[0].arms)
        return tuple(
            (side.label, shown(both.setup_of(one)))
            for side, one in zip(self.sides, self.each, strict=True)
        )

    @property
    def findings(self) -> tuple[Finding, ...]:
        """Those of the last side, and the warnings of the first one."""
        *others, last = self.each
        graver = [one for side in others for one in side.findings if one.severity != "info"]
        return tuple(dict.fromkeys((*graver, *last.findings)))


def find(wanted: AskedSides, here: Path, cache: Path, folder: Path, watch: Watch) -> FoundSides:
    """The sides: one app with two setups, or two versions of it, whose files go below `folder`.

    Raises UsageError.
    """
    if not wanted.revisions:
        side = Side("", wanted.app, here, wanted.options)
        found = discover(both.ask_of(side, cache, wanted.terms))
        return FoundSides((side,), (both.of_setups(found),))
    sides = list(both.at_revisions(wanted.revisions, wanted.app, wanted.options, here, folder))
    today = discover(both.ask_of(Side("", wanted.app, here, wanted.options), cache, wanted.terms))
    python = today.question.app.python
    sides = both.interpreters(sides, base_of(here, wanted.app), python, cache, watch.note)
    each = []
    for side in sides:
        found = today if not side.commit else discover(both.ask_of(side, cache, wanted.terms))
        both.check_origin(side, found.question.app)
        each.append(found)
    return FoundSides(tuple(sides), tuple(each))


def plan(found: FoundSides, project: Path, cache: Path, watch: Watch) -> Planned:
    """The plan of the comparison, with the correct responses of both sides; raises UsageError."""
    learnt = [investigation.learn(one, watch) for one in found.each]
    said: Sequence[Finding] = [finding for one in learnt for finding in one.findings]
    if len(found.each) == 1:
        question = found.each[0].question_about(learnt[0].subject)
    else:
        question, told = both.one_question(found.sides, found.each, [one.subject for one in learnt])
        said = [*said, *told]
    findings = tuple(dict.fromkeys((*found.findings, *said)))
    return investigation.plan(question, findings, project, cache, watch)

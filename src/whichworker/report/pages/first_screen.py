"""The first screen of a race's page: how certain the verdict is, its cost, and what to do next."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from whichworker.model.arms import BUILTIN_PREFIX
from whichworker.report import standings
from whichworker.result import ArmResult, Result, seconds_to_add
from whichworker.units import show_share

Certainty = Literal["clear", "alone", "tied", "undecided", "invalid"]

MARKS: dict[Certainty, str] = {
    "clear": "✓",
    "alone": "1",
    "tied": "=",
    "undecided": "?",
    "invalid": "✕",
}
"""Each certainty has a mark, a word and a border of its own: colour only repeats them."""


@dataclass(frozen=True)
class Strength:
    """How certain the verdict is, in a mark, a word and a sentence."""

    certainty: Certainty
    mark: str
    word: str
    meaning: str


@dataclass(frozen=True)
class NextStep:
    """What to do next; the command is empty if there is none."""

    words: str
    command: str


def headline(result: Result) -> str:
    """The verdict with its strength; an invalid run has none."""
    if result.validity.state == "invalid":
        return "INVALID: this run cannot say what to deploy"
    return standings.verdict_of(result).headline


def strength(result: Result) -> Strength:
    """The certainty of the verdict; that of an invalid run is none."""
    certainty = _certainty(result)
    delta, alpha = show_share(result.question.delta), show_share(result.question.alpha)
    leader = standings.verdict_of(result).leader
    word, meaning = {
        "clear": ("Certain", f"The chance that this verdict is wrong is at most {alpha}."),
        "alone": ("No comparison", "One server setup alone is neither fast nor slow."),
        "tied": ("Tied", f"The differences are less than {delta}, so the cost decides."),
        "undecided": (
            "A guess" if leader else "Not decided",
            "The measurements so far do not decide it. More time may change the order.",
        ),
        "invalid": ("No verdict", "No server setup could be compared."),
    }[certainty]
    if result.validity.state == "invalid":
        word, meaning = "Invalid", "Do not use this run."
    return Strength(certainty, MARKS[certainty], word, meaning)


def _certainty(result: Result) -> Certainty:
    state = standings.verdict_of(result).state
    if result.validity.state == "invalid":
        return "invalid"
    if state == "clear" and len(standings.standings(result)) == 1:
        return "alone"
    return state


def lead_in(result: Result) -> str:
    """The word before the advised setup: a guess is not presented as a result."""
    guessed = standings.verdict_of(result).state == "undecided"
    return "Best guess" if guessed and result.question.rate_per_second is None else "Deploy"


def shown_costs(result: Result) -> list[ArmResult]:
    """The setups whose cost stands beside the verdict: those tied, else the one to deploy."""
    ranked = [one.arm for one in standings.standings(result)]
    advice = result.advice
    chosen = advice.arm if advice else standings.verdict_of(result).leader
    return standings.tied_arms(result) or [arm for arm in ranked if arm.name == chosen]


def next_steps(result: Result) -> list[NextStep]:
    """What to do with this result, each step with the command to copy."""
    if result.validity.state == "invalid":
        return [
            NextStep("Find out what disturbs this machine:", "whichworker doctor"),
            NextStep("Then run it again:", result.run.command),
        ]
    return [*_to_decide(result), *_to_deploy(result)]


def _to_decide(result: Result) -> Iterator[NextStep]:
    verdict = standings.verdict_of(result)
    if not result.run.finished:
        if result.question.resumable:
            yield NextStep("Continue the interrupted run:", standings.continue_command(result))
        return
    if command := standings.resume_command(result):
        more = seconds_to_add(verdict.seconds_to_decide or 0.0)
        yield NextStep(f"Decide it, in about {more} s more:", command)
    elif way := standings.decision_advice(result):
        yield NextStep(f"To decide, {way}.", "")


def _to_deploy(result: Result) -> Iterator[NextStep]:
    if not result.run.finished:
        return
    app = standings.app_of(result.run.command)
    if not standings.standings(result):
        check = shlex.join(["whichworker", "preflight", *app])
        yield NextStep("See how each server responds to the app:", check)
    if result.advice is None:
        return
    if result.question.app.startswith(BUILTIN_PREFIX):
        yield NextStep("This was a built-in app. Race your own:", "whichworker race FOLDER")
        return
    advise = ["whichworker", "advise", *(word for word in app if ":" not in word)]
    emit = shlex.join([*advise, "--run", result.run.id, "--emit", "systemd"])
    guess = " of this guess" if lead_in(result) == "Best guess" else ""
    yield NextStep(
        f"Write the files{guess} to deploy (or gunicorn, docker, procfile, … in place of systemd):",
        emit,
    )
    yield NextStep(
        "Then check that they are as fast as the raced setup:", shlex.join([*advise, "--verify"])
    )

"""The advice of a race on the user's app: facts, deployment, when to change it, improvements."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, Struct

from whichworker.model import Settings
from whichworker.result.envelope import Estimate


class Found(Struct, frozen=True, kw_only=True):
    """A fact about the app, and where it was found."""

    value: str
    origin: str


class Audit(Struct, frozen=True, kw_only=True):
    """One possible improvement: its state, the evidence, the gain and the change that brings it."""

    name: str
    title: str
    state: Literal["passed", "failed", "not applicable"]
    evidence: str = ""
    gain: Annotated[
        Estimate | None,
        Meta(
            description="the factor by which throughput would grow; null where it was not measured"
        ),
    ] = None
    diff: str = ""
    problem: Annotated[str, Meta(description="what is wrong, if the check failed")] = ""


class Cost(Struct, frozen=True, kw_only=True):
    """The needs of the advised arm; null if not measured."""

    cpu_seconds_per_request: float | None
    memory_bytes: Annotated[int | None, Meta(description="of all its processes, PSS, under load")]
    memory_per_worker_bytes: int | None = None
    most_workers: Annotated[
        int | None,
        Meta(
            description="the most workers that fit into the memory of the budget; "
            "null without --memory"
        ),
    ] = None
    memory_limit_bytes: int | None = None


class AdvisedArm(Struct, frozen=True, kw_only=True):
    """What to deploy, why, what comes next, when that would be better, and what it costs."""

    arm: str
    settings: Settings
    because: str
    command: tuple[str, ...]
    runner_up: str | None = None
    flips_when: tuple[str, ...] = ()
    cost: Cost | None = None
    audits: tuple[Audit, ...] = ()
    today: Annotated[
        str, Meta(description="today's setup beside it, in a sentence; empty without one")
    ] = ""


class Searched(Struct, frozen=True, kw_only=True):
    """An arm of the first step of a search, whose server went on to the second or did not."""

    arm: str
    settings: Settings
    throughput_per_second: Estimate | None
    state: str
    went_on: bool
    run: Annotated[str, Meta(description="the run of the first step")]

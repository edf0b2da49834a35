"""Two kept races: which of their numbers may be compared.

Requests per second of two runs are not compared: the speed of the machine differs from run to run.
Within a run setups were measured close in time, so their ratios to one setup may be compared.
"""

from __future__ import annotations

import math
import shlex
from collections.abc import Iterator
from typing import Literal

from msgspec import Struct

from whichworker.deployment.recipe import JudgedRun
from whichworker.errors import UsageError
from whichworker.result import ArmResult, Ratio

SAME = 0.03
"""A ratio that changed by less does not matter, as in a race."""


class Change(Struct, frozen=True, kw_only=True):
    """A setup in both runs: its ratio to the reference in each, and how much that changed.

    `change` is the second ratio over the first, with its 95 % interval. CPU seconds per request
    and bytes of memory have a value for each run.
    """

    arm: str
    first: float
    second: float
    change: float
    low: float
    high: float
    verdict: Literal["higher", "lower", "same", "not decided"]
    cpu_seconds: tuple[float | None, float | None] = (None, None)
    memory_bytes: tuple[float | None, float | None] = (None, None)


class TwoRuns(Struct, frozen=True, kw_only=True):
    """Two runs, the setup that both are compared by, and the changes of all others."""

    runs: tuple[str, str]
    reference: str
    changes: tuple[Change, ...]
    versions: tuple[str, ...] = ()


def compare(first: JudgedRun, second: JudgedRun) -> TwoRuns:
    """The changes of the setups that both runs ranked.

    Raises UsageError if the runs are not comparable, with the command that measures both at once.
    """
    both = (first, second)
    if reasons := list(_differences(first, second)):
        raise UsageError(
            f"{first.result.run.id} and {second.result.run.id} cannot be compared:"
            f" {'; '.join(reasons)}",
            hint=f"measure both at once: {together(both)}",
        )
    ranked = [
        {arm.name: arm for arm in run.result.arms if arm.state == "ranked" and arm.speed}
        for run in both
    ]
    shared = [name for name in ranked[0] if name in ranked[1]]
    if len(shared) < 2:
        raise UsageError(
            f"the two runs ranked {len(shared)} common setups, and a comparison needs two",
            hint=f"measure both at once: {together(both)}",
        )
    reference = _reference(both, shared)
    changes = [
        _change(name, reference, ranked[0], ranked[1]) for name in shared if name != reference
    ]
    return TwoRuns(
        runs=(first.result.run.id, second.result.run.id),
        reference=reference,
        changes=tuple(changes),
        versions=tuple(_versions(ranked[0], ranked[1], shared)),
    )


def together(both: tuple[JudgedRun, JudgedRun]) -> str:
    """The command that measures the leaders of both runs side by side."""
    leaders = dict.fromkeys(run.result.leader for run in both if run.result.leader)
    words = ["whichworker", "versus"]
    if len(leaders) == 2:
        words += ["--servers", ",".join(filter(None, leaders))]
    else:
        words += ["--app-at", "REV"]
    return shlex.join(words)


def _differences(first: JudgedRun, second: JudgedRun) -> Iterator[str]:
    """Why the numbers of two runs do not belong together."""
    one, other = first.result, second.result
    for run in (one, other):
        if run.validity.state == "invalid":
            yield f"{run.run.id} is invalid"
    if one.machine.fingerprint != other.machine.fingerprint:
        yield f"they ran on two machines ({one.machine.cpu}, {other.machine.cpu})"
    if first.question.app.name != second.question.app.name:
        yield f"they served two apps ({first.question.app.name}, {second.question.app.name})"
    asked = [_requests(run) for run in (first, second)]
    if asked[0] != asked[1]:
        yield "they sent other requests"
    if one.question.server_cores != other.question.server_cores:
        yield "the servers had other cores"
    if one.question.services != other.question.services:
        yield "they used other services"


def _requests(run: JudgedRun) -> list[tuple[str, str, int]]:
    return sorted((one.method, one.path, one.weight) for one in run.question.workload.every)


def _reference(both: tuple[JudgedRun, JudgedRun], shared: list[str]) -> str:
    """The leader of both runs, or of one of them, else the first that both have."""
    leaders = [run.result.leader for run in both]
    return next((name for name in leaders if name in shared), shared[0]) or shared[0]


def _change(
    name: str, reference: str, first: dict[str, ArmResult], second: dict[str, ArmResult]
) -> Change:
    logs = [_log_ratio(arms[name], arms[reference]) for arms in (first, second)]
    (before, spread), (after, other) = logs
    change, half = after - before, math.hypot(spread, other)
    low, high = change - half, change + half
    return Change(
        arm=name,
        first=math.exp(before),
        second=math.exp(after),
        change=math.exp(change),
        low=math.exp(low),
        high=math.exp(high),
        verdict="same"
        if low > -SAME and high < SAME
        else "higher"
        if low > 0
        else "lower"
        if high < 0
        else "not decided",
        cpu_seconds=(first[name].cpu_seconds_per_request, second[name].cpu_seconds_per_request),
        memory_bytes=(first[name].memory_bytes, second[name].memory_bytes),
    )


def _log_ratio(arm: ArmResult, reference: ArmResult) -> tuple[float, float]:
    """The logarithm of a ratio, and half of its 95 % interval, by the ratios to the leader."""
    one, other = _of_leader(arm.against_leader), _of_leader(reference.against_leader)
    return one[0] - other[0], math.hypot(one[1], other[1])


def _of_leader(ratio: Ratio | None) -> tuple[float, float]:
    if ratio is None:  # the leader itself
        return 0.0, 0.0
    if not ratio.low or not ratio.high:
        return math.log(ratio.value), math.inf
    return math.log(ratio.value), (math.log(ratio.high) - math.log(ratio.low)) / 2


def _versions(
    first: dict[str, ArmResult], second: dict[str, ArmResult], shared: list[str]
) -> Iterator[str]:
    """Servers whose version differs: a change may come from there."""
    for name in shared:
        if first[name].version != second[name].version:
            yield f"{name}: {first[name].version}, then {second[name].version}"

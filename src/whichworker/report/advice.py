"""Advice and its verification, for a terminal."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from rich.console import Console
from rich.text import Text

from whichworker import units
from whichworker.model.deployments import Promise
from whichworker.result import AdvisedArm, Audit, Result

MARKS = {"passed": ("ok", "green"), "failed": ("!", "yellow"), "not applicable": ("–", "dim")}


class CheckedFile(Protocol):
    """The verification of one emitted file."""

    @property
    def file(self) -> str:
        """Its name."""

    @property
    def kept(self) -> bool:
        """Whether it keeps the promise."""

    @property
    def undetermined(self) -> bool:
        """Whether the time was too short to decide."""

    @property
    def said(self) -> tuple[str, ...]:
        """The promises that it breaks."""

    @property
    def ratio(self) -> float | None:
        """Its throughput over the raced setup's throughput."""

    @property
    def low(self) -> float | None:
        """The lower end."""

    @property
    def high(self) -> float | None:
        """The upper end."""


def print_advice(console: Console, result: Result) -> None:
    """The setup to deploy and why, the runner-up, conditions, costs, and changes to the app."""
    advice = result.advice
    if advice is None:
        why = "; ".join(result.validity.reasons) or "no server setup was ranked"
        console.print(Text(f"run {result.run.id} has no advice: {why}", "yellow"))
        return
    console.print(Text.assemble("deploy     ", (advice.arm, "bold green"), f": {advice.because}"))
    if advice.today:
        console.print(Text(f"today      {advice.today}"))
    if advice.runner_up:
        console.print(f"runner-up  {advice.runner_up}")
    print_rest(console, advice)


def print_rest(console: Console, advice: AdvisedArm) -> None:
    """Conditions, costs and audits of the advised arm."""
    for at, text in enumerate(advice.flips_when):
        console.print(Text(f"{'changes if' if not at else '':<11}{text}"))
    if advice.cost is not None:
        console.print(Text(f"costs      {_cost(advice)}"))
    shown = [audit for audit in advice.audits if audit.state == "failed"]
    for audit in shown:
        print_audit(console, audit)
    if advice.audits:
        passed = sum(audit.state == "passed" for audit in advice.audits)
        absent = sum(audit.state == "not applicable" for audit in advice.audits)
        console.print(
            Text(
                f"audits     {passed} passed, {len(shown)} to check, {absent} not applicable",
                "dim",
            )
        )


def print_audit(console: Console, audit: Audit) -> None:
    """One audit with its evidence and the change that mends it."""
    mark, style = MARKS[audit.state]
    gain = f" (gain {audit.gain.value:.2f}x)" if audit.gain else ""
    wrong = audit.problem or f"failed: {audit.title}"
    console.print(Text.assemble((f"{mark} ", style), f"{wrong}{gain}"))
    console.print(Text(f"    {audit.evidence}", "dim"))
    for line in audit.diff.splitlines():
        console.print(Text(f"    {line}", "cyan"))


def print_checked(console: Console, promise: Promise, checked: Sequence[CheckedFile]) -> None:
    """Each file, and why it is not as fast, or not the same, as the raced setup."""
    rate = units.show_rate(promise.throughput_per_second)
    console.print(
        Text(
            f"raced      {promise.arm} at {rate}/s, run {promise.run}; "
            "each file was measured in turn with the raced setup",
            "dim",
        )
    )
    for one in checked:
        mark, style = (
            MARKS["passed" if one.kept else "failed"] if not one.undetermined else ("?", "yellow")
        )
        seen = (
            f"{one.ratio:.0%} of it ({one.low:.0%} to {one.high:.0%})"
            if one.ratio and one.low and one.high
            else ""
        )
        console.print(Text.assemble((f"{mark:<3}", style), f"{one.file:<24} {seen}"))
        for text in one.said:
            console.print(Text(f"    {text}", "yellow"))


def _cost(advice: AdvisedArm) -> str:
    cost = advice.cost
    assert cost is not None
    parts = []
    if cost.cpu_seconds_per_request:
        parts.append(f"{units.show_seconds(cost.cpu_seconds_per_request)} of CPU per request")
    if cost.memory_bytes:
        parts.append(f"{units.show_bytes(cost.memory_bytes)} of memory")
    if cost.memory_per_worker_bytes:
        parts.append(f"{units.show_bytes(cost.memory_per_worker_bytes)} for each worker")
    if cost.most_workers and cost.memory_limit_bytes:
        parts.append(
            f"{cost.most_workers} workers fit into {units.show_bytes(cost.memory_limit_bytes)}"
        )
    return ", ".join(parts) or "not measured"

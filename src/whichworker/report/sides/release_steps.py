"""Releases of a server, each beside the one before it, for a terminal."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

from whichworker import units
from whichworker.report.terminal import print_findings
from whichworker.result import ArmResult, Result
from whichworker.result.versus import ReleaseStep

ABSENT = "–"
STYLES = {"slower": "bold yellow", "faster": "bold green"}


def headline(steps: Sequence[ReleaseStep]) -> str:
    """The largest loss, or that there is none; it counts the steps that are not decided."""
    lost = [one for one in steps if one.change == "slower" and one.ratio is not None]
    open_ = sum(one.change == "not decided" for one in steps)
    rest = f" {open_} of {len(steps)} steps are not decided: use more --time." if open_ else ""
    if not steps:
        return "Nothing was compared: fewer than two releases were measured."
    if not lost:
        return f"No release was shown to be slower than the one before it.{rest}"
    worst = min(lost, key=lambda one: one.ratio or 1.0)
    return f"{worst.after} is slower than {worst.before}: {_ratio(worst)}.{rest}"


def print_steps(console: Console, result: Result, steps: Sequence[ReleaseStep]) -> None:
    """The headline, a row for each release, and warnings."""
    console.print()
    if result.validity.state == "invalid":
        console.print(Text("INVALID: do not use this run", "bold red"))
        for reason in result.validity.reasons:
            console.print(Text(f"  {reason}"))
        return
    console.print(Text(headline(steps), "bold"))
    if not result.run.finished:
        console.print(Text("Interrupted: these are the results so far.", "yellow"))
    console.print()
    table = Table(box=None, pad_edge=False, header_style="dim", padding=(0, 2, 0, 0))
    table.add_column("release", overflow="fold")
    for name in ("requests/s", "CPU/request", "memory", "vs the one before", "change"):
        table.add_column(name, justify="left" if name == "change" else "right", no_wrap=True)
    reached = {one.after: one for one in steps}
    first = [one.before for one in steps[:1]]
    arms = {arm.name: arm for arm in result.arms}
    for name in (*first, *(one.after for one in steps)):
        step = reached.get(name)
        change = Text(step.change, STYLES.get(step.change, "")) if step else Text("")
        table.add_row(Text(name), *_numbers(arms.get(name)), _ratio(step), change)
    console.print(table)
    caption = (
        "vs the one before: requests/s of a release over those of the earlier one, from"
        " measurements that were close in time. The chance that any verdict is wrong is at most"
        f" {result.question.alpha:.0%}."
    )
    console.print(Text(caption, "dim"))
    for arm in result.arms:
        if not arm.is_measured and arm.failures:
            fact = arm.failures[0].sample.partition("\n")[0]
            console.print(Text.assemble(("x ", "red"), (arm.name, "bold"), f": {fact}"))
    print_findings(console, [one for one in result.findings if one.severity != "info"])


def _numbers(arm: ArmResult | None) -> tuple[str, str, str]:
    if arm is None:
        return ABSENT, ABSENT, ABSENT
    cpu, memory = arm.cpu_seconds_per_request, arm.memory_bytes
    return (
        units.show_rate(arm.speed) if arm.speed else ABSENT,
        units.show_seconds(cpu) if cpu else ABSENT,
        units.show_bytes(memory) if memory else ABSENT,
    )


def _ratio(step: ReleaseStep | None) -> str:
    if step is None or step.ratio is None:
        return ABSENT
    return f"{step.ratio:.2f}x ({step.low:.2f}-{step.high:.2f})"

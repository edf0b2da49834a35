"""A comparison for a terminal and as Markdown: the verdict, both sides, and the ratios."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

from whichworker import units
from whichworker.report.markdown import inert, row
from whichworker.report.terminal import print_findings
from whichworker.result.versus import ComparedSide, Measure, VersusResult

ABSENT = "–"
STYLES = {
    "faster": "bold green",
    "slower": "bold yellow",
    "alike": "bold cyan",
    "undecided": "bold yellow",
    "invalid": "bold red",
}
OUTCOMES = {
    "passed": ("PASSED", "bold green"),
    "failed": ("FAILED", "bold red"),
    "undecided": ("NOT DECIDED", "bold yellow"),
}
TITLES = {
    "throughput": "requests/s",
    "cpu": "CPU/request",
    "memory": "memory",
    "cold start": "start",
}
LIMITS = {"passed": "ok", "failed": "x", "undecided": "?"}


def print_sides(console: Console, sides: Sequence[tuple[str, str]], seconds: float) -> None:
    """The plan: each side with its setup, and the time."""
    for name, setup_of in sides:
        console.print(Text.assemble(("side       ", "dim"), name, ("  " + setup_of, "dim")))
    most = f"at most {units.show_clock(seconds)}, after the correct responses are learnt"
    console.print(Text.assemble(("time       ", "dim"), most))


def print_comparison(console: Console, result: VersusResult) -> None:
    """The verdict, the limits of a gate, then both sides beside each other, and the findings."""
    console.print()
    if result.kind == "gate" and result.validity.state == "valid":
        word, style = OUTCOMES[result.outcome]
        console.print(Text.assemble((word, style), "  ", result.verdict.headline))
        for check in result.checks:
            console.print(Text(f"    {LIMITS[check.outcome]:<3}{check.text}"))
    else:
        console.print(Text(result.verdict.headline, STYLES[result.verdict.state]))
    for reason in result.validity.reasons:
        console.print(Text(f"  {reason}"))
    if result.validity.state == "valid":
        console.print()
        console.print(_table(result))
        console.print(Text(caption(result), "dim"))
    for side in result.sides:
        for failure in side.failures[:1]:
            console.print(Text.assemble(("x ", "red"), (side.name, "bold"), f": {failure.sample}"))
    print_findings(console, [one for one in result.findings if one.severity != "info"])


def caption(result: VersusResult) -> str:
    """How to read the ratios."""
    names = " over ".join(side.name for side in reversed(result.sides))
    return (
        f"ratio: {names}, from measurements that were close in time, with its interval."
        f" The chance that the verdict about requests/s is wrong is at most"
        f" {result.question.alpha:.0%}."
    )


def _table(result: VersusResult) -> Table:
    table = Table(box=None, pad_edge=False, header_style="dim", padding=(0, 3, 0, 0))
    table.add_column("")
    for side in result.sides:
        table.add_column(side.name, justify="right", overflow="fold")
    table.add_column("ratio")
    for cells in rows(result):
        table.add_row(*map(Text, cells))
    return table


def rows(result: VersusResult) -> Iterator[tuple[str, ...]]:
    """Each row: its title, the value of both sides, and the ratio or an empty text."""
    first, second = result.sides
    yield ("setup", setup(first), setup(second), "")
    if first.commit or second.commit:
        yield ("commit", *(side.commit[:12] or ABSENT for side in (first, second)), "")
    for measure in result.measures:
        values = (value(measure, measure.first), value(measure, measure.second))
        yield (TITLES[measure.name], *values, ratio(measure))


def setup(side: ComparedSide) -> str:
    """The server with its version and settings."""
    settings = " ".join(f"{name}={word}" for name, word in side.settings.items())
    return " ".join(filter(None, (side.server, side.version, settings)))


def value(measure: Measure, number: float | None) -> str:
    """A value in the unit that a person would choose."""
    if number is None:
        return ABSENT
    show = {
        "per second": units.show_rate,
        "seconds": units.show_seconds,
        "bytes": units.show_bytes,
    }[measure.unit]
    return show(number)


def ratio(measure: Measure) -> str:
    """`0.90x (0.88-0.92)`, without an interval if there is none."""
    if measure.ratio is None:
        return ABSENT
    known = measure.low is not None and measure.high is not None
    interval = f" ({measure.low:.2f}-{measure.high:.2f})" if known else ""
    return f"{measure.ratio:.2f}x{interval}"


def render_markdown(result: VersusResult) -> str:
    """The comparison as a page; names of branches and setups are inert."""
    word = OUTCOMES[result.outcome][0].lower() if result.kind == "gate" else ""
    lines = [f"## {result.kind}{f': {word}' if word else ''}", "", inert(result.verdict.headline)]
    if result.checks:
        lines += ["", *(f"- {check.outcome}: {inert(check.text)}" for check in result.checks)]
    lines += ["", *(f"- {inert(reason)}" for reason in result.validity.reasons)]
    if result.validity.state == "valid":
        names = [inert(side.name) for side in result.sides]
        lines += ["", row(["", *names, "ratio"]), "|---|---:|---:|---|"]
        lines += [row(map(inert, cells)) for cells in rows(result)]
        lines += ["", inert(caption(result))]
    told = [one for one in result.findings if one.severity != "info"]
    lines += ["", *(f"- {one.severity}: {inert(one.text)}" for one in told)]
    machine = result.machine
    lines += [
        "",
        (
            f"{result.run.started[:10]}, {inert(machine.cpu)}, whichworker {result.run.version},"
            f" seed {result.question.seed}: `{result.run.command.replace('`', '')}`"
        ),
    ]
    return "\n".join(lines).replace("\n\n\n", "\n\n").rstrip() + "\n"

"""The result of a load, for a terminal: readable without colour, and on a narrow one."""

from __future__ import annotations

from collections.abc import Iterable

from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from whichworker import units
from whichworker.model import CheckCount, Stage
from whichworker.report.terminal import ABSENT, print_findings
from whichworker.result import AskedLoad, Intervals, LoadResult

COLUMNS = ("p50", "p90", "p95", "p99", "p99_9", "max", "mean", "stdev")
"""The statistics on a wide terminal; NARROW: on a narrow terminal."""
NARROW = ("p50", "p90", "p99", "max")
INTERVAL = "  95 % interval"
ROOMY, TIGHT = 107, 95
"""Characters that all columns need, and six of them."""
LABEL = 11
"""Characters of the labels at the left."""
CAPTION = "response: from the moment the request was due. service: from the moment it was sent."
SHOWN_STAGES = 4
"""More stages are counted, not listed."""


def print_question(console: Console, asked: AskedLoad, engine: str, reason: str) -> None:
    """The requests, and the engine that sends them."""
    _line(
        console, "load", asked.url, f"at {asked.address}" if asked.address not in asked.url else ""
    )
    _line(console, "pace", pace(asked))
    if asked.file:
        _line(console, "requests", f"from {asked.file}")
    cores = ",".join(str(core) for core in asked.generator_cores)
    _line(console, "engine", engine, f"on core {cores}: {reason}")


OUTCOMES = {
    "met": ("met", "bold green"),
    "missed": ("MISSED", "bold red"),
    "undecided": ("not decided", "bold yellow"),
}
"""A clause of the objective; too few requests decide nothing."""


def print_load(console: Console, result: LoadResult) -> None:
    """The rate, times, failures, costs and findings; of an invalid run only the counts."""
    console.print()
    if not result.run.finished:
        console.print(Text("interrupted: this is what was counted until then", "yellow"))
    if result.validity.state == "invalid":
        console.print(Text("INVALID: do not use the numbers of this run", "bold red"))
        for reason in result.validity.reasons:
            console.print(Padding(Text(reason), (0, 0, 0, 2), expand=False))
        _line(console, "counted", _counted(result))
    else:
        _print_rate(console, result)
        console.print(_times(result, console.width))
        if result.response_seconds is not None:
            console.print(Text(CAPTION, "dim"))
        console.print()
        _print_thresholds(console, result)
        _print_phases(console, result)
    _print_answers(console, result)
    if result.validity.state == "valid":
        _print_cost(console, result)
    print_findings(console, result.findings)


def _print_thresholds(console: Console, result: LoadResult) -> None:
    """Each clause of the objective, and how many requests missed it."""
    for one in result.thresholds:
        word, style = OUTCOMES[one.outcome]
        share = f" ({units.show_share(one.missed / one.requests)})" if one.requests else ""
        text = f"{one.missed:,} of {one.requests:,} requests missed it{share};"
        text += f" {units.show_share(one.limit)} may"
        console.print(Text.assemble((f"{word:<11}", style), (one.clause, "bold"), f": {text}"))


def pace(asked: AskedLoad) -> str:
    """How requests follow each other, in words."""
    most = f"{asked.connections} connection{'' if asked.connections == 1 else 's'}"
    bound = (
        f"{asked.requests:,} {'iterations' if asked.sessions else 'requests'} in at most "
        if asked.requests
        else ""
    )
    time = f"{bound}{_duration(asked.time_seconds)}"
    if asked.arrivals is None:
        return f"closed loop, {most}, {time}"
    rate = (
        f"{units.show_rate(asked.rate_per_second)}/s"
        if asked.rate_per_second
        else _stages(asked.stages)
    )
    return (
        f"open loop at {rate}, {asked.arrivals} arrivals, at most {most}, {time}, seed {asked.seed}"
    )


def _stages(stages: Iterable[Stage]) -> str:
    words = []
    for stage in stages:
        ends = {units.show_rate(stage.start_rate): None, units.show_rate(stage.end_rate): None}
        words.append(f"{' to '.join(ends)}/s in {_duration(stage.seconds)}")
    return ", ".join(words[:SHOWN_STAGES]) + (", …" if len(words) > SHOWN_STAGES else "")


def _print_rate(console: Console, result: LoadResult) -> None:
    intended = (
        f" of {units.show_rate(result.intended_rate_per_second)} intended"
        if result.intended_rate_per_second
        else ""
    )
    requests = f"{units.show_rate(result.rate_per_second)} requests/s"
    if result.iterations is None:
        rate = Text.assemble((requests, "bold"), intended)
    else:  # what is due in an open loop of sessions is an iteration
        rate = Text.assemble(
            (f"{units.show_rate(result.iterations / result.seconds)} iterations/s", "bold"),
            intended,
            f", {requests}",
        )
    console.print(Text.assemble(rate, (f"   {_counted(result)}", "dim")))
    if failed := sum(result.errors.values()):
        share = units.show_share(failed / (failed + result.requests))
        console.print(
            Text(
                f"FAILED: {failed:,} requests, {share}; times are of correct responses only",
                "bold red",
            )
        )
    console.print()


def _counted(result: LoadResult) -> str:
    failed = sum(result.errors.values())
    right = f"{result.requests:,} correct responses in {_duration(result.seconds)}"
    rounds = f", {result.iterations:,} iterations" if result.iterations is not None else ""
    return f"{right}{rounds}, {f'{failed:,} failures' if failed else 'no failure'}"


def _times(result: LoadResult, width: int) -> Table:
    names = COLUMNS if width >= ROOMY else COLUMNS[:6] if width >= TIGHT else NARROW
    table = Table(
        box=None, pad_edge=False, header_style="dim", padding=(0, 2 if width >= TIGHT else 1, 0, 0)
    )
    table.add_column("", no_wrap=True)
    for name in names:
        table.add_column(name.replace("_", "."), justify="right", no_wrap=True)
    at_saturation = result.response_seconds is None
    rows = {
        "response": (result.response_seconds, result.response_intervals),
        "at full load" if at_saturation else "service": (
            result.service_seconds,
            result.service_intervals,
        ),
        "iteration": (result.iteration_seconds, None),
    }
    for label, (distribution, intervals) in rows.items():
        if distribution is not None:
            table.add_row(label, *(_time(getattr(distribution, name)) for name in names))
            if intervals and any(
                estimate and estimate.low is not None for estimate in intervals.values()
            ):
                table.add_row(
                    Text(INTERVAL, "dim"),
                    *(Text(_interval(intervals, name), "dim") for name in names),
                )
    return table


def _interval(intervals: Intervals, name: str) -> str:
    """`1.1-1.3 ms`: both ends in the unit of the larger one."""
    estimate = intervals.get(name)
    if estimate is None or estimate.low is None or estimate.high is None:
        return ABSENT if name in intervals else ""
    low, high = units.show_seconds(estimate.low), units.show_seconds(estimate.high)
    number, _, unit = low.partition(" ")
    return f"{number}-{high}" if high.endswith(f" {unit}") else f"{low}-{high}"


def _print_phases(console: Console, result: LoadResult) -> None:
    known = [(name, phase) for name, phase in result.phases.items() if phase is not None]
    if known:
        _line(
            console,
            "phases p50",
            ", ".join(
                f"{name} {ABSENT if phase.p50 is None else _time(phase.p50)}"
                for name, phase in known
            ),
        )


def _print_answers(console: Console, result: LoadResult) -> None:
    """Statuses, every kind of failure with its first sample, and the named checks."""
    if result.statuses:
        _line(
            console,
            "statuses",
            ", ".join(f"{status} ×{count:,}" for status, count in result.statuses.items()),
        )
    if len(result.per_request) > 1:
        _line(
            console,
            "correct",
            ", ".join(f"{title} ×{count:,}" for title, count in result.per_request.items()),
        )
    tried = result.requests + sum(result.errors.values())
    for failure in result.failures:
        share = f"{failure.count:,}× ({units.show_share(min(1.0, failure.count / tried))})"
        first, _, rest = failure.sample.partition("\n")
        console.print(
            Text.assemble(
                ("x ", "bold red"), (f"{failure.kind} {share}", "bold red"), f" first: {first}"
            )
        )
        for line in rest.splitlines()[-6:]:
            console.print(Text(f"    {line}", "dim"), overflow="ellipsis", no_wrap=True)
    for check in result.checks:
        _print_check(console, check)


def _print_check(console: Console, check: CheckCount) -> None:
    mark = Text("✗ ", "bold red") if check.fails else Text("✓ ", "green")
    sample = f"   first: {check.sample.partition(chr(10))[0]}" if check.fails else ""
    console.print(
        Text.assemble(
            mark, check.name, f"  {check.passes:,} of {check.passes + check.fails:,}", sample
        )
    )


def _print_cost(console: Console, result: LoadResult) -> None:
    received = f"{units.show_bytes(result.bytes_received)} received"
    received += f", {units.show_bytes(result.bytes_sent)} sent"
    _line(console, "traffic", received)
    cost = (
        []
        if result.cpu_seconds_per_request is None
        else [f"{units.show_seconds(result.cpu_seconds_per_request)} of CPU per request"]
    )
    memory = (
        []
        if result.memory_bytes is None
        else [f"{units.show_bytes(result.memory_bytes)} of memory"]
    )
    if cost or memory:
        _line(console, "generator", ", ".join([*cost, *memory]))


def _line(console: Console, label: str, text: str, rest: str = "") -> None:
    console.print(
        Text.assemble((f"{label:<{LABEL}}", "dim"), text, (f"  {rest}" if rest else "", "dim"))
    )


def _time(seconds: float | None) -> str:
    return ABSENT if seconds is None else units.show_seconds(seconds)


def _duration(seconds: float) -> str:
    return units.show_clock(seconds) if seconds >= 60 else f"{seconds:.3g} s"

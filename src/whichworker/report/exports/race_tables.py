"""A race for other programs: Markdown for a page, CSV for a spreadsheet."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator

from whichworker import units
from whichworker.report import standings
from whichworker.report.markdown import inert, row
from whichworker.report.terminal import ABSENT, ratio
from whichworker.result import ArmResult, Result

FORMULAS = ("=", "+", "-", "@", "\t", "\r")
"""A spreadsheet calculates a cell that begins with one of these (OWASP, CSV injection)."""
COLUMNS = (
    "setup",
    "server",
    "version",
    "python",
    "settings",
    "state",
    "verdict",
    "rank_low",
    "rank_high",
    "requests_per_second",
    "ratio",
    "ratio_low",
    "ratio_high",
    "cpu_seconds_per_request",
    "memory_bytes",
    "cold_start_seconds",
    "connections",
    "validated_per_second",
    "capacity_low_per_second",
    "capacity_high_per_second",
)


def render_csv(result: Result) -> str:
    """One row for each setup, with the names and units of the JSON; an empty cell is unknown.

    The numbers of an invalid race are left out.
    """
    relations = {one.arm.name: one.word for one in standings.standings(result)}
    out = io.StringIO()
    table = csv.writer(out, lineterminator="\n")
    table.writerow(COLUMNS)
    valid = result.validity.state == "valid"
    for arm in result.arms:
        table.writerow([safe(cell) for cell in _cells(arm, relations.get(arm.name, ""), valid)])
    return out.getvalue()


def _cells(arm: ArmResult, verdict: str, valid: bool) -> Iterator[object]:
    yield from (arm.name, arm.server, arm.version, arm.python)
    yield " ".join(f"{name}={value}" for name, value in arm.settings.items())
    yield arm.state if valid or not arm.is_measured else "withheld"
    if not valid:
        yield from [None] * (len(COLUMNS) - 6)
        return
    against, capacity = arm.against_leader, arm.capacity_per_second
    yield from (verdict, arm.rank_low, arm.rank_high, arm.speed or None)
    yield from (against.value, against.low, against.high) if against else (None, None, None)
    yield from (arm.cpu_seconds_per_request, arm.memory_bytes, arm.cold_start_seconds)
    yield arm.connections
    yield from (capacity.certified, capacity.low, capacity.high) if capacity else (None, None, None)


def safe(value: object) -> object:
    """A cell that no spreadsheet calculates; numbers stay numbers, None is empty."""
    if value is None:
        return ""
    if isinstance(value, str) and value.startswith(FORMULAS):
        return f"'{value}"
    return value


def render_markdown(result: Result, picture: str = "") -> str:
    """The verdict, the table and how it was measured; `picture` is a file beside it."""
    lines = [f"# {inert(_headline(result))}", ""]
    lines += [f"- {inert(reason)}" for reason in result.validity.reasons]
    if result.validity.state == "valid":
        if result.advice is not None:
            lines += [f"Deploy {inert(result.advice.arm)}: {inert(result.advice.because)}", ""]
        if picture:
            lines += [f"![Speed over the leader's]({picture.replace(' ', '%20')})", ""]
        lines += [*_table(result), "", standings.ceiling_caption(result)]
    told = [one for one in result.findings if one.severity != "info"]
    if told:
        lines += ["", "## Findings", ""]
        lines += [f"- {one.severity}: {inert(one.text)}" for one in told]
    asked, machine = result.question, result.machine
    lines += [
        "",
        "## How it was measured",
        "",
        f"- app: {inert(asked.app)}, {inert(asked.workload)}",
        f"- machine: {inert(machine.cpu)}, {machine.cores} cores, {inert(machine.system)}",
        f"- date: {result.run.started[:10]}, whichworker {result.run.version}, seed {asked.seed}",
        f"- versions: {inert(standings.versions(result))}",
        f"- command: `{result.run.command.replace('`', '')}`",
    ]
    return "\n".join(lines).rstrip() + "\n"


def _headline(result: Result) -> str:
    if result.validity.state == "invalid":
        return "INVALID: this run cannot say what to deploy"
    return standings.verdict_of(result).headline


def _table(result: Result) -> Iterator[str]:
    yield "| setup | requests/s | vs leader | verdict | rank | CPU/request | memory | start |"
    yield "|---|---:|---|---|---|---:|---:|---:|"
    for one in standings.standings(result):
        arm = one.arm
        cells = (
            arm.name,
            units.show_rate(arm.speed) if arm.speed else ABSENT,
            ratio(one.ratio),
            one.word,
            one.ranks or ABSENT,
            units.show_seconds(arm.cpu_seconds_per_request)
            if arm.cpu_seconds_per_request
            else ABSENT,
            units.show_bytes(arm.memory_bytes) if arm.memory_bytes else ABSENT,
            units.show_seconds(arm.cold_start_seconds) if arm.cold_start_seconds else ABSENT,
        )
        yield row(map(inert, cells))

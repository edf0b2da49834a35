"""The HTML report: one file that opens offline, without scripts or references to other files."""

from __future__ import annotations

import base64
import json
import re
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from typing import Any

from jinja2 import Environment

from whichworker.model import Finding
from whichworker.report import charts, curves, pages, second_stage, standings, waiting
from whichworker.report.standings import Relation
from whichworker.result import ArmResult, Result, encode
from whichworker.units import show_bytes, show_clock, show_rate, show_seconds, show_share

MATRIX_LIMIT = 16
"""Columns: a wider matrix is unreadable, and the JSON has every pair."""
SEVERITIES = (("error", "Errors"), ("warning", "Warnings"), ("info", "Notes"))
SYMBOLS: dict[Relation, str] = {"faster": "▲", "slower": "▼", "tie": "=", "undetermined": "?"}


@dataclass(frozen=True)
class TableCell:
    """One pair of the matrix: how the arm of the row stands against the arm of the column."""

    relation: Relation
    symbol: str
    ratio: str
    words: str


@dataclass(frozen=True)
class MatrixRow:
    """One row of the matrix; the cell on the diagonal is None."""

    letter: str
    name: str
    cells: tuple[TableCell | None, ...]


def render(result: Result) -> str:
    """The whole report as one HTML document."""
    ranked = standings.standings(result)
    marks = [
        relation for relation in charts.MARKS if any(one.relation == relation for one in ranked)
    ]
    return (
        _environment()
        .get_template("report.html")
        .render(
            result=result,
            verdict=standings.verdict_of(result),
            headline=headline(result),
            tied=standings.tied_arms(result),
            resume=standings.resume_command(result),
            decide=standings.decision_advice(result),
            continuing=standings.continue_command(result) if result.question.resumable else "",
            ceiling=standings.ceiling_caption(result),
            intervals=standings.interval_caption(ranked),
            sliced=any(arm.windows > arm.launches for arm in result.arms),
            facts=facts(result),
            versions=standings.versions(result),
            ranked=ranked,
            charts=charts,
            legend=marks,
            relative=charts.relative(result),
            scale=charts.speed_scale(result),
            ratios=charts.over_time(result),
            matrix=matrix(result),
            finalists=curves.finalists(result),
            promises=list(second_stage.promises(result.arms)),
            cores_in_capacity=second_stage.core_speeds(result.arms),
            waiting=waiting.shown(result),
            latency=curves.latency(result),
            gated=[standing.arm for standing in ranked if standing.arm.gates],
            findings=findings(result),
            unranked=unranked(result),
            pythons=pythons(result),
            download=base64.b64encode(encode(result)).decode("ascii"),
            filename=f"whichworker-{re.sub(r'[^A-Za-z0-9._-]+', '-', result.run.id)}.json",
        )
    )


@cache
def _environment() -> Environment:
    environment = pages.environment()
    environment.globals |= {"meanings": standings.MEANINGS, "words": standings.WORDS}
    environment.filters |= {
        "bytes": show_bytes,
        "clock": show_clock,
        "command": shlex.join,
        "cores": show_cores,
        "date": show_date,
        "detail": show_detail,
        "icon": charts.icon,
        "rate": show_rate,
        "seconds": show_seconds,
        "settings": show_settings,
        "share": show_share,
    }
    return environment


def headline(result: Result) -> str:
    """The verdict with its strength; an invalid run has none."""
    if result.validity.state == "invalid":
        return "INVALID: this run cannot say what to deploy"
    return standings.verdict_of(result).headline


def facts(result: Result) -> list[tuple[str, str | None]]:
    """App, load, machine and date; None if unknown."""
    asked, machine, run = result.question, result.machine, result.run
    forced = f"{asked.connections} for each setup" if asked.connections else None
    own = "each setup has its own number" if any(arm.connections for arm in result.arms) else None
    usable = len(machine.usable_cores)
    pinned = (
        f"server on {show_cores(asked.server_cores)}, load on {show_cores(asked.generator_cores)}"
    )
    return [
        ("App", asked.app),
        ("Workload", asked.workload),
        *([("Services", "; ".join(asked.services.values()))] if asked.services else []),
        ("Connections", forced or own),
        *([("Objective", asked.slo)] if asked.slo else []),
        ("Machine", f"{machine.cpu}, {show_bytes(machine.memory_bytes)}, {machine.system}"),
        ("Cores", f"{usable} of {machine.cores} usable: {pinned}"),
        ("Python", ", ".join(pythons(result)) or None),
        ("Date", show_date(run.started)),
        ("Duration", show_clock(run.seconds)),
        ("Rounds", f"{result.blocks}"),
        ("Version", f"whichworker {run.version}"),
    ]


def matrix(result: Result) -> tuple[MatrixRow, ...]:
    """Every ranked setup against every other; empty for one, for too many, or without verdicts."""
    names = [standing.arm.name for standing in standings.standings(result)]
    if not 2 <= len(names) <= MATRIX_LIMIT or not (
        result.claims or result.ties or result.undetermined
    ):
        return ()
    return tuple(
        MatrixRow(
            chr(ord("A") + number),
            name,
            tuple(None if name == other else _cell(result, name, other) for other in names),
        )
        for number, name in enumerate(names)
    )


def _cell(result: Result, name: str, other: str) -> TableCell:
    relation, claim = standings.compare(result, name, other)
    if claim is None:
        words = {
            "tie": f"{name} is tied with {other}",
            "undetermined": f"{name} against {other}: not decided",
        }
        return TableCell(
            relation,
            SYMBOLS.get(relation, ""),
            "",
            words.get(relation, f"{name} against {other}: no verdict"),
        )
    words_of_claim = f"{name} is {relation} than {other}: ratio {claim.ratio:.2f},"
    words_of_claim += f" from {claim.low:.2f} to {claim.high:.2f}"
    return TableCell(relation, SYMBOLS[relation], f"{claim.ratio:.2f}", words_of_claim)


def findings(result: Result) -> list[tuple[str, str, list[Finding]]]:
    """Severity, heading and findings, the most severe first, without empty ones."""
    groups = [
        (key, heading, [one for one in result.findings if one.severity == key])
        for key, heading in SEVERITIES
    ]
    return [group for group in groups if group[2]]


def unranked(result: Result) -> list[ArmResult]:
    """The arms that failed, were refused or are invalid, then ranked arms with failures."""
    out = [arm for arm in result.arms if not arm.is_measured]
    return out + [arm for arm in result.arms if arm.is_measured and arm.failures]


def pythons(result: Result) -> list[str]:
    """The interpreters of the arms, each once; an arm names its own only if they differ."""
    return sorted({arm.python for arm in result.arms if arm.python is not None})


def show_cores(cores: Sequence[int]) -> str:
    """Write core numbers as `core 1`, `cores 0, 2`, or `any core` if none is reserved."""
    if not cores:
        return "any core"
    return ("core " if len(cores) == 1 else "cores ") + ", ".join(str(core) for core in cores)


def show_settings(settings: dict[str, int | str]) -> str:
    """Write settings as on the command line: `workers=2 threads=8`."""
    return " ".join(f"{name}={value}" for name, value in settings.items())


def show_detail(value: Any) -> str:
    """Write a detail of the machine: text as it is, anything else as JSON."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)


def show_date(started: str) -> str:
    """Write an ISO 8601 time as `2025-03-04 12:30 UTC`; other text is unchanged."""
    try:
        when = datetime.fromisoformat(started)
    except ValueError:
        return started
    return f"{when if when.tzinfo is None else when.astimezone(UTC):%Y-%m-%d %H:%M} UTC"

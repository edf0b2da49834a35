"""The HTML report of a race: one file that opens offline, and needs no script."""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import cache
from typing import Any

from jinja2 import Environment

from whichworker.report import charts, curves, second_stage, standings, timeline, waiting
from whichworker.report.pages import finding_kinds, first_screen, pair_grid, skeleton
from whichworker.result import ArmResult, Result
from whichworker.units import show_bytes, show_clock


def render(result: Result) -> str:
    """The whole report as one HTML document."""
    ranked = standings.standings(result)
    verdict = standings.verdict_of(result)
    advised = result.advice.arm if result.advice else None
    return skeleton.page(
        _environment(),
        "report.html",
        result,
        headline=first_screen.headline(result),
        strength=first_screen.strength(result),
        lead_in=first_screen.lead_in(result),
        costs=first_screen.shown_costs(result),
        steps=first_screen.next_steps(result),
        mattering=finding_kinds.mattering(result.findings, (advised, verdict.leader)),
        ceiling=standings.ceiling_caption(result),
        intervals=standings.interval_caption(ranked),
        sliced=any(arm.windows > arm.launches for arm in result.arms),
        facts=facts(result),
        versions=standings.versions(result),
        ranked=ranked,
        legend=[mark for mark in charts.MARKS if any(one.relation == mark for one in ranked)],
        relative=charts.relative(result),
        scale=charts.speed_scale(result),
        timeline=timeline.timeline(result),
        stretches=timeline.every_stretch(result),
        pairs=pair_grid.sentence(result),
        matrix=pair_grid.matrix(result),
        finalists=curves.finalists(result),
        promises=list(second_stage.promises(result.arms)),
        cores_in_capacity=second_stage.core_speeds(result.arms),
        waiting=waiting.shown(result),
        drawn=_drawn(result),
        bracketed=bool(charts.brackets(result)),
        observed=[one.arm for one in ranked if one.arm.probes is not None],
        explained=[one.arm for one in ranked if one.arm.attribution or one.arm.profile],
        gated=[standing.arm for standing in ranked if standing.arm.gates],
        findings=finding_kinds.grouped(result.findings),
        unranked=unranked(result),
        pythons=pythons(result),
    )


def _drawn(result: Result) -> dict[str, str]:
    """The charts by name; one that would show nothing is empty."""
    return {
        "speed": charts.speed(result),
        "cost": charts.cost(result),
        "timeline": timeline.steadiness(result),
        "latency": curves.latency(result),
    }


@cache
def _environment() -> Environment:
    environment = skeleton.environment()
    environment.globals |= {"meanings": standings.MEANINGS, "words": standings.WORDS}
    environment.filters |= {
        "cores": show_cores,
        "detail": show_detail,
        "settings": show_settings,
    }
    return environment


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
        ("Date", skeleton.show_date(run.started)),
        ("Duration", show_clock(run.seconds)),
        ("Rounds", f"{result.blocks}"),
        ("Version", f"whichworker {run.version}"),
    ]


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

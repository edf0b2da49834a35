"""The leaderboard and the plan, for a terminal: readable without colour, and on a narrow one."""

from __future__ import annotations

import shlex
from collections.abc import Iterable

from rich.console import Console, JustifyMethod, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from whichworker import units
from whichworker.model import Finding, Question
from whichworker.report.advice import print_rest
from whichworker.report.curves import finalists
from whichworker.report.second_stage import print_capacities
from whichworker.result import ArmResult, Estimate, Result

ABSENT = "–"
ROOMY = 100
TIGHT = 88
COLUMNS: tuple[tuple[str, JustifyMethod], ...] = (
    ("rank", "right"),
    ("arm", "left"),
    ("requests/s", "right"),
    ("95 %", "right"),
    ("against it", "left"),
    ("CPU/request", "right"),
    ("memory", "right"),
    ("start", "right"),
)
BROKEN = "capacity-broken"
"""Of a ranked arm, which is not among those without a number below."""
MARKS = {"info": ("i", "cyan"), "warning": ("!", "yellow"), "error": ("x", "red")}


def print_plan(console: Console, question: Question, versions: dict[str, str]) -> None:
    """What is going to be measured, on what, and for how long."""
    app, budget = question.app, question.budget
    origin = app.origin.get("app", "")
    console.print(Text.assemble(("app        ", "dim"), app.name, (f"  {origin}" if origin else "", "dim")))
    console.print(Text.assemble(("workload   ", "dim"), question.workload.name, (f"  {question.workload.title}", "dim")))
    stores = ", ".join(filter(None, (question.database, question.cache and f"cache in {question.cache}")))
    for title, value in (("stores", stores), ("services", "; ".join(question.services.values()))):
        if value:
            console.print(Text.assemble((f"{title:<11}", "dim"), value))
    for title, value in (("python", app.python if app.framework else ""), ("stores", ", ".join(app.databases))):
        if value:
            console.print(Text.assemble((f"{title:<11}", "dim"), value, (f"  {app.origin.get(title, '')}", "dim")))
    cores = f"servers on core {_cores(budget.server_cores)}, generator on core {_cores(budget.generator_cores)}"
    console.print(Text.assemble(("cores      ", "dim"), cores))
    connections = f"{question.connections or 'as many'} connections{'' if question.connections else ' as saturate every arm'}"
    console.print(Text.assemble(("load       ", "dim"), connections, ", closed loop"))
    whole = question.search or budget.seconds
    steps = f", {units.show_clock(budget.seconds)} of it for the servers, the rest for the settings of the best" if question.search else ""
    rule = f"at most {units.show_clock(whole)}{steps}; gaps under {question.delta:.0%} do not matter; error {question.alpha:.0%} in all"
    console.print(Text.assemble(("time       ", "dim"), rule))
    rate = f"your rate is {units.show_rate(question.rate)}/s" if question.rate is not None else ""
    wanted = ", ".join(filter(None, (question.slo.text if question.slo else "", rate)))
    if wanted:
        console.print(Text.assemble(("objective  ", "dim"), wanted))
    console.print(Text.assemble(("arms       ", "dim"), f"{len(question.arms)}"))
    table = Table(box=None, pad_edge=False, show_header=False, padding=(0, 2))
    for arm in question.arms:
        settings = " ".join(f"{name}={value}" for name, value in arm.settings.items())
        table.add_row(Text(arm.name), Text(versions.get(arm.name, ""), "dim"), Text(settings, "dim"))
    console.print(Padding(table, (0, 0, 0, 11), expand=False))


def print_result(console: Console, result: Result) -> None:
    """The answer, the leaderboard, and what else there is to know."""
    console.print()
    if result.validity.state == "invalid":
        console.print(Text("INVALID: this run cannot be believed", "bold red"))
        for reason in result.validity.reasons:
            console.print(Text(f"  {reason}"))
    else:
        console.print(_leaderboard(result, console.width))
        print_capacities(console, result)
        _print_answer(console, result)
    _print_out(console, result)
    print_findings(
        console, [finding for finding in result.findings if finding.arm is None or finding.severity == "warning" or finding.code == BROKEN]
    )


def print_findings(console: Console, findings: Iterable[Finding]) -> None:
    """Findings with their evidence and the cure."""
    for finding in findings:
        mark, style = MARKS[finding.severity]
        console.print(Text.assemble((f"{mark} ", style), finding.text))
        for line in finding.evidence.splitlines()[:6]:
            console.print(Text(f"    {line}", "dim"), overflow="ellipsis", no_wrap=True)
        if finding.hint:
            console.print(Text(f"    hint: {finding.hint}"))


def _leaderboard(result: Result, width: int) -> RenderableType:
    table = Table(box=None, pad_edge=False, header_style="dim", padding=(0, 2 if width >= ROOMY else 1, 0, 0))
    columns = COLUMNS if width >= TIGHT else COLUMNS[:5]
    for name, justify in columns:
        table.add_column(name, justify=justify, no_wrap=True)
    for arm in result.arms:
        if arm.state in ("ranked", "dropped"):
            table.add_row(*map(Text, _row(result, arm)[: len(columns)]), style="bold" if arm.name == result.leader else "")
    return table


def _row(result: Result, arm: ArmResult) -> list[str]:
    speed = arm.throughput_per_second
    return [
        rank(arm),
        arm.name,
        units.show_rate(speed.value) if speed else ABSENT,
        _margin(speed),
        standing(result, arm),
        units.show_seconds(arm.cpu_seconds_per_request) if arm.cpu_seconds_per_request else ABSENT,
        units.show_bytes(arm.memory_bytes) if arm.memory_bytes else ABSENT,
        units.show_seconds(arm.cold_start_seconds) if arm.cold_start_seconds else ABSENT,
    ]


def rank(arm: ArmResult) -> str:
    """`3` or `2-4`: the places the claims leave open."""
    if arm.rank_low is None or arm.rank_high is None:
        return ABSENT
    return str(arm.rank_low) if arm.rank_low == arm.rank_high else f"{arm.rank_low}-{arm.rank_high}"


def standing(result: Result, arm: ArmResult) -> str:
    """What is known of an arm against the leader, in the words of the verdict vocabulary."""
    leader = result.leader
    if arm.name == leader:
        return "fastest"
    for claim in result.claims:
        if (claim.better, claim.worse) == (leader, arm.name):
            return f"{1 / claim.ratio:.2f}x ({1 / claim.high:.2f}-{1 / claim.low:.2f})"
    if any({arm.name, leader} == set(pair) for pair in result.ties):
        return "tie"
    return "dropped" if arm.dropped else "undetermined"


def _print_answer(console: Console, result: Result) -> None:
    console.print()
    if not result.run.finished:
        console.print(Text("interrupted: what stands here is what was measured so far", "yellow"))
    if advice := result.advice:
        console.print(Text.assemble("deploy ", (advice.arm, "bold green"), f": {advice.because}"))
        console.print(Text(f"    {_command(advice.command)}", "dim"), soft_wrap=True)
        if result.app:
            print_rest(console, advice)
            console.print(Text("files to deploy it with: whichworker advise --emit systemd (or gunicorn, docker, procfile, …)", "dim"))
    open_pairs = [pair for pair in result.undetermined if result.leader in pair]
    if open_pairs:
        few = f"about {result.blocks_to_decide} more blocks"
        more = few if result.blocks_to_decide else "more blocks than is sensible, or a larger --delta"
        pairs = "one pair with it is" if len(open_pairs) == 1 else f"{len(open_pairs)} pairs with it are"
        text = f"{pairs} undetermined after {result.blocks} blocks; deciding takes {more}"
        console.print(Text(text))
    if result.question.connections:
        what = "what users wait is told by the capacity" if finalists(result) else "latency under real load is another question"
        text = f"requests/s at saturation with {result.question.connections} connections; {what}"
        console.print(Text(text, "dim"))


def _print_out(console: Console, result: Result) -> None:
    """Arms without a number, and why."""
    for arm in result.arms:
        if arm.state in ("ranked", "dropped"):
            continue
        fact = arm.failures[0].sample if arm.failures else f"only {arm.windows} launches; 4 are needed for a rank"
        first, _, rest = fact.partition("\n")
        console.print(Text.assemble(("x ", "red"), (arm.name, "bold"), f" {arm.state}: {first}"))
        for line in rest.splitlines()[-6:]:
            console.print(Text(f"    {line}", "dim"), overflow="ellipsis", no_wrap=True)


def _margin(estimate: Estimate | None) -> str:
    """How far the 95 % interval reaches at most, as a share of the value."""
    if estimate is None or estimate.low is None or estimate.high is None:
        return ABSENT
    return f"±{max(estimate.high / estimate.value, estimate.value / estimate.low) - 1:.0%}"


def _command(command: Iterable[str]) -> str:
    return shlex.join(command)


def _cores(cores: Iterable[int]) -> str:
    return ",".join(str(core) for core in cores)

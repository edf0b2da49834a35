"""The leaderboard and the plan, for a terminal: readable without colour, and on a narrow one."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby

from rich.console import Console, JustifyMethod
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from whichworker import units
from whichworker.model import Finding, Question, codes
from whichworker.report import standings
from whichworker.report.advice import print_rest
from whichworker.report.pages.finding_kinds import mattering
from whichworker.report.second_stage import print_capacities
from whichworker.report.standings import Standing
from whichworker.report.waiting import print_waits
from whichworker.result import ArmResult, Ratio, Result

ABSENT = "–"
COLUMNS: tuple[tuple[str, JustifyMethod], ...] = (
    ("setup", "left"),
    ("requests/s", "right"),
    ("vs leader", "left"),
    ("verdict", "left"),
    ("rank", "right"),
    ("connections", "right"),
    ("CPU/request", "right"),
    ("memory", "right"),
    ("start", "right"),
    ("interval", "left"),
)
LEAVING = ("interval", "start", "connections", "memory", "CPU/request", "rank", "vs leader")
"""The columns that a narrow terminal leaves out, in this order."""
PICTURE, MOST_SHOWN = 20, 1.5
"""Columns of the picture of an interval, and the ratio at its right edge, if any is as high."""
RANKED_FROM = 4
"""Rounds; see FIRST_DECISION in design/elimination.py."""
STRENGTHS = {
    "clear": "bold green",
    "tied": "bold cyan",
    "undecided": "bold yellow",
    "invalid": "bold red",
}
FAILED = {row.name for row in codes.ARM.values()}
"""A ranked arm can have this finding, and is then not listed below the table."""
MARKS = {"info": ("i", "cyan"), "warning": ("!", "yellow"), "error": ("x", "red")}


def print_plan(console: Console, question: Question, versions: dict[str, str]) -> None:
    """The plan: the contenders, the app, the cores and the time."""
    app, budget = question.app, question.budget
    subject, terms = question.subject, question.terms
    origin = app.origin.get("app", "")
    console.print(
        Text.assemble(("app        ", "dim"), app.name, (f"  {origin}" if origin else "", "dim"))
    )
    console.print(
        Text.assemble(
            ("workload   ", "dim"), question.workload.name, (f"  {question.workload.title}", "dim")
        )
    )
    stores = ", ".join(
        filter(
            None,
            (
                subject.database,
                subject.cache and f"cache in {subject.cache}",
            ),
        )
    )
    for title, value in (
        ("stores", stores),
        ("services", "; ".join(subject.services.values())),
    ):
        if value:
            console.print(Text.assemble((f"{title:<11}", "dim"), value))
    for title, value in (
        ("python", app.python if app.framework else ""),
        ("stores", ", ".join(app.databases)),
    ):
        if value:
            origin = app.origin.get(title, "")
            console.print(
                Text.assemble((f"{title:<11}", "dim"), value, (origin and f"  {origin}", "dim"))
            )
    cores = f"servers on core {_cores(budget.server_cores)},"
    cores += f" generator on core {_cores(budget.generator_cores)}"
    console.print(Text.assemble(("cores      ", "dim"), cores))
    own = "each server setup with the number of connections that saturates it"
    load = f"{terms.connections} connections" if terms.connections else own
    console.print(Text.assemble(("load       ", "dim"), load, ", closed loop"))
    console.print(Text.assemble(("time       ", "dim"), _times(question)))
    rate = f"your rate is {units.show_rate(terms.rate)}/s" if terms.rate is not None else ""
    wanted = ", ".join(filter(None, (terms.slo.text if terms.slo else "", rate)))
    if wanted:
        console.print(Text.assemble(("objective  ", "dim"), wanted))
    _print_setups(console, question, versions)


def _print_setups(console: Console, question: Question, versions: dict[str, str]) -> None:
    """Each contender with its version and settings, and how versions are chosen."""
    resolution = question.terms.resolution
    if resolution.as_of:
        source = "of the lock files," if resolution.locked else "newest"
        when = standings.moment(resolution.as_of)
        console.print(Text.assemble(("versions   ", "dim"), f"{source} as of {when}"))
    console.print(Text.assemble(("setups     ", "dim"), f"{len(question.arms)}"))
    table = Table(box=None, pad_edge=False, show_header=False, padding=(0, 2))
    for arm in question.arms:
        settings = " ".join(f"{name}={value}" for name, value in arm.settings.items())
        mark = f"{settings}  today: {arm.today}" if arm.today else settings
        table.add_row(
            Text(arm.name), Text(versions.get(arm.name, ""), "dim"), Text(mark.strip(), "dim")
        )
    console.print(Padding(table, (0, 0, 0, 11), expand=False))


def _times(question: Question) -> str:
    terms = question.terms
    whole = units.show_clock(question.search or question.budget.seconds)
    servers = units.show_clock(question.budget.seconds)
    if question.search:
        whole += f", {servers} of it for the servers, the rest for the settings of the best"
    if question.waits_seconds:
        whole += f"; then up to {units.show_clock(question.waits_seconds)} for response times"
    return (
        f"at most {whole}; gaps under {terms.delta:.0%} count as ties;"
        f" the chance that any verdict is wrong is at most {terms.alpha:.0%}"
    )


def print_result(console: Console, result: Result, *, full: bool = True) -> None:
    """The verdict and the next step, then the table and the findings.

    Without `full` it fits on a screen: of what else there is to say, the two findings that matter.
    """
    console.print()
    lost = all(arm.state in ("failed", "refused") for arm in result.arms)
    if result.verdict is not None and result.arms and lost:
        console.print(Text(result.verdict.headline, STRENGTHS["invalid"]))
    elif result.validity.state == "invalid":
        console.print(Text("INVALID: do not use this run", STRENGTHS["invalid"]))
        for reason in result.validity.reasons:
            console.print(Text(f"  {reason}"))
    else:
        _print_verdict(console, result)
        _print_board(console, result)
        print_capacities(console, result)
        print_waits(console, result)
        if full:
            _print_advice(console, result)
    if not full:
        _print_most_important(console, result)
        return
    shown = {arm.name for arm in result.arms}
    concerning = [
        finding for finding in result.findings if _concerns_all(finding) or finding.arm not in shown
    ]
    if concerning or any(not arm.is_measured for arm in result.arms):
        console.print()
    _print_out(console, result)
    print_findings(console, concerning)


def _print_most_important(console: Console, result: Result) -> None:
    """The setups without a number, two findings, and the commands that show the rest."""
    console.print()
    out = [arm.name for arm in result.arms if not arm.is_measured]
    if len(out) == len(result.arms):
        _print_out(console, result)
    elif out:
        console.print(Text.assemble(("x ", "red"), f"not ranked: {standings.listed(out)}"))
    chosen = mattering(result.findings, (standings.verdict_of(result).leader,))
    for finding in chosen:
        mark, style = MARKS[finding.severity]
        console.print(Text.assemble((f"{mark} ", style), finding.text))
        if finding.hint:
            console.print(Text(f"    hint: {finding.hint}"))
    rest = len(result.findings) - len(chosen)
    whole = f"whichworker show run {result.run.id} --summary full"
    more = f"{rest} more {'finding' if rest == 1 else 'findings'}, and " if rest else ""
    console.print(Text(f"{more}all details: {whole}", "dim"), soft_wrap=True)
    if result.advice is not None and result.app:
        kinds = "whichworker advise --emit systemd (or gunicorn, docker, procfile, …)"
        console.print(Text(f"the files to deploy: {kinds}", "dim"))


def _concerns_all(finding: Finding) -> bool:
    """Whether a finding is more than the reason why a setup has no number: that has its line."""
    return finding.arm is None or (finding.severity != "info" and finding.code not in FAILED)


def print_findings(console: Console, findings: Iterable[Finding]) -> None:
    """Findings by code: the title once, then each with its evidence and hint."""
    for (severity, title, hint), alike in groupby(
        findings, lambda finding: (finding.severity, finding.title, finding.hint)
    ):
        mark, style = MARKS[severity]
        if title:
            console.print(Text.assemble((f"{mark} ", style), (title, "bold")))
        for finding in alike:
            if not title:
                console.print(Text.assemble((f"{mark} ", style), finding.text))
            else:
                console.print(Text(f"    {finding.detail}"))
            for line in finding.evidence.splitlines()[:6]:
                console.print(Text(f"    {line}", "dim"), overflow="ellipsis", no_wrap=True)
        if hint:
            console.print(Text(f"    hint: {hint}"))


def _print_verdict(console: Console, result: Result) -> None:
    """The verdict, the setup to deploy, and the command that would decide more."""
    verdict = standings.verdict_of(result)
    console.print(Text(verdict.headline, STRENGTHS[verdict.state]))
    tied = standings.tied_arms(result)
    width = max((len(arm.name) for arm in tied), default=0)
    for arm in tied:
        console.print(Text(f"    {arm.name:<{width}}  {_costs(arm)}"))
    if any(finding.code == codes.APP_BUILTIN.name for finding in result.findings):
        elsewhere = "the built-in Django project: no app of yours was found in this folder"
        console.print(Text(f"measured   {elsewhere}", "bold yellow"))
    if not result.run.finished:
        console.print(Text("Interrupted: these are the results so far.", "yellow"))
    if advice := result.advice:
        said = verdict.state == "clear" and result.question.rate_per_second is None
        because = "" if said and advice.arm == verdict.leader else f": {advice.because}"
        console.print(Text.assemble("deploy     ", (advice.arm, "bold green"), because))
        console.print(Text(f"           {shlex.join(advice.command)}", "dim"), soft_wrap=True)
        if advice.today:
            console.print(Text(f"today      {advice.today}"))
    elif result.question.rate_per_second is not None and result.question.slo:
        rate = units.show_rate(result.question.rate_per_second)
        failing = f"no server setup was shown to meet {result.question.slo} at {rate}/s"
        console.print(Text(f"deploy     nothing yet: {failing}", "yellow"))
    if command := standings.resume_command(result):
        console.print(Text.assemble("to decide  ", (command, "bold")), soft_wrap=True)
    elif way := standings.decision_advice(result):
        console.print(Text(f"to decide  {way}"))
    console.print()


def _costs(arm: ArmResult) -> str:
    cpu, memory = arm.cpu_seconds_per_request, arm.memory_bytes
    spent = f"{units.show_seconds(cpu)} of CPU per request" if cpu else "CPU not measured"
    needed = f"{units.show_bytes(memory)} of memory" if memory else "memory not measured"
    return f"{spent}, {needed}"


def _print_board(console: Console, result: Result) -> None:
    ranked = standings.standings(result)
    if not ranked:
        return
    table = leaderboard(ranked, console.width)
    console.print(table)
    for one in ranked:
        for gate in one.arm.spoilt:
            seen = f"{gate.name} {gate.seen:.3g}, at most {gate.limit:.3g} is allowed"
            doubt = f"! {one.arm.name}: do not rely on its numbers: {seen}"
            console.print(Text(doubt, STRENGTHS["undecided"]))
    console.print(Text(standings.ceiling_caption(result), "dim"))
    caption = standings.interval_caption(ranked)
    if caption and any(column.header == "vs leader" for column in table.columns):
        console.print(Text(caption, "dim"))


def leaderboard(ranked: Sequence[Standing], width: int) -> Table:
    """The table with as many of its columns as fit into the width; a long name is folded."""
    titles = [title for title, _ in COLUMNS]
    most = _most_shown(ranked)
    rows = [dict(zip(titles, _row(one, most), strict=True)) for one in ranked]
    widths = {name: max(len(name), *(len(row[name]) for row in rows)) for name in titles}
    needed = [name for name in titles if name != "interval"]
    padding = 2 if _width(widths, needed, 2) <= width else 1
    for name in LEAVING:
        if _width(widths, titles, padding) > width:
            titles.remove(name)
    table = Table(box=None, pad_edge=False, header_style="dim", padding=(0, padding, 0, 0))
    for title, justify in COLUMNS:
        if title in titles:
            folds = title == COLUMNS[0][0]
            header = _axis(most) if title == "interval" else title
            table.add_column(header, justify=justify, no_wrap=not folds, overflow="fold")
    for one, row in zip(ranked, rows, strict=True):
        style = "bold" if one.relation == "leader" else ""
        table.add_row(*(Text(row[title]) for title in titles), style=style)
    return table


def _width(widths: Mapping[str, int], titles: Sequence[str], padding: int) -> int:
    return sum(widths[title] + padding for title in titles) - padding


def _row(one: Standing, most: float) -> list[str]:
    arm, speed = one.arm, one.arm.throughput_per_second
    return [
        f"{arm.name} (today)" if arm.today else arm.name,
        units.show_rate(speed.value) if speed else ABSENT,
        ratio(one.ratio),
        one.word,
        rank(arm),
        str(arm.connections) if arm.connections else ABSENT,
        units.show_seconds(arm.cpu_seconds_per_request) if arm.cpu_seconds_per_request else ABSENT,
        units.show_bytes(arm.memory_bytes) if arm.memory_bytes else ABSENT,
        units.show_seconds(arm.cold_start_seconds) if arm.cold_start_seconds else ABSENT,
        picture(one, most),
    ]


def _most_shown(ranked: Sequence[Standing]) -> float:
    """The ratio at the right edge of the pictures: 1, or more if any interval goes further."""
    ends = (one.ratio.high or one.ratio.value for one in ranked if one.ratio)
    return min(MOST_SHOWN, max(1.0, *ends, 1.0))


def _axis(most: float) -> str:
    """Where no requests and as many as the leader's are in the pictures."""
    one = round((PICTURE - 1) / most)
    return f"{'0x':<{one - 1}}1x".ljust(PICTURE)


def picture(one: Standing, most: float) -> str:
    """`    ──●── ·`: the ratio with its interval, from 0 to `most`; the small dot is the leader."""
    seen = one.ratio
    cells = [" "] * PICTURE

    def place(value: float) -> int:
        return round(min(max(value, 0.0), most) / most * (PICTURE - 1))

    cells[place(1.0)] = "·"
    if seen is not None and seen.low is not None and seen.high is not None:
        for at in range(place(seen.low), place(seen.high) + 1):
            cells[at] = "─"
    if seen is not None or one.relation == "leader":
        cells[place(seen.value if seen else 1.0)] = "●"
    return "".join(cells)


def rank(arm: ArmResult) -> str:
    """`3` or `2-4`: the places the claims leave open."""
    if arm.rank_low is None or arm.rank_high is None:
        return ABSENT
    if arm.rank_low == arm.rank_high:
        return str(arm.rank_low)
    return f"{arm.rank_low}-{arm.rank_high}"


def ratio(seen: Ratio | None) -> str:
    """`0.62x (0.60-0.64)`: throughput over the leader's, with its interval if there is one."""
    if seen is None:
        return ABSENT
    known = seen.low is not None and seen.high is not None
    return f"{seen.value:.2f}x" + (f" ({seen.low:.2f}-{seen.high:.2f})" if known else "")


def _print_advice(console: Console, result: Result) -> None:
    """The rest of the advice for the user's own app."""
    if result.advice is None or not result.app:
        return
    console.print()
    print_rest(console, result.advice)
    kinds = "whichworker advise --emit systemd (or gunicorn, docker, procfile, …)"
    console.print(Text(f"files      {kinds}", "dim"))


def _print_out(console: Console, result: Result) -> None:
    """Setups without a number, and why, unless the app itself is the reason for all of them."""
    of_the_app = {code.name for code in codes.OF_THE_APP}
    if any(finding.code in of_the_app for finding in result.findings):
        return
    for arm in result.arms:
        if arm.is_measured:
            continue
        too_few = f"it had fewer than the {RANKED_FROM} rounds that a rank needs (more --time)"
        fact = arm.failures[0].sample if arm.failures else too_few
        first, _, rest = fact.partition("\n")
        word = {"invalid": "not ranked", "refused": "cannot run"}.get(arm.state, arm.state)
        console.print(Text.assemble(("x ", "red"), (arm.name, "bold"), f" {word}: {first}"))
        for line in rest.splitlines()[-6:]:
            console.print(Text(f"    {line}", "dim"), overflow="ellipsis", no_wrap=True)
        if arm.failures and arm.failures[0].hint:
            console.print(Text(f"    hint: {arm.failures[0].hint}"))


def _cores(cores: Iterable[int]) -> str:
    return ",".join(str(core) for core in cores)

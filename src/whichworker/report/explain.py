"""Workers explained on the terminal: staircases, one table side by side, three sentences each."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

from whichworker.model import Arm
from whichworker.report.terminal import print_findings
from whichworker.result.explain import (
    Ending,
    ExplainedArm,
    ExplainResult,
    KnobEffect,
    Percentile,
    PerRequest,
    Situation,
    SituationName,
    Stair,
    View,
)
from whichworker.units import show_bytes, show_clock, show_seconds

ABSENT = "–"
COLUMNS_AT_ONCE = 4
"""More columns do not fit into 100 characters."""
SITUATIONS: dict[SituationName, str] = {
    "sleeping": "sleep",
    "holding": "C code, lock kept",
    "releasing": "C code, lock given",
}
Row = tuple[str, Callable[[ExplainedArm], str]]


def print_explain(console: Console, result: ExplainResult) -> None:
    """The pictures and the table, four workers at a time, then the sentences and findings."""
    console.print()
    measured = [arm for arm in result.arms if arm.state == "measured"]
    for start in range(0, len(measured), COLUMNS_AT_ONCE):
        arms = measured[start : start + COLUMNS_AT_ONCE]
        for view in views_of(arms):
            console.print(Text(f"{title_of(view)} (one block longer: twice as many)", "bold"))
            console.print(_picture(arms, view))
            console.print()
        console.print(Text("side by side", "bold"))
        console.print(_side_by_side(arms))
        console.print()
    for arm in measured:
        console.print(Text.assemble((arm.name, "bold"), (f"  {settings_of(arm)}", "dim")))
        for sentence in arm.sentences:
            console.print(Text(f"  {sentence.text}"))
        for knob in arm.knobs:
            console.print(Text(f"  {knob.knob}: {knob.text}", "dim"))
    for arm in result.arms:
        if arm.state != "measured":
            first = arm.failures[0].sample.partition("\n")[0] if arm.failures else arm.state
            console.print(Text.assemble((f"{arm.name} could not be measured: ", "red"), first))
    told = {arm.name for arm in result.arms if arm.state != "measured"}
    print_findings(console, [finding for finding in result.findings if finding.arm not in told])


def print_plan(console: Console, arms: Sequence[Arm], seconds_each: float) -> None:
    """The workers to explain, their settings, and the longest time that it takes."""
    for arm in arms:
        settings = " ".join(f"{name}={value}" for name, value in arm.settings.items())
        console.print(Text.assemble((arm.name, "bold"), f"  {settings}"))
    console.print(
        Text(f"at most {show_clock(seconds_each * len(arms))}, after environments are built")
    )


def views_of(arms: Sequence[ExplainedArm]) -> list[View]:
    """The kinds of views that have a staircase."""
    views: tuple[View, ...] = ("sync", "async")
    return [
        view for view in views if any(stair.view == view for arm in arms for stair in arm.staircase)
    ]


def title_of(view: View) -> str:
    """The title of a staircase."""
    kind = "an async" if view == "async" else "a sync"
    return f"requests sent at once to {kind} view that waits, and how many of them overlap"


def bar(count: int) -> str:
    """One bar segment for one, and one more each time the number doubles."""
    return "█" * count.bit_length()


def stairs_of(arm: ExplainedArm, view: View) -> dict[int, Stair]:
    """The stairs of one staircase by how many requests were sent."""
    return {stair.at_once: stair for stair in arm.staircase if stair.view == view}


def _picture(arms: Sequence[ExplainedArm], view: View) -> Table:
    table = _table("at once")
    shown = [arm for arm in arms if stairs_of(arm, view)]
    for arm in shown:
        table.add_column(Text(arm.name), overflow="fold")
    for at_once in sorted({stair for arm in shown for stair in stairs_of(arm, view)}):
        cells = [stairs_of(arm, view).get(at_once) for arm in shown]
        table.add_row(
            f"{at_once:>7}",
            *(f"{bar(cell.overlapped)} {cell.overlapped}" if cell else "" for cell in cells),
        )
    return table


def _side_by_side(arms: Sequence[ExplainedArm]) -> Table:
    table = _table("")
    for arm in arms:
        table.add_column(Text(arm.name), justify="right", overflow="fold")
    for title, show in rows_of(arms):
        table.add_row(title, *(show(arm) for arm in arms))
    return table


def _table(first: str) -> Table:
    table = Table(box=None, pad_edge=False, header_style="dim", padding=(0, 2, 0, 0))
    table.add_column(first, no_wrap=True)
    return table


def rows_of(arms: Sequence[ExplainedArm]) -> list[Row]:
    """The rows of the table; async rows only if an arm has async views."""
    loops = any(
        arm.limit_found_async is not None or arm.overlapped_most_async is not None for arm in arms
    )
    rows: list[Row] = [
        ("settings", settings_of),
        (
            "at once, configured",
            lambda arm: "unbounded" if arm.limit_configured is None else str(arm.limit_configured),
        ),
        ("at once, found", lambda arm: show_limit(arm.limit_found, arm.overlapped_most)),
    ]
    if loops:
        rows.append(
            (
                "at once, async views",
                lambda arm: show_limit(arm.limit_found_async, arm.overlapped_most_async),
            )
        )
    telling: Percentile = (
        "p95" if any(arm.blocking and arm.blocking.telling == "p95" for arm in arms) else "p99"
    )
    rows.append((f"a fast view's {telling}, alone", _latency("alone", None, telling)))
    rows += [
        (f"  beside {words}", _latency(name, "sync", telling)) for name, words in SITUATIONS.items()
    ]
    if loops:
        rows += [
            (f"  {words}, async", _latency(name, "async", telling))
            for name, words in SITUATIONS.items()
        ]
    return [*rows, *_inner_rows(loops), *_ending_rows()]


def _inner_rows(loops: bool) -> Iterator[Row]:
    yield (
        "three 0.1 s waits, threads",
        lambda arm: show_number(
            arm.overlap.by_threads_seconds if arm.overlap else None, show_seconds
        ),
    )
    yield (
        "  gathered, async view",
        lambda arm: show_number(
            arm.overlap.by_gather_seconds if arm.overlap else None, show_seconds
        ),
    )
    yield "patched modules", patched_of
    yield "knobs without effect", knobs_of
    yield (
        "threads of a worker",
        lambda arm: show_number(
            arm.per_worker.threads if arm.per_worker else None, lambda count: f"{count:.0f}"
        ),
    )
    yield (
        "memory of a worker (PSS)",
        lambda arm: show_number(arm.per_worker.pss_bytes if arm.per_worker else None, show_bytes),
    )
    yield (
        "  its own alone (USS)",
        lambda arm: show_number(arm.per_worker.uss_bytes if arm.per_worker else None, show_bytes),
    )
    yield "one more request: threads", lambda arm: _threads_more(arm.per_request)
    yield "  memory", lambda arm: _memory_more(arm.per_request)
    if loops:
        yield "one more async: threads", lambda arm: _threads_more(arm.per_request_async)
        yield "  memory, async", lambda arm: _memory_more(arm.per_request_async)


def _ending_rows() -> Iterator[Row]:
    yield "stop, request in flight", lambda arm: show_ending(arm.stop)
    yield "reload under requests", lambda arm: show_ending(arm.reload)


def settings_of(arm: ExplainedArm) -> str:
    """The settings as you would write them."""
    return " ".join(f"{name}={value}" for name, value in arm.settings.items()) or "none"


def show_limit(found: int | None, most: int | None) -> str:
    """The limit, or the number up to which none was found."""
    if found is not None:
        return str(found)
    return ABSENT if most is None else f"none up to {most}"


def _latency(
    name: SituationName, view: View | None, telling: Percentile
) -> Callable[[ExplainedArm], str]:
    return lambda arm: show_situation(
        arm.blocking.situation(name, view) if arm.blocking else None, telling
    )


def show_situation(found: Situation | None, telling: Percentile) -> str:
    """The percentile, or the kind of the first failure."""
    if found is None:
        return ABSENT
    value = found.at(telling)
    if value is None:
        return found.failures[0].kind if found.failures else ABSENT
    return show_seconds(value)


def show_number(value: float | None, show: Callable[[float], str]) -> str:
    """A number by its own writer, or a dash."""
    return ABSENT if value is None else show(value)


def patched_of(arm: ExplainedArm) -> str:
    """The modules with patched functions."""
    if arm.patched is None:
        return ABSENT
    return " ".join(dict.fromkeys(name.module for name in arm.patched)) or "none"


def knobs_of(arm: ExplainedArm) -> str:
    """The knobs that had no effect."""
    idle = [knob.knob.split()[0] for knob in arm.knobs if knob.effect == "none"]
    return " ".join(idle) or ABSENT


def show_knob(knob: KnobEffect) -> str:
    """A knob and its effect."""
    return f"{knob.knob}: {knob.text}" + (" (declared)" if knob.effect == "declared" else "")


def _threads_more(found: PerRequest | None) -> str:
    return show_number(
        found.threads if found else None,
        lambda count: f"{count:.2g}" if abs(count) >= 0.005 else "0",
    )


def _memory_more(found: PerRequest | None) -> str:
    return show_number(found.uss_bytes if found else None, lambda size: show_bytes(max(0.0, size)))


def show_ending(found: Ending | None) -> str:
    """The end of the request, and the time that it took."""
    if found is None:
        return ABSENT
    return found.outcome + (
        f" in {show_seconds(found.seconds)}" if found.seconds is not None else ""
    )

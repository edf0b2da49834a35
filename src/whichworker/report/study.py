"""A study for the terminal: ours beside theirs, and what cannot be compared."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

from whichworker import units
from whichworker.report.terminal import print_findings
from whichworker.result.study import Cell, StudyResult, StudyRow

ABSENT = "–"
COLUMNS_AT_ONCE = 4
"""More columns do not fit into 100 characters."""
AT_CEILING = "at its ceiling (users or slots ÷ service time) and shows nothing about the server"
MAIN = ("requests per second", "seconds", "iterations per second")
SHORT = {
    "not applicable": ABSENT,
    "not installable": "not installable",
    "wrong answers": "wrong",
    "dead project": "dead",
    "not reached": "no time",
}


def print_study(console: Console, result: StudyResult) -> None:
    """The tables, four columns at a time, then the remarks, cards and conclusions."""
    console.print()
    if result.validity.state == "invalid":
        console.print(Text("INVALID: do not use this study", "bold red"))
        for reason in result.validity.reasons:
            console.print(Text(f"  {reason}"))
    for title, rows in grouped(result.rows):
        for names in _chunks(columns_of(rows), COLUMNS_AT_ONCE):
            console.print(_table(title, rows, names))
            console.print()
    _print_remarks(console, result)
    for card in result.cards:
        console.print(Text(card.arm, "bold"))
        for name, line in card.lines.items():
            console.print(Text.assemble((f"  {name:18}", "dim"), line))
    for line in result.conclusions:
        console.print(Text(f"→ {line}"))
    print_findings(console, result.findings)


def grouped(rows: Sequence[StudyRow]) -> Iterator[tuple[str, list[StudyRow]]]:
    """Rows that have the same columns, in order: one table each, titled by its unit."""
    groups: dict[tuple[tuple[str, str], ...], list[StudyRow]] = {}
    for row in rows:
        groups.setdefault(tuple(columns_of([row])), []).append(row)
    for columns, members in groups.items():
        kinds = list(dict.fromkeys(metric for _, metric in columns))
        yield (
            ", ".join(kinds)
            if len(kinds) <= COLUMNS_AT_ONCE
            else f"{', '.join(kinds[:COLUMNS_AT_ONCE])} …",
            members,
        )


def columns_of(rows: Sequence[StudyRow]) -> list[tuple[str, str]]:
    """The (arm, metric) pairs of a table.

    Every metric if each row is one arm (then no arm is named), otherwise rates only.
    """
    if all(len({cell.arm for cell in row.cells}) == 1 for row in rows):
        return list(dict.fromkeys(("", cell.metric) for row in rows for cell in row.cells))
    seen = dict.fromkeys((cell.arm, cell.metric) for row in rows for cell in row.cells)
    return [pair for pair in seen if pair[1] in MAIN] or list(seen)


def heading(column: tuple[str, str], several: bool) -> str:
    """The title of a column."""
    arm, metric = column
    return f"{arm} {metric}".strip() if several or not arm else arm


def by_column(row: StudyRow) -> dict[tuple[str, str], Cell]:
    """The cells of a row by column; a single arm's cells by metric, too."""
    return {key: cell for cell in row.cells for key in ((cell.arm, cell.metric), ("", cell.metric))}


def _table(title: str, rows: Sequence[StudyRow], names: Sequence[tuple[str, str]]) -> Table:
    several = len({metric for _, metric in names}) > 1
    table = Table(
        box=None,
        pad_edge=False,
        header_style="dim",
        padding=(0, 2, 0, 0),
        title=title,
        title_justify="left",
        title_style="bold",
    )
    table.add_column("")
    for name in names:
        table.add_column(Text(heading(name, several)), justify="right", overflow="fold")
    for row in rows:
        cells = by_column(row)
        table.add_row(
            f"{row.workload} ({row.variant})", *(show_cell(cells.get(name)) for name in names)
        )
    return table


def show_cell(cell: Cell | None) -> Text:
    """Our value with its interval, `=` if it is a ceiling, and the published value in brackets."""
    if cell is None:
        return Text("")
    text = Text(SHORT.get(cell.note, cell.note) if cell.value is None else show_value(cell))
    if cell.value is None and cell.state == "failed":
        text.stylize("red")
    if cell.state == "ceiling":
        text.append("=", "yellow")
    if cell.published is not None:
        text.append(f" ({_number(cell.published, cell.unit)})", "dim")
    return text


def show_value(cell: Cell) -> str:
    """The value with half its interval as a share, if it has one."""
    assert cell.value is not None
    shown = _number(cell.value, cell.unit)
    if cell.low is not None and cell.high is not None and cell.value > 0:
        shown += f" ±{(cell.high - cell.low) / 2 / cell.value:.0%}"
    return shown


def _number(value: float, unit: str) -> str:
    if unit == "s":
        return units.show_seconds(value)
    if unit == "share":
        return f"{value:.1%}"
    if unit == "B/s":
        return f"{units.show_bytes(round(value))}/s"
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def _print_remarks(console: Console, result: StudyResult) -> None:
    remarks = [row for row in result.rows if row.remark]
    if remarks:
        console.print(Text("What was published", "bold"))
    for row in remarks:
        console.print(Text.assemble((f"  {row.workload} ({row.variant}): ", "dim"), row.remark))
    reasons = {
        (cell.arm, cell.note, cell.evidence)
        for row in result.rows
        for cell in row.cells
        if cell.value is None and cell.evidence
    }
    if reasons:
        console.print(Text("Cells without a value", "bold"))
    for arm, note, evidence in sorted(reasons):
        console.print(
            Text.assemble((f"  {arm}: ", "dim"), f"{note}: {evidence.splitlines()[0]}"),
            overflow="ellipsis",
            no_wrap=True,
        )
    if any(cell.state == "ceiling" for row in result.rows for cell in row.cells):
        console.print(
            Text(
                f"= is {AT_CEILING}",
                "dim",
            )
        )


def _chunks(names: Sequence[tuple[str, str]], size: int) -> Iterator[Sequence[tuple[str, str]]]:
    return (names[start : start + size] for start in range(0, len(names), size))

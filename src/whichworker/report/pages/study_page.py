"""A study as a page: Markdown for a repository, one HTML file for anybody."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from whichworker.report import markdown, study_picture
from whichworker.report.pages import finding_kinds, skeleton
from whichworker.report.study import (
    AT_CEILING,
    by_column,
    columns_of,
    grouped,
    heading,
    show_cell,
)
from whichworker.result.study import StudyResult

READING = (
    "Each value is our own ± half of its 95 % interval over launches; the published value is in"
    " brackets. The variance of launches is pooled over the servers of a workload. For workloads"
    " with short response times the servers took turns in slices of tens of milliseconds: the first"
    " responses of each slice were left out, and whole turns of the connections were counted. These"
    " intervals show how the servers differ. They do not include the speed of the core on that day,"
    f" which is the same for all. A value marked = is {AT_CEILING}."
)


def render(result: StudyResult) -> str:
    """One HTML file that opens offline, and needs no script."""
    tables = []
    for title, rows in grouped(result.rows):
        names = columns_of(rows)
        several = len({metric for _, metric in names}) > 1
        body = []
        for row in rows:
            cells = by_column(row)
            body.append(
                (row, [(cells.get(name), show_cell(cells.get(name)).plain) for name in names])
            )
        tables.append((title, [heading(name, several) for name in names], body))
    return skeleton.page(
        skeleton.environment(),
        "study.html",
        result,
        tables=tables,
        reading=READING,
        reasons=list(_reasons(result)),
        picture=study_picture.picture(result),
        findings=finding_kinds.grouped(result.findings),
    )


def render_markdown(result: StudyResult, picture: str = "") -> str:
    """The study as a page, with date, machine and versions; the command writes it.

    `picture` is the file beside it.
    """
    machine = result.machine
    asked = result.question
    lines = [
        f"# {result.title}",
        "",
        (
            f"Written by `{result.run.command}` on {result.run.started[:10]}: {machine.cpu},"
            f" {machine.cores} cores, {machine.system};"
        ),
        (
            f"servers on core {_cores(asked.server_cores)},"
            f" generator and backing services on core {_cores(asked.generator_cores)};"
        ),
        (
            f"{asked.database}, cache in {asked.cache};"
            f" whichworker {result.run.version}, seed {asked.seed}."
        ),
        "",
        READING,
        "",
        *([f"![{result.title}: ours and the published values]({picture})", ""] if picture else []),
    ]
    for title, rows in grouped(result.rows):
        names = columns_of(rows)
        several = len({metric for _, metric in names}) > 1
        lines += [
            f"## {title}",
            "",
            markdown.row(["", *(heading(name, several) for name in names)]),
            markdown.row(["---", *["---:"] * len(names)]),
        ]
        for row in rows:
            cells = by_column(row)
            lines.append(
                markdown.row(
                    [
                        f"{row.workload} ({row.variant})",
                        *(show_cell(cells.get(name)).plain for name in names),
                    ]
                )
            )
        lines.append("")
    lines += _markdown_remarks(result)
    return "\n".join(lines).rstrip() + "\n"


def _markdown_remarks(result: StudyResult) -> Iterator[str]:
    if any(row.remark for row in result.rows):
        yield from ("## What the published values were worth", "")
        yield from (
            f"- **{row.workload} ({row.variant})**: {row.remark}"
            for row in result.rows
            if row.remark
        )
        yield ""
    reasons = list(_reasons(result))
    if reasons:
        yield from ("## Cells without a value", "")
        yield from (f"- `{arm}`: {note}: {evidence}" for arm, note, evidence in reasons)
        yield ""
    if result.cards:
        yield from ("## Card by card", "")
        for card in result.cards:
            yield f"- **{card.arm}**: " + "; ".join(
                f"{name}: {line}" for name, line in card.lines.items()
            )
        yield ""
    if result.conclusions:
        yield from ("## What follows", "")
        yield from (f"- {line}" for line in result.conclusions)


def _cores(cores: Sequence[int]) -> str:
    return ", ".join(map(str, cores))


def _reasons(result: StudyResult) -> Iterator[tuple[str, str, str]]:
    """Why cells have no value: arm, note, and the first line of the evidence, each once."""
    found = dict.fromkeys(
        (cell.arm, str(cell.note), cell.evidence)
        for row in result.rows
        for cell in row.cells
        if cell.value is None and cell.evidence
    )
    return ((arm, note, evidence.splitlines()[0]) for arm, note, evidence in found)

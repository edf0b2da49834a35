"""The page of the matrix: pure text of cells, the disagreements with what was expected among it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from tests.conformance.cells import CELL_SECONDS, PLATFORMS, WORKERS, Cell, Platform
from tests.conformance.expected import EXPECTED, NOT_SENT

from whichworker.conformance.cases import CASES, Outcome, keeps_out
from whichworker.servers import table

LEGEND = """\
✓ correct · ✗ wrong, and it may not race · ! wrong, and only reported · ⧗ no response in time
· – not tested. A WSGI server must serve async views correctly only if they are raced: (✗)."""


def page(cells: Sequence[Cell], arms: Sequence[str], date: str) -> str:
    """The whole page."""
    found = {(cell.arm, cell.platform): cell for cell in cells}
    parts = ["# Conformance\n", _introduction(date), _cases()]
    parts += [_matrix(platform, arms, found) for platform in PLATFORMS]
    parts += [_timeouts(cells), _evidence(cells), _absent(arms, found), _differences(cells)]
    return "\n".join(parts)


def _introduction(date: str) -> str:
    return f"""\
Measured on {date} by `make conformance`, which continues an interrupted measurement. With
`ARMS=waitress,uwsgi PYTHONS=3.12` it measures a part and prints the matrix. Every server ran the
built-in Django project, with {WORKERS} worker processes if it has workers, and otherwise with the
settings of a race; a cell had {CELL_SECONDS:g} s. `whichworker preflight` runs the same cases on
your machine.

Django 5.2 has its own lock file, beside the one with the newest Django for each Python:
`builtin:django@5.2` names that app.
"""


def _cases() -> str:
    rows = ["| case | request | correct | if wrong |", "|---|---|---|---|"]
    rows += [
        f"| {case.name} | {case.title} | {case.right} |"
        f" {'keeps it out of a race' if case.gate else 'is reported'} |"
        for case in CASES
    ]
    return "\n".join(rows) + f"\n\n{LEGEND}\n"


def _matrix(
    platform: Platform, arms: Sequence[str], found: Mapping[tuple[str, Platform], Cell]
) -> str:
    here = [cell for arm in arms if (cell := found.get((arm, platform))) and cell.outcomes]
    title = f"## Django {platform[0]}, Python {platform[1]}\n"
    if not here:
        return f"{title}\nNothing was asked.\n"
    seconds = sum(cell.seconds for cell in here)
    versions = f"Django {here[0].exact_django}, Python {here[0].exact_python}"
    exact = f"{versions}; the cells took {seconds:.0f} s.\n"
    rows = [
        "| server | version | " + " | ".join(case.name for case in CASES) + " |",
        "|---" * (len(CASES) + 2) + "|",
    ]
    rows += [
        f"| {cell.arm} | {cell.version} | "
        + " | ".join(mark(cell, case.name) for case in CASES)
        + " |"
        for cell in here
    ]
    return "\n".join([title, exact, *rows, ""])


def mark(cell: Cell, name: str) -> str:
    """The mark of one case in the matrix, with a word if there is more than one way."""
    outcome, case = cell.outcome(name), next(case for case in CASES if case.name == name)
    if outcome is None or outcome.state == "not applicable":
        return "–"
    if outcome.state == "timeout":
        return "⧗"
    if outcome.state == "passed":
        return f"✓ {outcome.note}".rstrip()
    word = outcome.note or outcome.kind
    if keeps_out(case, outcome, table.load(cell.arm).interface, async_raced=False):
        return f"✗ {word}"
    return f"(✗) {word}" if case.gate and outcome.kind != "slow" else f"! {word}"


def _timeouts(cells: Sequence[Cell]) -> str:
    rows = []
    for cell in cells:
        late = [outcome.case for outcome in cell.outcomes if outcome.state == "timeout"]
        if late:
            rows.append(
                f"| {cell.arm} | {cell.django} | {cell.python} | {', '.join(late)} |"
                f" {cell.seconds:g} |"
            )
    if not rows:
        return "## Timeouts\n\nNone.\n"
    return "\n".join(
        [
            "## Timeouts\n",
            "| server | Django | Python | cases | seconds of the cell |",
            "|---|---|---|---|---|",
            *rows,
            "",
        ]
    )


def _evidence(cells: Sequence[Cell]) -> str:
    """The evidence of each failure, once for all platforms of its kind; the sample is the first."""
    seen: dict[tuple[str, str, str], list[Cell]] = {}
    samples: dict[tuple[str, str, str], str] = {}
    for cell in cells:
        for outcome in cell.outcomes:
            if outcome.state in ("failed", "timeout"):
                key = (cell.arm, outcome.case, outcome.note or outcome.kind)
                seen.setdefault(key, []).append(cell)
                samples.setdefault(key, _one_line(outcome.evidence))
    rows = ["## Evidence\n", "| server | case | | on | sample |", "|---|---|---|---|---|"]
    for (arm, case, word), where in seen.items():
        rows.append(f"| {arm} | {case} | {word} | {_where(where)} | {samples[arm, case, word]} |")
    return "\n".join([*rows, ""])


def _one_line(text: str) -> str:
    line = " ".join(text.split()).replace("|", "\\|")
    return line if len(line) <= 240 else f"{line[:239]}…"


def _where(cells: Sequence[Cell]) -> str:
    return ", ".join(f"{cell.django}/{cell.python}" for cell in cells)


def _absent(arms: Sequence[str], found: Mapping[tuple[str, Platform], Cell]) -> str:
    reasons: dict[tuple[str, str], list[str]] = {}
    for arm in arms:
        for platform in PLATFORMS:
            cell = found.get((arm, platform))
            if cell is None or not cell.outcomes:
                reason = (
                    cell.reason
                    if cell
                    else f"not reached; {opt_in}"
                    if (opt_in := table.load(arm).opt_in)
                    else "not reached"
                )
                reasons.setdefault((arm, _one_line(reason)), []).append("/".join(platform))
    if not reasons:
        return "## Not tested\n\nEvery server was tested everywhere.\n"
    rows = [
        f"| {arm} | {', '.join(places)} | {reason} |" for (arm, reason), places in reasons.items()
    ]
    return "\n".join(
        ["## Not tested\n", "| server | Django/Python | why |", "|---|---|---|", *rows, ""]
    )


WHY = """Why, as far as it is known:

- *head*: Django expects the server to remove the body of a response to HEAD, and these do not.
  Nothing was expected of it before.
- *orm-async*, and every async case of gunicorn-tornado: greenlets and tornado run the app in a
  thread that already has an event loop. So an async view that uses the ORM fails even alone.
- *reload*: "restarts" is a reload without a lost request, but one waited at least half a second for
  the new workers. With one trial, a cell may fall on either side. uvicorn gets no signal, as that
  ends a server with a single process.
- *keep-alive* of uWSGI with gevent: its HTTP/1.1 socket ends its own workers under gevent, so the
  older socket is used, which closes.
- *stop* of peregrine: it sent its response, but still ran when its time was up.
"""


def _differences(cells: Sequence[Cell]) -> str:
    title = "## Where this differs from what was expected\n"
    said = (
        "The expectations come from one trial of each server by hand, before the measurement. They"
        " are in `tests/conformance/expected.py` and are never corrected.\n"
    )
    seen: dict[tuple[str, str, str, str], list[Cell]] = {}
    for cell in cells:
        for case, wanted, got in differences(cell):
            seen.setdefault((cell.arm, case, wanted, got), []).append(cell)
    rows = [
        f"| {arm} | {case} | {wanted} | {got} | {_where(where)} |"
        for (arm, case, wanted, got), where in seen.items()
    ]
    if not rows:
        return f"{title}\n{said}\nNowhere.\n"
    return "\n".join(
        [
            title,
            said,
            "| server | case | expected | seen | on |",
            "|---|---|---|---|---|",
            *rows,
            "",
            WHY,
        ]
    )


def differences(cell: Cell) -> Iterator[tuple[str, str, str]]:
    """Case, expected and actual outcome, where they differ, and each unexpected failure."""
    expected = EXPECTED.get(cell.arm, {})
    for case in CASES:
        outcome = cell.outcome(case.name)
        if outcome is None:
            continue
        wanted, got = expected.get(case.name), _word(outcome)
        if wanted == "fails" and outcome.state in ("failed", "timeout") and outcome.kind != "slow":
            continue
        if wanted is None and case.name not in ("stop", "reload", "chunked", "keep-alive"):
            wanted = "right"
        if wanted is not None and got != wanted:
            yield case.name, wanted, got


def _word(outcome: Outcome) -> str:
    if outcome.state == "not applicable":
        return NOT_SENT
    return outcome.note or outcome.kind or "right"

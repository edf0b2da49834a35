"""Every pair of server setups: counted in a sentence, and as a grid."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations

from whichworker.report import standings
from whichworker.report.standings import Relation
from whichworker.result import Result

MATRIX_LIMIT = 16
"""Columns: a wider matrix is unreadable, and the JSON has every pair."""
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


def sentence(result: Result) -> str:
    """How many pairs have which verdict; empty for fewer than two setups, or without verdicts."""
    names = _names(result)
    if len(names) < 2 or not (result.claims or result.ties or result.undetermined):
        return ""
    relations = [standings.compare(result, *pair)[0] for pair in combinations(names, 2)]
    pairs = "1 pair" if len(relations) == 1 else f"{len(relations)} pairs"
    counts = (
        (sum(relation in ("faster", "slower") for relation in relations), "decided"),
        (relations.count("tie"), "tied"),
        (relations.count("undetermined"), "not decided"),
        (relations.count("open"), "without a verdict"),
    )
    parts = [f"{count} {word}" for count, word in counts if count]
    listed = parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"
    only = "This race makes claims about the leader only."
    return f"{pairs} of server setups: {listed}." + (
        f" {only}" if counts[-1][0] and result.question.claims == "leader" else ""
    )


def matrix(result: Result) -> tuple[MatrixRow, ...]:
    """Every ranked setup against every other; empty for one, for too many, or without verdicts."""
    names = _names(result)
    if len(names) > MATRIX_LIMIT or not sentence(result):
        return ()
    return tuple(
        MatrixRow(
            chr(ord("A") + number),
            name,
            tuple(None if name == other else _cell(result, name, other) for other in names),
        )
        for number, name in enumerate(names)
    )


def _names(result: Result) -> list[str]:
    return [standing.arm.name for standing in standings.standings(result)]


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

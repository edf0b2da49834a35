"""The result of a study: published tables, and what is measured here beside them."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, Struct

from whichworker.model import Finding, Machine, Resolution
from whichworker.result.envelope import SCHEMA, Run, Validity

CellState = Literal["measured", "ceiling", "failed", "absent"]
Note = Literal[
    "",
    "not applicable",
    "not installable",
    "wrong answers",
    "at its ceiling",
    "dead project",
    "not reached",
]


class Cell(Struct, frozen=True, kw_only=True):
    """One number of a table, ours beside theirs.

    `low` and `high` bound a 95 % interval; its variance is pooled over the cells of the workload.
    Null: too few launches.
    """

    arm: str
    metric: str
    unit: str
    published: float | None = None
    value: float | None = None
    low: float | None = None
    high: float | None = None
    ceiling: Annotated[
        float | None,
        Meta(
            description="no closed loop of these users can be faster: users ÷ service time (Little)"
        ),
    ] = None
    state: CellState = "measured"
    note: Note = ""
    evidence: str = ""
    launches: int = 0
    interval: Annotated[
        Literal["launches", "side by side"],
        Meta(
            description="side by side: it compares the cells of a row; "
            "the level that all of them share is not in it"
        ),
    ] = "launches"


class StudyRow(Struct, frozen=True, kw_only=True):
    """One row: a workload in one form; `remark` judges the published values in a sentence."""

    workload: str
    variant: str
    cells: tuple[Cell, ...]
    remark: str = ""


class Card(Struct, frozen=True, kw_only=True):
    """The conclusions on one arm, each line derived from numbers of the rows."""

    arm: str
    lines: dict[str, str]


class AskedStudy(Struct, frozen=True, kw_only=True):
    """How it was measured, as far as it decides what the numbers mean."""

    quick: bool
    as_published: bool
    seed: int
    time_seconds: float
    server_cores: tuple[int, ...]
    generator_cores: tuple[int, ...]
    database: str = "sqlite"
    cache: str = "memory"
    resolution: Annotated[
        Resolution | None,
        Meta(description="how versions were to be chosen; null in older runs"),
    ] = None


class StudyResult(Struct, frozen=True, kw_only=True):
    """The whole of a study."""

    schema: str = SCHEMA
    kind: Literal["study"] = "study"
    study: str
    title: str
    question: AskedStudy
    machine: Machine
    run: Run
    validity: Validity
    findings: tuple[Finding, ...] = ()
    rows: tuple[StudyRow, ...] = ()
    cards: tuple[Card, ...] = ()
    conclusions: tuple[str, ...] = ()

"""What a study measures: stands (one arm serving one app), and what each of their launches is asked."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from msgspec import Struct

from whichworker.bench.running import Bench
from whichworker.model import Arm, Session, Workload


class StandAsk(Struct, frozen=True, kw_only=True):
    """One thing asked of a launch. `service_seconds` is how long the work itself takes, whatever serves it.

    The flow is even after a stagger and one service time, so a window may begin there: no wave starts in it. A window is made longer,
    up to `longest_seconds`, until it holds `FEWEST_ANSWERS`. An `overfull` one keeps all its users even where the arm has fewer slots:
    what they wait is what is asked. Without `keep_alive` each request has a connection of its own. Without
    `drain` a window ends with whatever is in flight; such an ask comes late in its launch.
    """

    key: str
    workload: Workload
    users: int
    sessions: tuple[Session, ...] = ()
    service_seconds: float = 0.0
    window_seconds: float = 0.5
    longest_seconds: float = 6.0
    settle_seconds: float = 0.15
    deadline_seconds: float = 60.0
    launches: int = 3
    upstream: bool = False
    overfull: bool = False
    keep_alive: bool = True
    drain: bool = True


def cell_name(stand: str, ask: str) -> str:
    """What a cell is called in a journal, where slices have no place for an ask of its own."""
    return f"{stand}: {ask}"


class Stand(Struct, frozen=True, kw_only=True):
    """An arm on an app: one launch of it in each block is asked everything in `asks`."""

    key: str
    app: str
    arm: Arm
    asks: tuple[StandAsk, ...]


class Absent(Struct, frozen=True, kw_only=True):
    """A stand that cannot be measured here: a note of the closed list, and the evidence."""

    stand: str
    note: str
    evidence: str


class StudyPlan(Struct, frozen=True, kw_only=True):
    """Stands with environments, those without, and the folder the run is kept in."""

    study: str
    stands: tuple[Stand, ...]
    benches: Mapping[str, Bench]
    absent: tuple[Absent, ...]
    folder: Path
    seed: int
    seconds: float
    fixed_order: bool = False
    resumed: bool = False

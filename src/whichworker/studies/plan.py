"""The plan of a study: stands (one arm serving one app), and the asks of each of their launches."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from msgspec import Struct

from whichworker.bench.running import Bench
from whichworker.model import Arm, Session, Workload


class StandAsk(Struct, frozen=True, kw_only=True):
    """One measurement of a launch. `service_seconds` is the time of the work on any server.

    The flow is even after a stagger and one service time, so a window may begin then without a
    wave. A window is extended up to `longest_seconds` until it has `FEWEST_ANSWERS` responses. An
    `overfull` ask keeps all its users even if the arm has fewer slots: it measures their waiting.
    Without `keep_alive` each request has a connection of its own. Without `drain` a window ends
    with requests in flight; such an ask comes late in its launch.
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
    """The name of a cell in a journal, whose slices have no field for an ask."""
    return f"{stand}: {ask}"


class Stand(Struct, frozen=True, kw_only=True):
    """An arm on an app: one launch of it in each pass measures all of `asks`."""

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
    """Stands with environments, stands without, and the folder of the run."""

    study: str
    stands: tuple[Stand, ...]
    benches: Mapping[str, Bench]
    absent: tuple[Absent, ...]
    folder: Path
    seed: int
    seconds: float
    fixed_order: bool = False
    resumed: bool = False

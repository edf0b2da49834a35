"""The part that all results share: the run, its validity, and the form of an estimate."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, Struct

SCHEMA = "urn:whichworker:result:1"


class Estimate(Struct, frozen=True, kw_only=True):
    """A value with its 95 % interval; `low` and `high` are null where the sample supports none."""

    value: float
    low: float | None = None
    high: float | None = None


class Validity(Struct, frozen=True, kw_only=True):
    """Whether the run may be believed, and if not, why."""

    state: Literal["valid", "invalid"]
    reasons: tuple[str, ...] = ()


class Run(Struct, frozen=True, kw_only=True):
    """The identity of this run, and the command that started it."""

    id: str
    started: Annotated[str, Meta(description="ISO 8601, UTC")]
    command: str
    version: str
    seconds: float
    finished: Annotated[
        bool, Meta(description="false where the run was interrupted and can be resumed")
    ]

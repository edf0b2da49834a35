"""The lines of a journal."""

from __future__ import annotations

import msgspec
from msgspec import Struct

from whichworker.model import Environment, Failure, Finding, Machine, Question, Reading


class Header(Struct, frozen=True, kw_only=True, tag="header", tag_field="record"):
    """The first line: what was asked, where, by what; the plan digest guards a resumed run."""

    run: str
    started: str
    version: str
    command: str
    digest: str
    machine: Machine
    question: Question
    environments: dict[str, Environment]


class Prepared(Struct, frozen=True, kw_only=True, tag="prepared", tag_field="record"):
    """The preflight of one arm: what it costs to start, how many connections saturate it, how long a window must be."""

    arm: str
    ladder: dict[int, float]
    response_seconds: float
    cold_start_seconds: float
    command: tuple[str, ...]


class Failed(Struct, frozen=True, kw_only=True, tag="failed", tag_field="record"):
    """An arm that will not be measured (any more), and why."""

    arm: str
    failures: tuple[Failure, ...]
    refused: bool = False
    block: int | None = None


class Settled(Struct, frozen=True, kw_only=True, tag="settled", tag_field="record"):
    """What the preflight decided for the race: contenders, connections, the length of each arm's window, whose twin runs along."""

    contenders: tuple[str, ...]
    connections: int
    window_seconds: dict[str, float]
    twin_of: str
    too_slow: tuple[str, ...] = ()


class Window(Struct, frozen=True, kw_only=True, tag="window", tag_field="record"):
    """One window of one arm in one block; `arm` is the twin's name for the twin."""

    block: int
    arm: str
    reading: Reading


class BlockEnd(Struct, frozen=True, kw_only=True, tag="block", tag_field="record"):
    """A block that was measured whole, or was cut short and does not count."""

    number: int
    abandoned: bool = False


class Noted(Struct, frozen=True, kw_only=True, tag="finding", tag_field="record"):
    """A finding made on the way."""

    finding: Finding


class Session(Struct, frozen=True, kw_only=True, tag="session", tag_field="record"):
    """One stretch of measuring: a run that was resumed has several. `ended` is finished or interrupted; absent after a crash."""

    seconds: float
    ended: str


class StudyHeader(Struct, frozen=True, kw_only=True, tag="study", tag_field="record"):
    """The first line of a study; `digest` covers what is measured and the versions it is measured with."""

    run: str
    started: str
    version: str
    command: str
    digest: str
    machine: Machine
    study: str
    options: dict[str, str | int | float | bool]


class StandWindow(Struct, frozen=True, kw_only=True, tag="stand", tag_field="record"):
    """One window of one stand (an arm on an app) in a study."""

    block: int
    stand: str
    ask: str
    reading: Reading


class StandFailed(Struct, frozen=True, kw_only=True, tag="stand-failed", tag_field="record"):
    """A window that failed; with an empty `ask`, a launch that did."""

    block: int
    stand: str
    ask: str
    failures: tuple[Failure, ...]


class ClientRun(Struct, frozen=True, kw_only=True, tag="client", tag_field="record"):
    """One run of an HTTP client in a process of its own: seconds for so many answers, all of them right."""

    client: str
    manner: str
    column: str
    seconds: float
    answers: int


Record = Header | Prepared | Failed | Settled | Window | BlockEnd | Noted | Session | StudyHeader | StandWindow | StandFailed | ClientRun

decoder: msgspec.json.Decoder[Record] = msgspec.json.Decoder(Record)

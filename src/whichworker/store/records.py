"""The lines of a journal."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

import msgspec
from msgspec import Meta, Struct

import whichworker
from whichworker import foreign, redaction
from whichworker.model import (
    Environment,
    Failure,
    Finding,
    Machine,
    Question,
    Reading,
    Subject,
    Terms,
)
from whichworker.result import Run, Searched
from whichworker.store.open_loop import Paced, Shot, Sought, Unpaced, Unsought


class RunFacts(Struct, frozen=True, kw_only=True):
    """The identity and origin of a run; `digest` covers the plan and versions, for resuming."""

    run: str
    started: str
    version: str
    command: str
    digest: str
    machine: Machine

    def run_of(self, sessions: Sequence[RunSession]) -> Run:
        """The run as results have it, after these sessions, judged by this version."""
        return Run(
            id=self.run,
            started=self.started,
            command=self.command,
            version=whichworker.__version__,
            seconds=sum(session.seconds for session in sessions),
            finished=bool(sessions) and sessions[-1].ended == "finished",
        )


class Header(RunFacts, frozen=True, kw_only=True, tag="header", tag_field="record"):
    """The first line: the question, and the environments."""

    question: Question
    environments: dict[str, Environment]


class Prepared(Struct, frozen=True, kw_only=True, tag="prepared", tag_field="record"):
    """The facts about an arm before the race: its start, its connections, and its slice.

    `ladder` is responses per second by number of connections; `connections` of them saturate it.
    `profile` is the rate turn by turn since a slice began, relative to its second half: it decides
    how much of a slice must not count. `idle_share` is the part of a core that it uses without
    requests. `most_connections` is a limit that the load has shown (`Overloaded`), if any.
    `warm_up_seconds` and `steady` are from journals older than slices.
    """

    arm: str
    ladder: dict[int, float]
    response_seconds: float
    cold_start_seconds: float
    command: tuple[str, ...]
    warm_up_seconds: float | None = None
    steady: bool = True
    connections: int | None = None
    profile: tuple[float, ...] = ()
    idle_share: float | None = None
    most_connections: int | None = None


class Overloaded(Struct, frozen=True, kw_only=True, tag="overloaded", tag_field="record"):
    """How an arm failed with this many connections; it is tried again with fewer."""

    arm: str
    connections: int
    failures: tuple[Failure, ...]


class Failed(Struct, frozen=True, kw_only=True, tag="failed", tag_field="record"):
    """An arm that is out, and why; `alone` if it failed before there was any load.

    `changed` is not empty if the app's page changed by itself, and says how.
    """

    arm: str
    failures: tuple[Failure, ...]
    refused: bool = False
    alone: bool = False
    changed: str = ""
    block: int | None = None


Count = Annotated[int, Meta(ge=0, le=10**15)]
Seconds = Annotated[float, Meta(ge=1e-9, le=1e12)]
"""Bounds that no measurement reaches, so that rates are finite."""


class Part(Struct, frozen=True):
    """The load of an arm in a slice: its connections, and responses without and with counting."""

    connections: int
    uncounted: int
    counted: int
    seconds: float


class Settled(Struct, frozen=True, kw_only=True, tag="settled", tag_field="record"):
    """The plan of the race: contenders, the arm with a twin, and those alive together.

    `heats` are alive together (none: all at once), `reason` says why there are several. `parts` are
    the slices of each arm, and `connections` the most of any. `last_look`: half of α is kept for
    the look when the time is over (False in older journals). `window_seconds` and `too_slow` are
    from journals older than slices.
    """

    contenders: tuple[str, ...]
    connections: int
    window_seconds: dict[str, float]
    twin_of: str
    too_slow: tuple[str, ...] = ()
    parts: dict[str, Part] = {}
    heats: tuple[tuple[str, ...], ...] = ()
    reason: str = ""
    last_look: bool = False


class TimeUp(Struct, frozen=True, kw_only=True, tag="time-up", tag_field="record"):
    """The planned time of the race was over before everything was decided."""

    rounds: int


class Launched(Struct, frozen=True, kw_only=True, tag="launched", tag_field="record"):
    """A launch of an arm (or of the twin), and the seconds to its first correct response."""

    arm: str
    generation: int
    cold_start_seconds: float


class Slice(Struct, frozen=True, kw_only=True, omit_defaults=True, tag="slice", tag_field="record"):
    """Tens of milliseconds in which one launch is loaded and the others are idle.

    `requests` were counted in `seconds`; `responses`, with the uncounted ones, came in
    `whole_seconds` and took `server_cpu_seconds` of the server's process tree. `at` is the middle
    of the counted part in seconds of CLOCK_MONOTONIC. `turn_seconds` is the time of a turn of the
    thermometer meanwhile, `foreign_share` the part of the cores that others used. A `refused` slice
    does not count; `repeats` were refused before this one; `lost` is the last attempt.
    """

    round: int
    place: int
    arm: str
    generation: int
    requests: Count
    seconds: Seconds
    responses: Count
    whole_seconds: Seconds
    at: float
    server_cpu_seconds: float | None = None
    generator_cpu_seconds: float = 0.0
    turn_seconds: float | None = None
    foreign_share: float | None = None
    repeats: int = 0
    refused: str = ""
    lost: bool = False


class RoundEnd(Struct, frozen=True, kw_only=True, tag="round", tag_field="record"):
    """The end of a round, and its time; an abandoned one was cut short and does not count."""

    number: int
    seconds: float = 0.0
    abandoned: bool = False


class Left(Struct, frozen=True, kw_only=True, tag="left", tag_field="record"):
    """A launch that was stopped, and what there is to report of it as a whole."""

    arm: str
    generation: int
    findings: tuple[Finding, ...] = ()


class Window(Struct, frozen=True, kw_only=True, tag="window", tag_field="record"):
    """A longer stretch of load on one launch, for latency, memory and threads.

    In journals older than slices, a block of such windows, each on its own launch, is a round.
    """

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


class RunSession(Struct, frozen=True, kw_only=True, tag="session", tag_field="record"):
    """One stretch of measuring; `ended` is finished or interrupted, absent after a crash.

    A resumed run has several.
    """

    seconds: float
    ended: str


class FirstStep(Struct, frozen=True, kw_only=True, tag="first_step", tag_field="record"):
    """The result of the first step of a search, at the begin of the second."""

    searched: tuple[Searched, ...]


class Profiled(Struct, frozen=True, kw_only=True, tag="profiled", tag_field="record"):
    """Samples of a finalist under full load: the share of each innermost function, and the lock's.

    `loop_lag_seconds` is how late the event loop was (p50, p99), None without asyncio's loop.
    """

    arm: str
    samples: int
    functions: dict[str, float]
    lock_share: float | None
    loop_lag_seconds: tuple[float, float] | None = None


class StudyHeader(RunFacts, frozen=True, kw_only=True, tag="study", tag_field="record"):
    """The first line of a study."""

    study: str
    options: dict[str, Any]


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
    """One run of an HTTP client in its own process: the seconds for `answers` correct responses."""

    client: str
    manner: str
    column: str
    seconds: float
    answers: int


OfRaces = (
    FirstStep
    | Header
    | Prepared
    | Overloaded
    | Failed
    | Settled
    | Launched
    | Slice
    | TimeUp
    | RoundEnd
    | Left
    | Window
    | BlockEnd
    | Sought
    | Shot
    | Paced
    | Unpaced
    | Unsought
    | Profiled
)
Record = OfRaces | Noted | RunSession | StudyHeader | StandWindow | StandFailed | ClientRun

_decoder: msgspec.json.Decoder[Record] = msgspec.json.Decoder(Record)
PARTS: tuple[tuple[str, type[Struct]], ...] = (("subject", Subject), ("terms", Terms))


def encode(record: Record) -> bytes:
    """One line without secrets and bodies; the parts of a question stand side by side."""
    if not isinstance(record, Header):
        return redaction.encode(record)
    redaction.spare_literals(Header)
    told = msgspec.structs.replace(record, question=_digested(record.question))
    whole = msgspec.to_builtins(told, builtin_types=(bytes,))
    return redaction.encode({**whole, "question": _flat(whole["question"])})


def decode(line: bytes) -> Record:
    """The record of a line; raises Unreadable for one that is not of this version."""
    if not line.startswith(b'{"record":"header"'):
        return foreign.json_by(_decoder, line)
    fields = foreign.json_in(line, dict[str, Any])
    asked = foreign.fitted(fields.get("question"), dict[str, Any])
    for name, part in PARTS:
        asked[name] = {key: asked.pop(key) for key in part.__struct_fields__ if key in asked}
    return foreign.fitted({**fields, "question": asked}, Header)


def flat(question: Question) -> dict[str, Any]:
    """A question with the fields of its parts beside its own, as in the journal and the digest."""
    return _flat(msgspec.to_builtins(_digested(question)))


def _digested(question: Question) -> Question:
    """The question without the app's pages: a correct body is kept as digest and length."""
    subject = question.subject
    told = msgspec.structs.replace(subject, workload=subject.workload.digested)
    return msgspec.structs.replace(question, subject=told)


def _flat(fields: dict[str, Any]) -> dict[str, Any]:
    for name, _ in PARTS:
        fields = {**fields, **fields[name]}
        del fields[name]
    return fields

"""The findings of a run, beside its numbers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import msgspec

from whichworker.design.elimination import FIRST_DECISION
from whichworker.design.heats import MOST_IDLE_SHARE
from whichworker.design.rounds import TWIN
from whichworker.design.validity import MOST_FOREIGN, THROTTLED
from whichworker.judge.diagnosis import diagnose, distrust, refusal_of_app
from whichworker.judge.slices import Sliced
from whichworker.model import Failure, Finding, Question, codes
from whichworker.result import Twin, Validity
from whichworker.store.journal import Journal
from whichworker.store.records import (
    Failed,
    Header,
    Left,
    Noted,
    Overloaded,
    Prepared,
    Settled,
    Slice,
    Window,
)


def run_findings(
    journal: Journal, twin: Twin | None, validity: Validity, sliced: Sliced
) -> Iterator[Finding]:
    """Of the run as a whole, of arms that failed, and of launches."""
    header = journal.header()
    yield from (record.finding for record in journal.of(Noted))
    refusal = refusal_of_app(header.question, journal.of(Failed))
    if refusal is not None:
        yield refusal
    for record in journal.of(Failed) if refusal is None else ():
        if record.arm == TWIN and twin is not None:
            yield codes.TWIN_FAILED.finding(
                f"The control copy of {twin.arm} failed, so nothing checked the machine after that",
                arm=twin.arm,
                evidence=record.failures[0].sample,
            )
            continue
        for failure in record.failures:
            yield _failure(record, failure)
        if distrusted := distrust(header.question, record):
            yield distrusted
        if not record.alone and not header.question.app.is_builtin:
            yield from diagnose(header.question, record, _sent(journal, record.arm))
    yield from _overloads(header.question, journal)
    yield from _launch_findings(journal, sliced, twin.arm if twin is not None else "")
    if twin is not None and twin.blocks < FIRST_DECISION and validity.state == "valid":
        yield codes.TWIN_SHORT.finding(
            f"The control copy of {twin.arm} had only {twin.blocks} rounds: too few to show"
            " that this machine treats equal servers alike"
        )
    yield from _undated(header)
    repeats = sum(record.reading.repeats for record in journal.of(Window))
    refused = [record for record in journal.of(Slice) if record.refused]
    if refused or repeats:
        hint = codes.CPU_QUOTA.cure if _throttled(refused) else None
        yield codes.WINDOWS_REFUSED.finding(_disturbed(refused, repeats), hint=hint)
    yield from _settled_findings(journal)


def _sent(journal: Journal, arm: str) -> int | None:
    """The requests at once of an arm's slices; None if windows for a capacity sent others, too."""
    terms = journal.header().question.terms
    if terms.ask_for_capacity:
        return None
    known = [record.connections for record in journal.of(Prepared) if record.arm == arm]
    return terms.connections or (known[-1] if known else None)


def _undated(header: Header) -> Iterator[Finding]:
    """The arms whose versions no date can repeat."""
    names = [
        name
        for name, environment in header.environments.items()
        if environment.resolution is not None and environment.resolution.as_of is None
    ]
    if names:
        yield codes.UPLOAD_TIMES_MISSING.finding(
            f"The package index gives no upload times: {', '.join(names)} got the newest versions"
        )


def _overloads(question: Question, journal: Journal) -> Iterator[Finding]:
    """Setups that were measured with fewer connections, each with the cause of it, if known."""
    known = {record.arm: record.most_connections for record in journal.of(Prepared)}
    last = {record.arm: record for record in journal.of(Overloaded)}
    for name, record in last.items():
        if most := known.get(name):
            fact, _, rest = record.failures[0].sample.partition("\n")
            few = f"{most} connection{'s' if most > 1 else ''}"
            text = f"{name} has at most {few}, as it failed with"
            text += f" {record.connections}: {fact}"
            yield codes.FEWER_CONNECTIONS.finding(text, arm=name, evidence=rest)
            for finding in diagnose(question, record, record.connections):
                yield msgspec.structs.replace(finding, severity="warning")


def _disturbed(refused: Sequence[Slice], repeats: int) -> str:
    """How many slices were measured again and why; `repeats` are of an older journal's windows."""
    shares = [one.foreign_share for one in refused if (one.foreign_share or 0.0) > MOST_FOREIGN]
    known = [share for share in shares if share is not None]
    count = f"{len(refused) + repeats} slices"
    if _throttled(refused):
        return f"{count}: {THROTTLED}"
    if len(known) < len(refused) + repeats:
        return f"{count}: other processes used the cores"
    low, high = f"{100 * min(known):.0f}", f"{100 * max(known):.0f}"
    seen = low if low == high else f"{low}-{high}"
    return (
        f"{count}: other processes used {seen} % of the servers' cores"
        f" (limit {100 * MOST_FOREIGN:.0f} %)"
    )


def _throttled(refused: Sequence[Slice]) -> bool:
    return any(one.refused == THROTTLED for one in refused)


def _launch_findings(journal: Journal, sliced: Sliced, twin_of: str) -> Iterator[Finding]:
    """Facts about launches, once for each arm, with the number of launches that they apply to."""
    found: dict[tuple[str, str], list[Finding]] = {}
    for record in journal.records:
        told = (
            record.reading.findings
            if isinstance(record, Window)
            else record.findings
            if isinstance(record, Left)
            else ()
        )
        for finding in told:
            assert isinstance(record, Window | Left)
            found.setdefault(
                (twin_of if record.arm == TWIN else record.arm, finding.code), []
            ).append(finding)
    for (name, _), findings in found.items():
        if name:
            launches = max(len(findings), sliced.launches.get(name, 0))
            text = f"{name}, in {len(findings)} of {launches} launches: {findings[-1].text}"
            yield msgspec.structs.replace(findings[-1], arm=name, text=text)


def _failure(record: Failed, failure: Failure) -> Finding:
    fact, _, rest = failure.sample.partition("\n")
    code = codes.ARM["refused" if record.refused else failure.kind]
    return code.finding(
        f"{record.arm}: {fact}", arm=record.arm, evidence=rest, hint=failure.hint or None
    )


def _settled_findings(journal: Journal) -> Iterator[Finding]:
    """Why not all arms were alive together, and which of them use a core while idle."""
    settled = next(journal.of(Settled), None)
    if settled is not None and settled.heats:
        text = f"The server setups raced in {len(settled.heats)} groups: {settled.reason}"
        yield codes.HEATS.finding(text)
    for record in journal.of(Prepared):
        if (record.idle_share or 0.0) > MOST_IDLE_SHARE:
            text = f"{record.arm} uses {record.idle_share:.0%} of a core without any requests"
            yield codes.BUSY_WHILE_IDLE.finding(text, arm=record.arm)

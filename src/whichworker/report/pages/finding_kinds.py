"""Findings of a page, grouped: by severity, then by kind, and the two that matter most."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from whichworker.model import Finding

SEVERITIES = (("error", "Errors"), ("warning", "Warnings"), ("info", "Notes"))
ORDER = tuple(severity for severity, _ in SEVERITIES)
MATTERING = 2
"""Findings beside the verdict: more would hide it."""


@dataclass(frozen=True)
class FindingKind:
    """The findings of one code with the same title; `hint` is empty if theirs differ."""

    code: str
    title: str
    hint: str
    findings: tuple[Finding, ...]


@dataclass(frozen=True)
class SeverityGroup:
    """The kinds of findings that are equally grave."""

    severity: str
    heading: str
    kinds: tuple[FindingKind, ...]
    count: int


def grouped(findings: Sequence[Finding]) -> list[SeverityGroup]:
    """The most severe first, without empty groups."""
    groups = []
    for severity, heading in SEVERITIES:
        own = [finding for finding in findings if finding.severity == severity]
        if own:
            groups.append(SeverityGroup(severity, heading, _kinds(own), len(own)))
    return groups


def _kinds(findings: Iterable[Finding]) -> tuple[FindingKind, ...]:
    alike: dict[tuple[str, str], list[Finding]] = {}
    for finding in findings:
        alike.setdefault((finding.code, finding.title), []).append(finding)
    return tuple(
        FindingKind(code, title, _shared_hint(members), tuple(members))
        for (code, title), members in alike.items()
    )


def _shared_hint(findings: Sequence[Finding]) -> str:
    hints = {finding.hint for finding in findings}
    return hints.pop() if len(hints) == 1 else ""


def mattering(findings: Sequence[Finding], concerned: Iterable[str | None]) -> list[Finding]:
    """The gravest errors and warnings; of equal ones first those of the run or of `concerned`.

    Only one of each kind: the second says little more.
    """
    near = {None, *concerned}
    grave = [finding for finding in findings if finding.severity != "info"]
    order = sorted(
        grave, key=lambda finding: (ORDER.index(finding.severity), finding.arm not in near)
    )
    first_of_kind = {finding.code: finding for finding in reversed(order)}
    return [finding for finding in order if first_of_kind[finding.code] is finding][:MATTERING]

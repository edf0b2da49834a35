"""A finding, and the row of the table (`model.codes`) that its code names."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

Severity = Literal["info", "warning", "error"]


class Finding(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A fact worth reporting: found in one room, rendered in another, never printed where found.

    Journals and results older than `title` have none.
    """

    code: str
    severity: Severity
    text: str
    evidence: str = ""
    hint: str = ""
    arm: str | None = None
    title: str = ""

    @property
    def detail(self) -> str:
        """The text beyond the title."""
        return self.text.removeprefix(f"{self.title}. ")


class Code(Struct, frozen=True):
    """A row of the table: what a finding of this code means, why it matters and what to do.

    Its page is `docs/reference/findings/<name>.md`. `severity` is the gravest that such a finding
    has. `cure` is empty if there is nothing to do.
    """

    name: str
    severity: Severity
    title: str
    why: str
    cure: str = ""

    def finding(
        self,
        text: str = "",
        *,
        arm: str | None = None,
        evidence: str = "",
        hint: str | None = None,
        severity: Severity | None = None,
    ) -> Finding:
        """A finding of this code. By default the text is title and reason, the hint is the cure.

        A lower `severity` is for a reading that is within its limits, so it has no cure by default.
        """
        lowered = severity not in (None, self.severity)
        return Finding(
            code=self.name,
            severity=severity or self.severity,
            title=self.title,
            text=text or f"{self.title}. {self.why}",
            evidence=evidence,
            hint=hint if hint is not None else "" if lowered else self.cure,
            arm=arm,
        )

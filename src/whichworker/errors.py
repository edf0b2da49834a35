"""Failures as the user meets them: a lower-case fact, the evidence, and a hint that cures it."""

from __future__ import annotations


class WhichworkerError(Exception):
    """A failure the user can act on; the command line prints it and exits with `exit_code`."""

    exit_code = 2

    def __init__(self, fact: str, *, seen: str = "", hint: str = "") -> None:
        super().__init__(fact)
        self.fact = fact
        self.seen = seen.rstrip()
        self.hint = hint

    def __str__(self) -> str:
        seen = "".join(f"\n  | {line}" for line in self.seen.splitlines())
        hint = f"\nhint: {self.hint}" if self.hint else ""
        return f"{self.fact}{seen}{hint}"


class UsageError(WhichworkerError):
    """An option, a name or a configuration value that cannot be used."""


class EnvironmentFailed(WhichworkerError):
    """An environment could not be resolved, built or seeded."""


class JournalFailed(WhichworkerError):
    """The journal cannot be written or read: a crash would lose everything, so the run stops."""


class ServerFailed(WhichworkerError):
    """A server did not start, died, or never gave the correct response.

    `kind` is a word from `model.FAILURE_KINDS`; `cure` mends the cause, if that is known, and is
    then the hint.
    """

    def __init__(
        self, kind: str, fact: str, *, seen: str = "", hint: str = "", cure: str = ""
    ) -> None:
        super().__init__(fact, seen=seen, hint=cure or hint)
        self.kind = kind
        self.cure = cure


class GeneratorFailed(WhichworkerError):
    """The load generator itself broke: a fault of the tool, never of a server."""

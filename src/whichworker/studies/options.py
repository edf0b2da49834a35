"""The options of a study."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Literal

from msgspec import Struct

from whichworker.errors import UsageError
from whichworker.model import Resolution


class StudyRun(Struct, frozen=True, kw_only=True):
    """One run of a study: its options and folders.

    `resume` is the folder of an earlier run, empty for a new one. `seconds` limits the measuring
    (None: the study's own limit); builds of environments come before.
    """

    study: str
    command: str
    folder: Path
    cache: Path
    resume: bool = False
    quick: bool = False
    as_published: bool = False
    seconds: float | None = None
    seed: int = 1
    database: Literal["sqlite", "postgres"] = "sqlite"
    cache_kind: Literal["memory", "redis"] = "memory"
    servers: tuple[str, ...] = ()
    resolution: Resolution = Resolution()

    def wants(self, arm: str) -> bool:
        """Whether an arm of the study was named; all of them if none was."""
        return not self.servers or server_of(arm) in self.servers

    def check_servers(self, arms: Iterable[str]) -> None:
        """Raise UsageError if a named server is not part of the study."""
        known = sorted({server_of(arm) for arm in arms})
        for name in self.servers:
            if name not in known:
                raise UsageError(
                    f"the study {self.study} has no server setup {name!r}",
                    hint=f"some of {', '.join(known)}",
                )


def server_of(arm: str) -> str:
    """The server of an arm's name, without version and settings."""
    return arm.partition("[")[0].partition("@")[0]

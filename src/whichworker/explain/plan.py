"""Which workers are explained, with settings small enough to be shown, and how long each is looked at."""

from __future__ import annotations

from pathlib import Path

import msgspec
from msgspec import Struct

from whichworker.model import Arm, SettingValue
from whichworker.servers import names

SMALL: dict[str, SettingValue] = {"workers": 1, "threads": 4, "connections": 20}
"""What is not said otherwise: one process, and pools that a staircase overtops in a few steps."""


class Lengths(Struct, frozen=True, kw_only=True):
    """How long windows last (seconds) and how often what is quick is repeated."""

    window_seconds: float
    repeats: int


QUICK = Lengths(window_seconds=3.1, repeats=3)  # enough for a 95th percentile
WHOLE = Lengths(window_seconds=10.2, repeats=9)  # and for a 99th


class ExplainRun(Struct, frozen=True, kw_only=True):
    """What was asked, and the folders it uses."""

    workers: tuple[str, ...]
    command: str
    folder: Path
    cache: Path
    quick: bool = False
    app: str = "builtin:django"

    @property
    def lengths(self) -> Lengths:
        """How long everything lasts."""
        return QUICK if self.quick else WHOLE


def small_arm(found: names.Wanted, label: str) -> Arm:
    """The arm on the interpreter of this label, small where nothing else was said; raises UsageError for settings it does not have."""
    arm = names.contender(found, label, cores=1)
    small = {
        name: SMALL[name] for name in arm.settings if name in SMALL and name not in found.settings
    }
    return msgspec.structs.replace(arm, settings={**arm.settings, **small})

"""The workers to explain, with settings small enough to show, and the length of each window."""

from __future__ import annotations

from pathlib import Path

import msgspec
from msgspec import Struct

from whichworker.model import Arm, Resolution, SettingValue
from whichworker.servers import names

SMALL: dict[str, SettingValue] = {"workers": 1, "threads": 4, "connections": 20}
"""Defaults: one process, and pools that a staircase exceeds within a few steps."""


class Lengths(Struct, frozen=True, kw_only=True):
    """Lengths of windows (seconds), and repeats of quick parts."""

    window_seconds: float
    repeats: int


QUICK = Lengths(window_seconds=3.1, repeats=3)  # enough for a 95th percentile
WHOLE = Lengths(window_seconds=10.2, repeats=9)  # and for a 99th


class ExplainRun(Struct, frozen=True, kw_only=True):
    """The options of an explanation, and its folders."""

    workers: tuple[str, ...]
    command: str
    folder: Path
    cache: Path
    quick: bool = False
    app: str = "builtin:django"
    resolution: Resolution = Resolution()

    @property
    def lengths(self) -> Lengths:
        """How long everything lasts."""
        return QUICK if self.quick else WHOLE


def small_arm(found: names.Wanted, label: str) -> Arm:
    """The arm on the interpreter of this label, small by default.

    Raises UsageError for settings that it does not have.
    """
    arm = names.contender(found, label, cores=1)
    small = {
        name: SMALL[name] for name in arm.settings if name in SMALL and name not in found.settings
    }
    return msgspec.structs.replace(arm, settings={**arm.settings, **small})

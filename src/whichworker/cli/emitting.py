"""Files to deploy with, written and told: what `advise --emit` and `race --emit` have in common."""

from __future__ import annotations

from pathlib import Path

from rich.console import Console
from rich.text import Text

from whichworker.lab import deploy
from whichworker.lab.deploy import Told

OUT = "deploy"


def emit(told: Told, kinds: tuple[str, ...], folder: str, notes: Console, results: Console) -> None:
    """Write the files of these kinds into a folder; raises UsageError where the run advises nothing, or it cannot be written."""
    out = Path(folder or OUT)
    best, remark = deploy.arm_for(told, kinds)
    written = deploy.write(deploy.deployment(told, best, out, remark), kinds, out)
    if remark:
        notes.print(Text(f"! {remark}", "yellow"))
    for path in written:
        results.print(Text(f"wrote {path}"))
    notes.print(Text(f"check it: whichworker advise --verify --out {out}", "dim"))

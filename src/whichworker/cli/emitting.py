"""Files to deploy with, written and told: what `advise --emit` and `race --emit` have in common."""

from __future__ import annotations

import contextlib
import os
import shlex
from pathlib import Path

from rich.console import Console
from rich.text import Text

from whichworker.deployment import recipe
from whichworker.deployment.recipe import Told
from whichworker.errors import UsageError
from whichworker.model import Question

OUT = "deploy"


def check(question: Question, kinds: tuple[str, ...], folder: str) -> None:
    """Before a race: raise UsageError for files that could not be written after it."""
    recipe.check_kinds(kinds)
    if folder and not kinds:
        raise UsageError(
            "--out is the folder of files, and none are to be written", hint="--emit systemd"
        )
    if "gunicorn" in kinds and not any(arm.family == "gunicorn" for arm in question.arms):
        raise UsageError(
            "--emit gunicorn, and no arm of gunicorn races",
            hint="--servers gthread,…, or --emit systemd",
        )
    out = Path(folder or OUT).resolve()
    place = next(one for one in (out, *out.parents) if one.exists())
    if kinds and not (place.is_dir() and os.access(place, os.W_OK)):
        raise UsageError(f"the folder {out} cannot be written", hint="--out FOLDER")


def emit(
    told: Told,
    kinds: tuple[str, ...],
    folder: str,
    app: str | None,
    notes: Console,
    results: Console,
) -> None:
    """Write the files of these kinds into a folder; raises UsageError where the run advises nothing, or it cannot be written."""
    out = Path(folder or OUT)
    best, remark = recipe.arm_for(told, kinds)
    written = recipe.write(recipe.deployment(told, best, out, remark), kinds, out)
    with contextlib.suppress(
        OSError
    ):  # a reader that went away must not cost the exit code; the files are written
        if remark:
            notes.print(Text(f"! {remark}", "yellow"))
        for path in written:
            results.print(Text(f"wrote {path}"))
        whose = ["--app", app] if app else []
        notes.print(
            Text(
                f"check it: {shlex.join(['whichworker', 'advise', '--verify', '--out', str(out), *whose])}",
                "dim",
            )
        )

"""Deployment files, checked before and written after: `advise --emit` and `race --emit`."""

from __future__ import annotations

import contextlib
import os
import shlex
from pathlib import Path

from rich.console import Console
from rich.text import Text

from whichworker.deployment import recipe as deploy
from whichworker.deployment.recipe import JudgedRun
from whichworker.errors import UsageError
from whichworker.model import Question

OUT = "deploy"


def check(question: Question, kinds: tuple[str, ...], folder: str, *, force: bool) -> None:
    """Before a race: raise UsageError for files that could not be written after it."""
    deploy.check_kinds(kinds)
    if (folder or force) and not kinds:
        raise UsageError(
            f"{'--out' if folder else '--force'} is set, but no files are to be written",
            hint="such as --emit systemd",
        )
    if "gunicorn" in kinds and not any(arm.family == "gunicorn" for arm in question.arms):
        raise UsageError(
            "--emit gunicorn requires a setup of gunicorn, and none is raced",
            hint="--servers gthread,…, or --emit systemd",
        )
    out = Path(folder or OUT).resolve()
    place = next(one for one in (out, *out.parents) if one.exists())
    if kinds and not (place.is_dir() and os.access(place, os.W_OK)):
        raise UsageError(f"the folder {out} cannot be written", hint="--out FOLDER")
    if kinds and not force:
        deploy.check_free(question, kinds, out)


def emit(
    told: JudgedRun,
    kinds: tuple[str, ...],
    folder: str,
    app: str | None,
    notes: Console,
    results: Console,
    *,
    force: bool,
) -> None:
    """Write the files; raises UsageError if the run advises nothing or they cannot be written."""
    out = Path(folder or OUT)
    best, remark = deploy.arm_for(told, kinds)
    written = deploy.write(deploy.deployment(told, best, out, remark), kinds, out, force=force)
    advise = ["whichworker", "advise", *([app] if app else [])]
    with contextlib.suppress(
        BrokenPipeError
    ):  # the files are written, whether or not somebody reads this
        if remark:
            notes.print(Text(f"! {remark}", "yellow"))
        for path in written:
            results.print(Text(f"wrote {path}"))
        notes.print(
            Text(f"check them: {shlex.join([*advise, '--verify', '--out', str(out)])}", "dim")
        )

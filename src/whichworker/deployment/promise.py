"""The promise beside emitted files, which anybody may have edited, and the arm it is about."""

from __future__ import annotations

import shlex
from pathlib import Path

from whichworker import foreign
from whichworker.deployment import read_back
from whichworker.deployment.ownership import PROMISE_FILE
from whichworker.deployment.recipe import JudgedRun
from whichworker.errors import UsageError
from whichworker.model import Arm
from whichworker.model.deployments import Promise
from whichworker.result import ArmResult


def promise_in(folder: Path) -> Promise:
    """The promise beside the files; raises UsageError if there is none."""
    path = folder / PROMISE_FILE
    if not path.exists():
        raise UsageError(
            f"there is no {PROMISE_FILE} in {folder}",
            hint=f"whichworker advise --emit systemd --out {shlex.quote(str(folder))} writes one",
        )
    try:
        return foreign.json_in(foreign.text_of(path), Promise)
    except foreign.Unreadable as error:
        raise UsageError(f"{path} cannot be read: {error}", hint=read_back.AGAIN) from error


def promised(promise: Promise, run: JudgedRun) -> tuple[Arm, ArmResult]:
    """The arm of a promise and its result in a run; raises UsageError if the run has no such."""
    arm = next((one for one in run.question.arms if one.name == promise.arm), None)
    result = next((one for one in run.result.arms if one.name == promise.arm), None)
    if arm is None or result is None:
        raise UsageError(
            f"run {run.result.run.id} did not race {promise.arm}, which the files start",
            hint=f"leave out --run, or {read_back.AGAIN}",
        )
    return arm, result

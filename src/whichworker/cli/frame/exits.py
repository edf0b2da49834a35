"""The exit codes, in one place, and which of them a result gives."""

from __future__ import annotations

from enum import IntEnum


class Exit(IntEnum):
    """The exit codes of every command."""

    OK = 0
    FAILED = 1
    USAGE = 2
    INVALID = 3
    INTERRUPTED = 130


MEANINGS = {
    Exit.OK: "success",
    Exit.FAILED: "a check failed, such as an incorrect response",
    Exit.USAGE: "usage, configuration or tool error",
    Exit.INVALID: "the result is invalid",
    Exit.INTERRUPTED: "interrupted (results so far are kept)",
}


def of_run(*, finished: bool, valid: bool, failed: bool = False) -> Exit:
    """The exit code of a measurement: an interruption counts first, then validity, then checks."""
    if not finished:
        return Exit.INTERRUPTED
    if not valid:
        return Exit.INVALID
    return Exit.FAILED if failed else Exit.OK

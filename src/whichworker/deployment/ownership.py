"""Which files may be written: none of the user's is replaced, unless `--force` says so.

A file that whichworker wrote, and that is unedited, may be written again.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path

import msgspec

from whichworker import foreign
from whichworker.errors import UsageError

PROMISE_FILE = "whichworker-promise.json"


class _Written(msgspec.Struct, frozen=True):
    digests: dict[str, str] = {}


def digest(text: bytes) -> str:
    """By which an unedited file is known again."""
    return hashlib.sha256(text).hexdigest()


def check(out: Path, names: Iterable[str]) -> None:
    """Raise UsageError if files of these names in a folder are somebody else's, or were edited."""
    ours = _digests(out)
    taken = [name for name in dict.fromkeys(names) if not _may_write(out / name, ours.get(name))]
    if taken:
        edited = all(name in ours for name in taken)
        whose = "with changes" if edited else "not by whichworker"
        are, them = ("is", "it") if len(taken) == 1 else ("are", "them")
        raise UsageError(
            f"{', '.join(taken)} {are} in {out} already, {whose}",
            hint=f"--out FOLDER, or --force to replace {them}",
        )


def _may_write(path: Path, ours: str | None) -> bool:
    try:
        return digest(path.read_bytes()) == ours
    except FileNotFoundError:
        return True
    except OSError:  # a folder, or a file that cannot be read
        return False


def _digests(out: Path) -> dict[str, str]:
    try:
        return foreign.json_in((out / PROMISE_FILE).read_bytes(), _Written).digests
    except (OSError, foreign.Unreadable):
        return {}

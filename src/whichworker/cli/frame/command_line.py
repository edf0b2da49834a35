"""The command line as it may be kept."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Sequence

SECRET_OPTIONS = ("--login", "--header")


def kept() -> str:
    """The command that runs, without what a login or a header says."""
    return shlex.join(["whichworker", *without_secrets(sys.argv[1:])])


def without_secrets(words: Sequence[str]) -> list[str]:
    """The words of a command line with `[secret]` in the place of each secret."""
    kept: list[str] = []
    for before, word in zip(("", *words), words, strict=False):
        option, equals, _ = word.partition("=")
        if equals and option in SECRET_OPTIONS:
            kept.append(f"{option}=[secret]")
        else:
            kept.append("[secret]" if before in SECRET_OPTIONS else word)
    return kept

"""Paths from the command line: `/path`, or `3:/path` for three times as many requests."""

from __future__ import annotations

import re
from collections.abc import Iterable

from whichworker.errors import UsageError
from whichworker.model import Request

FORM = re.compile(r"(?:(\d{1,4})[:x*])?(/[\x21-\x7e]*)")
WHOLE = re.compile(r"https?://[^/]+(/[\x21-\x7e]*)?")


def parse(texts: Iterable[str]) -> tuple[Request, ...]:
    """Read the paths; raises UsageError for an invalid path, and for a path given twice."""
    found: dict[str, Request] = {}
    for text in texts:
        match = FORM.fullmatch(text)
        if match is None or (match[1] and int(match[1]) == 0):
            whole = WHOLE.fullmatch(text)
            hint = (
                f"the app is started here, so the path is enough: --url {whole[1] or '/'}"
                if whole
                else "write /path, or 3:/path"
            )
            raise UsageError(f"--url: not a path of the app: {text!r}", hint=hint)
        path = match[2]
        if path in found:
            raise UsageError(
                f"--url: {path} is given twice", hint=f"once, with its weight: --url 2:{path}"
            )
        found[path] = Request(path=path, weight=int(match[1] or 1))
    return tuple(found.values())

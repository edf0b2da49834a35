"""Files of environment variables, as `docker --env-file` and python-dotenv read them. Their values are taken for secrets."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

from whichworker import redaction
from whichworker.errors import UsageError

USUAL = (".env", ".env.local", "env")
LINE = re.compile(r"(?:export\s+)?([A-Za-z_][A-Za-z0-9_]*)\s*=\s*(.*)")


def read(path: str) -> dict[str, str]:
    """The variables of a file, none without one; raises UsageError for a line that is not NAME=value."""
    if not path:
        return {}
    try:
        text = Path(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(
            f"the environment file {path} cannot be read: {error}", hint="--env-file FILE"
        ) from error
    found: dict[str, str] = {}
    for number, raw in enumerate(text.splitlines(), start=1):
        line = raw.strip()
        if not line or line.startswith("#"):
            continue
        match = LINE.fullmatch(line)
        if match is None:
            raise UsageError(
                f"{path}, line {number} is not NAME=value", hint="a line each, # begins a comment"
            )
        found[match[1]] = _value(match[2])
    redaction.remember_environment(found)
    return found


def beside(folder: Path) -> Path | None:
    """A file in the folder that looks like one."""
    return next((folder / name for name in USUAL if (folder / name).is_file()), None)


def _value(text: str) -> str:
    """Without its quotes and a comment behind it."""
    if text[:1] in ("'", '"'):
        try:
            return next(iter(shlex.split(text, comments=True)), "")
        except ValueError:
            return text
    return text.partition(" #")[0].strip()

"""The commands of servers that the app's own environment has: an overlay has its own copies.

A script of the app's environment starts the app's interpreter, which lacks what the overlay adds,
and it need not be on PATH.
"""

from __future__ import annotations

import shlex
from importlib.metadata import Distribution, distributions
from pathlib import Path

from packaging.utils import canonicalize_name

from whichworker.environments.interpreters import Interpreter

SCRIPT = """#!/bin/sh
'''exec' {python} "$0" "$@"
' '''
import sys
from {module} import {name}
if __name__ == "__main__":
    sys.exit({call}())
"""
"""A shell starts the interpreter, as a path with spaces or of over 127 bytes is no shebang."""


def of_app(app: Interpreter, names: frozenset[str]) -> dict[str, Distribution]:
    """The app's own distributions with these canonical names."""
    found = {
        canonicalize_name(one.metadata["Name"]): one
        for one in distributions(path=[app.site])
        if one.metadata["Name"]
    }
    return {name: one for name, one in found.items() if name in names}


def has_program_only(found: Distribution) -> bool:
    """Whether a distribution brings a program but no entry point for it, as uWSGI does."""
    commands = any(point.group == "console_scripts" for point in found.entry_points)
    return not commands and any(file.parts[-2:-1] == ("bin",) for file in found.files or ())


def write(place: Path, found: dict[str, Distribution]) -> None:
    """Write a script into the overlay at `place` for each command that it lacks."""
    python = place / "bin" / "python"
    for one in found.values():
        for point in one.entry_points:
            path = place / "bin" / point.name
            if point.group != "console_scripts" or path.exists():
                continue
            text = SCRIPT.format(
                python=shlex.quote(str(python)),
                module=point.module,
                name=point.attr.partition(".")[0],
                call=point.attr,
            )
            path.write_text(text, encoding="utf-8")
            path.chmod(0o755)

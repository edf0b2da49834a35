"""Lock files: pins with hashes and markers, each below a line with the moment of its versions."""

from __future__ import annotations

import re
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

FOLDER = Path(__file__).parent / "locked"
"""The lock files of the servers; those of a built-in app are in its own folder."""
HEAD = "# versions of {as_of}; `make locks` writes this file"
MOMENT = re.compile(r"# versions of (\S+);")


def headed(pins: str, as_of: str) -> str:
    """The text of a lock file."""
    return f"{HEAD.format(as_of=as_of)}\n{pins}"


def moment(text: str) -> str:
    """The moment of a lock file's versions, ISO 8601 in UTC; raises ValueError without one."""
    found = MOMENT.match(text)
    if found is None:
        raise ValueError("a lock file without its moment in the first line")
    return found[1]


def name_of(requirements: tuple[str, ...]) -> str:
    """The lock file for the requirements of a server, whatever their versions."""
    parts = []
    for requirement in map(Requirement, requirements):
        parts += [requirement.name, *sorted(requirement.extras)]
    return f"{'+'.join(map(canonicalize_name, parts))}.lock"


def for_server(requirements: tuple[str, ...]) -> str:
    """The text of the lock file for these requirements; empty for a third party's server."""
    place = FOLDER / name_of(requirements)
    return place.read_text(encoding="utf-8") if place.is_file() else ""


def day_of_servers() -> str:
    """The moment of all lock files; one `make locks` writes them together."""
    return moment(next(FOLDER.glob("*.lock")).read_text(encoding="utf-8"))

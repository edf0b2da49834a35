"""Python interpreters: found by version or path and inspected, without a change beside them."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import msgspec
from msgspec import Struct

from whichworker.errors import EnvironmentFailed, UsageError

ASK = """
import glob, itertools, json, os, sys, sysconfig, platform
def installed():
    try:
        from importlib import metadata
    except ImportError:  # before Python 3.8
        kinds = ("*.dist-info/METADATA", "*.egg-info/PKG-INFO")
        for place, kind in itertools.product(sys.path, kinds):
            for path in sorted(glob.glob(os.path.join(place, kind))):
                with open(path, encoding="utf-8") as text:
                    lines = itertools.takewhile(str.strip, text)
                    head = dict(line.rstrip().split(": ", 1) for line in lines if ": " in line)
                yield head.get("Name"), head.get("Version")
    else:
        for found in metadata.distributions():
            yield found.metadata["Name"], found.version
packages = {}
for name, version in installed():
    if name and name.lower() not in packages:
        packages[name.lower()] = version
print(json.dumps({"version": platform.python_version(),
    "base": getattr(sys, "_base_executable", sys.executable),
    "site": sysconfig.get_paths()["purelib"],
    "paths": [path for path in sys.path if path],
    "packages": packages}))
"""


class Interpreter(Struct, frozen=True, kw_only=True):
    """An interpreter and its installed packages, lower-case names with versions.

    `paths` are the folders that it imports from, among them the sources of editable installs.
    """

    path: str
    version: str
    base: str
    site: str
    packages: dict[str, str]
    paths: tuple[str, ...] = ()

    @property
    def short_version(self) -> str:
        """`3.12` of `3.12.1`."""
        return ".".join(self.version.split(".")[:2])


def inspect(path: str | Path) -> Interpreter:
    """Run an interpreter to inspect it; raises EnvironmentFailed if that fails."""
    try:
        run = subprocess.run(
            [str(path), "-I", "-B", "-c", ASK],
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            timeout=60,
            check=True,
        )
    except (OSError, subprocess.SubprocessError) as error:
        seen = (getattr(error, "stderr", "") or "").strip().splitlines()[-3:]
        raise EnvironmentFailed(
            f"{path} is not a Python interpreter that runs here", seen="\n".join(seen)
        ) from error
    return msgspec.convert({"path": str(path), **msgspec.json.decode(run.stdout)}, Interpreter)


def own_base() -> str:
    """The base interpreter of the tool's own environment."""
    return str(getattr(sys, "_base_executable", sys.executable))


def find(wanted: str, uv: str) -> str:
    """The path of an interpreter, by path or by version such as 3.12; raises UsageError."""
    if "/" in wanted or not re.fullmatch(r"(python)?\d+(\.\d+)*t?", wanted):
        if Path(wanted).is_file():
            return str(Path(wanted).absolute())
        raise UsageError(
            f"no interpreter at {wanted!r}", hint="give a path, or a version such as 3.12"
        )
    argv = [
        uv,
        "python",
        "find",
        "--system",
        "--no-python-downloads",
        "--no-config",
        "--no-project",
        wanted.removeprefix("python"),
    ]
    run = subprocess.run(argv, capture_output=True, timeout=60, check=False)
    if run.returncode == 0:
        return os.fsdecode(run.stdout).strip()
    # uv considers pyenv's shims broken interpreters
    root = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"))
    version = wanted.removeprefix("python")
    for place in sorted(root.glob("versions/*/bin/python"), reverse=True):
        if f"{place.parent.parent.name}.".startswith(f"{version}."):
            return str(place)
    raise UsageError(
        f"no Python {wanted} on this machine", hint="give its path: --python /path/to/python"
    )

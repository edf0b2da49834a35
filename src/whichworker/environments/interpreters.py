"""Python interpreters: found by version or path, asked what they are, without writing a byte next to them."""

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
        for place, kind in itertools.product(sys.path, ("*.dist-info/METADATA", "*.egg-info/PKG-INFO")):
            for path in sorted(glob.glob(os.path.join(place, kind))):
                with open(path, encoding="utf-8") as text:
                    head = dict(line.rstrip().split(": ", 1) for line in itertools.takewhile(str.strip, text) if ": " in line)
                yield head.get("Name"), head.get("Version")
    else:
        for found in metadata.distributions():
            yield found.metadata["Name"], found.version
packages = {}
for name, version in installed():
    if name and name.lower() not in packages:
        packages[name.lower()] = version
print(json.dumps({"version": platform.python_version(), "implementation": platform.python_implementation(),
    "base": getattr(sys, "_base_executable", sys.executable), "site": sysconfig.get_paths()["purelib"],
    "is_environment": sys.prefix != sys.base_prefix, "packages": packages}))
"""


class Interpreter(Struct, frozen=True, kw_only=True):
    """An interpreter and what is installed beside it; `packages` are lower-case names with versions."""

    path: str
    version: str
    implementation: str
    base: str
    site: str
    is_environment: bool
    packages: dict[str, str]

    @property
    def short_version(self) -> str:
        """`3.12` of `3.12.1`."""
        return ".".join(self.version.split(".")[:2])


def inspect(path: str | Path) -> Interpreter:
    """Ask an interpreter what it is; raises EnvironmentFailed where it does not answer."""
    try:
        run = subprocess.run(
            [str(path), "-I", "-B", "-c", ASK],
            capture_output=True,
            text=True,
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
    """The interpreter that the tool's own environment was made from."""
    return str(getattr(sys, "_base_executable", sys.executable))


def find(wanted: str, uv: str) -> str:
    """The path of an interpreter given as a path or as a version such as 3.12; raises UsageError where there is none."""
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
    run = subprocess.run(argv, capture_output=True, text=True, timeout=60, check=False)
    if run.returncode == 0:
        return run.stdout.strip()
    root = Path(
        os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")
    )  # uv takes pyenv's shims for broken interpreters
    version = wanted.removeprefix("python")
    for place in sorted(root.glob("versions/*/bin/python"), reverse=True):
        if f"{place.parent.parent.name}.".startswith(f"{version}."):
            return str(place)
    raise UsageError(
        f"no Python {wanted} on this machine", hint="give its path: --python /path/to/python"
    )

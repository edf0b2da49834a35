"""`make audit`: known vulnerabilities of the locked packages, by pip-audit.

A vulnerability is a failure. Without the vulnerability service there is one line, and no failure.
"""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import msgspec
from msgspec import Struct
from tests.environments.refresh import SAMPLES

from whichworker.environments import lock_files
from whichworker.environments.resolution import PIN

LEFT_OUT = ("requirements-2.2.lock", "requirements-3.2.lock")
"""Django without support: it is there to be compared with, and only this machine can reach it."""
AUDIT_SECONDS = 300.0
UNREACHABLE = re.compile(
    r"(Connect|Proxy|SSL|HTTP|Timeout)\w*Error|could not connect|timed out", re.I
)
COMMAND = (sys.executable, "-m", "pip_audit")


class Vulnerability(Struct):
    """A known vulnerability of one version, and the versions without it."""

    id: str
    fix_versions: tuple[str, ...] = ()


class Audited(Struct):
    """A package as pip-audit reports it; `skip_reason` if the service does not know it."""

    name: str
    version: str = ""
    vulns: tuple[Vulnerability, ...] = ()
    skip_reason: str = ""


class Audit(Struct):
    """The output of pip-audit."""

    dependencies: tuple[Audited, ...]


def locked() -> Iterator[Path]:
    """The lock files that are audited."""
    yield from sorted(lock_files.FOLDER.glob("*.lock"))
    for path in sorted(SAMPLES.glob("*/*.lock")):
        if path.name not in LEFT_OUT:
            yield path


def sheets(files: Iterable[Path]) -> list[list[str]]:
    """The pins of all files without repetition, in lists that have each package only once."""
    found: dict[str, set[str]] = {}
    for path in files:
        for pin in PIN.findall(path.read_text(encoding="utf-8")):
            name, _, _ = pin.partition("==")
            found.setdefault(name, set()).add(pin)
    most = max(map(len, found.values()), default=0)
    return [
        [sorted(pins)[at] for _, pins in sorted(found.items()) if at < len(pins)]
        for at in range(most)
    ]


def audit(
    pins: Sequence[str], command: Sequence[str] = COMMAND, seconds: float = AUDIT_SECONDS
) -> Audit | str:
    """What the service says about these pins, or why it says nothing.

    Raises SystemExit if pip-audit itself fails.
    """
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "requirements.txt")
        file.write_text("\n".join(pins) + "\n", encoding="utf-8")
        options = ("--disable-pip", "--no-deps", "--progress-spinner=off", "--format=json")
        try:
            run = subprocess.run(
                [*command, *options, "--requirement", str(file)],
                capture_output=True,
                text=True,
                timeout=seconds,
                check=False,
            )
        except subprocess.TimeoutExpired:
            return f"pip-audit took longer than {seconds:g} s"
    try:
        found = msgspec.json.decode(run.stdout, type=Audit)
    except msgspec.DecodeError:
        said = [line for line in run.stderr.splitlines() if line.strip()]
        last = said[-1] if said else f"it ended with exit status {run.returncode}"
        if not UNREACHABLE.search(run.stderr):
            raise SystemExit(f"pip-audit failed: {last}") from None
        return last
    if found.dependencies and all(one.skip_reason for one in found.dependencies):
        return found.dependencies[0].skip_reason
    return found


def report(found: Iterable[Audit | str]) -> tuple[int, list[str]]:
    """The exit code, and the lines to print: 1 for a vulnerability, 0 otherwise."""
    vulnerable, unknown, known, silent = [], 0, 0, []
    for part in found:
        if isinstance(part, str):
            silent.append(part)
            continue
        for one in part.dependencies:
            unknown += bool(one.skip_reason)
            known += not one.skip_reason
            vulnerable += [
                f"{one.name} {one.version}: {bad.id}, fixed in"
                f" {', '.join(bad.fix_versions) or 'no version yet'}"
                for bad in one.vulns
            ]
    if vulnerable:
        return 1, [*vulnerable, "hint: make locks takes the newest versions"]
    if silent:
        return 0, [f"not audited: the vulnerability service gave no answer ({silent[0]})"]
    return 0, [f"no known vulnerability in {known} packages; {unknown} unknown to the service"]


if __name__ == "__main__":
    code, lines = report(map(audit, sheets(locked())))
    print("\n".join(lines))
    sys.exit(code)

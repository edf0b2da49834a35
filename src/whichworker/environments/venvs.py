"""Cached environments: those of the built-in apps, and an overlay for each server and app.

An overlay is a virtual environment of the app's base interpreter. It has only the packages that the
app lacks, resolved under `==` constraints of the app's packages, and a `.pth` line that adds the
app's site-packages after its own. The app's environment is never written.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path

import msgspec
import uv
from packaging.utils import canonicalize_name

from whichworker.environments import locks
from whichworker.environments.interpreters import Interpreter, inspect
from whichworker.errors import EnvironmentFailed
from whichworker.model import Environment
from whichworker.model.distributions import distribution

BUILD_SECONDS = 900
"""For one run of uv: a server may be compiled from source on a slow machine."""
DESCRIPTION = "environment.json"
REQUIREMENTS = "requirements.txt"
BYTE_CODE = "pycache"


def uv_path() -> str:
    """The uv of the tool's own environment."""
    return str(uv.find_uv_bin())


def application(cache: Path, name: str, lock: Path, base: str) -> Interpreter:
    """The locked environment of a built-in app on this base interpreter; built on first use."""
    key = digest(name, lock.read_text(encoding="utf-8"), base, inspect(base).version)

    def build(place: Path) -> None:
        run_uv(
            cache,
            "pip",
            "install",
            "--python",
            str(place / "bin/python"),
            "--requirements",
            str(lock),
        )

    return inspect(prepare(cache / "apps" / f"{name}-{key}", base, cache, build) / "bin/python")


def overlay(cache: Path, app: Interpreter, requirements: tuple[str, ...]) -> Environment:
    """The environment for a server with these requirements and this app; built on first use.

    Raises EnvironmentFailed, with uv's message, if the two conflict: a finding, never an upgrade.
    """
    key = digest(
        *requirements,
        app.base,
        app.version,
        app.site,
        *(f"{name}=={app.packages[name]}" for name in sorted(app.packages)),
    )
    first = distribution(requirements[0]) if requirements else "python"

    def build(place: Path) -> None:
        lacking = resolve(cache, place, app, requirements)
        if lacking:
            run_uv(
                cache,
                "pip",
                "install",
                "--python",
                str(place / "bin/python"),
                "--no-deps",
                *lacking,
            )
        site = Path(inspect(place / "bin/python").site)
        (site / "_whichworker_app.pth").write_text(
            f"import site; site.addsitedir({app.site!r})\n", encoding="utf-8"
        )

        found = inspect(place / "bin/python")
        version = (
            found.packages.get(first)
            or found.packages.get(first.replace("-", "_"))
            or app.packages.get(first, "")
        )
        environment = Environment(
            python=found.path,
            bin=str(place / "bin"),
            version=version if requirements else found.version,
            python_version=found.version,
            packages=found.packages,
        )
        (place / DESCRIPTION).write_bytes(msgspec.json.encode(environment))

    place = prepare(cache / "overlays" / f"{first}-{key}", app.base, cache, build)
    return msgspec.json.decode((place / DESCRIPTION).read_bytes(), type=Environment)


def resolve(cache: Path, place: Path, app: Interpreter, requirements: tuple[str, ...]) -> list[str]:
    """The required packages that the app lacks, pinned; the app's own versions stay."""
    constraints, wanted = place / "constraints.txt", place / REQUIREMENTS
    have = {
        name: version
        for name, version in app.packages.items()
        if name not in ("pip", "setuptools", "wheel")
    }
    constraints.write_text(
        "".join(f"{name}=={version}\n" for name, version in sorted(have.items())), encoding="utf-8"
    )
    wanted.write_text("".join(f"{requirement}\n" for requirement in requirements), encoding="utf-8")
    if not requirements:  # a server of the standard library
        return []
    argv = (
        "pip",
        "compile",
        "--quiet",
        "--no-header",
        "--no-annotate",
        "--python",
        str(place / "bin/python"),
    )
    out = run_uv(cache, *argv, "--constraints", str(constraints), str(wanted))
    pins = [line.strip() for line in out.splitlines() if line.strip() and not line.startswith("#")]
    return [
        pin for pin in pins if distribution(pin) not in {canonicalize_name(name) for name in have}
    ]


def prepare(place: Path, base: str, cache: Path, build: Callable[[Path], None]) -> Path:
    """Build an environment at `place` unless a complete one exists, and keep it in use."""

    def make() -> None:
        run_uv(cache, "venv", "--quiet", "--no-project", "--python", base, str(place))
        build(place)

    locks.share(cache / BYTE_CODE)
    return locks.once(place, make)


def run_uv(cache: Path, *arguments: str) -> str:
    """Run uv without any project's configuration; returns its output.

    Raises EnvironmentFailed with its last lines.
    """
    environment = {
        name: value
        for name, value in os.environ.items()
        if name not in ("VIRTUAL_ENV", "PYTHONPATH", "PYTHONHOME")
    }
    environment |= {
        "PYTHONPYCACHEPREFIX": str(cache / BYTE_CODE),
        "NO_COLOR": "1",
        "UV_NO_WRAP": "1",
    }
    with subprocess.Popen(
        [uv_path(), *arguments],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        encoding="utf-8",
        errors="replace",
        env=environment,
        cwd=cache,
        start_new_session=True,
        pass_fds=locks.building(),
    ) as run:
        try:
            out, err = run.communicate(timeout=BUILD_SECONDS)
        except subprocess.TimeoutExpired as error:
            _kill_session(run)
            raise EnvironmentFailed(
                f"uv {arguments[0]} took longer than {BUILD_SECONDS} s"
            ) from error
        # an interrupted build must not keep writing after its lock is released
        except BaseException:
            _kill_session(run)
            raise
    if run.returncode:
        raise EnvironmentFailed(
            reason(err), seen="\n".join(err.strip().splitlines()[-12:]), hint=cure(err)
        )
    return out


def _kill_session(run: subprocess.Popen[str]) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(run.pid, signal.SIGKILL)
    run.communicate()


CAUSES = (
    r"(fatal error|error): .+\.(h|c)\b.*",
    r"[A-Z]\w*(Error|Exception): .+|Exception: .+",
    r".*unsatisfiable.*",
    r"error: .+",
)
UNSATISFIABLE = re.compile(r"Because (.+?),? we can conclude that .*unsatisfiable", re.DOTALL)
UNREACHABLE = re.compile(
    r"dns error|tcp connect error|connection (refused|reset|closed)|network is unreachable"
    r"|network was disabled|operation timed out",
    re.I,
)
NO_COMPILER = re.compile(
    r"\b(gcc|cc|clang|c\+\+)\S*.{0,40}(not found|No such file)"
    r"|No such file or directory: '\S*\b(gcc|cc|clang|c\+\+)'"
    r"|unable to execute|you need a C compiler",
    re.IGNORECASE,
)
FAILED_COMMAND = re.compile(r"error: Command '\['([^']+)'.*returned non-zero exit status (\d+)")
MOST_CHARACTERS = 300
"""Of a reason: a few lines of a terminal."""


def reason(stderr: str) -> str:
    """The line that names the cause, in uv's message or the build's."""
    lines = [
        line.strip(" ×╰─▶│├╴").removeprefix("cause: ")
        for line in stderr.splitlines()
        if line.strip()
    ]
    if (found := UNREACHABLE.search(stderr)) and not UNSATISFIABLE.search(stderr):
        return f"the package index could not be reached: {found[0].lower()}"
    if proof := UNSATISFIABLE.search(" ".join(lines)):
        first = re.split(r",? we can conclude that | And because ", proof[1])[0].strip()
        return f"it cannot be installed: {first}"[:MOST_CHARACTERS]
    for cause in CAUSES:
        for line in reversed(lines):
            if re.fullmatch(cause, line):
                return FAILED_COMMAND.sub(r"error: \1 ended with exit status \2", line)[
                    :MOST_CHARACTERS
                ]
    return lines[-1][:MOST_CHARACTERS] if lines else "uv failed without a message"


def cure(stderr: str) -> str:
    """The user's remedy for the commonest causes."""
    if NO_COMPILER.search(stderr):
        return "install a C compiler (Debian: apt-get install gcc python3-dev)"
    if "Python.h" in stderr:
        return "install the Python headers (Debian: apt-get install python3-dev)"
    if UNREACHABLE.search(stderr):
        return "the first build of an environment needs the package index; later ones do not"
    words = " ".join(stderr.split())
    if re.search(
        r"(current|requested) Python version|depends on Python|no wheels? .*(Python|ABI)", words
    ):
        return "use another interpreter: --python 3.12"
    if re.search(r"there (is|are) no versions? of|not found in the package registry", words):
        return "name a version that the package index has"
    if "unsatisfiable" in words:
        return (
            "whichworker never changes the app's environment: update it yourself, or leave out"
            " this server setup"
        )
    return ""


def digest(*parts: str) -> str:
    """A short name for everything that decides the content of an environment."""
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:16]

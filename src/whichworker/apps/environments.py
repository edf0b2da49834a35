"""Cached environments: the locked ones of the built-in apps, and an overlay for each server on each app's interpreter.

An overlay is a virtual environment of the app's base interpreter that holds only what the app lacks, resolved under `==` constraints of
what the app has, with a `.pth` line that adds the app's site-packages behind its own. The app's environment is never written.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import re
import shutil
import signal
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
import uv

from whichworker.apps.interpreters import Interpreter, inspect
from whichworker.errors import EnvironmentFailed
from whichworker.model import Environment

COMPLETE = ".whichworker-complete"
BUILD_SECONDS = 900
DESCRIPTION = "environment.json"


def uv_path() -> str:
    """The uv that came with the tool."""
    return str(uv.find_uv_bin())


def application(cache: Path, name: str, lock: Path, base: str) -> Interpreter:
    """The locked environment of a built-in app on this base interpreter; built on first use."""
    key = digest(name, lock.read_text(encoding="utf-8"), base, inspect(base).version)

    def build(place: Path) -> None:
        run_uv(cache, "pip", "install", "--python", str(place / "bin/python"), "--requirements", str(lock))

    return inspect(prepare(cache / "apps" / f"{name}-{key}", base, cache, build) / "bin/python")


def overlay(cache: Path, app: Interpreter, requirements: tuple[str, ...]) -> Environment:
    """The environment in which a server with these requirements serves this app; built on first use.

    Raises EnvironmentFailed, with uv's own words, where nothing satisfies both: that is a finding about the arm, never an upgrade.
    """
    key = digest(*requirements, app.base, app.version, app.site, *(f"{name}=={app.packages[name]}" for name in sorted(app.packages)))
    first = distribution(requirements[0])

    def build(place: Path) -> None:
        lacking = resolve(cache, place, app, requirements)
        if lacking:
            run_uv(cache, "pip", "install", "--python", str(place / "bin/python"), "--no-deps", *lacking)
        site = Path(inspect(place / "bin/python").site)
        (site / "_whichworker_app.pth").write_text(f"import site; site.addsitedir({app.site!r})\n", encoding="utf-8")

        found = inspect(place / "bin/python")
        version = found.packages.get(first) or found.packages.get(first.replace("-", "_")) or app.packages.get(first, "")
        environment = Environment(
            python=found.path, bin=str(place / "bin"), version=version, python_version=found.version, packages=found.packages
        )
        (place / DESCRIPTION).write_bytes(msgspec.json.encode(environment))

    place = prepare(cache / "overlays" / f"{first}-{key}", app.base, cache, build)
    return msgspec.json.decode((place / DESCRIPTION).read_bytes(), type=Environment)


def resolve(cache: Path, place: Path, app: Interpreter, requirements: tuple[str, ...]) -> list[str]:
    """What the app lacks of the requirements, pinned, with everything the app has held where it is."""
    constraints, wanted = place / "constraints.txt", place / "requirements.txt"
    have = {name: version for name, version in app.packages.items() if name not in ("pip", "setuptools", "wheel")}
    constraints.write_text("".join(f"{name}=={version}\n" for name, version in sorted(have.items())), encoding="utf-8")
    wanted.write_text("".join(f"{requirement}\n" for requirement in requirements), encoding="utf-8")
    argv = ("pip", "compile", "--quiet", "--no-header", "--no-annotate", "--python", str(place / "bin/python"))
    out = run_uv(cache, *argv, "--constraints", str(constraints), str(wanted))
    pins = [line.strip() for line in out.splitlines() if line.strip() and not line.startswith("#")]
    return [pin for pin in pins if distribution(pin) not in {distribution(name) for name in have}]


def prepare(place: Path, base: str, cache: Path, build: Callable[[Path], None]) -> Path:
    """Build an environment at `place` unless a complete one is there; a build that was cut short is begun again."""
    with locked(place):
        if (place / COMPLETE).exists():
            return place
        shutil.rmtree(place, ignore_errors=True)
        run_uv(cache, "venv", "--quiet", "--no-project", "--python", base, str(place))
        build(place)
        (place / COMPLETE).touch()
    return place


@contextmanager
def locked(place: Path) -> Iterator[None]:
    """Hold the lock of one environment, so that two runs never build it at once."""
    place.parent.mkdir(parents=True, exist_ok=True)
    with (place.parent / f"{place.name}.lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def run_uv(cache: Path, *arguments: str) -> str:
    """Run uv without any project's configuration; its standard output, or EnvironmentFailed with its last lines."""
    environment = {name: value for name, value in os.environ.items() if name not in ("VIRTUAL_ENV", "PYTHONPATH", "PYTHONHOME")}
    environment |= {"PYTHONPYCACHEPREFIX": str(cache / "pycache"), "NO_COLOR": "1"}
    with subprocess.Popen(
        [uv_path(), *arguments],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment,
        cwd=cache,
        start_new_session=True,
    ) as run:
        try:
            out, err = run.communicate(timeout=BUILD_SECONDS)
        except subprocess.TimeoutExpired as error:
            _kill_session(run)
            raise EnvironmentFailed(f"uv {arguments[0]} did not end within {BUILD_SECONDS} s") from error
        except BaseException:  # an interrupted build must not go on writing behind a lock that is let go
            _kill_session(run)
            raise
    if run.returncode:
        raise EnvironmentFailed(reason(err), seen="\n".join(err.strip().splitlines()[-12:]), hint=cure(err))
    return out


def _kill_session(run: subprocess.Popen[str]) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(run.pid, signal.SIGKILL)
    run.communicate()


CAUSES = (r"(fatal error|error): .+\.(h|c)\b.*", r"[A-Z]\w*(Error|Exception): .+|Exception: .+", r".*unsatisfiable.*", r"error: .+")


def reason(stderr: str) -> str:
    """The line of uv's message, or of the build's it shows, that names the cause."""
    lines = [line.strip(" ×╰─▶│├╴").removeprefix("cause: ") for line in stderr.splitlines() if line.strip()]
    for cause in CAUSES:
        for line in reversed(lines):
            if re.fullmatch(cause, line):
                return line[:200]
    return lines[-1][:200] if lines else "uv failed without a word"


def cure(stderr: str) -> str:
    """What the user can do about the commonest causes."""
    if re.search(r"(gcc|cc|clang|c\+\+).*(not found|No such file)|unable to execute|you need a C compiler", stderr, re.IGNORECASE):
        return "install a C compiler (Debian: apt-get install gcc python3-dev)"
    if "Python.h" in stderr:
        return "install the Python headers (Debian: apt-get install python3-dev)"
    if re.search(r"dns error|connect|network|timed? ?out", stderr, re.IGNORECASE):
        return "the package index could not be reached; the first build of an environment needs it"
    return ""


def distribution(requirement: str) -> str:
    """The normalised distribution name of a requirement, a pin or a name."""
    return re.sub(r"[-_.]+", "-", re.split(r"[\s<>=!~;\[@]", requirement, maxsplit=1)[0]).lower()


def digest(*parts: str) -> str:
    """A short name for all that decides what is in an environment."""
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:16]

"""uv, run to install packages: what it may know of the shell, and why it failed in one line."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
from pathlib import Path

import uv

from whichworker.environments import locks
from whichworker.environments.variables import byte_code, for_builds
from whichworker.errors import EnvironmentFailed

BUILD_SECONDS = 900
"""For one run of uv: a server may be compiled from source on a slow machine."""


class Unresolvable(EnvironmentFailed):
    """No versions fit together; `lacks_upload_times`: the index gives none, so no date can hold."""

    lacks_upload_times = False


def uv_path() -> str:
    """The uv of the tool's own environment."""
    return str(uv.find_uv_bin())


def run_uv(cache: Path, *arguments: str) -> str:
    """Run uv without any project's configuration; returns its output.

    It runs the build scripts of packages, so it gets no other variable of the shell than
    `for_builds` lets through. Raises EnvironmentFailed with its last lines.
    """
    environment = {
        **for_builds(os.environ),
        **byte_code(cache),
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
        kind = Unresolvable if "unsatisfiable" in err else EnvironmentFailed
        failed = kind(reason(err), seen="\n".join(err.strip().splitlines()[-12:]), hint=cure(err))
        if isinstance(failed, Unresolvable):
            failed.lacks_upload_times = "missing an upload date" in err
        raise failed
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
NO_HEADERS = re.compile(r"Python\.h['\"]?:? (file not found|No such file)", re.IGNORECASE)
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
    if NO_HEADERS.search(stderr):
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
            "whichworker never changes the app's environment: update it yourself, or race the"
            " newest server beside it: NAME@latest"
        )
    return ""

"""The load generators: how to request a closed loop from each, and how to read its report."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from msgspec import Struct, field

from benchmarks.running import Usage
from benchmarks.servers import BODY, HERE

INSTALL_SECONDS = 300.0  # locust over a slow network
VERSION_SECONDS = 30.0  # a cold start of a tool in Python
LOCUST = "locust>=2.32,<3"
OWN_VENV = HERE / ".venv"


class Count(Struct, frozen=True, kw_only=True):
    """A tool's own report; the last two only if it reports them."""

    requests: int
    rate_per_second: float
    cpu_seconds_per_request: float | None = None
    memory_bytes: int | None = None


class Tool(Struct, frozen=True, kw_only=True):
    """A load generator; `argv` gets URL, connections, seconds; `read` gets output and folder.

    `starts_slowly`: it spends CPU before its first request, however long the run. `at` limits the
    connections of its runs (empty: all).
    """

    name: str
    argv: Callable[[str, int, int], list[str]]
    read: Callable[[Usage, Path], Count]
    version: Callable[[], str]
    starts_slowly: bool = False
    at: tuple[int, ...] = field(default=())


def _match(pattern: str, usage: Usage) -> float:
    found = re.search(pattern, usage.output)
    if usage.code != 0 or found is None:
        raise RuntimeError(
            f"exit status {usage.code}, and nothing like {pattern!r} in:\n{usage.output[-2000:]}"
        )
    return float(found[1])


def _said_by(argv: list[str], pattern: str) -> str:
    done = subprocess.run(
        argv, capture_output=True, text=True, timeout=VERSION_SECONDS, check=False
    )
    found = re.search(pattern, done.stdout + done.stderr)
    return found[1] if found else "unknown"


# wrk: the yardstick.


def _wrk(url: str, connections: int, seconds: int) -> list[str]:
    return ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", url]


def _read_wrk(usage: Usage, _: Path) -> Count:
    if "Non-2xx" in usage.output or "Socket errors" in usage.output:
        raise RuntimeError(f"wrk saw errors:\n{usage.output}")
    return Count(
        requests=int(_match(r"(\d+) requests in", usage)),
        rate_per_second=_match(r"Requests/sec:\s+([\d.]+)", usage),
    )


# h2load, in its HTTP/1.1 manner.


def _h2load(url: str, connections: int, seconds: int) -> list[str]:
    return ["h2load", "--h1", "-t1", f"-c{connections}", "-D", str(seconds), url]


def _read_h2load(usage: Usage, _: Path) -> Count:
    if _match(r"(\d+) failed", usage):
        raise RuntimeError(f"h2load saw errors:\n{usage.output[-2000:]}")
    return Count(
        requests=int(_match(r"(\d+) succeeded", usage)),
        rate_per_second=_match(r"([\d.]+) req/s", usage),
    )


# hey: sees how many cores it may use by its affinity.


def _hey(url: str, connections: int, seconds: int) -> list[str]:
    return ["hey", "-z", f"{seconds}s", "-c", str(connections), url]


def _read_hey(usage: Usage, _: Path) -> Count:
    return Count(
        requests=int(_match(r"\[200\]\s+(\d+) responses", usage)),
        rate_per_second=_match(r"Requests/sec:\s+([\d.]+)", usage),
    )


# locust, in an environment of its own.


def _locust(url: str, connections: int, seconds: int) -> list[str]:
    users = [
        "--users",
        str(connections),
        "--spawn-rate",
        str(connections),
        "--run-time",
        f"{seconds}s",
    ]
    quiet = ["--headless", "--json", "--loglevel", "ERROR", "--stop-timeout", "0", "--skip-log"]
    return [
        str(_locust_program()),
        "-f",
        str(HERE / "locustfile.py"),
        "--host",
        url.rstrip("/"),
        *users,
        *quiet,
    ]


def _locust_program() -> Path:
    """locust, installed into the benchmarks' own environment the first time."""
    program = OWN_VENV / "bin" / "locust"
    if not program.exists():
        uv = shutil.which(
            "uv", path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        )
        if uv is None:
            raise RuntimeError(
                "locust cannot be installed: there is no uv; "
                "hint: make setup, or --tools without locust"
            )
        shutil.rmtree(OWN_VENV, ignore_errors=True)  # what an interrupted installation left
        venv = [uv, "venv", "--quiet", "--python", sys.executable, str(OWN_VENV)]
        subprocess.run(venv, check=True, timeout=INSTALL_SECONDS)
        into = ["--python", str(OWN_VENV / "bin" / "python")]
        subprocess.run(
            [uv, "pip", "install", "--quiet", *into, LOCUST], check=True, timeout=INSTALL_SECONDS
        )
    return program


def _read_locust(usage: Usage, _: Path) -> Count:
    begin, end = usage.output.find("["), usage.output.rfind("]")
    if usage.code != 0 or begin < 0:
        raise RuntimeError(f"locust ended with status {usage.code}:\n{usage.output[-2000:]}")
    (entry,) = json.loads(usage.output[begin : end + 1])
    if entry["num_failures"]:
        raise RuntimeError(f"locust saw {entry['num_failures']} failures")
    seconds = entry["last_request_timestamp"] - entry["start_time"]
    return Count(requests=entry["num_requests"], rate_per_second=entry["num_requests"] / seconds)


# whichworker, one tool for each engine. Every body is compared with the correct one.


def _whichworker(engine: str) -> Callable[[str, int, int], list[str]]:
    program = Path(sys.executable).parent / "whichworker"

    def argv(url: str, connections: int, seconds: int) -> list[str]:
        shape = ["--connections", str(connections), "--time", f"{seconds}s", "--engine", engine]
        return [
            str(program),
            "load",
            url,
            *shape,
            "--expect",
            f"body={BODY}",
            "--json",
            "result.json",
        ]

    return argv


def _read_whichworker(usage: Usage, folder: Path) -> Count:
    # 3: invalid, as it must be when the generator's core is full; the comparison needs its numbers.
    if usage.code not in (0, 3):
        raise RuntimeError(f"whichworker ended with status {usage.code}:\n{usage.output[-2000:]}")
    result = json.loads((folder / "result.json").read_text())
    if result["errors"] or result["statuses"].keys() != {"200"}:
        raise RuntimeError(
            f"whichworker saw errors: {result['errors']}, statuses {result['statuses']}"
        )
    return Count(
        requests=result["requests"],
        rate_per_second=result["rate_per_second"],
        cpu_seconds_per_request=result["cpu_seconds_per_request"],
        memory_bytes=result["memory_bytes"],
    )


def _whichworker_version() -> str:
    return _said_by([str(Path(sys.executable).parent / "whichworker"), "--version"], r"(\d\S*)")


def _packaged(name: str) -> str:
    """The version of a tool that does not tell it itself, by the package it came in."""
    if shutil.which("dpkg-query") is None:
        return "unknown"
    return _said_by(["dpkg-query", "-W", "-f", "${Version}", name], r"(\S+)")


YARDSTICK = "wrk"
TOOLS = {
    tool.name: tool
    for tool in (
        Tool(
            name="wrk",
            argv=_wrk,
            read=_read_wrk,
            version=lambda: _said_by(["wrk", "-v"], r"wrk (\S+)"),
        ),
        Tool(
            name="whichworker-native",
            argv=_whichworker("native"),
            read=_read_whichworker,
            version=_whichworker_version,
            starts_slowly=True,
        ),
        Tool(
            name="whichworker-epoll",
            argv=_whichworker("epoll"),
            read=_read_whichworker,
            version=_whichworker_version,
            starts_slowly=True,
        ),
        Tool(
            name="h2load",
            argv=_h2load,
            read=_read_h2load,
            version=lambda: _said_by(["h2load", "--version"], r"(\S+)\s*$"),
        ),
        Tool(name="hey", argv=_hey, read=_read_hey, version=lambda: _packaged("hey"), at=(64,)),
        Tool(
            name="locust",
            argv=_locust,
            read=_read_locust,
            version=lambda: _said_by([str(_locust_program()), "--version"], r"locust (\S+)"),
            starts_slowly=True,
            at=(64,),
        ),
    )
}

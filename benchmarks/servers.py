"""The two C servers: built if their source is newer, started on a core, ended by pid; their log."""

from __future__ import annotations

import contextlib
import os
import select
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

HERE = Path(__file__).parent
SOURCES = HERE / "server"
BUILD = HERE / "build"
BODY = "hello"
HOST = "127.0.0.1"

BUILD_SECONDS = 60.0  # for two small C files: generous
START_SECONDS = 10.0  # a start takes milliseconds
END_SECONDS = 10.0  # enough to write a long log

_FLAGS = ("-std=c11", "-O2", "-Wall", "-Wextra", "-Wshadow", "-Wconversion", "-Werror")


class Server(Struct, frozen=True):
    """A server that listens."""

    pid: int
    port: int

    @property
    def url(self) -> str:
        """The URL of the server."""
        return f"http://{HOST}:{self.port}/"


def built(name: str) -> Path:
    """The server's program, compiled by gcc when it is missing or older than a source."""
    program = BUILD / name
    newest = max(source.stat().st_mtime for source in (SOURCES / f"{name}.c", SOURCES / "common.h"))
    if not program.exists() or program.stat().st_mtime < newest:
        BUILD.mkdir(exist_ok=True)
        fresh = (
            BUILD / f"{name}.{os.getpid()}"
        )  # renamed when whole: another process may build or run it now
        argv = ["gcc", *_FLAGS, "-o", str(fresh), str(SOURCES / f"{name}.c"), "-lm"]
        subprocess.run(argv, check=True, timeout=BUILD_SECONDS)
        fresh.replace(program)
    return program


@contextlib.contextmanager
def cheap_server(core: int) -> Iterator[Server]:
    """The cheapest server there is, on one core."""
    with _serving([str(built("cheap")), "-c", str(core)]) as server:
        yield server


@contextlib.contextmanager
def truth_server(mode: str, core: int, log: Path, seed: int = 1) -> Iterator[Server]:
    """A server of known delays; its log is there when the context has ended."""
    with _serving(
        [str(built("truth")), "-m", mode, "-c", str(core), "-s", str(seed), "-l", str(log)]
    ) as server:
        yield server


@contextlib.contextmanager
def _serving(argv: Sequence[str]) -> Iterator[Server]:
    process = subprocess.Popen(argv, stdout=subprocess.PIPE, start_new_session=True)
    try:
        yield Server(process.pid, _port_of(process))
    finally:
        _end(process)
    if process.returncode != 0:
        raise RuntimeError(f"{Path(argv[0]).name} ended with status {process.returncode}")


def _port_of(process: subprocess.Popen[bytes]) -> int:
    assert process.stdout is not None
    ready, _, _ = select.select([process.stdout], [], [], START_SECONDS)
    line = process.stdout.readline() if ready else b""
    if not line.strip().isdigit():
        raise RuntimeError(f"the server did not say its port: {line!r}")
    return int(line)


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(END_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    if process.stdout is not None:
        process.stdout.close()


class TrueTimes(Struct, frozen=True):
    """The server's log: a row for each request, ns; `arrived`, `written` are CLOCK_MONOTONIC."""

    arrived: NDArray[np.int64]
    delay: NDArray[np.int64]
    written: NDArray[np.int64]

    def after(self, first: int) -> TrueTimes:
        """The rows after the `first` responses."""
        return TrueTimes(self.arrived[first:], self.delay[first:], self.written[first:])

    @property
    def count(self) -> int:
        """The number of responses."""
        return int(self.arrived.size)

    def percentile(self, q: float) -> float:
        """The nearest rank of arrived → written, in seconds."""
        times = np.sort(self.written - self.arrived)
        return float(times[max(0, int(np.ceil(q * times.size - 1e-9)) - 1)]) / 1e9


def read_log(path: Path) -> TrueTimes:
    """The log that a truth server wrote at its end."""
    rows = np.fromfile(path, dtype=np.int64).reshape(-1, 3)
    return TrueTimes(rows[:, 0], rows[:, 1], rows[:, 2])

"""The thermometer: its readings between two moments, and that it ends whatever happens."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from whichworker.probes.cpu import process_cpu_seconds
from whichworker.probes.thermometer import (
    KEPT,
    LEAST_READINGS,
    SLOWEST,
    Thermometer,
    calibrated,
    trimmed,
    turn,
)

CORE = min(os.sched_getaffinity(0))
PATIENCE_SECONDS = 20.0
HOLDER = """
import sys
from whichworker.probes.thermometer import Thermometer
with Thermometer([int(core) for core in sys.argv[1:]]) as thermometer:
    print(*thermometer.pids, flush=True)
    sys.stdin.readline()
"""


def until(condition: Callable[[], bool]) -> bool:
    """Wait for what must come."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.002)
    return condition()


def is_gone(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()[0] == b"Z"
    except OSError:
        return True


def open_files() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


@pytest.mark.parametrize(
    ("nanoseconds", "seconds"),
    [
        ([], None),
        ([100_000] * (LEAST_READINGS - 1), None),
        ([100_000] * LEAST_READINGS, 100e-6),
        ([100_000, 110_000, 120_000, 130_000, 9_000_000], 115e-6),
        ([9_000_000, 100_000, 130_000, 110_000, 120_000], 115e-6),
        ([100_000, 200_000, 9_000_000], 9.3e-3 / 3),
        ([*[100_000] * 8, 5_000_000, 9_000_000], 100e-6),
    ],
)
def test_the_slowest_fifth_is_left_out(nanoseconds: Sequence[int], seconds: float | None) -> None:
    assert trimmed(nanoseconds) == (None if seconds is None else pytest.approx(seconds))
    assert SLOWEST == 0.2


def test_readings_are_of_the_time_between_two_moments() -> None:
    with Thermometer([CORE]) as thermometer:
        began = time.monotonic_ns()
        assert until(lambda: thermometer.seconds(began, time.monotonic_ns()) is not None)
        ended = time.monotonic_ns()
        seen = thermometer.seconds(began, ended)
        assert seen is not None and 0 < seen < 1
        assert thermometer.seconds(0, began - 60_000_000_000) is None, "before it began"
        assert thermometer.seconds(ended + 60_000_000_000, ended + 61_000_000_000) is None, (
            "in the future"
        )
        assert thermometer.seconds(began, began) is None
        later = time.monotonic_ns()
        assert until(lambda: thermometer.seconds(later, time.monotonic_ns()) is not None)
        assert thermometer.seconds(began, ended) == seen, (
            "what was once is not changed by what comes"
        )


def test_what_nobody_asks_for_is_kept_for_half_a_minute_and_then_forgotten() -> None:
    assert KEPT * 0.004 > 30, "half a minute at a reading every 4 ms"
    with Thermometer([CORE]) as thermometer:
        began = time.monotonic_ns()
        assert until(lambda: thermometer.seconds(began, time.monotonic_ns()) is not None)
        (reader,) = thermometer._readers
        for at_ns in range(KEPT):
            reader._readings.append((time.monotonic_ns() + at_ns, 100_000))
        assert len(reader._readings) == KEPT
        assert thermometer.seconds(began - 10**9, began) is None


def test_there_is_one_for_each_core_and_each_on_its_own() -> None:
    cores = sorted(os.sched_getaffinity(0))
    with Thermometer(cores) as thermometer:
        assert len(set(thermometer.pids)) == len(cores)
        assert until(
            lambda: (
                [os.sched_getaffinity(pid) for pid in thermometer.pids]
                == [{core} for core in cores]
            )
        )
        assert until(lambda: all(process_cpu_seconds(pid) for pid in thermometer.pids))


def test_one_core_without_readings_makes_all_unknown() -> None:
    with Thermometer([CORE, CORE]) as thermometer:
        began = time.monotonic_ns()
        assert until(lambda: thermometer.seconds(began, time.monotonic_ns()) is not None)
        os.kill(thermometer.pids[1], signal.SIGSTOP)
        assert until(
            lambda: (
                Path(f"/proc/{thermometer.pids[1]}/stat")
                .read_bytes()
                .rpartition(b")")[2]
                .split()[0]
                == b"T"
            )
        )
        stopped = time.monotonic_ns()
        alone = Thermometer([CORE])
        with alone:
            assert until(lambda: alone.seconds(stopped, time.monotonic_ns()) is not None)
        assert thermometer.seconds(stopped, time.monotonic_ns()) is None


@pytest.mark.parametrize("error", [False, True])
def test_nothing_is_left_after_it_was_stopped(error: bool) -> None:
    thermometer = Thermometer([CORE, CORE])
    pids: tuple[int, ...] = ()
    before = open_files()
    try:
        with thermometer:
            pids = thermometer.pids
            assert len(pids) == 2
            if error:
                raise KeyboardInterrupt
    except KeyboardInterrupt:
        assert error
    assert all(not Path(f"/proc/{pid}").exists() for pid in pids), "reaped, too"
    assert thermometer.pids == ()
    assert thermometer.seconds(0, time.monotonic_ns()) is None
    assert open_files() == before
    thermometer.stop()


def test_one_that_cannot_be_started_stops_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    real = subprocess.Popen
    started: list[subprocess.Popen[bytes]] = []

    def popen(argv: list[str], **more: Any) -> subprocess.Popen[bytes]:
        if started:
            raise OSError("no more processes")
        started.append(real(argv, **more))
        return started[0]

    monkeypatch.setattr(subprocess, "Popen", popen)
    thermometer = Thermometer([CORE, CORE])
    with pytest.raises(OSError, match="no more processes"), thermometer:
        pass
    assert started[0].returncode == -signal.SIGKILL
    assert thermometer.pids == ()


def test_it_ends_with_its_parent() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(CORE), str(CORE)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as holder:
        assert holder.stdout is not None
        pids = [int(text) for text in holder.stdout.readline().split()]
        assert len(pids) == 2
        assert until(lambda: all(process_cpu_seconds(pid) for pid in pids))
        ends = [os.pidfd_open(pid) for pid in pids]
        holder.kill()
    poll = select.poll()
    for end in ends:
        poll.register(end, select.POLLIN)
    assert until(lambda: len(poll.poll(100)) == 2), "both have ended"
    for end in ends:
        os.close(end)
    assert all(is_gone(pid) for pid in pids)


def test_one_whose_parent_is_gone_before_it_looks_does_not_begin() -> None:
    argv = [
        sys.executable,
        "-m",
        "whichworker.probes.thermometer",
        str(os.getppid()),
        str(CORE),
        "0",
    ]
    run = subprocess.run(
        argv, capture_output=True, text=True, timeout=PATIENCE_SECONDS, check=False
    )
    assert run.returncode == 1 and "is gone" in run.stderr


def test_a_turn_is_as_long_here_as_it_should_be() -> None:
    """At least one round of the loop, and more rounds take more work."""
    assert calibrated() >= 1
    counts = []
    for times in (1, 10):
        calls = 0

        def count(frame: object, event: str, argument: object) -> None:
            nonlocal calls
            calls += event == "call" or event == "c_call"

        sys.setprofile(count)
        try:
            turn(times)
        finally:
            sys.setprofile(None)
        counts.append(calls)
    assert counts[1] > 8 * counts[0] > 0

"""Bursts of other programs: found if they are there, and none of our own."""

from __future__ import annotations

import os
import subprocess
import sys
import time

import pytest

from whichworker.probes import cpu
from whichworker.probes.bursts import Bursts, CoreLook, foreign_seconds

CORE = min(os.sched_getaffinity(0))
BURN = """
import os, sys, time
os.sched_setaffinity(0, {int(sys.argv[1])})
print("ready", flush=True)
while True:
    sum(range(1000))
"""


def look(at: float, idle: float, server: dict[int, float], own: float = 0.0) -> CoreLook:
    return CoreLook(at, {0: idle}, server, own)


@pytest.mark.parametrize(
    ("after", "seconds"),
    [
        (look(1.1, 0.06, {7: 2.04}), 0.0),
        (look(1.1, 0.01, {7: 2.04}), 0.05),
        (look(1.1, 0.01, {7: 2.04}, own=0.05), 0.0),
        (look(1.1, 0.08, {7: 2.08}), -0.06),
        (look(1.1, 0.0, {7: 2.0, 8: 0.1}), 0.0),
        (look(1.1, 0.0, {8: 0.1}), 0.0),
    ],
)
def test_the_rest_of_a_core_is_foreign(after: CoreLook, seconds: float) -> None:
    assert foreign_seconds(look(1.0, 0.0, {7: 2.0}), after, 1) == pytest.approx(seconds, abs=1e-9)


def test_a_long_burst_is_the_sum_of_its_looks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Others have 20 ms in each tenth of a second, but for ticks that come a look too late."""
    used = iter([0.0, 0.02, 0.03, 0.07, 0.08, 0.1, 0.12, 0.12, 0.12])
    looks = [look(at / 10, at / 10 - taken, {7: 0.0}) for at, taken in enumerate(used)]
    source = iter(looks)
    monkeypatch.setattr(Bursts, "_look", lambda _: next(source))
    bursts = Bursts([CORE], [], lambda: 0.0)
    for longest in (0.02, 0.03, 0.07, 0.08, 0.1, 0.1, 0.1, 0.1):
        bursts.step()
        assert bursts.longest == pytest.approx(longest)


@pytest.mark.alone
def test_a_burst_of_another_process_is_found_and_one_of_the_server_is_none() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", BURN, str(CORE)], stdout=subprocess.PIPE, text=True
    ) as burner:
        try:
            assert burner.stdout is not None
            assert burner.stdout.readline() == "ready\n"
            pids = [os.getpid()]
            foreign = Bursts([CORE], pids, lambda: 0.0)
            known = Bursts([CORE], [*pids, burner.pid], lambda: 0.0)
            elsewhere = Bursts([CORE], pids, lambda: cpu.process_cpu_seconds(burner.pid) or 0.0)
            ends = time.monotonic_ns() + 400_000_000
            for one in (foreign, known, elsewhere):
                one.until(ends)
            time.sleep(0.3)
            now = time.monotonic_ns() + 1_000_000
            for one in (foreign, known, elsewhere):
                one.until(now)
        finally:
            burner.kill()
    assert foreign.longest > 0.05
    assert known.longest < 0.5 * foreign.longest
    assert elsewhere.longest < 0.5 * foreign.longest

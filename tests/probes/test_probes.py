"""Probes against what is known: a process that burns CPU, memory that was touched, counters of the kernel's own format."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator

import pytest

from whichworker.probes import cpu, machine, memory, network, snapshot

BURN = """
import sys, time
end = time.process_time() + 0.3
while time.process_time() < end:
    pass
print(time.process_time(), flush=True)
sys.stdin.readline()
"""


@pytest.fixture
def burner() -> Iterator[subprocess.Popen[str]]:
    """A child that burns 0.3 s of CPU, says how much it used, and waits."""
    with subprocess.Popen([sys.executable, "-c", BURN], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        yield process
        process.communicate("\n")


def test_the_clock_of_another_process_is_its_own(burner: subprocess.Popen[str]) -> None:
    assert burner.stdout is not None
    said = float(burner.stdout.readline())
    seen = cpu.process_cpu_seconds(burner.pid)
    assert seen is not None
    assert said <= seen < said + 0.1


def test_the_clock_counts_threads_that_have_ended() -> None:
    code = (
        "import threading, time, sys\n"
        "def work():\n    end = time.thread_time() + 0.2\n    while time.thread_time() < end: pass\n"
        "t = threading.Thread(target=work); t.start(); t.join()\n"
        "print('ready', flush=True); sys.stdin.readline()"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        process.stdout.readline()
        assert (cpu.process_cpu_seconds(process.pid) or 0) >= 0.2
        process.communicate("\n")


def test_a_process_that_is_gone_has_no_clock() -> None:
    with subprocess.Popen(["true"]) as process:
        process.wait()
    assert cpu.process_cpu_seconds(process.pid) is None


@pytest.mark.parametrize(
    ("before", "after", "seconds"),
    [
        ({1: 1.0, 2: 2.0}, {1: 1.5, 2: 2.25}, 0.75),
        ({1: 1.0}, {1: 1.5, 9: 0.25}, 0.75),
        ({1: 1.0, 2: 2.0}, {1: 1.5}, None),
        ({}, {1: 1.0}, None),
    ],
)
def test_cpu_spent_is_none_where_it_cannot_be_known(before: dict[int, float], after: dict[int, float], seconds: float | None) -> None:
    assert cpu.spent(before, after) == seconds


def test_busy_cores_tick() -> None:
    cores = sorted(os.sched_getaffinity(0))
    before, own = cpu.core_times(cores), time.process_time()
    end = time.process_time() + 0.2
    while time.process_time() < end:
        pass
    after = cpu.core_times(cores)
    assert after.busy - before.busy >= (time.process_time() - own) - 0.05
    assert after.stolen >= before.stolen


def test_memory_that_is_touched_is_counted() -> None:
    before = memory.tree_pss_bytes([os.getpid()])
    block = bytearray(50_000_000)
    block[::4096] = b"x" * len(block[::4096])
    after = memory.tree_pss_bytes([os.getpid()])
    assert before is not None
    assert after is not None
    assert 45e6 < after - before < 60e6
    assert memory.tree_pss_bytes([2**22 - 1]) is None
    assert memory.threads([os.getpid()]) >= 1


def test_tcp_counters_only_grow() -> None:
    first, second = network.tcp_counters(), network.tcp_counters()
    assert second.listen_overflows >= first.listen_overflows >= 0
    assert second.retransmits >= first.retransmits >= 0


def test_two_snapshots_make_probes(burner: subprocess.Popen[str]) -> None:
    cores = sorted(os.sched_getaffinity(0))
    before = snapshot.take([burner.pid], os.getpid(), cores)
    assert burner.stdout is not None
    burner.stdout.readline()
    after = snapshot.take([burner.pid], os.getpid(), cores)
    probes = snapshot.compare(before, after, [burner.pid], cores)
    assert probes.server_cpu_seconds is not None
    assert 0.1 < probes.server_cpu_seconds <= probes.seconds + 0.02
    assert probes.processes == 1
    assert probes.foreign_share is not None
    assert 0 <= probes.foreign_share <= 1.1
    assert (probes.memory_bytes or 0) > 1e6


def test_the_machine_is_the_same_machine_twice() -> None:
    assert machine.describe() == machine.describe()
    assert set(machine.describe().usable_cores) == os.sched_getaffinity(0)

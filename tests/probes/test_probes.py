"""Probes against known values: burnt CPU, touched memory, counters in the kernel's format."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from whichworker.probes import cpu, machine, memory, network, snapshot, threads

pytestmark = pytest.mark.alone

NOBODY = 2**22 - 1

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
    with subprocess.Popen(
        [sys.executable, "-c", BURN], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
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
        "def work():\n    end = time.thread_time() + 0.2\n"
        "    while time.thread_time() < end: pass\n"
        "t = threading.Thread(target=work); t.start(); t.join()\n"
        "print('ready', flush=True); sys.stdin.readline()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
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
def test_cpu_spent_is_none_where_it_cannot_be_known(
    before: dict[int, float], after: dict[int, float], seconds: float | None
) -> None:
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
    before = memory.tree_memory([os.getpid()])
    block = bytearray(50_000_000)
    block[::4096] = b"x" * len(block[::4096])
    after = memory.tree_memory([os.getpid()])
    assert before is not None
    assert after is not None
    assert 45e6 < after.pss - before.pss < 60e6
    assert 45e6 < after.uss - before.uss < 60e6
    assert after.uss <= after.pss
    assert memory.tree_memory([NOBODY]) is None


def test_open_files_are_counted(tmp_path: Path) -> None:
    before = memory.open_files([os.getpid()])
    assert before is not None
    with (tmp_path / "one").open("w"), (tmp_path / "two").open("w"):
        assert memory.open_files([os.getpid(), NOBODY]) == before + 2
    assert memory.open_files([NOBODY]) is None


def test_the_switches_of_threads_are_counted() -> None:
    pause, go = threading.Event(), threading.Event()

    def work() -> None:
        go.wait()
        for _ in range(50):
            time.sleep(0.0001)
        pause.set()

    worker = threading.Thread(target=work)
    worker.start()
    before = threads.threads([os.getpid()])
    go.set()
    pause.wait()
    after = threads.threads([os.getpid()], before)
    assert before is not None
    assert after is not None
    assert worker.native_id is not None
    assert threads.count([os.getpid()]) >= 1
    worker.join()
    if worker.native_id in after:  # it may have ended by then
        assert after[worker.native_id].voluntary - before[worker.native_id].voluntary >= 50
    assert threads.threads([NOBODY]) is None
    assert threads.count([NOBODY]) == 0


def thread(
    ran: float, waited: float = 0.0, voluntary: int = 0, involuntary: int = 0
) -> threads.Thread:
    """A thread's counters, in seconds."""
    return threads.Thread(
        int(ran * 1e9), int(waited * 1e9), voluntary + involuntary, voluntary, involuntary
    )


@pytest.mark.parametrize(
    ("before", "after", "cpu_seconds", "waiting"),
    [
        ({1: thread(1, 1, 5, 7)}, {1: thread(2, 1.5, 8, 8)}, 1.0, threads.Waiting(0.5, 3, 1)),
        (
            {1: thread(1)},
            {1: thread(1.5), 2: thread(0.5, 0.25, 2)},
            1.0,
            threads.Waiting(0.25, 2, 0),
        ),
        (
            {1: thread(1), 2: thread(1)},
            {1: thread(1.5)},
            1.0,
            None,
        ),  # half of it was a thread's that has ended
        ({1: thread(1)}, {1: thread(2)}, None, None),
        (None, {1: thread(2)}, 1.0, None),
    ],
)
def test_waiting_is_none_where_threads_do_not_account_for_the_time(
    before: dict[int, threads.Thread] | None,
    after: dict[int, threads.Thread],
    cpu_seconds: float | None,
    waiting: threads.Waiting | None,
) -> None:
    assert threads.between(before, after, cpu_seconds) == waiting


@pytest.mark.parametrize(
    ("before", "after", "share"),
    [
        ({1: (10, 10)}, {1: (25, 15)}, 0.25),
        ({1: (10, 10)}, {1: (20, 10), 2: (0, 10)}, 0.5),
        ({1: (10, 10)}, {1: (14, 15)}, None),  # too few ticks
        ({}, {}, None),
    ],
)
def test_the_share_of_the_kernel(
    before: dict[int, tuple[int, int]], after: dict[int, tuple[int, int]], share: float | None
) -> None:
    assert cpu.system_share(before, after) == share


def test_tcp_counters_only_grow() -> None:
    first, second = network.tcp_counters(), network.tcp_counters()
    assert second.listen_overflows >= first.listen_overflows >= 0
    assert second.retransmits >= first.retransmits >= 0


def test_the_counters_are_those_of_the_servers_own_network(tmp_path: Path) -> None:
    assert network.tcp_counters(os.getpid()).retransmits >= 0
    assert network.tcp_counters(NOBODY) == network.tcp_counters()
    with subprocess.Popen(["unshare", "--net", "sleep", "60"]) as elsewhere:
        try:
            deadline = time.monotonic() + 5
            while (
                (apart := is_apart(elsewhere.pid)) is False
                and elsewhere.poll() is None
                and time.monotonic() < deadline
            ):
                time.sleep(0.01)
            if not apart:
                pytest.skip("no network namespace can be made here")
            assert network.tcp_counters(elsewhere.pid) == network.TcpCounters(0, 0)
        finally:
            elsewhere.kill()


def is_apart(pid: int) -> bool:
    """Whether a process is in another network namespace than this one."""
    try:
        return Path(f"/proc/{pid}/ns/net").readlink() != Path("/proc/self/ns/net").readlink()
    except OSError:
        return False


def test_two_ends_of_a_window_make_probes(burner: subprocess.Popen[str]) -> None:
    cores = sorted(os.sched_getaffinity(0))
    before = snapshot.open_window([burner.pid], [os.getpid()], cores)
    assert burner.stdout is not None
    burner.stdout.readline()
    after = snapshot.close_window([burner.pid], [os.getpid()], cores)
    probes = snapshot.compare(before, after, cores)
    assert probes.server_cpu_seconds is not None
    assert 0.1 < probes.server_cpu_seconds <= probes.seconds + 0.02
    assert probes.server_user_seconds is not None
    assert probes.server_system_seconds is not None
    assert probes.server_user_seconds + probes.server_system_seconds == pytest.approx(
        probes.server_cpu_seconds
    )
    assert probes.server_system_seconds > 0, "it asks the kernel for the time, over and over"
    assert probes.processes == 1
    assert probes.threads == 1
    assert probes.open_files == 3
    assert probes.foreign_share is not None
    assert 0 <= probes.foreign_share <= 1.1
    assert (probes.memory_bytes or 0) > 1e6
    assert 0 < (probes.uss_bytes or 0) <= (probes.memory_bytes or 0)
    assert probes.run_delay_seconds is not None
    assert probes.voluntary_switches is not None
    assert probes.generator_cpu_seconds is not None


def test_what_nobody_can_know_is_none() -> None:
    cores = sorted(os.sched_getaffinity(0))
    before = snapshot.open_window([NOBODY], [NOBODY], cores)
    probes = snapshot.compare(before, snapshot.close_window([NOBODY], [NOBODY], cores), cores)
    assert (
        probes.server_cpu_seconds,
        probes.server_user_seconds,
        probes.run_delay_seconds,
        probes.foreign_share,
    ) == (None,) * 4
    assert (
        probes.memory_bytes,
        probes.uss_bytes,
        probes.open_files,
        probes.generator_cpu_seconds,
    ) == (None,) * 4


def test_the_machine_is_the_same_machine_twice() -> None:
    assert machine.describe() == machine.describe()
    assert set(machine.describe().usable_cores) == os.sched_getaffinity(0)

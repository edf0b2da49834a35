"""The cost of measuring for twenty processes: CPU of the slice, portrait and warden's watch.

    python -m benchmarks.probes [--processes 20] [--threads 4] [--windows 40]

Every figure is CPU time of the kernel's clocks: a busy machine makes it a little larger.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from whichworker.probes import cpu, memory, network, snapshot, threads
from whichworker.process.launch import Launch, Order
from whichworker.race.ready import PORTRAIT_SECONDS

SLICE_SECONDS = 0.05  # the usual length of a slice in a race
LIMIT_SHARE = 0.01  # of a core: more would disturb the servers
SLICE, WHOLE, CHEAP = (
    "a slice: clocks of the tree and the cores, twice",
    "a portrait",
    "a window in which memory and threads are not read",
)

TREE = """
import asyncio, email, http.server, json, os, sys, threading, unittest
processes, count = int(sys.argv[1]), int(sys.argv[2])
for _ in range(processes - 1):
    if os.fork() == 0:
        break
own = bytearray(os.urandom(5_000_000))
for _ in range(count - 1):
    threading.Thread(target=threading.Event().wait).start()
print("ready", flush=True)
threading.Event().wait()
"""


def cost_of(work: Callable[[], object], windows: int) -> float:
    """CPU seconds of this thread for one go; the median of many."""
    spent = []
    for _ in range(windows):
        began = time.thread_time()
        work()
        spent.append(time.thread_time() - began)
    return statistics.median(spent)


def measure(launch: Launch, windows: int) -> dict[str, float]:
    """CPU seconds of each part of the probes of one window."""
    cores, own = sorted(os.sched_getaffinity(0)), ()
    pids = launch.pids()
    before = snapshot.open_window(pids, own, cores)
    return {
        SLICE: 2
        * cost_of(lambda: (cpu.tree_cpu_seconds(pids), cpu.core_idle_seconds(cores)), windows),
        WHOLE: cost_of(lambda: window(launch, own, cores, whole=True), windows),
        CHEAP: cost_of(lambda: window(launch, own, cores, whole=False), windows),
        "  in the window itself: clocks, twice": 2
        * cost_of(lambda: snapshot.read_clocks(pids, own, cores), windows),
        "  before and after it: the list of processes, twice": 2 * cost_of(launch.pids, windows),
        "    user and system time, twice": 2 * cost_of(lambda: cpu.tree_ticks(pids), windows),
        "    counters of TCP, twice": 2 * cost_of(lambda: network.tcp_counters(pids[0]), windows),
        "    threads before": cost_of(lambda: threads.threads(pids), windows),
        "    threads after": cost_of(
            lambda: threads.threads(pids, before.counters.threads), windows
        ),
        "    memory after": cost_of(lambda: memory.tree_memory(pids), windows),
        "    open files and number of threads after": cost_of(
            lambda: (memory.open_files(pids), threads.count(pids)), windows
        ),
    }


def window(launch: Launch, tool: tuple[int, ...], cores: list[int], *, whole: bool) -> None:
    """All that is done for one window."""
    before = snapshot.open_window(launch.pids(), tool, cores, whole=whole)
    snapshot.compare(
        before, snapshot.close_window(launch.pids(), tool, cores, before, whole=whole), cores
    )


def watch_share(launch: Launch, seconds: float = 5.0) -> float:
    """The share of a core that the warden uses while it watches log and memory."""
    assert launch._warden is not None
    before, began = cpu.process_cpu_seconds(launch._warden.pid) or 0.0, time.monotonic()
    time.sleep(seconds)
    return ((cpu.process_cpu_seconds(launch._warden.pid) or 0.0) - before) / (
        time.monotonic() - began
    )


def main() -> int:
    """Print the table; status 1 where the snapshots cost more than they may."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    for name, default in (("processes", 20), ("threads", 4), ("windows", 40)):
        parser.add_argument(f"--{name}", type=int, default=default)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        order = Order(
            argv=(sys.executable, "-c", TREE, str(asked.processes), str(asked.threads)),
            directory=folder,
            environment=dict(os.environ),
            cores=tuple(os.sched_getaffinity(0)),
            log=str(Path(folder) / "log"),
            memory_bytes=2**40,
        )
        with Launch(order) as launch:
            launch.wait_ready(
                lambda: (
                    ""
                    if launch.log_tail(10**6).count("ready") == asked.processes
                    else "not all are up"
                ),
                60,
            )
            found, watching = measure(launch, asked.windows), watch_share(launch)
            shape = (
                f"{len(launch.pids())} processes with {threads.count(launch.pids())} threads, "
                f"contained by {launch.mode}"
            )
    print(f"{shape}, slices of {SLICE_SECONDS:g} s, portraits of {PORTRAIT_SECONDS:g} s")
    for name, seconds in found.items():
        length = SLICE_SECONDS if name == SLICE else PORTRAIT_SECONDS
        print(f"{name:56} {seconds * 1e3:7.2f} ms  {seconds / length:6.2%} of a core")
    print(f"{'the warden, watching log and memory':56} {'':10}  {watching:6.2%} of a core")
    share = found[SLICE] / SLICE_SECONDS + watching
    print(f"a slice and the warden together: {share:.2%} of a core; limit {LIMIT_SHARE:.0%}")
    return int(share >= LIMIT_SHARE)


if __name__ == "__main__":
    sys.exit(main())

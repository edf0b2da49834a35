"""All probes that are read at both ends of a window, and the difference of two readings.

Reading takes a few milliseconds for a large tree. So slow probes are read before the window opens
and after it has closed, and only the clocks exactly at its ends.
"""

from __future__ import annotations

import os
import time
from collections.abc import Sequence

from msgspec import Struct

from whichworker.model import Probes
from whichworker.probes import cpu, memory, network, quota, threads

LEAD_NS = 20_000_000  # 20 ms, for the slow probes of a large tree
SMALL_TREE = 8
"""Up to 8 processes are always read whole; of a larger tree slow probes skip some windows."""


class Clocks(Struct, frozen=True):
    """CPU seconds at one moment: each server process, tool with generator, generator, cores."""

    at_ns: int
    tree: dict[int, float]
    own: float
    generator: float | None
    cores: cpu.CoreTimes


class Counters(Struct, frozen=True):
    """Counters of which only the growth matters, read shortly before and after a window."""

    ticks: dict[int, tuple[int, int]]
    threads: dict[int, threads.Thread] | None
    tcp: network.TcpCounters
    throttled: int = 0


class Sizes(Struct, frozen=True):
    """Sizes of a tree, read once after the window: reading memory walks page tables."""

    memory: memory.Memory | None
    files: int | None
    threads: int


class Snapshot(Struct, frozen=True):
    """One end of a window; `sizes` at its close only."""

    clocks: Clocks
    counters: Counters
    sizes: Sizes | None = None


def open_window(
    pids: Sequence[int],
    tool: Sequence[int],
    cores: Sequence[int],
    opens_ns: int = 0,
    *,
    whole: bool = True,
) -> Snapshot:
    """Read the counters now and the clocks when the window opens; call this LEAD_NS earlier.

    `tool` are the generator and other processes of this tool.

    Unless `whole`, threads and memory of a large tree stay unread: they are most of the cost.
    """
    counters = read_counters(pids, whole=whole or len(pids) <= SMALL_TREE)
    time.sleep(max(0.0, (opens_ns - time.monotonic_ns()) / 1e9))
    return Snapshot(read_clocks(pids, tool, cores), counters)


def close_window(
    pids: Sequence[int],
    tool: Sequence[int],
    cores: Sequence[int],
    before: Snapshot | None = None,
    *,
    whole: bool = True,
) -> Snapshot:
    """Read the clocks first, then the counters, then slow probes; `before` is the other end."""
    whole = whole or len(pids) <= SMALL_TREE
    clocks = read_clocks(pids, tool, cores)
    counters = read_counters(pids, before.counters.threads if before else None, whole=whole)
    sizes = Sizes(
        memory.tree_memory(pids) if whole else None, memory.open_files(pids), threads.count(pids)
    )
    return Snapshot(clocks, counters, sizes)


def read_clocks(pids: Sequence[int], tool: Sequence[int], cores: Sequence[int]) -> Clocks:
    """A system call for each process, and one file."""
    at_ns = time.monotonic_ns()
    tree, own = cpu.tree_cpu_seconds(pids), cpu.tree_cpu_seconds((os.getpid(), *tool))
    generator = own.get(tool[0]) if tool else None
    return Clocks(at_ns, tree, sum(own.values()), generator, cpu.core_times(cores))


def read_counters(
    pids: Sequence[int], before: dict[int, threads.Thread] | None = None, *, whole: bool = True
) -> Counters:
    """At most two files for each thread and one for each process; TCP of the first's namespace."""
    return Counters(
        cpu.tree_ticks(pids),
        threads.threads(pids, before) if whole else None,
        network.tcp_counters(pids[0] if pids else None),
        quota.here().throttled(),
    )


def compare(before: Snapshot, after: Snapshot, cores: Sequence[int]) -> Probes:
    """The difference between the two ends of a window.

    `foreign_share` is the share of the cores' time that neither the server nor this tool used,
    stolen time included; None if the server's own time is unknown.
    """
    begin, end = before.clocks, after.clocks
    seconds = (end.at_ns - begin.at_ns) / 1e9
    capacity = seconds * len(cores)
    server = cpu.spent(begin.tree, end.tree)
    system = cpu.system_share(before.counters.ticks, after.counters.ticks)
    busy = end.cores.busy - begin.cores.busy - (end.own - begin.own)
    waiting = threads.between(before.counters.threads, after.counters.threads, server)
    sizes = after.sizes or Sizes(None, None, 0)
    kernel = None if server is None or system is None else server * system
    return Probes(
        seconds=seconds,
        server_cpu_seconds=server,
        server_user_seconds=None if server is None or kernel is None else server - kernel,
        server_system_seconds=kernel,
        run_delay_seconds=waiting.run_delay_seconds if waiting else None,
        voluntary_switches=waiting.voluntary_switches if waiting else None,
        involuntary_switches=waiting.involuntary_switches if waiting else None,
        memory_bytes=sizes.memory.pss if sizes.memory else None,
        uss_bytes=sizes.memory.uss if sizes.memory else None,
        open_files=sizes.files,
        processes=len(end.tree),
        threads=sizes.threads,
        foreign_share=None if server is None else max(0.0, (busy - server) / capacity),
        steal_share=(end.cores.stolen - begin.cores.stolen) / capacity,
        listen_overflows=after.counters.tcp.listen_overflows - before.counters.tcp.listen_overflows,
        throttled=after.counters.throttled - before.counters.throttled,
        retransmits=after.counters.tcp.retransmits - before.counters.tcp.retransmits,
        generator_cpu_seconds=None
        if end.generator is None or begin.generator is None
        else end.generator - begin.generator,
    )

"""Everything that is read at one end of a window, and what two readings say together."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence

from msgspec import Struct

from whichworker.model import Probes
from whichworker.probes import cpu, memory, network


class Snapshot(Struct, frozen=True):
    """One reading of clocks and counters."""

    at_ns: int
    tree: dict[int, float]
    own: float
    cores: cpu.CoreTimes
    tcp: network.TcpCounters


def take(pids: Sequence[int], generator: int, cores: Sequence[int]) -> Snapshot:
    """Read the clocks first and everything slower after them."""
    at_ns = time.monotonic_ns()
    tree = cpu.tree_cpu_seconds(pids)
    own = sum(cpu.tree_cpu_seconds((os.getpid(), generator)).values())
    return Snapshot(at_ns, tree, own, cpu.core_times(cores), network.tcp_counters())


def compare(before: Snapshot, after: Snapshot, pids: Sequence[int], cores: Sequence[int]) -> Probes:
    """What happened between two snapshots of the same cores; memory and threads as they are now.

    `foreign_share` is the share of the cores' time that neither the server nor this tool used; it includes what was stolen, and is None
    where the server's own could not be told.
    """
    seconds = (after.at_ns - before.at_ns) / 1e9
    capacity = seconds * len(cores)
    server = cpu.spent(before.tree, after.tree)
    busy = after.cores.busy - before.cores.busy - (after.own - before.own)
    stolen = after.cores.stolen - before.cores.stolen
    return Probes(
        seconds=seconds,
        server_cpu_seconds=server,
        memory_bytes=memory.tree_pss_bytes(pids),
        processes=len(after.tree),
        threads=memory.threads(pids),
        foreign_share=None if server is None else max(0.0, (busy - server) / capacity),
        steal_share=stolen / capacity,
        listen_overflows=after.tcp.listen_overflows - before.tcp.listen_overflows,
        retransmits=after.tcp.retransmits - before.tcp.retransmits,
    )

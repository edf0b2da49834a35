"""Counters of the kernel's TCP that no valid window may raise."""

from __future__ import annotations

from typing import NamedTuple

from whichworker.probes.reading import read


class TcpCounters(NamedTuple):
    """Since boot: connections refused by a full accept queue, and segments sent again."""

    listen_overflows: int
    retransmits: int


def tcp_counters(pid: int | None = None) -> TcpCounters:
    """The counters of this process's network namespace; of the tool's own if it is gone."""
    own = "/proc/self/net"
    folder = f"/proc/{pid}/net" if pid else own
    return TcpCounters(
        listen_overflows=_counter(
            read(f"{folder}/netstat") or read(f"{own}/netstat"), b"TcpExt:", b"ListenOverflows"
        ),
        retransmits=_counter(
            read(f"{folder}/snmp") or read(f"{own}/snmp"), b"Tcp:", b"RetransSegs"
        ),
    )


def _counter(text: bytes, table: bytes, name: bytes) -> int:
    """One counter of a table (a line of names, a line of numbers); 0 if the kernel lacks it."""
    names, *values = [line.split() for line in text.splitlines() if line.startswith(table)] or [[]]
    return int(values[0][names.index(name)]) if name in names and values else 0

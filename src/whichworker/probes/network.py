"""Counters of the kernel's TCP that no valid window may raise."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple


class TcpCounters(NamedTuple):
    """Connections that a full accept queue turned away, and segments sent again, since boot."""

    listen_overflows: int
    retransmits: int


def tcp_counters() -> TcpCounters:
    """Read them from /proc/net/netstat and /proc/net/snmp (a line of names, then a line of numbers)."""
    return TcpCounters(
        listen_overflows=_table("/proc/net/netstat", "TcpExt").get("ListenOverflows", 0),
        retransmits=_table("/proc/net/snmp", "Tcp").get("RetransSegs", 0),
    )


def _table(path: str, name: str) -> dict[str, int]:
    lines = [line.split()[1:] for line in Path(path).read_text().splitlines() if line.startswith(f"{name}:")]
    if len(lines) != 2:
        return {}
    return dict(zip(lines[0], (int(value) for value in lines[1]), strict=True))

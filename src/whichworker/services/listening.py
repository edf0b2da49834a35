"""Which process listens where a given service is reached, so that its CPU time can be told from that of others."""

from __future__ import annotations

import socket
import struct

import psutil

PEER = struct.Struct("iII")
ANSWER_SECONDS = 2.0


def listener_of(path: str, port: int) -> int | None:
    """The process behind a Unix socket, or a TCP port where the path is empty; None where it cannot be seen."""
    return _of_socket(path) if path else _of_port(port)


def _of_socket(path: str) -> int | None:
    """SO_PEERCRED names who called listen(): the service's first process (unix(7))."""
    try:
        with socket.socket(socket.AF_UNIX) as client:
            client.settimeout(ANSWER_SECONDS)
            client.connect(path)
            pid, _, _ = PEER.unpack(
                client.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, PEER.size)
            )
    except OSError:
        return None
    return int(pid) or None


def _of_port(port: int) -> int | None:
    """The oldest of the processes that have the listening socket open: the others are its children."""
    try:
        found = psutil.net_connections(kind="tcp")
    except (psutil.Error, OSError):
        return None
    listening = (
        one
        for one in found
        if one.status == psutil.CONN_LISTEN and one.laddr and one.laddr.port == port
    )
    return min((one.pid for one in listening if one.pid), default=None)

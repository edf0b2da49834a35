"""The process that listens at a given service's address, so that its CPU time is known."""

from __future__ import annotations

import socket
import struct

import psutil

PEER = struct.Struct("iII")  # struct ucred: pid, user, group (unix(7))
ANSWER_SECONDS = 2.0  # a local service responds within milliseconds


def listener_of(path: str, port: int) -> int | None:
    """The process behind a Unix socket, or a TCP port if the path is empty; None if hidden."""
    return _of_socket(path) if path else _of_port(port)


def _of_socket(path: str) -> int | None:
    """SO_PEERCRED has the process that called listen(): the service's first (unix(7))."""
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
    """The oldest process that has the listening socket open: the others are its children."""
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

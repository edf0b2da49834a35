"""Which sockets listen, and who owns them: the server must own its port, on loopback only."""

from __future__ import annotations

import errno
import socket
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

LISTEN = "0A"  # TCP_LISTEN of include/net/tcp_states.h, as /proc/net/tcp writes it


def is_listening(port: int) -> bool:
    """Whether anything listens on this port; connections that outlive their server do not count.

    If binding works, nothing does. If not, the kernel's table shows whether there is a listener.
    """
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            return error.errno == errno.EADDRINUSE and any(
                listener.port == port for listener in listeners()
            )
    return False


class Listener(NamedTuple):
    """A listening TCP socket: its port, whether it is bound to loopback alone, and its inode."""

    port: int
    loopback: bool
    inode: str


def free_port() -> int:
    """A TCP port on 127.0.0.1 that was free a moment ago; if it gets taken, launch on another.

    Port 0 would avoid that race, but each server logs its port in its own words, some not at the
    level in use, and the processes of one server with SO_REUSEPORT would each get another port.
    """
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def listeners() -> list[Listener]:
    """Every listening TCP socket of this network namespace."""
    found = []
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        path = Path(table)
        lines = path.read_text().splitlines()[1:] if path.exists() else []
        for fields in (line.split() for line in lines):
            if fields[3] == LISTEN:
                address, _, port = fields[1].partition(":")
                found.append(Listener(int(port, 16), is_loopback(address), fields[9]))
    return found


def is_loopback(address: str) -> bool:
    """Whether an address is 127.0.0.0/8, ::1 or mapped; /proc/net/tcp has little-endian words."""
    return (
        address.endswith("7F")
        if len(address) == 8
        else address in LOOPBACK_V6 or _is_mapped_loopback(address)
    )


LOOPBACK_V6 = ("00000000000000000000000001000000",)


def _is_mapped_loopback(address: str) -> bool:
    return address.startswith("0000000000000000FFFF0000") and address.endswith("7F")


def owned(pids: Iterable[int]) -> list[Listener]:
    """The listening sockets that any of these processes holds open."""
    inodes = {inode for pid in pids for inode in _socket_inodes(pid)}
    return [listener for listener in listeners() if listener.inode in inodes]


def _socket_inodes(pid: int) -> list[str]:
    found = []
    try:
        links = list(Path(f"/proc/{pid}/fd").iterdir())
    except OSError:
        return []
    for link in links:
        try:
            name = str(link.readlink())
        except OSError:
            continue
        if name.startswith("socket:["):
            found.append(name[8:-1])
    return found


def outward(pids: Iterable[int]) -> list[str]:
    """The peers on other machines that these processes connect to, as `address:port`."""
    inodes = {inode for pid in pids for inode in _socket_inodes(pid)}
    found = []
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        path = Path(table)
        lines = path.read_text().splitlines()[1:] if path.exists() else []
        for fields in (line.split() for line in lines):
            address, _, port = fields[2].partition(":")
            if fields[3] in CONNECTED and fields[9] in inodes and not is_loopback(address):
                found.append(f"{_readable(address)}:{int(port, 16)}")
    return found


CONNECTED = ("01", "02")
"""ESTABLISHED and SYN_SENT (include/net/tcp_states.h)."""


def _readable(address: str) -> str:
    """An address as people write it, from little-endian words of hexadecimal digits."""
    words = [bytes.fromhex(address[at : at + 8])[::-1] for at in range(0, len(address), 8)]
    family = socket.AF_INET if len(words) == 1 else socket.AF_INET6
    return socket.inet_ntop(family, b"".join(words))

"""Redis or Valkey, which has the same protocol: in memory only, on a Unix socket only."""

from __future__ import annotations

import signal
import socket
from pathlib import Path
from urllib.parse import quote

from msgspec import Struct

from whichworker.errors import UsageError
from whichworker.services.binaries import together, version_of

PLACES = ("/usr/bin", "/usr/local/bin", "/usr/sbin", "/usr/local/sbin")
PROGRAMS = {"redis-server": "Redis", "valkey-server": "Valkey"}
SOCKET = "redis.sock"
ANSWER_SECONDS = 2.0  # a local service responds within milliseconds


class Redis(Struct, frozen=True):
    """A private Redis of the program that is installed."""

    program: str
    kind: str
    version: str

    name = "redis"
    users = ("redis", "valkey", "nobody")
    stop_signal = signal.SIGTERM

    @property
    def title(self) -> str:
        """The version, and the settings that are not the default."""
        return f"{self.kind} {self.version}, private, in memory only"

    def steps(self, folder: Path) -> tuple[tuple[str, ...], ...]:
        """Serve, without a port and without any file."""
        listen = ("--port", "0", "--unixsocket", str(folder / SOCKET), "--unixsocketperm", "700")
        return (
            (
                self.program,
                *listen,
                "--save",
                "",
                "--appendonly",
                "no",
                "--dir",
                str(folder),
                "--daemonize",
                "no",
            ),
        )

    def variables(self, folder: Path) -> dict[str, str]:
        """REDIS_URL."""
        return {"REDIS_URL": f"unix://{quote(str(folder / SOCKET), safe='/')}?db=0"}

    def complaint(self, folder: Path) -> str:
        """Send PING, expect PONG."""
        try:
            with socket.socket(socket.AF_UNIX) as client:
                client.settimeout(ANSWER_SECONDS)
                client.connect(str(folder / SOCKET))
                client.sendall(b"*1\r\n$4\r\nPING\r\n")
                answer = client.recv(512).decode(errors="replace").strip()
        except OSError as error:
            return f"{type(error).__name__}: {error}"
        return "" if answer == "+PONG" else answer or "the server closed the connection"


def find(path: str) -> Redis:
    """The Redis or Valkey on `path` or in the folders of distributions.

    Raises UsageError if there is none.
    """
    for program, kind in PROGRAMS.items():
        if found := together((program,), path, PLACES):
            return Redis(found[0], kind, version_of(found[0], r"v=(\S+)") or "of unknown version")
    hint = "apt install redis-server, or set REDIS_URL to one that runs on this machine"
    raise UsageError(
        "no Redis is installed here: neither redis-server nor valkey-server is on PATH", hint=hint
    )

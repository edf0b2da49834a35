"""PostgreSQL: one cluster in a temporary folder, on a Unix socket only."""

from __future__ import annotations

import signal
import socket
import struct
from pathlib import Path
from urllib.parse import quote

from msgspec import Struct

from whichworker.errors import UsageError
from whichworker.services.binaries import together, version_of

PLACES = ("/usr/lib/postgresql/*/bin", "/usr/pgsql-*/bin", "/usr/local/pgsql/bin")
USER, DATABASE, PORT = "whichworker", "postgres", 5432
MOST_CONNECTIONS = 300  # not 100: servers with a thread for each request need as many
ANSWER_SECONDS = 2.0  # a local service responds within milliseconds
PROTOCOL = 3 << 16  # version 3.0
SETTINGS = {
    "listen_addresses": "",  # no TCP
    "unix_socket_permissions": "0700",
    "max_connections": str(MOST_CONNECTIONS),
    "fsync": "off",  # the disk of a temporary folder is not the disk of a deployment
    "dynamic_shared_memory_type": "mmap",  # files in the folder; other kinds survive a kill
}
"""All that differs from a default installation."""


class Postgres(Struct, frozen=True):
    """A private PostgreSQL of the installed programs; its data is deleted afterwards."""

    initdb: str
    postgres: str
    version: str

    name = "postgres"
    users = ("postgres", "nobody")
    stop_signal = signal.SIGINT  # "fast": it does not wait for clients

    @property
    def title(self) -> str:
        """The version, and the settings that matter to numbers and are not the default."""
        return (
            f"PostgreSQL {self.version}, private, fsync off, at most {MOST_CONNECTIONS} connections"
        )

    def steps(self, folder: Path) -> tuple[tuple[str, ...], ...]:
        """Make the cluster, then serve it."""
        cluster = str(folder / "cluster")
        make = (
            "--username",
            USER,
            "--auth",
            "trust",
            "--encoding",
            "UTF8",
            "--locale",
            "C",
            "--no-sync",
        )
        settings = {**SETTINGS, "unix_socket_directories": str(folder), "port": str(PORT)}
        options = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
        return (self.initdb, "--pgdata", cluster, *make), (self.postgres, "-D", cluster, *options)

    def variables(self, folder: Path) -> dict[str, str]:
        """DATABASE_URL; overrides the user's own variables for the client library."""
        url = f"postgres://{USER}@/{DATABASE}?host={quote(str(folder), safe='/')}"
        return {"DATABASE_URL": url, "PGPORT": str(PORT), "PGOPTIONS": ""}

    def complaint(self, folder: Path) -> str:
        """Log in as the app will, until the server is ready for queries."""
        try:
            with socket.socket(socket.AF_UNIX) as client:
                client.settimeout(ANSWER_SECONDS)
                client.connect(str(folder / f".s.PGSQL.{PORT}"))
                client.sendall(startup(USER, DATABASE))
                complaint = read_greeting(client)
                client.sendall(b"X" + struct.pack("!i", 4))
                return complaint
        except OSError as error:
            return f"{type(error).__name__}: {error}"


def find(path: str) -> Postgres:
    """The PostgreSQL on `path`, or the newest in the folders of distributions.

    Raises UsageError if there is none.
    """
    found = together(("initdb", "postgres"), path, PLACES)
    if found is None:
        hint = "apt install postgresql, or set DATABASE_URL to one that runs on this machine"
        raise UsageError(
            "no PostgreSQL is installed here: neither on PATH nor in /usr/lib/postgresql", hint=hint
        )
    initdb, serve = found
    return Postgres(initdb, serve, version_of(serve, r"PostgreSQL\) (\S+)") or "of unknown version")


def startup(user: str, database: str) -> bytes:
    """The first message of a client (PostgreSQL, Frontend/Backend Protocol, "Message Formats")."""
    words = b"".join(word.encode() + b"\0" for word in ("user", user, "database", database, ""))
    return struct.pack("!ii", 8 + len(words), PROTOCOL) + words


def read_greeting(client: socket.socket) -> str:
    """Read messages until the server is ready for queries; its complaint, or an empty string."""
    while True:
        kind, length = struct.unpack("!ci", receive(client, 5))
        body = receive(client, length - 4)
        if kind == b"Z":
            return ""
        if kind == b"E":
            return next(
                (
                    field[1:].decode(errors="replace")
                    for field in body.split(b"\0")
                    if field[:1] == b"M"
                ),
                "an error",
            )
        if kind == b"R" and body[:4] != b"\0\0\0\0":
            return "it asks for a password"


def receive(client: socket.socket, count: int) -> bytes:
    """Exactly `count` bytes; raises ConnectionError if they end before."""
    found = b""
    while len(found) < count:
        piece = client.recv(count - len(found))
        if not piece:
            raise ConnectionError("the server closed the connection")
        found += piece
    return found

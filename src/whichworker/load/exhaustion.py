"""The limits of this machine that a load can meet: a failure of the generator, not of a server."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterable

from whichworker.model import Failure

EXHAUSTED = "exhausted"
CURES = {
    errno.EADDRNOTAVAIL: "use fewer connections, keep them alive, or widen the range of local "
    "ports: sysctl net.ipv4.ip_local_port_range",
    errno.EMFILE: "use fewer connections, or raise the limit of open files: ulimit -n",
    errno.ENFILE: "use fewer connections, or raise the system's limit: sysctl fs.file-max",
    errno.ENOBUFS: "use fewer connections, or free memory",
    errno.ENOMEM: "use fewer connections, or free memory",
}
"""What to do about each error that socket(2) and connect(2) have for a lack of our own."""


def kind_of(code: int) -> str:
    """The kind of failure, a word of `model.FAILURE_KINDS`, of a connection not made."""
    return EXHAUSTED if code in CURES else "connect"


def exhausted(failures: Iterable[Failure]) -> tuple[str, str]:
    """The shortage of this machine that stopped a load, and its cure; empty if there is none."""
    for failure in failures:
        if failure.kind == EXHAUSTED:
            known = {os.strerror(code): cure for code, cure in CURES.items()}
            said = max((text for text in known if text in failure.sample), key=len, default="")
            cure = known.get(said, "")
            return f"the load generator could not open a connection: {failure.sample}", cure
    return "", ""

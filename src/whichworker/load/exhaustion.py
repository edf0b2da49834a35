"""The limits of the generator and its machine that a load can meet: no failure of a server."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterable

from whichworker.load.allowance import RESPONSE_BYTES
from whichworker.model import Failure

EXHAUSTED = "exhausted"
NO_MEMORY = "no memory is left for responses"
"""The text of a failure when the allowance of a load is used up. The engine in C has the same."""
CURES = {
    errno.EADDRNOTAVAIL: "use fewer connections, keep them alive, or widen the range of local "
    "ports: sysctl net.ipv4.ip_local_port_range",
    errno.EMFILE: "use fewer connections, or raise the limit of open files: ulimit -n",
    errno.ENFILE: "use fewer connections, or raise the system's limit: sysctl fs.file-max",
    errno.ENOBUFS: "use fewer connections, or free memory",
    errno.ENOMEM: "use fewer connections, or free memory",
}
"""What to do about each error that socket(2) and connect(2) have for a lack of our own."""
MEMORY_CURE = (
    "use fewer connections, or request smaller responses: "
    f"all that are in flight share {RESPONSE_BYTES // 2**20} MiB"
)


def kind_of(code: int) -> str:
    """The kind of failure, a word of `model.FAILURE_KINDS`, of a connection not made."""
    return EXHAUSTED if code in CURES else "connect"


def exhausted(failures: Iterable[Failure]) -> tuple[str, str]:
    """The shortage of this machine that stopped a load, and its cure; empty if there is none."""
    for failure in failures:
        if failure.kind == EXHAUSTED:
            if failure.sample.endswith(NO_MEMORY):
                fact = f"the load generator could not keep a response: {failure.sample}"
                return fact, MEMORY_CURE
            known = {os.strerror(code): cure for code, cure in CURES.items()}
            said = max((text for text in known if text in failure.sample), key=len, default="")
            cure = known.get(said, "")
            return f"the load generator could not open a connection: {failure.sample}", cure
    return "", ""

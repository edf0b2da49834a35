"""Note and refuse connections beyond this machine, by an audit hook (PEP 578, Python 3.8).

WHICHWORKER_OUTBOUND names the file for the notes; WHICHWORKER_OUTBOUND_ALLOWED permits the
connections. Connections from C code bypass the hook, so a reference run polls its sockets as well.
"""

import os
import socket
import sys
from typing import Any

NOTES = os.environ["WHICHWORKER_OUTBOUND"]
ALLOWED = bool(os.environ.get("WHICHWORKER_OUTBOUND_ALLOWED"))
OWN_NAMES = ("", "localhost", "ip6-localhost", "0.0.0.0", "::", socket.gethostname())


def stays_here(host: Any) -> bool:
    """Whether a host is this machine: loopback or one of its own names."""
    text = host.decode("ascii", "replace") if isinstance(host, bytes) else str(host or "")
    own = (
        text in OWN_NAMES
        or text.startswith("127.")
        or text.split("%")[0] in ("::1", "::ffff:127.0.0.1")
    )
    return own or text == socket.getfqdn()  # last, as it may be slow


def watch(event: str, arguments: "tuple[Any, ...]") -> None:
    """Note the destination of a connection, or the name of a look-up."""
    if event in ("socket.connect", "socket.sendto"):
        address = arguments[1]
        host = address[0] if isinstance(address, tuple) else None
    elif event == "socket.getaddrinfo":
        host, address = arguments[0], arguments[:2]
    else:
        return
    if host is None or stays_here(host):
        return
    place = "{}:{}".format(host, address[1] if len(address) > 1 else "")
    with open(NOTES, "a", encoding="utf-8") as file:
        file.write(place + "\n")
    if not ALLOWED:
        raise ConnectionRefusedError(
            111,
            "whichworker: --allow-outbound was not given, so nothing leaves this machine",
            place,
        )


if hasattr(sys, "addaudithook"):
    sys.addaudithook(watch)

"""How a generator encrypts: one context for all connections of a load."""

from __future__ import annotations

import ssl
from functools import lru_cache

from whichworker.errors import UsageError
from whichworker.model import Tls


@lru_cache(maxsize=16)
def tls_context(tls: Tls) -> ssl.SSLContext:
    """The context for TLS connections: HTTP/1.1 only, with certificate checks if `verify` is set.

    The authorities of `ca_file` are trusted as well as the system's. Raises UsageError if that file
    cannot be used.
    """
    context = (
        ssl.create_default_context() if tls.verify else ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    )
    context.set_alpn_protocols(["http/1.1"])
    if not tls.verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    if tls.ca_file:
        _trust(context, tls.ca_file)
    return context


def _trust(context: ssl.SSLContext, ca_file: str) -> None:
    try:
        context.load_verify_locations(cafile=ca_file)
    except (
        OSError,
        ValueError,
    ) as error:  # a file without certificates is an SSLError, which is an OSError
        why = (
            error.strerror
            if isinstance(error, OSError) and not isinstance(error, ssl.SSLError)
            else "no certificate in it"
        )
        raise UsageError(
            f"the authorities in {ca_file!r} cannot be read: {why}",
            hint="name a file of certificates in PEM form",
        ) from error

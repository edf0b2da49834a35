"""Services whose URLs are given: used as they are, if they run on this machine."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from urllib.parse import parse_qs, unquote, urlsplit

from msgspec import Struct

from whichworker.errors import UsageError

SCHEMES = {"DATABASE_URL": ("postgres", "postgresql"), "REDIS_URL": ("redis", "unix")}
PORTS = {"DATABASE_URL": 5432, "REDIS_URL": 6379}  # the defaults of the client libraries


class Given(Struct, frozen=True):
    """A running service; `socket` is empty for TCP, and `shown` never holds a password."""

    variable: str
    url: str
    shown: str
    port: int
    socket: str = ""


def given(variable: str, environ: Mapping[str, str]) -> Given | None:
    """The service a variable names, None if it is not set.

    Raises UsageError for another kind of service, and for one that is not on this machine: a race
    loads it as hard as it can.
    """
    url = environ.get(variable, "")
    if not url:
        return None
    parts, known = urlsplit(url), SCHEMES[variable]
    if parts.scheme not in known:
        hint = f"unset it for a private instance, or write {known[0]}://…"
        raise UsageError(
            f"{variable} has the scheme {parts.scheme or 'nothing'!r}, not {' or '.join(known)}",
            hint=hint,
        )
    hosts = (
        [parts.path]
        if parts.scheme == "unix"
        else hosts_of(url, environ if variable == "DATABASE_URL" else {})
    )
    if far := [host for host in hosts if not is_local(host)]:
        hint = (
            "a race loads it as hard as it can: name one on this machine,"
            f" or unset {variable} for a private instance"
        )
        raise UsageError(f"{variable} names another machine: {far[0]}", hint=hint)
    host, port = hosts[0], port_of(url, variable)
    where = host if host.startswith("/") else f"{host or 'localhost'}:{port}"
    name = "" if parts.scheme == "unix" else parts.path
    return Given(
        variable, url, f"{where}{name} ({variable})", port, socket_of(variable, host, port)
    )


def hosts_of(url: str, environ: Mapping[str, str]) -> list[str]:
    """Every host a client library could use, by query, URL and environment; empty: the default."""
    parts = urlsplit(url)
    query = parse_qs(parts.query)
    if "service" in query or environ.get("PGSERVICE"):
        return ["a service of pg_service.conf"]
    inside = parts.netloc.rpartition("@")[2]
    named = (
        inside[1 : inside.index("]")]
        if inside.startswith("[")
        else unquote(inside.partition(":")[0])
    )
    found = [*query.get("host", []), *query.get("hostaddr", []), named]
    found = [host for host in found if host] or [environ.get("PGHOST", "")]
    return [*found, *filter(None, [environ.get("PGHOSTADDR", "")])]


def port_of(url: str, variable: str) -> int:
    """The port of a URL or its query, or the usual one; raises UsageError if it is no number."""
    try:
        return (
            int(parse_qs(urlsplit(url).query).get("port", [0])[-1])
            or urlsplit(url).port
            or PORTS[variable]
        )
    except ValueError as error:
        raise UsageError(
            f"{variable} has a port that is no number: {error}",
            hint="write a number after the colon",
        ) from error


def is_local(host: str) -> bool:
    """Whether a host is this machine: nothing, a path, localhost, or a loopback address."""
    if not host or host.startswith("/") or host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def socket_of(variable: str, host: str, port: int) -> str:
    """The path of the socket, if the host is one or a folder of one."""
    if not host.startswith("/"):
        return ""
    return f"{host}/.s.PGSQL.{port}" if variable == "DATABASE_URL" else host

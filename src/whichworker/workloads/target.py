"""The target of a URL: a host and a port, or a Unix socket, and the path there."""

from __future__ import annotations

import ipaddress
import os
import re
import socket
from urllib.parse import SplitResult, unquote, urlsplit

from msgspec import Struct

from whichworker.errors import UsageError
from whichworker.model import Address, Tls

PORTS = {"http": 80, "https": 443}  # by default (RFC 9110)
FORMS = (
    "http://HOST:PORT/PATH, https://…, unix:/run/app.sock:/PATH "
    "or http+unix://%2Frun%2Fapp.sock/PATH"
)
LONGEST_SOCKET_PATH = 107  # sun_path of Linux, without the zero that ends it

_PRINTABLE = re.compile(r"[\x21-\x7e]*")
_SPACE = re.compile(r"[\x00-\x20\x7f]")  # splitting a URL would remove some of them without a word
_HOST = re.compile(r"[a-z0-9_]([a-z0-9_.-]*[a-z0-9_.])?")
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*")


class Target(Struct, frozen=True, kw_only=True):
    """The parts of a URL; `path` has the query, `host_header` is a browser's, `unix` a socket."""

    scheme: str
    host: str
    port: int
    path: str
    host_header: str
    unix: str = ""
    tls: Tls | None = None


def parse_target(url: str) -> Target:
    """Read a URL; raises UsageError for an unusable one, with a guess at the intended one."""
    if _SPACE.search(url):
        raise UsageError(f"a space or line break in the URL: {url!r}", hint="write a space as %20")
    scheme, colon, rest = url.partition(":")
    if scheme.lower() == "unix" and colon:
        path, _, asked = rest.partition(":")
        return _at_socket(url, path, asked)
    try:
        parts = urlsplit(url)
        port = parts.port if parts.scheme in PORTS and parts.netloc else None
    except ValueError as error:
        raise UsageError(
            f"not a URL: {url!r}: {str(error).lower()}", hint=f"write {FORMS}"
        ) from error
    if parts.scheme == "http+unix":
        return _at_socket(url, unquote(parts.netloc), _path_of(url))
    if parts.scheme not in PORTS or not parts.netloc:
        raise UsageError(f"not a URL that whichworker can use: {url!r}", hint=_guess(url))
    return _at_host(url, parts, port)


def _at_host(url: str, parts: SplitResult, port: int | None) -> Target:
    if "@" in parts.netloc:
        hint = "send it as a header, such as Authorization: Basic …"
        raise UsageError("a name and password in the URL would end up in results", hint=hint)
    if port == 0:
        raise UsageError(f"nothing can listen on port 0: {url!r}", hint=f"write {FORMS}")
    host = _read_host(url, parts)
    shown = f"[{host.partition('%')[0]}]" if ":" in host else host
    usual = PORTS[parts.scheme]
    return Target(
        scheme=parts.scheme,
        host=host,
        port=port or usual,
        path=_path_of(url),
        host_header=shown if port in (None, usual) else f"{shown}:{port}",
        tls=Tls(server_name=host.partition("%")[0]) if parts.scheme == "https" else None,
    )


def parse_host(text: str) -> str:
    """A name for the header Host, with its port if it is not 80; raises UsageError for others."""
    try:
        if not set(text) & set("/?#@"):
            return parse_target(f"http://{text}").host_header
    except UsageError:
        pass
    raise UsageError(f"not a host: {text!r}", hint="write a name, such as shop.example")


def _at_socket(url: str, socket_path: str, path: str) -> Target:
    if (
        not socket_path
        or "\0" in socket_path
        or len(os.fsencode(socket_path)) > LONGEST_SOCKET_PATH
    ):
        fact = (
            f"not the path of a Unix socket, of 1 to {LONGEST_SOCKET_PATH} bytes: {socket_path!r}"
        )
        raise UsageError(fact, hint="write unix:/run/app.sock:/PATH")
    if socket_path.startswith("//"):  # unix:///run/app.sock, as some tools write it
        socket_path = "/" + socket_path.lstrip("/")
    return Target(
        scheme="http",
        host="localhost",
        port=0,
        path=_check_path(url, path or "/"),
        host_header="localhost",
        unix=socket_path,
    )


def _path_of(url: str) -> str:
    # Cut out of the text itself: what was split cannot tell /x? from /x.
    after = url.partition("://")[2].partition("#")[0]
    start = min((at for at in (after.find("/"), after.find("?")) if at >= 0), default=len(after))
    path = after[start:]
    return _check_path(url, path if path.startswith("/") else f"/{path}")


def _check_path(url: str, path: str) -> str:
    if not path.startswith("/") or not _PRINTABLE.fullmatch(path):
        raise UsageError(
            f"not a path: {path!r} in {url!r}",
            hint="begin with / and write other letters than ASCII as %C3%A9",
        )
    return path


def _read_host(url: str, parts: SplitResult) -> str:
    host = parts.hostname or ""
    if "[" in parts.netloc:
        try:
            return str(ipaddress.IPv6Address(host.replace("%25", "%", 1)))
        except ValueError as error:
            raise UsageError(
                f"not an IPv6 address: {host!r}",
                hint="write it in brackets, such as http://[::1]:8000/",
            ) from error
    try:
        ascii_host = host if host.isascii() else host.encode("idna").decode()
    except UnicodeError as error:
        raise UsageError(f"not a host: {host!r}", hint=f"write {FORMS}") from error
    if not _HOST.fullmatch(ascii_host):
        raise UsageError(f"not a host: {host!r} in {url!r}", hint=f"write {FORMS}")
    return ascii_host


def _guess(url: str) -> str:
    scheme, separator, rest = url.partition("://")
    if separator and _SCHEME.fullmatch(scheme) and scheme.lower() in PORTS:
        return f"name a host: write {FORMS}"
    if separator:
        return f"write http://{rest}" if rest else f"write {FORMS}"
    bare = url.lstrip("/")
    if url.startswith("/") and not url.startswith("//"):
        return f"write http://127.0.0.1:8000/{bare}"
    return f"write http://{bare}" if bare else f"write {FORMS}"


def resolve(target: Target) -> list[Address]:
    """The addresses of a target in the system's order; raises UsageError for a host with none."""
    if target.unix:
        return [Address("", 0, target.unix)]
    try:
        found = socket.getaddrinfo(target.host, target.port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        why = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise UsageError(
            f"no address of {target.host}: {why}",
            hint="check the name, or write the address itself",
        ) from error
    return list(dict.fromkeys(Address(str(peer[0]), int(peer[1])) for *_, peer in found))


def is_own(address: Address) -> bool:
    """True for an address that only this machine can have: loopback, or a Unix socket."""
    if address.path:
        return True
    try:
        ip = ipaddress.ip_address(address.host)
    except ValueError:
        return False
    mapped = ip.ipv4_mapped if isinstance(ip, ipaddress.IPv6Address) else None
    return (mapped or ip).is_loopback

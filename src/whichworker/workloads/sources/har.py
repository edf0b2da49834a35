"""Requests from a HAR file, which every browser saves (softwareishard.com/blog/har-12-spec/)."""

from __future__ import annotations

import base64
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import SplitResult, urlencode, urlsplit

import msgspec
from msgspec import Struct

from whichworker.errors import UsageError
from whichworker.model import Request
from whichworker.workloads.sources.mixture import (
    UNREADABLE,
    LeftOut,
    Recorded,
    as_sent,
    is_sendable,
)

SENT = ("accept", "accept-language", "content-type", "x-requested-with", "hx-request")
"""Headers that decide the response. Cookies and authorization are secrets, and have expired."""
FORM = "application/x-www-form-urlencoded"
MOST_STATUS = 400
"""A response from here on is an error, whose request is not worth a race."""
SCHEME = re.compile(r"[a-z][a-z0-9+.-]{0,30}")
BYTE_ORDER_MARK = b"\xef\xbb\xbf"
WEBSOCKETS = LeftOut("WebSockets")
FILES = LeftOut("forms whose files are not recorded")
NO_BODY = LeftOut("bodies that are not recorded")


class _Header(Struct):
    name: str | None = ""
    value: str | None = ""


class _Parameter(Struct):
    name: str | None = ""
    value: str | None = ""
    file: Any = msgspec.field(default=None, name="fileName")


class _Post(Struct):
    text: str | None = None
    params: list[_Parameter] | None = None
    kind: str | None = msgspec.field(default="", name="mimeType")
    encoding: str | None = ""


class _Asked(Struct):
    url: str
    method: str = "GET"
    headers: list[_Header] | None = None
    post: _Post | None = msgspec.field(default=None, name="postData")
    size: Any = msgspec.field(default=0, name="bodySize")


class _Content(Struct):
    kind: str | None = msgspec.field(default="", name="mimeType")


class _Answered(Struct):
    status: int | None = 200
    content: _Content | None = None


class _Entry(Struct):
    request: _Asked
    response: _Answered | None = None
    page: str | None = msgspec.field(default=None, name="pageref")
    resource: str | None = msgspec.field(default=None, name="_resourceType")

    @property
    def is_document(self) -> bool:
        """Whether it is a page, as Chrome calls it, or as any browser receives one."""
        content = self.response.content if self.response else None
        return self.resource == "document" or (
            self.resource is None and "html" in ((content and content.kind) or "")
        )


class _Entries(Struct):
    entries: list[msgspec.Raw]


class _Recording(Struct):
    log: _Entries


def read(path: Path) -> Iterator[Recorded]:
    """The requests of a recording to the host of its pages; LeftOut for each other entry.

    Raises UsageError for another file.
    """
    try:
        content = path.read_bytes().removeprefix(BYTE_ORDER_MARK)
        told = msgspec.json.decode(content, type=_Recording)
    except OSError as error:
        raise UsageError(
            f"the recording {path} cannot be read: {error.strerror}", hint="check its name"
        ) from error
    except (ValueError, RecursionError) as error:
        raise UsageError(
            f"{path} is not a HAR file", hint="save one from the network tab of a browser"
        ) from error
    entries = [_entry(raw) for raw in told.log.entries]
    own = _host_of_pages([one for one in entries if not isinstance(one, LeftOut)])
    if not own:
        raise UsageError(f"no request is in {path}", hint="record again with the network tab open")
    for one in entries:
        if isinstance(one, LeftOut):
            yield one
        elif _host(one[1]) != own:
            yield LeftOut(f"other hosts than {own}")
        else:
            yield _request(*one)


def _entry(raw: msgspec.Raw) -> tuple[_Entry, SplitResult] | LeftOut:
    """An entry of HTTP and the parts of its URL; LeftOut for another thing."""
    try:
        entry = msgspec.json.decode(raw, type=_Entry, strict=False)
        parts = urlsplit(entry.request.url)
    except (ValueError, RecursionError):
        return UNREADABLE
    scheme = parts.scheme
    if scheme in ("ws", "wss") or entry.resource == "websocket":
        return WEBSOCKETS
    if scheme not in ("http", "https"):
        return LeftOut(f"{scheme}: URLs") if SCHEME.fullmatch(scheme) else UNREADABLE
    return (entry, parts) if _host(parts) else UNREADABLE


def _host(parts: SplitResult) -> str:
    return parts.netloc.rpartition("@")[2].lower()


def _host_of_pages(entries: list[tuple[_Entry, SplitResult]]) -> str:
    """The host of most pages, by the first document of each; else of most requests."""
    first: dict[str | None, str] = {}
    for entry, parts in entries:
        status = entry.response.status if entry.response else None
        if entry.is_document and not 300 <= (status or 200) < MOST_STATUS:
            first.setdefault(entry.page, _host(parts))
    hosts = Counter(first.values()) or Counter(_host(parts) for _, parts in entries)
    return hosts.most_common(1)[0][0] if hosts else ""


def _request(entry: _Entry, parts: SplitResult) -> Recorded:
    """The request as the browser sent it, without its secrets; LeftOut if it failed."""
    asked, status = entry.request, entry.response.status if entry.response else 200
    if status == 101:
        return WEBSOCKETS
    if not status:
        return LeftOut("requests without a response")
    if not 200 <= status < MOST_STATUS:
        return LeftOut(f"status {status}")
    body = _body(asked)
    if isinstance(body, LeftOut):
        return body
    headers = [
        (one.name, one.value or "")
        for one in asked.headers or ()
        if one.name and one.name.lower() in SENT
    ]
    kind = (asked.post and asked.post.kind) or ""
    if body and kind and "content-type" not in {name.lower() for name, _ in headers}:
        headers.append(("Content-Type", kind))
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    request = Request(
        method=asked.method.upper(), path=as_sent(target), headers=tuple(headers), body=body
    )
    return request if is_sendable(request) else UNREADABLE


def _body(asked: _Asked) -> bytes | LeftOut:
    """The body as it was sent: text, text in base64, or the fields of a form."""
    post = asked.post
    kind = ((post and post.kind) or "").lower()
    if post is not None and post.text:
        coded = (post.encoding or "").lower() == "base64"
        try:
            body = base64.b64decode(post.text, validate=True) if coded else post.text.encode()
        except ValueError:
            return UNREADABLE
        # Browsers record the name of a file, and not its content.
        return FILES if kind.startswith("multipart/") and b"filename=" in body else body
    fields = (post and post.params) or []
    if any(one.file for one in fields) or (fields and kind.startswith("multipart/")):
        return FILES
    if fields and kind.partition(";")[0].strip() in ("", FORM):
        try:
            return urlencode([(one.name or "", one.value or "") for one in fields]).encode()
        except UnicodeEncodeError:
            return UNREADABLE
    recorded = isinstance(asked.size, int) and asked.size > 0
    return NO_BODY if fields or recorded else b""

"""Requests from a HAR file, which every browser saves (softwareishard.com/blog/har-12-spec/)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import msgspec
from msgspec import Struct

from whichworker.errors import UsageError
from whichworker.model import Request
from whichworker.workloads.sources.mixture import is_sendable

SENT = ("accept", "accept-language", "content-type", "x-requested-with", "hx-request")
"""Headers that decide the response. Cookies and authorization are secrets, and have expired."""
MOST_STATUS = 400
"""A response from here on is an error, whose request is not worth a race."""


class _Header(Struct):
    name: str = ""
    value: str = ""


class _Post(Struct):
    text: str | None = None


class _Asked(Struct):
    url: str
    method: str = "GET"
    headers: list[_Header] | None = None
    post: _Post | None = msgspec.field(default=None, name="postData")


class _Answered(Struct):
    status: int = 200


class _Entry(Struct):
    request: _Asked
    response: _Answered | None = None


class _Entries(Struct):
    entries: list[msgspec.Raw]


class _Recording(Struct):
    log: _Entries


def read(path: Path) -> Iterator[Request | None]:
    """The requests to the most frequent host of a recording; None for an entry that is none.

    Raises UsageError for another file.
    """
    try:
        told = msgspec.json.decode(path.read_bytes(), type=_Recording)
    except OSError as error:
        raise UsageError(
            f"the recording {path} cannot be read: {error.strerror}", hint="check its name"
        ) from error
    except (ValueError, RecursionError) as error:
        raise UsageError(
            f"{path} is not a HAR file", hint="save one from the network tab of a browser"
        ) from error
    entries = [_entry(raw) for raw in told.log.entries]
    hosts = Counter(host for _, host, _ in filter(None, entries))
    if not hosts:
        raise UsageError(f"no request is in {path}", hint="record again with the network tab open")
    own = hosts.most_common(1)[0][0]
    for one in entries:
        if one is None:
            yield None
        elif one[1] == own and one[2]:
            yield one[0]


def _entry(raw: msgspec.Raw) -> tuple[Request, str, bool] | None:
    """The request of an entry, its host, and whether it succeeded; None for another thing."""
    try:
        entry = msgspec.json.decode(raw, type=_Entry, strict=False)
        parts = urlsplit(entry.request.url)
        body = ((entry.request.post and entry.request.post.text) or "").encode()
    except (ValueError, RecursionError):
        return None
    asked = entry.request
    request = Request(
        method=asked.method.upper(),
        path=(parts.path or "/") + (f"?{parts.query}" if parts.query else ""),
        headers=tuple(
            (one.name, one.value) for one in asked.headers or () if one.name.lower() in SENT
        ),
        body=body,
    )
    status = entry.response.status if entry.response else 200
    fine = 200 <= status < MOST_STATUS
    return (request, parts.netloc, fine) if is_sendable(request) else None

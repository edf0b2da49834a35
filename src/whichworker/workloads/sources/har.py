"""Requests from a HAR file, which every browser saves (softwareishard.com/blog/har-12-spec/)."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from whichworker.errors import UsageError
from whichworker.model import Request

SENT = ("accept", "accept-language", "content-type", "x-requested-with", "hx-request")
"""Headers that decide the response. Cookies and authorization are secrets, and have expired."""


def read(path: Path) -> Iterator[Request]:
    """The requests to the most frequent host of a recording; raises UsageError for another file."""
    try:
        told = json.loads(path.read_bytes())
        entries = [
            entry for entry in told["log"]["entries"] if isinstance(entry["request"]["url"], str)
        ]
    except OSError as error:
        raise UsageError(
            f"the recording {path} cannot be read: {error.strerror}", hint="check its name"
        ) from error
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise UsageError(
            f"{path} is not a HAR file", hint="save one from the network tab of a browser"
        ) from error
    hosts = Counter(urlsplit(entry["request"]["url"]).netloc for entry in entries)
    if not hosts:
        raise UsageError(f"no request is in {path}", hint="record again with the network tab open")
    own = hosts.most_common(1)[0][0]
    for entry in entries:
        parts = urlsplit(entry["request"]["url"])
        if parts.netloc == own and int(entry.get("response", {}).get("status", 200)) in range(
            200, 400
        ):
            yield _request(
                entry["request"], (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
            )


def _request(asked: dict[str, Any], path: str) -> Request:
    headers = tuple(
        (str(header["name"]), str(header["value"]))
        for header in asked.get("headers", ())
        if str(header.get("name", "")).lower() in SENT
    )
    body = str((asked.get("postData") or {}).get("text") or "").encode()
    return Request(
        method=str(asked.get("method", "GET")).upper(), path=path, headers=headers, body=body
    )

"""Requests from a HAR file, as every browser's developer tools save them (http://www.softwareishard.com/blog/har-12-spec/)."""

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
"""Headers that decide what an app answers. Cookies and authorization are not taken: they are secrets, and they have ended since."""


def read(path: Path) -> Iterator[Request]:
    """The requests of a recording to the host that was asked most; raises UsageError for a file that is none."""
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

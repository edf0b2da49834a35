"""Requests from an access log: common and combined formats (Apache, nginx), and JSON lines."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

from whichworker.errors import UsageError
from whichworker.model import Request
from whichworker.workloads.sources.mixture import is_sendable

COMMON = re.compile(r'"(?P<method>[A-Z]{3,10}) (?P<path>\S+)(?: HTTP/[\d.]+)?" (?P<status>\d{3})\b')
"""Request and status are the same in both formats; the text before and after them differs."""
METHODS, PATHS, STATUSES = (
    ("method", "request_method", "verb"),
    ("path", "request_uri", "uri", "url", "target"),
    ("status", "status_code"),
)
MOST_LINES = 2_000_000  # bounds the time of reading
STATUS = re.compile(r"[1-5][0-9]{2}")


def read(path: Path) -> Iterator[Request]:
    """The requests of a log with a status below 400; raises UsageError if there are none."""
    lines = found = 0
    try:
        with path.open(encoding="utf-8", errors="replace") as file:
            for line in file:
                lines += 1
                if lines > MOST_LINES:
                    break
                request = parse_line(line)
                if request is not None:
                    found += 1
                    yield request
    except OSError as error:
        raise UsageError(
            f"the access log {path} cannot be read: {error.strerror}", hint="check its name"
        ) from error
    if not found:
        raise UsageError(
            f"none of the {lines} lines of {path} is a request with a status below 400",
            hint="common, combined or JSON lines with method and path",
        )


def parse_line(line: str) -> Request | None:
    """The request of a line; None for one that was refused, or is no request."""
    if line.lstrip().startswith("{"):
        return _of_json(line)
    match = COMMON.search(line)
    return _request(match["method"], match["path"], match["status"]) if match else None


def _of_json(line: str) -> Request | None:
    try:
        told = json.loads(line)
    except (ValueError, RecursionError):
        return None
    if not isinstance(told, dict):
        return None
    nested = told.get("request")
    told = {**told, **nested} if isinstance(nested, dict) else told
    if isinstance(nested, str) and not any(name in told for name in PATHS):
        words = nested.split()
        told = {**told, "method": words[0], "path": words[1]} if len(words) >= 2 else told
    first = [
        next((told[name] for name in names if name in told), None)
        for names in (METHODS, PATHS, STATUSES)
    ]
    method, path, status = first
    return _request(str(method or "GET"), str(path), str(status or 200)) if path else None


def _request(method: str, target: str, status: str) -> Request | None:
    if not STATUS.fullmatch(status) or int(status) >= 400:
        return None
    try:
        parts = urlsplit(target) if target.startswith("http") else None
    except ValueError:  # such as http://[::1
        return None
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "") if parts else target
    request = Request(method=method.upper(), path=path)
    return request if is_sendable(request) else None

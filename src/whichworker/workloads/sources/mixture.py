"""Many recorded requests as a few: the most frequent ones, each with a weight."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from urllib.parse import quote, urlsplit

import msgspec
from msgspec import Struct

from whichworker.errors import UsageError
from whichworker.model import Request

SAFE = ("GET", "HEAD", "OPTIONS")
METHOD, PATH = re.compile(r"[A-Z]{1,16}"), re.compile(r"/[\x21-\x7e]*")
NAME, VALUE = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"), re.compile(r"[\t\x20-\x7e\x80-\xff]*")
MOST, HEAVIEST = 20, 100  # requests, and the largest weight: rarer ones hardly count
MOST_REASONS = 8  # in a line; a log that robots visited has many statuses and methods
KEPT = "/?:@!$&'()*+,;=~%[]"
"""Characters of a target that stay as they are; others are percent-encoded, as servers refuse
quotes, angle brackets and letters beyond ASCII, each in its own way."""


class LeftOut(Struct, frozen=True):
    """A recorded thing that is not requested; the reason follows the words "left out: 3 of"."""

    reason: str


UNREADABLE = LeftOut("what cannot be read")
Recorded = Request | LeftOut


def mixture(
    seen: Iterable[Recorded], source: str, *, unsafe: bool = False
) -> tuple[tuple[Request, ...], str]:
    """The most frequent requests with weights from 1 to 100, and those left out, in words.

    Requests that differ only in response or name are the same. Only safe methods, unless `unsafe`.
    Raises UsageError if nothing is left.
    """
    counts: Counter[tuple[str, str, tuple[tuple[str, str], ...], bytes]] = Counter()
    left: Counter[str] = Counter()
    reasons: Counter[str] = Counter()
    for one in seen:
        if isinstance(one, LeftOut):
            reasons[one.reason] += 1
        elif one.method in SAFE or unsafe:
            counts[one.method, one.path, one.headers, one.body] += one.weight
        else:
            left[one.method] += one.weight
    if not counts:
        methods = ", ".join(sorted(left))
        raise UsageError(
            f"no request in {source} is safe to send: the methods there are {methods}"
            if left
            else f"no request in {source} can be sent; {in_words(reasons) or 'it has none'}",
            hint="only GET, HEAD and OPTIONS are safe",
        )
    most = counts.most_common(MOST)
    scale = min(1.0, HEAVIEST / most[0][1])
    requests = tuple(
        Request(
            method=method,
            path=path,
            headers=headers,
            body=body,
            weight=max(1, round(count * scale)),
        )
        for (method, path, headers, body), count in most
    )
    rare = counts.total() - sum(count for _, count in most)
    if rare:
        reasons[f"{len(counts) - len(most)} rarer paths"] = rare
    return requests, in_words(left, reasons)


def in_words(*left: Counter[str]) -> str:
    """The reasons with their counts, the most frequent first in each table; empty for nothing."""
    told = [(count, reason) for table in left for reason, count in table.most_common()]
    shown = [f"{count} of {reason}" for count, reason in told[:MOST_REASONS]]
    if more := sum(count for count, _ in told[MOST_REASONS:]):
        shown.append(f"{more} of other kinds")
    return f"left out: {', '.join(shown)}" if shown else ""


def as_sent(target: str) -> str:
    """A recorded target as a path that every server accepts: percent-encoded, without its host.

    Bytes that are no UTF-8 are surrogates. Empty if it is no path.
    """
    if target[:8].lower().startswith(("http://", "https://")):
        try:
            parts = urlsplit(target)
        except ValueError:  # such as http://[::1
            return ""
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    if not target.startswith("/"):
        return ""
    try:
        return quote(target, safe=KEPT, errors="surrogateescape")
    except UnicodeEncodeError:
        return ""


def is_sendable(request: Request) -> bool:
    """Whether a recorded request fits a message of HTTP/1.1: others record what no client sends."""
    return (
        METHOD.fullmatch(request.method) is not None
        and PATH.fullmatch(request.path) is not None
        and all(NAME.fullmatch(name) and VALUE.fullmatch(value) for name, value in request.headers)
    )


def plain(requests: Iterable[Request]) -> tuple[Request, ...]:
    """Each once, with equal weights."""
    return tuple(dict.fromkeys(msgspec.structs.replace(one, weight=1) for one in requests))

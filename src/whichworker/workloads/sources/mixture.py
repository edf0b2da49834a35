"""Many recorded requests as a few: the most frequent ones, each with a weight."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable

import msgspec

from whichworker.errors import UsageError
from whichworker.model import Request

SAFE = ("GET", "HEAD", "OPTIONS")
UNREADABLE = "what cannot be read"
METHOD, PATH = re.compile(r"[A-Z]{1,16}"), re.compile(r"/[\x21-\x7e]*")
NAME, VALUE = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"), re.compile(r"[\t\x20-\x7e\x80-\xff]*")
MOST, HEAVIEST = 20, 100  # requests, and the largest weight: rarer ones hardly count


def mixture(
    seen: Iterable[Request | None], source: str, *, unsafe: bool = False
) -> tuple[tuple[Request, ...], str]:
    """The most frequent requests with weights from 1 to 100, and those left out, in words.

    None stands for what could not be read. Requests that differ only in response or name are the
    same. Only safe methods, unless `unsafe`.
    Raises UsageError if nothing is left.
    """
    counts: Counter[tuple[str, str, tuple[tuple[str, str], ...], bytes]] = Counter()
    left: Counter[str] = Counter()
    for one in seen:
        if one is None:
            left[UNREADABLE] += 1
        elif one.method in SAFE or unsafe:
            counts[one.method, one.path, one.headers, one.body] += one.weight
        else:
            left[one.method] += one.weight
    if not counts:
        methods = ", ".join(sorted(left)) or "none"
        raise UsageError(
            f"no request in {source} is safe to send: the methods there are {methods}",
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
    return requests, _left_out(
        left, counts.total() - sum(count for _, count in most), len(counts) - len(most)
    )


def _left_out(unsafe: Counter[str], rare: int, paths: int) -> str:
    told = [f"{count} of {method}" for method, count in unsafe.most_common()]
    told += [f"{rare} to {paths} rarer paths"] if rare else []
    return f"left out: {', '.join(told)}" if told else ""


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

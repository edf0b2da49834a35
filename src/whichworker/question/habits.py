"""What one server does differently, and why: trust in a proxy, paths, Host, HEAD, bodies."""

from __future__ import annotations

import re
from collections.abc import Iterator

from whichworker.load.http1 import describe_missing
from whichworker.model import Answer, Finding, Request, codes
from whichworker.question.voices import ALONE, Agreement, Voice
from whichworker.servers import names, proxies, table
from whichworker.workloads import learning

UNUSUAL_PATH = re.compile(r"//|/\.{1,2}(/|$)|%2f|%5c|;|\\", re.IGNORECASE)


def differences(request: Request, agreement: Agreement, right: Answer) -> Iterator[Finding]:
    """A finding for each voice that responds otherwise; `request` as it is sent, with headers."""
    for voice in agreement.differing:
        got = _got(voice, agreement, right)
        others = "most servers and the app alone" if voice.name != ALONE else "the servers"
        yield codes.SERVERS_DIFFER.finding(
            f"{voice.name} gives another response to {request.title}: {got};"
            f" the response of {others} counts as correct",
            hint=_cause(request, voice.name),
        )


def _got(voice: Voice, agreement: Agreement, right: Answer) -> str:
    mine, theirs = voice.seen[0], agreement.seen[0]
    if mine.status != theirs.status:
        return f"expected status {theirs.status}, got {mine.status}"
    if mine.content_type != theirs.content_type:
        return f"expected type {theirs.content_type!r}, got {mine.content_type!r}"
    for part in (*right.contains, theirs.body):  # what changes by itself is not the difference
        if part not in mine.body:
            return describe_missing(part, mine.body)
    return learning.change(theirs.body, mine.body)


def _cause(request: Request, name: str) -> str:
    """A hint for the user, by the unusual part of the request."""
    if name == ALONE:
        return "the app may need a value that only a server passes to it"
    family = table.load(names.parse(name).server).family
    if told := proxies.trusted(request.headers):
        return f"it may not trust {', '.join(told)}: {proxies.flag(family)}"
    if UNUSUAL_PATH.search(request.path.partition("?")[0]):
        return "it changes the path before the app sees it: request the path in its plain form"
    if request.method == "HEAD":
        return "it treats HEAD in its own way: request GET"
    if any(header.lower() == "host" for header, _ in request.headers):
        return "it treats the Host header in its own way: compare what the app sees"
    return codes.SERVERS_DIFFER.cure

"""What one server does differently, and why: trust in a proxy, paths, Host, HEAD, bodies."""

from __future__ import annotations

import re
from collections.abc import Iterator

from whichworker.model import Answer, Finding, Request, codes
from whichworker.question.voices import ALONE, Agreement, Voice
from whichworker.servers import names, proxies, table
from whichworker.workloads import learning

UNUSUAL_PATH = re.compile(r"//|/\.{1,2}(/|$)|%2f|%5c|;|\\", re.IGNORECASE)


def differences(request: Request, agreement: Agreement, right: Answer) -> Iterator[Finding]:
    """A finding for each voice that responds otherwise; `request` as it is sent, with headers."""
    for voice in agreement.differing:
        got = _got(voice, agreement)
        others = "most servers and the app alone give" if voice.name != ALONE else "servers give"
        yield codes.SERVERS_DIFFER.finding(
            f"{voice.name} gives another response to {request.title}: {got};"
            f" {others} status {right.status}, which counts as correct",
            hint=_cause(request, voice.name),
        )


def _got(voice: Voice, agreement: Agreement) -> str:
    mine, theirs = voice.seen[0], agreement.seen[0]
    if mine.status != theirs.status:
        return f"status {mine.status}"
    if mine.content_type != theirs.content_type:
        return f"type {mine.content_type!r} instead of {theirs.content_type!r}"
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

"""Requests from an access log: a web server's, a Python server's own, or JSON lines.

Text is common, combined or with the virtual host, the formats of gunicorn, uvicorn, hypercorn,
daphne, granian, uWSGI, waitress, Sanic, Django and Werkzeug, of HAProxy and of a load balancer of
AWS, or pairs such as `method=GET path=/`, as Heroku's router writes them.
"""

from __future__ import annotations

import bz2
import gzip
import lzma
import re
import zlib
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO

from whichworker.errors import UsageError
from whichworker.model import Request
from whichworker.workloads.sources import log_fields
from whichworker.workloads.sources.mixture import LeftOut, Recorded, as_sent, in_words, is_sendable

END = r'(?! HTTP/\d|(?<!\\)"[ \t](?!HTTP/)|(?:"|\] )[A-Z]{3,16} )'
"""Not before a version, a quote that ends the request line, or the beginning of another one."""
TARGET = rf"(?P<method>[A-Z]{{3,16}}) (?P<target>(?:{END}.){{1,8192}}?)"
"""A method and what follows it: servers log spaces and quotes of a decoded path as they are."""
STATUS, VERSION = r"(?P<status>\d{3})", r"HTTP/[\d.]{1,4}"
FORMS = tuple(
    re.compile(form, re.ASCII)
    for form in (
        # common, combined, uvicorn, granian, Werkzeug; hypercorn has ` 1.1`, daphne no version
        rf'"{TARGET}(?: {VERSION}| [123](?:\.\d)?)?"[ \t]+{STATUS}\b',
        # uWSGI
        rf"\] {TARGET} => generated .{{1,80}}\({VERSION} {STATUS}\)",
        # a load balancer of AWS: two statuses and two sizes come first
        rf' {STATUS} (?:\d{{3}}|-) \d+ \d+ "{TARGET} {VERSION}" ',
        # HAProxy: five times and the status come first
        rf' -?\d+(?:/[-+]?\d+){{4}} {STATUS} [^"]{{1,2000}} "{TARGET} {VERSION}"',
        # Sanic, whose targets are encoded
        rf"\]: (?P<method>[A-Z]{{3,16}}) (?P<target>\S{{1,8192}})  {STATUS} \d",
    )
)
COLOUR = re.compile(r"(?:\x1b|#033|\\x1b|\\033)\[[0-9;]*m")
"""As a terminal gets it, and as a system log or a text escapes it."""
ESCAPE = re.compile(r"\\(?:x([0-9A-Fa-f]{2})|(.))", re.DOTALL)
"""nginx escapes bytes as \\x22, Apache also as \\" and \\t."""
LETTERS = {
    "n": "%0A",
    "r": "%0D",
    "t": "%09",
    "b": "%08",
    "f": "%0C",
    "v": "%0B",
    '"': "%22",
    "\\": "%5C",
}
MOST_LINES = 2_000_000  # bounds the time of reading
MOST_CHARACTERS = 65_536  # of one line; longer ones are read in parts
MOST_DEPTH = 3  # a line within JSON within a container's line
SHOWN = 160  # characters of a line in a message
COMPRESSED: dict[bytes, Callable[..., IO[str]]] = {
    b"\x1f\x8b": gzip.open,
    b"BZh": bz2.open,
    b"\xfd7zXZ": lzma.open,
}
"""The first bytes of rotated logs."""
NO_REQUEST = LeftOut("lines without a request")
FORMATS = "common, combined, a Python server's own format, or JSON lines with method and path"


def read(path: Path) -> Iterator[Recorded]:
    """The requests of a log with a status below 400; raises UsageError if there are none."""
    lines, found, left, first = 0, False, Counter[str](), ""
    try:
        with _opened(path) as file:
            for line in iter(lambda: file.readline(MOST_CHARACTERS), ""):
                lines += 1
                if lines > MOST_LINES:
                    break
                if not line.strip():
                    continue
                first = first or line
                one = parse_line(line)
                found = found or isinstance(one, Request)
                left[one.reason if isinstance(one, LeftOut) else ""] += 1
                yield one
    except (OSError, EOFError, zlib.error, lzma.LZMAError) as error:
        reason = error.strerror if isinstance(error, OSError) else None
        raise UsageError(
            f"the access log {path} cannot be read: {reason or error}", hint="check its name"
        ) from error
    if not found:
        names = log_fields.names_in(_plain(first))
        raise UsageError(
            f"none of the {lines} lines of {path} is a request with a status below 400",
            seen="\n".join(filter(None, (first.strip()[:SHOWN], in_words(left)))),
            hint=f"fields with the method, the path and the status; here are {', '.join(names)}"
            if names
            else FORMATS,
        )


def _opened(path: Path) -> IO[str]:
    """The text of a log, which may be compressed; other bytes than UTF-8 become surrogates."""
    with path.open("rb") as file:
        start = file.read(8)
    opened = next((one for magic, one in COMPRESSED.items() if start.startswith(magic)), open)
    return opened(path, "rt", encoding="utf-8", errors="surrogateescape")


def parse_line(line: str, depth: int = 0) -> Recorded:
    """The request of a line; LeftOut for one that was refused, or is no request."""
    line = _plain(line)
    fields = log_fields.fields_of(line)
    if fields is not None:
        return _of_fields(fields, depth)
    match = next(filter(None, (form.search(line) for form in FORMS)), None)
    if match is not None:
        return _request(match["method"], match["target"], match["status"])
    return _of_fields(log_fields.fields_of_pairs(line), depth)


def _plain(line: str) -> str:
    return COLOUR.sub("", line)


def _of_fields(fields: log_fields.Fields, depth: int) -> Recorded:
    """The request that the fields tell, else that of a line in one of them."""
    status = log_fields.status_of(fields)
    if (structured := log_fields.request_of(fields)) is not None:
        method, target = structured
        return _request(method, target, status)
    if depth < MOST_DEPTH:
        inner = (parse_line(text, depth + 1) for text in log_fields.lines_in(fields))
        return next((one for one in inner if one != NO_REQUEST), NO_REQUEST)
    return NO_REQUEST


def _request(method: str, target: str, status: str) -> Recorded:
    """`status` has three digits, or is empty if the log has none."""
    request = Request(method=method.upper(), path=as_sent(ESCAPE.sub(_unescaped, target)))
    if not is_sendable(request):
        return NO_REQUEST
    if status and not 200 <= int(status) < 400:
        return LeftOut(f"status {status}")
    return request


def _unescaped(match: re.Match[str]) -> str:
    """The percent-encoding of an escaped byte; another backslash is one."""
    code, letter = match.groups()
    return (
        f"%{code.upper()}" if code else LETTERS.get(letter, "%5C" if letter == "\\" else match[0])
    )

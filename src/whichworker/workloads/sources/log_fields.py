"""The fields of a line of an access log, of JSON or pairs, whatever their writer calls them.

Names are compared without case and signs, and a nested name follows that of its object:
`RequestMethod`, `request_method` and `{"http": {"request": {"method": …}}}` are all a method.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from functools import lru_cache
from itertools import islice
from typing import Any
from urllib.parse import urlencode

import msgspec

from whichworker import foreign

Fields = dict[str, list[Any]]
"""The values by the meaning of their names; a meaning is one of the words below."""
AROUND = (
    "accesslog|access|attributes|attrs|client|context|cs|data|details|downstream|edge|elb|event|"
    "extra|fields|http|info|jsonpayload|labels|log|message|meta|msg|nginx|apache|caddy|parsed|"
    "payload|properties|props|processed|record|request|req|response|res|sc|server|tags|uri|url"
)
"""Words before a name, or names of objects around it. A file's path has others: log.file.path."""
METHODS = ("method", "verb")
TARGETS = (
    "requesturi",
    "originalurl",
    "original",
    "target",
    "uri",
    "url",
    "full",
    "fullpath",
    "path",
    "rawpath",
    "uristem",
    "pathinfo",
)
"""Names of targets with a query come first: nginx decodes $uri, and $request_uri is as sent."""
QUERIES = (
    "query",
    "querystring",
    "args",
    "uriquery",
    "rawquery",
    "queryparams",
    "queryparameters",
    "querystringparameters",
)
STATUSES = ("statuscode", "status", "responsecode", "httpcode", "code")
REQUESTS = ("requestline", "request", "firstline")
LINES = ("log", "message", "msg", "line", "event", "textpayload", "body", "raw", "logmessage")
"""Names of fields that hold a whole line: of a container, a logger or a collector."""
MEANINGS = {
    **{
        word: re.compile(f"(?:{AROUND})*{word}")
        for word in (*METHODS, *TARGETS, *QUERIES, *STATUSES, *REQUESTS, *LINES)
    },
    "code": re.compile("code"),
}
DECODER = msgspec.json.Decoder(dict[str, Any])
SIGNS = re.compile(r"[^a-z0-9]+")
METHOD = re.compile(r"[A-Za-z]{3,16}")
STATUS = re.compile(r"([1-5][0-9]{2})(?:\.0+)?(?: .*)?", re.DOTALL)
REQUEST_LINE = re.compile(r"([A-Z]{3,16}) (\S{1,8192}|\S.{0,8191}?(?= HTTP/))(?: HTTP/[\d.]{1,4})?")
BYTE = re.compile(r"(?<!\\)((?:\\\\)*)\\x([0-9A-Fa-f]{2})")
"""As nginx writes it between JSON's quotes if its format lacks `escape=json`."""
PAIR = re.compile(r'(?:^|(?<=\s))([A-Za-z][\w.@-]{0,79})=("(?:[^"\\]|\\.)*"|[^\s"]*)(?=\s|$)')
MOST_FIELDS, MOST_DEPTH, LONGEST_NAME = 300, 5, 80
"""Of one line, with its objects; levels of them; characters of a nested name."""
NO_STATUS = "000"
"""A status that no response has, as nginx writes it for a client that went away."""
NONE = ("", "-")
"""How logs write that there is no value."""


def fields_of(line: str) -> Fields | None:
    """The fields of a line that is JSON or ends with it; None for text."""
    at, text = line.find("{"), line.rstrip(" ,\r\n")
    if at < 0 or not text.endswith("}"):
        return None
    text = BYTE.sub(r"\1%\2", text[at:])
    try:
        told = foreign.json_by(DECODER, text.encode("utf-8", "surrogateescape"))
    except foreign.Unreadable:
        return None
    return _by_meaning(islice(_flat(told, "", 0), MOST_FIELDS))


def fields_of_pairs(line: str) -> Fields:
    """The fields of a line such as `method=GET path="/a b" status=200` (brandur.org/logfmt)."""
    pairs = islice(PAIR.finditer(line), MOST_FIELDS)
    return _by_meaning(
        (SIGNS.sub("", name.lower()), value[1:-1] if value.startswith('"') else value)
        for name, value in (pair.groups() for pair in pairs)
    )


def _by_meaning(pairs: Iterable[tuple[str, Any]]) -> Fields:
    fields: Fields = {}
    for name, value in pairs:
        for word in _meanings(name):
            fields.setdefault(word, []).append(value)
    return fields


@lru_cache(maxsize=4096)  # a log has the same names in each line
def _meanings(name: str) -> tuple[str, ...]:
    return tuple(word for word, form in MEANINGS.items() if form.fullmatch(name))


def names_in(line: str) -> list[str]:
    """The names at the top of a JSON line, as they are written there; none of a text."""
    at, text = line.find("{"), line.rstrip(" ,\r\n")
    try:
        told = foreign.json_by(DECODER, text[max(at, 0) :].encode(errors="replace"))
    except foreign.Unreadable:
        return []
    return list(told)


def request_of(fields: Fields) -> tuple[str, str] | None:
    """The method and the target with its query; None if the fields do not have both."""
    methods = [one for one in _texts(fields, METHODS) if METHOD.fullmatch(one)]
    targets = [one for one in _texts(fields, TARGETS) if _is_target(one)]
    if methods and targets:
        path = targets[0].partition("?")[0]
        whole = next((one for one in targets if one.startswith(f"{path}?")), targets[0])
        return methods[0], _with_query(whole, fields)
    lines = map(REQUEST_LINE.fullmatch, _texts(fields, (*REQUESTS, *LINES)))
    line = next((one for one in lines if one and _is_target(one[2])), None)
    return (line[1], line[2]) if line else None


def status_of(fields: Fields) -> str:
    """Three digits; empty if the line has none, or only a word such as `info` of a logger."""
    told = list(_texts(fields, STATUSES))
    found = next(filter(None, map(STATUS.fullmatch, told)), None)
    if found is not None:
        return found[1]
    return NO_STATUS if any(not one[:1].isalpha() for one in told) else ""


def lines_in(fields: Fields) -> Iterator[str]:
    """The texts that may be lines of a log themselves."""
    return (one for one in _texts(fields, LINES) if " " in one or one.startswith("{"))


def _flat(value: dict[str, Any], before: str, depth: int) -> Iterator[tuple[str, Any]]:
    for key, one in value.items():
        name = before + SIGNS.sub("", key.lower())
        if len(name) > LONGEST_NAME:
            continue
        yield name, one
        if isinstance(one, dict) and depth < MOST_DEPTH:
            yield from _flat(one, name, depth + 1)


def _texts(fields: Fields, words: tuple[str, ...]) -> Iterator[str]:
    """The values with these meanings, in this order, as texts."""
    texts = (_text(value) for word in words for value in fields.get(word, ()))
    return (text for text in texts if text not in NONE)


def _text(value: Any) -> str:
    return str(value) if isinstance(value, str | int | float) else ""


def _is_target(text: str) -> bool:
    return text.startswith(("/", "http://", "https://"))


def _with_query(target: str, fields: Fields) -> str:
    """The target with the query that the log has in a field of its own."""
    if "?" in target:
        return target
    for value in (value for word in QUERIES for value in fields.get(word, ())):
        text = urlencode(value, doseq=True) if isinstance(value, dict) else _text(value)
        if text.lstrip("?") not in NONE:
            return f"{target}?{text.lstrip('?')}"
    return target

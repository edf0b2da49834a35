"""Conditions on a response, as people write them.

Expectations such as `json:count=3`, captures such as `cookie:csrftoken`.
"""

from __future__ import annotations

import json
import re
import warnings
from collections.abc import Callable, Iterable
from typing import Any, Literal

import msgspec

from whichworker.errors import UsageError
from whichworker.model import Answer, Capture

FORMS = (
    "status=200 (or any), header:NAME=VALUE, body=TEXT, contains=TEXT, json:PATH=VALUE, sha256=HEX"
)

NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
"""A valid name for a captured value."""

Source = Literal["cookie", "header", "json", "regex"]
SOURCES: dict[str, Source] = {
    "cookie": "cookie",
    "header": "header",
    "json": "json",
    "regex": "regex",
}

_TOKEN = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_STATUS = re.compile(r"[2-5][0-9][0-9]")
_DIGEST = re.compile(r"[0-9a-fA-F]{64}")


def parse_expect(texts: Iterable[str], status: int | None = 200) -> Answer:
    """Read expectations as one correct response; `status` is the default (None: any).

    Raises UsageError for an invalid expectation, and for two statuses, bodies or digests.
    """
    found: dict[str, Any] = {"status": status}
    told: set[str] = set()
    for text in texts:
        kind, value = _read(text)
        if kind in ("header", "contains", "json"):
            field = "headers" if kind == "header" else kind
            found[field] = (*found.get(field, ()), value)
        elif kind in told:
            raise UsageError(
                f"two expectations of the {kind}: {text!r} is the second",
                hint="a response has only one",
            )
        else:
            found[kind] = value
        told.add(kind)
    return Answer(**found)


def _read(text: str) -> tuple[str, Any]:
    head, equals, value = text.partition("=")
    kind, colon, argument = head.partition(":")
    try:
        text.encode()
    except UnicodeEncodeError:
        raise UsageError(
            f"not UTF-8: {text!r}", hint="sha256=HEX can state a body of any bytes"
        ) from None
    if not equals:
        raise UsageError(f"not an expectation: {text!r}", hint=f"write {FORMS}")
    reader = READERS.get(kind)
    if reader is None or bool(colon) != (kind in ("header", "json")):
        raise UsageError(f"not an expectation: {text!r}", hint=f"write {FORMS}")
    return kind, reader(argument, value)


def _read_status(_: str, value: str) -> int | None:
    if value == "any":
        return None
    if not _STATUS.fullmatch(value):
        raise UsageError(
            f"not a status: {value!r}",
            hint="write status=200, another number from 200 to 599, or status=any",
        )
    return int(value)


def _read_header(name: str, value: str) -> tuple[str, str]:
    if not _TOKEN.fullmatch(name):
        raise UsageError(
            f"not the name of a header: {name!r}",
            hint="write header:NAME=VALUE, such as header:Content-Type=text/html",
        )
    return name, value


def _read_part(_: str, value: str) -> bytes:
    if not value:
        raise UsageError(
            "every body contains an empty text",
            hint="write contains=TEXT, or body= for a body that is empty",
        )
    return value.encode()


def _read_json(path: str, value: str) -> tuple[str, str]:
    if not path:
        raise UsageError(
            "no path into the JSON", hint="write json:PATH=VALUE, such as json:items.0.name=apple"
        )
    try:
        msgspec.json.decode(value)
    except (ValueError, RecursionError):
        return path, json.dumps(value)
    return path, value


def _read_digest(_: str, value: str) -> str:
    if not _DIGEST.fullmatch(value):
        raise UsageError(
            f"not a SHA-256: {value[:80]!r}",
            hint="write sha256= and 64 hexadecimal digits, as sha256sum prints them",
        )
    return value.lower()


READERS: dict[str, Callable[[str, str], Any]] = {
    "status": _read_status,
    "header": _read_header,
    "body": lambda _, value: value.encode(),
    "contains": _read_part,
    "json": _read_json,
    "sha256": _read_digest,
}


def parse_capture(name: str, text: str) -> Capture:
    """Read the place in a response where the value `name` is; raises UsageError for no place."""
    source, _, key = text.partition(":")
    if not NAME.fullmatch(name):
        raise UsageError(
            f"not a name to capture a value by: {name!r}",
            hint="letters, digits and _, as in ${token}",
        )
    if source not in SOURCES or not key:
        raise UsageError(
            f"{name} is not a capture: {text!r}",
            hint="write cookie:NAME, header:NAME, json:PATH or regex:PATTERN",
        )
    if source == "regex":
        _check_pattern(name, key)
    return Capture(name=name, source=SOURCES[source], key=key)


def _check_pattern(name: str, pattern: str) -> None:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter(
                "error"
            )  # a pattern of doubtful meaning would warn in the middle of a load
            groups = re.compile(pattern).groups
    except (re.error, Warning, RecursionError, OverflowError) as error:
        raise UsageError(
            f"{name} is not a regular expression: {error}", hint="see the re module of Python"
        ) from error
    if groups != 1:
        raise UsageError(
            f"{name} has {groups} groups in {pattern!r}",
            hint="put ( ) around the value, and (?: ) around anything else",
        )

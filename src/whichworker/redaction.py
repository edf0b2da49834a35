"""Secrets stay out of journal, logs and reports: every text is cleaned before it is written.

A secret is remembered for the whole process: one that enters in one place may leave by another. Of
a value that becomes JSON only the texts in it are cleaned, before it is encoded: keys and numbers
stay, and so do the words that its readers need (`spare`).
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping
from functools import cache
from html import escape
from typing import Any
from urllib.parse import parse_qsl, quote, quote_plus, unquote, urlsplit

LEAST = 6
"""Shorter values occur by chance, and taking them out would make a report unreadable."""
NAMED = re.compile(
    r"KEY|SECRET|TOKEN|PASS|PWD|CREDENTIAL|PRIVATE|AUTH(?!OR)|DSN|SALT|SIGNATURE", re.IGNORECASE
)
SENT = ("cookie ", "header ", "login ")
MARK = re.compile(r"\[(cookie|header|login) [^\]]*\]")
"""The replacement of a secret that was sent."""
NO_SECRETS = (
    "postgres",
    "postgresql",
    "password",
    "secret",
    "django",
    "mysql",
    "redis",
    "guest",
    "insecure",
    "localhost",
    "changeme",
    "development",
)
"""Words that everybody would guess, and that a report needs."""
NOT_SECRET = re.compile(
    r"(true|false|none|null|\d{1,7}|/[\w./-]*|[A-Za-z_]\w*(\.\w+)+:[A-Za-z_]\w*)", re.IGNORECASE
)
"""Switches, numbers, paths and `module:attribute`, whatever their variable is called."""

FOLDERS = ("PWD", "OLDPWD")
"""A shell's own variables: the current folder and the one before, which no report can do without,
also if their names have spaces."""

HIDDEN = "[***]"
"""The replacement where a mark would itself contain a secret: it is shorter than any."""
LONG, CLASSES = 16, (re.compile(r"[a-z]"), re.compile(r"[A-Z]"), re.compile(r"\d"))
RANDOM = re.compile(r"[\w+=-]+", re.ASCII)
"""A value of at least 16 such characters, with small and capital letters and digits, is a key,
whatever its variable is called."""
CUT = ("", "'", '"', "…", "\\", "`", ")", ";")
"""The next character after a part of a text that was cut; empty at the end."""

_secrets: dict[str, str] = {}
_needed: set[str] = set()


def remember(name: str, value: str) -> None:
    """Take this value out of everything that is written from now on; `name` stands in its place."""
    if len(value) < LEAST or value.lower() in NO_SECRETS or _is_needed(value):
        return
    written = (
        json.dumps(value)[1:-1],
        json.dumps(value, ensure_ascii=False)[1:-1],
        escape(value),
        quote(_bytes(value), safe=""),
        quote_plus(_bytes(value)),
    )
    jinja = escape(value).replace("&#x27;", "&#39;").replace("&quot;", "&#34;")
    for form in (value, *written, jinja):
        if name.startswith(SENT):
            _secrets[form] = name
        else:
            _secrets.setdefault(form, name)


def _bytes(value: str) -> bytes:
    """A text in UTF-8; the environment's other bytes are themselves, and surrogates are encoded."""
    try:
        return value.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        return value.encode("utf-8", "surrogatepass")


def remember_environment(environment: Mapping[str, str]) -> None:
    """Remember variables with names of secrets, and the passwords in all URLs."""
    for name, value in environment.items():
        known = (NAMED.search(name) and name not in FOLDERS) or is_random(value)
        if known and not NOT_SECRET.fullmatch(value) and "://" not in value:
            remember(name, value)
        for secret in _of_url(name, value):
            remember(name, secret)
            remember(name, unquote(secret))


def is_random(value: str) -> bool:
    """Whether a value looks like a key: long, of one word, with both cases and digits mixed."""
    return (
        len(value) >= LONG
        and RANDOM.fullmatch(value) is not None
        and all(kind.search(value) for kind in CLASSES)
    )


def remembered() -> tuple[tuple[str, str], ...]:
    """Names and values that are left out, for a process of the tool that also writes."""
    return tuple((name, value) for value, name in _secrets.items())


def spare(texts: Iterable[str]) -> None:
    """Keep these texts whole, which the readers of a run need: names, paths, words of options.

    A password that is a part of one could be guessed anyway, and would make the run unreadable.
    """
    _needed.update(texts)
    for secret in [one for one in _secrets if _is_needed(one)]:
        del _secrets[secret]


def _is_needed(value: str) -> bool:
    return any(value in text for text in _needed)


@cache
def spare_literals(kind: Any) -> None:
    """Keep the words of every Literal in a msgspec type: another word there cannot be read."""
    import msgspec.inspect

    waiting, seen = [msgspec.inspect.type_info(kind)], set()
    while waiting:
        info = waiting.pop()
        if id(info) in seen:
            continue
        seen.add(id(info))
        if isinstance(info, msgspec.inspect.LiteralType):
            spare(value for value in info.values if isinstance(value, str))
        if isinstance(info, msgspec.inspect.StructType):
            spare([str(info.tag)] if info.tag is not None else [])
            waiting += [field.type for field in info.fields]
        for name in ("types", "item_types"):
            waiting += getattr(info, name, ())
        for name in ("item_type", "key_type", "value_type", "type"):
            waiting += [getattr(info, name)] if hasattr(info, name) else []


def clean(text: str) -> str:
    """The text without the secrets, the longest taken out first, and without halves of them."""
    if not _secrets:
        return text
    longest = sorted(_secrets, key=len, reverse=True)
    for value in longest:
        text = text.replace(value, f"[{_secrets[value]}]")
    for value in longest:
        if value[:LEAST] in text:
            text = _without_half(text, value, f"[{_secrets[value]}]")
    return HIDDEN if any(value in text for value in longest) else text  # in a mark, or one itself


def clean_bytes(content: bytes) -> bytes:
    """The same for bytes, whatever their encoding."""
    if not _secrets:
        return content
    return clean(content.decode("utf-8", "surrogateescape")).encode("utf-8", "surrogateescape")


def cleaned(value: Any) -> Any:
    """Builtin values of the same shape: texts and bytes are clean, keys and numbers unchanged."""
    return _each_text(value, clean)


def _each_text(value: Any, change: Callable[[str], str]) -> Any:
    """Builtin values of the same shape with every text changed; bytes are cleaned."""
    if isinstance(value, str):
        return change(value)
    if isinstance(value, bytes):
        return clean_bytes(value)
    if isinstance(value, dict):
        return {key: _each_text(one, change) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_each_text(one, change) for one in value]
    return value


def encode(value: object) -> bytes:
    """A value as JSON without secrets; bytes of a path that are no text are escaped."""
    import msgspec

    if _secrets:
        kind: Any = type(value)
        spare_literals(kind)
        value = cleaned(msgspec.to_builtins(value, builtin_types=(bytes,)))
    try:
        return msgspec.json.encode(value)
    except UnicodeEncodeError:
        plain = msgspec.to_builtins(value, builtin_types=(bytes,))
        return msgspec.json.encode(_each_text(plain, _printable))


def _printable(text: str) -> str:
    return text.encode("utf-8", "backslashreplace").decode()


def _without_half(text: str, value: str, mark: str) -> str:
    """A text without the first part of a secret, within which a sample was cut."""
    least = max(LEAST, (len(value) + 1) // 2)
    at = text.find(value[:LEAST])
    while at >= 0:
        size = next(
            (n for n, (a, b) in enumerate(zip(value, text[at:], strict=False)) if a != b),
            min(len(value), len(text) - at),
        )
        if size >= least and text[at + size : at + size + 1] in CUT:
            text = f"{text[:at]}{mark}{text[at + size :]}"
            at += len(mark) - 1  # the mark itself may begin like the secret
        at = text.find(value[:LEAST], at + 1)
    return text


def knows() -> bool:
    """Whether there is anything to take out."""
    return bool(_secrets)


def _of_url(name: str, value: str) -> list[str]:
    """The password in a URL; if the name fits, also its user and query (keys of error trackers)."""
    if "://" not in value:
        return []
    try:
        parts = urlsplit(value)
        named = (
            [parts.username or "", *(one for _, one in parse_qsl(parts.query))]
            if NAMED.search(name)
            else []
        )
        return [part for part in (parts.password or "", *named) if part]
    except ValueError:
        return []

"""Secrets stay out of journal, logs and reports: every text is cleaned before it is written.

A secret is remembered for the whole process: one that enters in one place may leave by another.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from html import escape
from urllib.parse import parse_qsl, quote, quote_plus, unquote, urlsplit

LEAST = 6
"""Shorter values occur by chance, and taking them out would make a report unreadable."""
NAMED = re.compile(
    r"KEY|SECRET|TOKEN|PASS|PWD|CREDENTIAL|PRIVATE|AUTH|DSN|SALT|SIGNATURE", re.IGNORECASE
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
    "changeme",
    "development",
)
"""Words that everybody would guess, and that a report needs."""
NOT_SECRET = re.compile(
    r"(true|false|none|null|\d{1,7}|/[\w./-]*|[A-Za-z_]\w*(\.\w+)+:[A-Za-z_]\w*)", re.IGNORECASE
)
"""Switches, numbers, paths and `module:attribute`, whatever their variable is called."""

_secrets: dict[str, str] = {}


def remember(name: str, value: str) -> None:
    """Take this value out of everything that is written from now on; `name` stands in its place."""
    if len(value) < LEAST or value.lower() in NO_SECRETS:
        return
    written = (
        json.dumps(value)[1:-1],
        json.dumps(value, ensure_ascii=False)[1:-1],
        escape(value),
        quote(value, safe=""),
        quote_plus(value),
    )
    jinja = escape(value).replace("&#x27;", "&#39;").replace("&quot;", "&#34;")
    for form in (value, *written, jinja):
        if name.startswith(SENT):
            _secrets[form] = name
        else:
            _secrets.setdefault(form, name)


def remember_environment(environment: Mapping[str, str]) -> None:
    """Remember variables with names of secrets, and the passwords in all URLs."""
    for name, value in environment.items():
        if NAMED.search(name) and not NOT_SECRET.fullmatch(value) and "://" not in value:
            remember(name, value)
        for secret in _of_url(name, value):
            remember(name, secret)
            remember(name, unquote(secret))


def clean(text: str) -> str:
    """The text without the secrets, the longest taken out first."""
    for value in sorted(_secrets, key=len, reverse=True):
        if value in text:
            text = text.replace(value, f"[{_secrets[value]}]")
    return text


def clean_bytes(content: bytes) -> bytes:
    """The same for bytes."""
    for value in sorted(_secrets, key=len, reverse=True):
        if (encoded := value.encode()) in content:
            content = content.replace(encoded, f"[{_secrets[value]}]".encode())
    return content


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

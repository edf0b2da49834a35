"""Secrets leave by no way."""

from __future__ import annotations

import html
import json
import urllib.parse
from collections.abc import Iterator

import pytest

from whichworker import redaction

SECRET = 'p<4"ss&w0rd/ü'


@pytest.fixture(autouse=True)
def nothing_known() -> Iterator[None]:
    """Secrets of other tests stay out of these tests, and the other way round."""
    before = dict(redaction._secrets)
    redaction._secrets.clear()
    yield
    redaction._secrets.clear()
    redaction._secrets.update(before)


@pytest.mark.parametrize(
    "written",
    [
        SECRET,
        json.dumps({"x": SECRET}),
        f"<td>{html.escape(SECRET)}</td>",
        urllib.parse.quote(SECRET, safe=""),
    ],
)
def test_a_secret_is_taken_out_however_it_is_written(written: str) -> None:
    redaction.remember("TOKEN", SECRET)
    assert "w0rd" not in redaction.clean(written)
    assert "[TOKEN]" in redaction.clean(written)
    assert b"w0rd" not in redaction.clean_bytes(written.encode())


@pytest.mark.parametrize(
    ("name", "value", "secret"),
    [
        ("SECRET_KEY", "django-insecure-xyz", "django-insecure-xyz"),
        ("DATABASE_URL", "postgres://ann:hunter22@db.example/x", "hunter22"),
        ("ANYTHING", "redis://:abc%40def@cache/0", "abc%40def"),
        ("API_TOKEN", "abcdef123456", "abcdef123456"),
    ],
)
def test_variables_that_hold_secrets_are_known_by_name_or_form(
    name: str, value: str, secret: str
) -> None:
    redaction.remember_environment({name: value})
    assert secret not in redaction.clean(f"before {secret} after")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PATH", "/usr/bin:/bin"),
        ("SSH_AUTH_SOCK", "/tmp/agent.1"),
        ("KEYBOARD", "us"),
        ("USE_AUTH", "true"),
        ("DATABASE_URL", "sqlite:///db"),
        ("DB_PASSWORD", "postgres"),
        ("HOME", "/home/somebody"),
    ],
)
def test_what_is_no_secret_stays_readable(name: str, value: str) -> None:
    redaction.remember_environment({name: value})
    assert redaction.clean(f"x {value} y") == f"x {value} y"


def test_longer_secrets_are_taken_out_first() -> None:
    redaction.remember("A", "abcdef")
    redaction.remember("B", "abcdefghi")
    assert redaction.clean("abcdefghi abcdef") == "[B] [A]"

"""Secrets leave by no way."""

from __future__ import annotations

import html
import json
import urllib.parse
from collections.abc import Iterator
from typing import Any, Literal

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.fuzz.readers import leaves, shape
from whichworker import redaction

SECRET = 'p<4"ss&w0rd/ü'


@pytest.fixture(autouse=True)
def nothing_known() -> Iterator[None]:
    """Secrets of other tests stay out of these tests, and the other way round."""
    before, spared = dict(redaction._secrets), set(redaction._needed)
    redaction._secrets.clear()
    redaction._needed.clear()
    yield
    redaction._secrets.clear()
    redaction._secrets.update(before)
    redaction._needed.clear()
    redaction._needed.update(spared)


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
        ("AUTHORITY", "shop.test:8000"),
        ("AUTHOR_NAME", "Ann Example"),
        ("KEYBOARD", "us"),
        ("USE_AUTH", "true"),
        ("DATABASE_URL", "sqlite:///db"),
        ("DB_PASSWORD", "postgres"),
        ("HOME", "/home/somebody"),
        ("PWD", "/home/me/my shop (2)"),
        ("OLDPWD", "/home/me/caf\udce9 x"),
    ],
)
def test_what_is_no_secret_stays_readable(name: str, value: str) -> None:
    redaction.remember_environment({name: value})
    assert redaction.clean(f"x {value} y") == f"x {value} y"


def test_longer_secrets_are_taken_out_first() -> None:
    redaction.remember("A", "abcdef")
    redaction.remember("B", "abcdefghi")
    assert redaction.clean("abcdefghi abcdef") == "[B] [A]"


TEXTS = st.text(max_size=20)
SECRETS = st.lists(st.text(min_size=redaction.LEAST, max_size=12), min_size=1, max_size=4)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False) | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=8,
)


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(VALUES, SECRETS, st.data())
def test_any_value_keeps_its_shape_and_loses_every_secret(
    value: Any, secrets: list[str], data: st.DataObject
) -> None:
    redaction._secrets.clear()
    for number, secret in enumerate(secrets):
        redaction.remember(f"SECRET_{number}", secret)
    hidden = data.draw(st.sampled_from(secrets))
    whole = {"value": value, "a": f"x{hidden}y", "b": [hidden, 1.5], hidden: 3}
    read = json.loads(redaction.encode(whole))
    assert shape(read) == shape(json.loads(msgspec.json.encode(whole)))
    known = [secret for secret in secrets if secret.lower() not in redaction.NO_SECRETS]
    assert not [leaf for leaf in leaves(read) for secret in known if secret in leaf]


@pytest.mark.parametrize("end", ["", "'", "…", '"'])
@pytest.mark.parametrize("kept", [8, 11, 15])
def test_half_a_key_of_a_sample_that_was_cut_goes_as_well(kept: int, end: str) -> None:
    key = "sk-live-51H8xyzQ"
    redaction.remember("API_KEY", key)
    assert redaction.clean(f"body starts '{key[:kept]}{end}") == f"body starts '[API_KEY]{end}"
    assert redaction.clean(f"{key[:kept]}ing is a word") == f"{key[:kept]}ing is a word"


class Stored(msgspec.Struct):
    mode: Literal["waiting", "running"]
    wsgi: str
    seconds: float
    body: bytes


@pytest.mark.parametrize("password", ["shopkeeper", "shopke", "running", "000000", "1234.5"])
def test_what_a_reader_needs_stays(password: str) -> None:
    """A password may equal the project's name, a word of ours, or the digits of a number."""
    redaction.spare(["shopkeeper.wsgi:application", "/srv/shopkeeper"])
    redaction.remember("DATABASE_PASSWORD", password)
    told = Stored("running", "shopkeeper.wsgi:application", 1234.5000000, b"hunter2 is wrong")
    assert msgspec.json.decode(redaction.encode(told), type=Stored) == told


def test_bytes_are_clean_though_they_are_written_in_base64() -> None:
    redaction.remember("API_TOKEN", "abcdef123456")
    told = Stored("running", "a:b", 1.0, b"\xff token=abcdef123456\xff")
    read = msgspec.json.decode(redaction.encode(told), type=Stored)
    assert read.body == b"\xff token=[API_TOKEN]\xff"


@pytest.mark.parametrize(
    ("value", "secret"),
    [
        ("ghp16C7e42F292c6912E7710c838347Ae", True),
        ("AKIAIOSFODNN7EXAMPLEkey", True),
        ("https://shop.example/path", False),
        ("shop.settings.production", False),
        ("a sentence of several words 12 A", False),
        ("/srv/shop/Media2026/uploads", False),
    ],
)
def test_a_value_that_looks_like_a_key_is_one_whatever_its_name(value: str, secret: bool) -> None:
    redaction.remember_environment({"ANYTHING": value})
    assert (value not in redaction.clean(f"a {value} b")) is secret


@pytest.mark.parametrize("value", ["\udcffabcdefg", "\ud800abcdefg", "p\udc80\ud801word"])
def test_bytes_that_are_no_text_are_remembered_like_others(value: str) -> None:
    """A variable of the environment may hold any bytes, and an escape in a file any surrogate."""
    redaction.remember_environment({"SECRET_KEY": value})
    assert redaction.clean(f"before {value} after") == "before [SECRET_KEY] after"


def test_the_percent_form_of_other_bytes_is_theirs() -> None:
    redaction.remember("SECRET_KEY", "\udcffabcdefg")
    assert redaction.clean("/?key=%FFabcdefg") == "/?key=[SECRET_KEY]"


@pytest.mark.parametrize("secret", ["", "abcdef123456"])
def test_a_path_of_other_bytes_than_text_is_written(secret: str) -> None:
    redaction.remember("TOKEN", secret)
    written = redaction.encode({"path": "/srv/\udcff", "places": ["\ud800", 1]})
    assert json.loads(written) == {"path": "/srv/\\udcff", "places": ["\\ud800", 1]}


def test_a_secret_that_is_its_own_mark_is_hidden() -> None:
    redaction.remember("NAME_1", "[NAME_1]")
    assert redaction.clean("before [NAME_1] after") == redaction.HIDDEN
    assert redaction.clean("before after") == "before after"


@pytest.mark.parametrize("text", ["NAME_1]", "[NAME_1]", "xNAME_1", "[NAME_1", "NAME_1NAME_1]"])
def test_a_mark_that_contains_its_secret_ends(text: str) -> None:
    redaction.remember("NAME_1", "NAME_1]")
    redaction.remember("NAME_2", "[NAME_1")
    assert "NAME_1]" not in redaction.clean(text)
    assert "[NAME_1" not in redaction.clean(text)

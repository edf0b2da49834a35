"""A login form on a page: its hidden fields, and what is sent when it is filled in."""

from __future__ import annotations

import os
import re
import shlex
from html.parser import HTMLParser
from urllib.parse import urlencode, urljoin, urlsplit

from msgspec import Struct, field

from whichworker import redaction
from whichworker.errors import UsageError
from whichworker.model import Login

LOGIN_PAGE = "/accounts/login/"
FORM = f"--login '{LOGIN_PAGE} username=ann password=$PASSWORD'"
TOKEN = "--login 'POST /token username=ann password=$PASSWORD -> bearer access_token'"
METHODS = ("POST", "PUT", "PATCH")
ARROW, JSON, BEARER = "->", "json", "bearer"
USUAL_TOKEN = "access_token"
"""The name of a token in OAuth 2 (RFC 6749, section 5.1)."""
HEADER = re.compile(r"([!#$%&'*+.^_`|~0-9A-Za-z-]+):")
GRANT = {"grant_type": "password"}
"""The field by which OAuth 2 knows a login with a password (RFC 6749, section 4.3.2)."""


def parse_login(text: str) -> Login:
    """Read `PATH NAME=VALUE …`, the form of a page, or a request that returns a token or cookies.

    Such a request is `POST PATH [json] NAME=VALUE … [-> bearer|HEADER: [SCHEME] [JSON.PATH]]`.
    `$NAME` as a value is a variable. Raises UsageError for anything else.
    """
    try:
        words = shlex.split(text)
    except ValueError as error:
        raise UsageError(f"--login: {error}", hint=FORM) from error
    at = words.index(ARROW) if ARROW in words else len(words)
    words, proof = words[:at], words[at:]
    method = words.pop(0) if words and words[0] in METHODS else ""
    path, fields = (words[0], words[1:]) if words else ("", [])
    as_json = fields[:1] == [JSON]
    fields = fields[1:] if as_json else fields
    if not path.startswith("/") or not fields or not all("=" in one for one in fields):
        hint = TOKEN if method or proof or as_json else FORM
        raise UsageError("--login is not a path and the fields of its form", hint=hint)
    if (proof or as_json) and not method:
        method = METHODS[0]
    values = dict(_field(one) for one in fields)
    if not proof:
        return Login(path=path, fields=values, method=method, json=as_json)
    header, scheme, token = _proof(proof[1:])
    if not as_json:
        values = {**GRANT, **values}
    return Login(
        path=path,
        fields=values,
        method=method,
        json=as_json,
        token=token,
        header=header,
        scheme=scheme,
    )


def _field(text: str) -> tuple[str, str]:
    """The name of a field and its value, which is a secret from now on."""
    name, _, value = text.partition("=")
    if value.startswith("$"):
        variable = value.strip("${}")
        if variable not in os.environ:
            raise UsageError(
                f"--login: the variable for {name} is not set",
                hint="export it: a value that begins with $ names one",
            )
        value = os.environ[variable]
    redaction.remember(f"login {name}", value)
    return name, value


def _proof(words: list[str]) -> tuple[str, str, str]:
    """The header, the scheme before the token, and the token's path in the JSON."""
    first, *rest = words or [""]
    if first.lower() == BEARER and len(rest) < 2:
        return "Authorization", "Bearer", rest[0] if rest else USUAL_TOKEN
    match = HEADER.fullmatch(first)
    if match is None or not 1 <= len(rest) <= 2:
        raise UsageError(
            f"--login: not where a token is sent: {' '.join(words)!r}",
            hint=f"{TOKEN}, or -> 'X-Auth-Token:' data.token",
        )
    return match[1], rest[0] if len(rest) == 2 else "", rest[-1]


class Form(Struct, frozen=True):
    """The target of a form, and its values before anyone fills it in."""

    action: str
    hidden: dict[str, str] = field(default_factory=dict)


def find_form(page: str, path: str, login: Login) -> Form | None:
    """The form of a page that has the fields of the login; None if there is none."""
    reader = _Forms()
    reader.feed(page)
    for action, method, fields in reader.forms:
        if method == "post" and set(login.fields) <= set(fields):
            hidden = {
                name: value
                for name, value in fields.items()
                if name not in login.fields and value is not None
            }
            parts = urlsplit(urljoin(path, action or path))
            return Form(parts.path + (f"?{parts.query}" if parts.query else ""), hidden)
    return None


def filled(form: Form, login: Login) -> bytes:
    """The body that a browser would send."""
    return urlencode({**form.hidden, **login.fields}).encode()


class _Forms(HTMLParser):
    """Forms with their fields; fields that a browser sends unasked have values, others None."""

    def __init__(self) -> None:
        super().__init__()
        self.forms: list[tuple[str, str, dict[str, str | None]]] = []
        self._open = self._pressed = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        told = dict(attrs)
        if tag == "form":
            self.forms.append((told.get("action") or "", (told.get("method") or "get").lower(), {}))
            self._open, self._pressed = True, False
        elif (
            tag in ("input", "button", "select", "textarea")
            and self._open
            and (name := told.get("name"))
        ):
            kind = (told.get("type") or ("submit" if tag == "button" else "text")).lower()
            pressed = kind == "submit" and not self._pressed  # the first one, as by the enter key
            self._pressed = self._pressed or pressed
            sent = (
                kind == "hidden" or pressed or (kind in ("checkbox", "radio") and "checked" in told)
            )
            if sent or name not in self.forms[-1][2]:
                self.forms[-1][2][name] = (told.get("value") or "") if sent else None

    def handle_endtag(self, tag: str) -> None:
        self._open = self._open and tag != "form"

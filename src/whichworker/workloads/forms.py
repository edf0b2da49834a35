"""A login form on a page: its hidden fields, and what is sent when it is filled in."""

from __future__ import annotations

import os
import shlex
from html.parser import HTMLParser
from urllib.parse import urlencode, urljoin, urlsplit

from msgspec import Struct, field

from whichworker import redaction
from whichworker.errors import UsageError
from whichworker.model import Login

FORM = "--login '/accounts/login/ username=ann password=$PASSWORD'"


def parse_login(text: str) -> Login:
    """Read `PATH NAME=VALUE …`; `$NAME` as a value is a variable. Raises UsageError otherwise."""
    try:
        path, *fields = shlex.split(text)
    except ValueError as error:
        raise UsageError(f"--login: {error}", hint=FORM) from error
    if not path.startswith("/") or not fields or not all("=" in one for one in fields):
        raise UsageError("--login is not a path and the fields of its form", hint=FORM)
    found = {}
    for name, _, value in (one.partition("=") for one in fields):
        if value.startswith("$"):
            variable = value.strip("${}")
            if variable not in os.environ:
                raise UsageError(
                    f"--login: the variable for {name} is not set",
                    hint="export it: a value that begins with $ names one",
                )
            value = os.environ[variable]
        found[name] = value
        redaction.remember(f"login {name}", value)
    return Login(path=path, fields=found)


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

"""The skeleton of all pages: templates whose values are escaped, one script, the result inside."""

from __future__ import annotations

import base64
import gzip
import hashlib
import re
import shlex
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from importlib.resources import files

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from whichworker import units
from whichworker.report import charts
from whichworker.result import AnyResult, encode

SCRIPT = "page.js"
PLAIN_BYTES = 200_000
"""A longer result is compressed to about a tenth, so that the page stays below a megabyte."""


@dataclass(frozen=True)
class EmbeddedResult:
    """The whole result as a link that needs neither a server nor a script."""

    filename: str
    link: str
    words: str


def environment() -> Environment:
    """The templates; a new environment for those who add to it."""
    found = Environment(
        loader=PackageLoader("whichworker.report", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    found.filters |= {
        "bytes": units.show_bytes,
        "clock": units.show_clock,
        "command": shlex.join,
        "date": show_date,
        "icon": charts.icon,
        "rate": units.show_rate,
        "seconds": units.show_seconds,
        "share": units.show_share,
    }
    return found


def page(environment: Environment, template: str, result: AnyResult, **values: object) -> str:
    """One HTML file: a template that extends `page.html`, with the result inside."""
    return environment.get_template(template).render(
        result=result,
        policy=policy(),
        script=Markup(script()),
        embedded=embedded(result),
        **values,
    )


@cache
def script() -> str:
    """The only script of a page, as it stands between its tags."""
    return (files("whichworker.report") / "templates" / SCRIPT).read_text(encoding="utf-8")


@cache
def policy() -> str:
    """The content policy: nothing from outside, and no script but the one with this hash."""
    return (
        "default-src 'none'; style-src 'unsafe-inline'; img-src data:;"
        f" script-src '{digest(script())}'; base-uri 'none'; form-action 'none'"
    )


def digest(text: str) -> str:
    """A content policy's name for an inline script or style (https://www.w3.org/TR/CSP3/)."""
    found = hashlib.sha256(text.encode()).digest()
    return f"sha256-{base64.b64encode(found).decode('ascii')}"


def embedded(result: AnyResult) -> EmbeddedResult:
    """The result as JSON in a data link, compressed if it is long."""
    content = encode(result)
    name = f"whichworker-{re.sub(r'[^A-Za-z0-9._-]+', '-', result.run.id)}.json"
    kind, words = "application/json", "Download the result as JSON"
    if len(content) > PLAIN_BYTES:
        # No time in the header: the same result gives the same page.
        content = gzip.compress(content, mtime=0)
        name, kind, words = f"{name}.gz", "application/gzip", f"{words}, compressed"
    packed = base64.b64encode(content).decode("ascii")
    return EmbeddedResult(name, f"data:{kind};base64,{packed}", words)


def show_date(started: str) -> str:
    """Write an ISO 8601 time as `2025-03-04 12:30 UTC`; other text is unchanged."""
    try:
        when = datetime.fromisoformat(started)
    except ValueError:
        return started
    return f"{when if when.tzinfo is None else when.astimezone(UTC):%Y-%m-%d %H:%M} UTC"

"""Files that others wrote may hold anything: their text and their values, or one error.

The libraries that parse raise many kinds of errors; here all of them become `Unreadable`, whose
text is a reason of one line. The readers of such files add the name of the file and a hint.
"""

from __future__ import annotations

import re
import tomllib
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec

if TYPE_CHECKING:
    import yaml

Kind = TypeVar("Kind")

PARSER_ERRORS = (ValueError, RecursionError, LookupError, AttributeError, TypeError, OverflowError)
"""PyYAML breaks in all these ways at tags on values that do not fit them, such as `!!int ''`, and
tomllib at deep nesting. No code of this project runs where they are caught."""
WORDS = {
    "int": "a whole number",
    "float": "a number",
    "bool": "true or false",
    "str": "text",
    "null": "nothing",
    "object": "a table",
    "array": "a list",
}
"""msgspec's names of types."""
NARROWED = (":bool", ":int", ":float", ":timestamp")
PLAIN_WORDS = (
    ("bool", "(?:true|True|TRUE|false|False|FALSE)$", "tTfF"),
    ("int", r"[-+]?(?:0|[1-9][0-9]*)$", "-+0123456789"),
    ("float", r"[-+]?(?:0|[1-9][0-9]*)?\.[0-9]+(?:[eE][-+]?[0-9]+)?$", "-+.0123456789"),
)
"""Kinds of plain values, their forms and first characters; yaml.org/spec/1.2.2, 10.3."""
LONGEST_REASON = 300
"""Characters: a parser may quote a whole file."""


class Unreadable(Exception):
    """A file that cannot be opened, or content of another form; the text is the reason."""


def text_of(path: Path | str) -> str:
    """The text of a file in UTF-8; raises Unreadable."""
    try:
        return Path(path).read_text(encoding="utf-8")
    except OSError as error:
        raise Unreadable(error.strerror or str(error)) from error
    except UnicodeDecodeError as error:
        raise Unreadable(f"byte {error.start + 1} is not UTF-8") from error
    except ValueError as error:  # a zero in the path
        raise Unreadable(str(error)) from error


def json_in(content: bytes | str, kind: type[Kind]) -> Kind:
    """A value of this type from JSON; raises Unreadable."""
    return json_by(msgspec.json.Decoder(kind), content)


def json_by(decoder: msgspec.json.Decoder[Kind], content: bytes | str) -> Kind:
    """The same by a decoder that is kept, for many contents of one type."""
    try:
        return decoder.decode(content)
    except (ValueError, RecursionError) as error:  # bytes that are not UTF-8 are none of its own
        raise Unreadable(_reason(error)) from error


def toml_in(text: str, kind: type[Kind]) -> Kind:
    """A value of this type from TOML; raises Unreadable."""
    try:
        table = tomllib.loads(text)
    except PARSER_ERRORS as error:
        raise Unreadable(f"not TOML: {_reason(error)}") from error
    return fitted(table, kind)


def yaml_in(content: bytes | str) -> list[Any]:
    """The documents of YAML 1.2, as plain values; raises Unreadable.

    In YAML 1.1, which the library reads by itself, `10:30` is 630, `no` is false, `010` is 8 and a
    day is a date. Here they are text, as their writer sees them.
    """
    import yaml

    try:
        return list(yaml.load_all(content, _plain_loader()))
    except (yaml.YAMLError, *PARSER_ERRORS) as error:
        raise Unreadable(_reason(error)) from error


@cache
def _plain_loader() -> type[yaml.SafeLoader]:
    """A loader whose plain words are null, true and false, and whose numbers are decimal."""
    import yaml

    class WrittenYaml(yaml.SafeLoader):
        """Its table is its own: the library changes the one that it finds."""

    WrittenYaml.yaml_implicit_resolvers = {
        first: [(tag, form) for tag, form in forms if not tag.endswith(NARROWED)]
        for first, forms in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }
    for kind, form, first in PLAIN_WORDS:
        WrittenYaml.add_implicit_resolver(
            f"tag:yaml.org,2002:{kind}", re.compile(form), list(first)
        )
    return WrittenYaml


def plainly(complaint: str) -> str:
    """A complaint about types without the names that Python has for them."""
    complaint = complaint.replace("Object missing required field", "there is no")
    fact, _, place = complaint.partition(" - at `$")
    words = re.sub(
        r"`([a-z |]+)`",
        lambda match: " or ".join(WORDS.get(kind, kind) for kind in match[1].split(" | ")),
        fact,
    )
    words = words[:1].lower() + words[1:]
    where = place.rstrip("`").lstrip(".")
    return f"{words} at {where}" if where else words


def fitted(value: Any, kind: type[Kind]) -> Kind:
    """A parsed value as this type; raises Unreadable."""
    try:
        return msgspec.convert(value, kind)
    except (ValueError, RecursionError) as error:
        raise Unreadable(_reason(error)) from error


def _reason(error: Exception) -> str:
    """The message of a parser in one line."""
    if isinstance(error, RecursionError):
        return "it is nested too deeply"
    return plainly(" ".join(str(error).split()))[:LONGEST_REASON]

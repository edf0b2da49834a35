"""Command line options made from the structs of the config room: one option, one place."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal, TypeVar, get_args, get_origin

import click
import msgspec

from whichworker.config.layers import extra_of, name_in_file

Decorated = TypeVar("Decorated", bound=Callable[..., Any])


def options_of(*kinds: type[msgspec.Struct]) -> Callable[[Decorated], Decorated]:
    """Decorate a command with an option for each field; values arrive as text, unread, or None."""

    def decorate(function: Decorated) -> Decorated:
        for kind in reversed(kinds):
            for field in reversed(msgspec.structs.fields(kind)):
                function = click.option(*_declaration(field), **_attributes(field))(function)
        return function

    return decorate


def _declaration(field: msgspec.structs.FieldInfo) -> tuple[str, str]:
    return f"--{name_in_file(field.name)}", field.name


def _attributes(field: msgspec.structs.FieldInfo) -> dict[str, Any]:
    extra, plain = extra_of(field), getattr(field.type, "__origin__", field.type)
    attributes: dict[str, Any] = {"help": extra["description"] + _default(field), "default": None}
    if plain is bool:
        return {**attributes, "is_flag": True}
    if get_origin(plain) is Literal:
        return {**attributes, "type": click.Choice(get_args(plain))}
    if field.default == ():
        attributes["multiple"] = True
    return {**attributes, "metavar": extra["metavar"]}


def _default(field: msgspec.structs.FieldInfo) -> str:
    unit = extra_of(field)["unit"]
    if unit == "duration":
        return f" [{field.default:g}s]"
    if unit == "share":
        return f" [{100 * field.default:g}%]"
    return f" [{field.default}]" if isinstance(field.default, str) and field.default else ""

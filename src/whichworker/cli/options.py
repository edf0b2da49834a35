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
    flag = name_in_file(field.name)
    return (
        f"--{flag}/--no-{flag}" if field.type.__origin__ == bool | None else f"--{flag}",
        field.name,
    )


def _attributes(field: msgspec.structs.FieldInfo) -> dict[str, Any]:
    extra, plain = extra_of(field), getattr(field.type, "__origin__", field.type)
    attributes: dict[str, Any] = {"help": extra["description"] + _default(field), "default": None}
    if plain in (bool, bool | None):
        return {**attributes, "is_flag": True}
    if choices := _choices(plain):
        return {**attributes, "type": click.Choice(choices)}
    if field.default == ():
        attributes["multiple"] = True
    return {**attributes, "metavar": extra["metavar"]}


def _choices(plain: Any) -> tuple[str, ...]:
    """The words of a Literal, which may be optional."""
    if get_origin(plain) is Literal:
        return get_args(plain)
    return next((get_args(part) for part in get_args(plain) if get_origin(part) is Literal), ())


def _default(field: msgspec.structs.FieldInfo) -> str:
    unit = extra_of(field)["unit"]
    if field.default is None or isinstance(field.default, bool):
        return ""
    if unit == "duration":
        return f" [{field.default:g}s]"
    if unit == "share":
        return f" [{100 * field.default:g}%]"
    return f" [{field.default}]" if isinstance(field.default, str | int) and field.default else ""

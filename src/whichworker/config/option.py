"""The metadata of one option, from which its flag, key, schema and reference page follow."""

from __future__ import annotations

from typing import Any, Literal

from msgspec import Meta
from msgspec.structs import FieldInfo

Unit = Literal["", "duration", "share", "rate", "size"]
Group = Literal[
    "",
    "App",
    "Requests",
    "Server setups",
    "Sides",
    "Limits",
    "Measurement",
    "Permissions",
    "Output",
    "Run",
]


def option(
    description: str,
    metavar: str = "",
    unit: Unit = "",
    *,
    group: Group = "",
    default: str = "",
    optional: bool = False,
) -> Meta:
    """The metadata of one option.

    `unit` is how its text is read; such numbers are positive, shares below 1. The bound of an
    `optional` number, which may be None, is in its type. `default` is what the help shows if the
    value itself does not say it. `group` is the heading in the help [default: the heading of the
    option before].
    """
    extra = {"metavar": metavar, "unit": unit, "group": group, "default": default}
    bounded = bool(unit) and not optional
    return Meta(
        description=description,
        extra=extra,
        gt=0 if bounded else None,
        lt=1 if unit == "share" else None,
    )


def extra_of(field: FieldInfo) -> dict[str, Any]:
    """The description of an option, and the rest of its metadata."""
    for meta in getattr(field.type, "__metadata__", ()):
        if isinstance(meta, Meta):
            return {"description": meta.description, **(meta.extra or {})}
    return {}


def default_of(field: FieldInfo) -> str:
    """The default as a person writes it; empty if there is none, and for a switch that is off."""
    extra, value = extra_of(field), field.default
    if extra.get("default") or value in (None, "", ()) or isinstance(value, bool):
        return str(extra.get("default", ""))
    shown = {"duration": lambda: f"{value:g}s", "share": lambda: f"{100 * value:g}%"}
    return shown.get(extra["unit"], lambda: str(value))()

"""The origin of an option's value: command line, then environment, then file, then default."""

from __future__ import annotations

import difflib
import math
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import msgspec
from msgspec import Struct

from whichworker import foreign, units
from whichworker.config.option import extra_of
from whichworker.errors import UsageError

Options = TypeVar("Options", bound=Struct)
Table = TypeVar("Table")

READERS: dict[str, Callable[[str], float]] = {
    "duration": units.parse_duration,
    "share": units.parse_share,
    "rate": units.parse_rate,
    "size": units.parse_size,
}
MOST_NUMBER, MOST_WHOLE = 1e15, 2**63 - 1
"""The largest numbers of a file, as many digits as a text with a unit has; above it, no integer of
64 bits. No option means more."""
SURROGATE = re.compile(r"[\ud800-\udfff]")
"""Bytes of the command line and the environment that are no text, as Python has them."""
LONGEST_SHOWN = 80
"""Characters of a wrong value that a message shows."""
TABLES = ("load", "study", "explain")
"""Commands whose keys are in a table of their own, below those of a race."""
RENAMED = {("", "requests"): "request_file"}
"""The new name by table and old name: the old name fails, and the hint gives the new one."""


def gather(
    kind: type[Options],
    given: Mapping[str, Any],
    environment: Mapping[str, str],
    folder: Path,
    table: str = "",
) -> tuple[Options, dict[str, str]]:
    """The options of one command and the origin of each value.

    `table` is one of TABLES, or empty for a race. Raises UsageError for an unknown key in the file,
    and for a value of the wrong type; the message names its origin.
    """
    values: dict[str, Any] = {}
    origins: dict[str, str] = {}
    whole, path = read_file(folder)
    file = _table(whole, path, table)
    known = msgspec.structs.fields(kind)
    _refuse_former_names(environment, file, table)
    keys = [name_in_file(field.name) for field in known]
    for key in file:
        if key not in keys:
            close = difflib.get_close_matches(key, keys, n=1)
            page = f"see docs/reference/{table or 'race'}.md"
            raise UsageError(
                f"unknown key {key!r} in {path}",
                hint=f"did you mean {close[0]}?" if close else page,
            )
    for field in known:
        variable = variable_of(field.name, table)
        if given.get(field.name) not in (None, ()):
            values[field.name], origins[field.name] = (
                given[field.name],
                f"--{name_in_file(field.name)}",
            )
        elif variable in environment:
            values[field.name], origins[field.name] = environment[variable], variable
        elif name_in_file(field.name) in file:
            values[field.name], origins[field.name] = file[name_in_file(field.name)], str(path)
        else:
            origins[field.name] = "default"
    return _convert(kind, values, origins), origins


class _Tools(Struct):
    whichworker: dict[str, Any] = {}


class _Configured(Struct):
    tool: _Tools = msgspec.field(default_factory=_Tools)


PLACES = ("cache", "state")
"""WHICHWORKER_CACHE and WHICHWORKER_STATE are folders, not options."""


def read_file(folder: Path) -> tuple[dict[str, Any], Path | None]:
    """A folder's configuration: whichworker.toml, else pyproject.toml's table, else nothing.

    Raises UsageError for a file that is not TOML, or has something else where the table belongs.
    """
    own, shared = folder / "whichworker.toml", folder / "pyproject.toml"
    if own.is_file() and (found := _read(own, dict[str, Any])):
        return found, own
    if shared.is_file() and (found := _read(shared, _Configured).tool.whichworker):
        return found, shared
    return {}, None


def _read(path: Path, kind: type[Table]) -> Table:
    try:
        return foreign.toml_in(foreign.text_of(path), kind)
    except foreign.Unreadable as error:
        raise UsageError(
            f"{path} cannot be used: {error}",
            hint="whichworker init writes a whichworker.toml; [tool.whichworker] is the table of"
            " pyproject.toml",
        ) from error


def variable_of(name: str, table: str = "") -> str:
    """The environment variable of an option; the variables of the state and cache are taken."""
    if not table and name in PLACES:
        table = "race"
    return "_".join(["WHICHWORKER", *filter(None, [table]), name]).upper()


def unit_of(field: msgspec.structs.FieldInfo) -> str:
    """How the text of an option is read: duration, share, rate, or as it is."""
    return str(extra_of(field).get("unit", ""))


def name_in_file(name: str) -> str:
    """`dry_run` as the file and the command line write it."""
    return name.replace("_", "-")


def _table(file: dict[str, Any], path: Path | None, table: str) -> dict[str, Any]:
    if not table:
        return {key: value for key, value in file.items() if key not in TABLES}
    found = file.get(table, {})
    if not isinstance(found, dict):
        raise UsageError(
            f"{table!r} in {path} is not a table",
            hint=f"the keys of whichworker {table} stand in a table of that name",
        )
    return found


def _refuse_former_names(
    environment: Mapping[str, str], file: Mapping[str, Any], table: str
) -> None:
    for (where, former), name in RENAMED.items():
        if where != table:
            continue
        if name_in_file(former) in file:
            raise UsageError(
                f"the key {name_in_file(former)!r} has a new name",
                hint=f"write {name_in_file(name)}",
            )
        if variable_of(former) in environment:
            raise UsageError(
                f"{variable_of(former)} has a new name", hint=f"set {variable_of(name)}"
            )


def _convert(kind: type[Options], values: dict[str, Any], origins: dict[str, str]) -> Options:
    ready = {}
    for field in msgspec.structs.fields(kind):
        if field.name not in values:
            continue
        value, origin = values[field.name], origins[field.name]
        reader = READERS.get(unit_of(field))
        try:
            if reader is not None and isinstance(value, str):
                value = reader(value)
            elif isinstance(value, str) and field.default == ():
                value = [part.strip() for part in value.split(",") if part.strip()]
            elif isinstance(value, list) and field.type.__origin__ is str:
                value = ",".join(msgspec.convert(value, list[str]))
            ready[field.name] = _possible(msgspec.convert(value, field.type, strict=False))
        except UsageError as error:
            raise UsageError(f"{origin}: {error.fact}", hint=error.hint) from error
        except msgspec.ValidationError as error:
            reason = foreign.plainly(str(error))
            raise UsageError(
                f"{origin}: {repr(value)[:LONGEST_SHOWN]} will not do: {reason}",
                hint=f"{name_in_file(field.name)}: {_lower(extra_of(field)['description'])}",
            ) from error
    return kind(**ready)


def _possible(value: Any) -> Any:
    """A value that the command line could give, too; raises UsageError for another."""
    if isinstance(value, float) and not (math.isfinite(value) and abs(value) <= MOST_NUMBER):
        raise UsageError(f"{value:g} is too large", hint=f"at most {MOST_NUMBER:g}")
    if isinstance(value, int) and abs(value) > MOST_WHOLE:
        raise UsageError("a whole number of more than 64 bits", hint=f"at most {MOST_WHOLE}")
    for text in (value,) if isinstance(value, str) else value if isinstance(value, tuple) else ():
        if "\0" in text:
            raise UsageError(f"a zero byte in {text[:LONGEST_SHOWN]!r}", hint="leave \\u0000 out")
        if SURROGATE.search(text):
            raise UsageError(
                f"not UTF-8: {text[:LONGEST_SHOWN]!r}", hint="no result could contain it"
            )
    return value


def _lower(sentence: str) -> str:
    return sentence[:1].lower() + sentence[1:]

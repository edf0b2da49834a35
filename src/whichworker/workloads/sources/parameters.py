"""The parameters of an operation of OpenAPI or Swagger, and the values that its schema knows.

A value comes from examples, defaults, constants or enumerations, and is written in the style that
the parameter names.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any
from urllib.parse import quote, unquote, urlencode

from msgspec import Struct

Table = dict[Any, Any]

MOST_REFERENCES = 16
"""A chain of references that is longer is a circle."""
MOST_PLACES = 64
"""Places that are searched for the values of a parameter: schemas may contain themselves."""
SEPARATORS = {
    "spaceDelimited": " ",
    "pipeDelimited": "|",
    "ssv": " ",
    "tsv": "\t",
    "pipes": "|",
}
"""Between the values of a list, by `style` or `collectionFormat`; else a comma."""
FIXED_HEADERS = ("accept", "content-type", "authorization")
"""Parameters of these names are to be ignored, says OpenAPI."""


class Parameters(Struct, frozen=True):
    """The parameters of an operation, its own in place of equal ones of its path."""

    tables: tuple[Table, ...]
    schema: Mapping[str, Any]

    @classmethod
    def of(cls, owners: Iterable[Table], schema: Mapping[str, Any]) -> Parameters:
        """The parameters of a path and of its operation, in this order."""
        found: dict[tuple[str, str], Table] = {}
        for owner in owners:
            for one in _list(owner.get("parameters")):
                table = table_of(one, schema)
                found[text_of(table.get("in")), text_of(table.get("name"))] = table
        return cls(tuple(found.values()), schema)

    def filled(self, path: str) -> str | None:
        """The path with values in its places, and the required query; None if one is unknown."""
        query: list[tuple[str, str]] = []
        for one in self.tables:
            place, name = text_of(one.get("in")), text_of(one.get("name"))
            needed = place == "path" or (
                one.get("required") is True and not self._is_fixed(place, name)
            )
            values = self._values(one) if needed else []
            if needed and (not values or place not in ("path", "query", "header")):
                return None
            if place == "path" and "" in values:
                return None
            if place == "path":
                path = path.replace("{" + name + "}", _in_path(one, name, values))
            elif needed and place == "query":
                query += _written(one, name, values)
        if "{" in path:
            return None
        return f"{path}?{urlencode(query)}" if query else path

    @property
    def headers(self) -> tuple[tuple[str, str], ...]:
        """The required headers."""
        return tuple(
            (text_of(one.get("name")), ",".join(self._values(one)))
            for one in self.tables
            if one.get("in") == "header"
            and one.get("required") is True
            and not self._is_fixed("header", text_of(one.get("name")))
        )

    @staticmethod
    def _is_fixed(place: str, name: str) -> bool:
        return place == "header" and name.lower() in FIXED_HEADERS

    def _values(self, parameter: Table) -> list[str]:
        """The texts of a parameter: one, those of a list, or none if no value is known."""
        for value in self._known(parameter, []):
            many = value if isinstance(value, list) else [value]
            if many and all(isinstance(one, str | int | float) for one in many):
                return [text_of(one) for one in many]
        return []

    def _known(self, place: Any, searched: list[Table]) -> Iterator[Any]:
        """Every value that a parameter or its schema knows, the most deliberate first."""
        if len(searched) == MOST_PLACES:
            return
        table = table_of(place, self.schema)
        searched.append(table)
        yield from (table[key] for key in ("example", "x-example") if key in table)
        examples = resolved(table.get("examples"), self.schema)
        if isinstance(examples, dict):
            yield from (table_of(one, self.schema).get("value") for one in examples.values())
        elif isinstance(examples, list):
            yield from examples
        if "schema" in table:
            yield from self._known(table["schema"], searched)
        yield from (table[key] for key in ("default", "const") if key in table)
        yield from _list(table.get("enum"))
        for key in ("allOf", "anyOf", "oneOf"):
            for part in _list(table.get(key)):
                yield from self._known(part, searched)
        if "items" in table:
            yield from ([value] for value in self._known(table["items"], searched))
        if "boolean" in (table.get("type"), *_list(table.get("type"))):
            yield True


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _in_path(parameter: Table, name: str, values: list[str]) -> str:
    """The text in a place of the path: `7`, `.7` as a label, or `;id=7` as a matrix parameter."""
    texts = [quote(value, safe="") for value in values]
    apart = parameter.get("explode") is True
    match parameter.get("style"):
        case "label":
            return "." + ("." if apart else ",").join(texts)
        case "matrix":
            return f";{name}=" + (f";{name}=" if apart else ",").join(texts)
    return ",".join(texts)


def _written(parameter: Table, name: str, values: list[str]) -> list[tuple[str, str]]:
    """The pairs of a query: one for each value, or one with all of them."""
    style = text_of(parameter.get("style") or parameter.get("collectionFormat"))
    version_2 = "type" in parameter
    alone = style == "multi" or (
        not version_2 and parameter.get("explode", style in ("", "form")) is True
    )
    if alone or len(values) == 1:
        return [(name, value) for value in values]
    return [(name, SEPARATORS.get(style, ",").join(values))]


def resolved(value: Any, schema: Mapping[str, Any]) -> Any:
    """A value, or what its `$ref` within this file means; None for a circle or another file.

    Keys beside a reference, which OpenAPI 3.1 allows, go before those that it leads to.
    """
    for _ in range(MOST_REFERENCES):
        if not isinstance(value, dict) or not isinstance(value.get("$ref"), str):
            return value
        beside = {key: one for key, one in value.items() if key != "$ref"}
        value = _at(value["$ref"], schema)
        if beside and isinstance(value, dict):
            value = {**value, **beside}
    return None


def _at(reference: str, schema: Mapping[str, Any]) -> Any:
    """The value at a JSON pointer (RFC 6901) of this file; None for nothing."""
    if not reference.startswith("#/"):
        return None
    value: Any = schema
    for part in unquote(reference[2:]).split("/"):
        key = part.replace("~1", "/").replace("~0", "~")
        if isinstance(value, Mapping):
            value = value.get(key)
        elif isinstance(value, list) and key.isdecimal() and len(key) < 5 and int(key) < len(value):
            value = value[int(key)]
        else:
            return None
    return value


def table_of(value: Any, schema: Mapping[str, Any]) -> Table:
    """An object, with its reference followed; an empty one for anything else."""
    found = resolved(value, schema)
    return found if isinstance(found, dict) else {}


def text_of(value: Any) -> str:
    """A plain value as it is written in a URL; empty for a list, an object and null."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, str | int | float) else ""

"""Requests from an OpenAPI schema: every GET with no required parameter, or with examples."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

from whichworker import foreign
from whichworker.errors import UsageError
from whichworker.model import Request
from whichworker.workloads.sources.mixture import is_sendable


def read(path: Path) -> Iterator[Request | None]:
    """The requests of a schema in JSON or YAML; raises UsageError for a file that is none."""
    try:
        text = path.read_bytes()
        # Much faster than the same as YAML, which also refuses a tab.
        as_json = text.lstrip()[:1] == b"{"
        documents = [foreign.json_in(text, dict[str, Any])] if as_json else foreign.yaml_in(text)
    except OSError as error:
        raise UsageError(
            f"the schema {path} cannot be read: {error.strerror}", hint="check its name"
        ) from error
    except foreign.Unreadable as error:
        raise UsageError(
            f"{path} is neither JSON nor YAML", hint="save the schema, such as from /openapi.json"
        ) from error
    schema = documents[0] if documents else None
    if not isinstance(schema, dict) or not isinstance(schema.get("paths"), dict):
        raise UsageError(
            f"{path} is not an OpenAPI schema: it has no paths", hint="save it from /openapi.json"
        )
    yield from requests_of(schema)


def requests_of(schema: Mapping[str, Any]) -> Iterator[Request | None]:
    """The requests of a schema that was read; None for one that cannot be sent."""
    prefix = _prefix(schema)
    for path, item in schema["paths"].items():
        operation = item.get("get") if isinstance(item, dict) else None
        if not isinstance(operation, dict):
            continue
        parameters = [
            _resolved(one, schema)
            for one in (*_list(item.get("parameters")), *_list(operation.get("parameters")))
        ]
        filled = _filled(path, parameters) if isinstance(path, str) else None
        request = None if filled is None else Request(path=prefix + filled)
        if request is not None:
            yield request if is_sendable(request) else None


def _prefix(schema: Mapping[str, Any]) -> str:
    first = _dict(next(iter(_list(schema.get("servers"))), None))
    url = first.get("url")
    try:
        return urlsplit(url).path.rstrip("/") if isinstance(url, str) else ""
    except ValueError:  # such as http://[::1
        return ""


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _dict(value: Any) -> dict[Any, Any]:
    return value if isinstance(value, dict) else {}


def _resolved(parameter: Any, schema: Mapping[str, Any]) -> dict[str, Any]:
    reference = _dict(parameter).get("$ref")
    if isinstance(reference, str) and reference.startswith("#/components/parameters/"):
        known = _dict(_dict(schema.get("components")).get("parameters"))
        parameter = known.get(reference.rpartition("/")[2])
    return _dict(parameter)


def _filled(path: str, parameters: list[dict[str, Any]]) -> str | None:
    """The path with examples in its places; None where something that must be given has none."""
    query = {}
    for one in parameters:
        value = _scalar(_example(one))
        where, name = one.get("in"), str(_scalar(one.get("name")) or "")
        if where == "path":
            if value is None:
                return None
            path = path.replace("{" + name + "}", quote(str(value), safe=""))
        elif one.get("required"):
            if value is None or where != "query":
                return None
            query[name] = str(value)
    if "{" in path:
        return None
    return f"{path}?{urlencode(query)}" if query else path


def _scalar(value: Any) -> Any:
    """A value with one text in a URL; None for lists and objects, whose aliases may multiply."""
    return None if isinstance(value, list | dict | set | tuple) else value


def _example(parameter: dict[str, Any]) -> Any:
    schema = _dict(parameter.get("schema"))
    for place in (parameter, schema):
        if "example" in place:
            return place["example"]
        examples = place.get("examples")
        if isinstance(examples, list) and examples:
            return examples[0]
        if isinstance(examples, dict) and examples:
            return _dict(next(iter(examples.values()))).get("value")
    return schema.get("default", next(iter(_list(schema.get("enum"))), None))

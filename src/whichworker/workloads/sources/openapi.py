"""Requests from a schema of OpenAPI 3 or Swagger 2: every GET whose required parameters are known.

Sources: spec.openapis.org/oas/v3.1.1 and spec.openapis.org/oas/v2.0.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urljoin, urlsplit

from whichworker import foreign
from whichworker.errors import UsageError
from whichworker.model import Request
from whichworker.workloads.sources.mixture import (
    UNREADABLE,
    LeftOut,
    Recorded,
    as_sent,
    is_sendable,
)
from whichworker.workloads.sources.parameters import Parameters, resolved, table_of, text_of

READ = re.compile(r"[23](\.\d+){0,2}")
SAVE_IT = "save the schema, such as from /openapi.json, in JSON or YAML"
LOCAL = ("localhost", "127.0.0.1", "0.0.0.0", "::1")
"""Hosts of a server that is the app on this machine."""
VARIABLE = re.compile(r"\{([^{}/]{1,80})\}")
SOMEWHERE = "http://host/"
"""A relative server is relative to the place of the schema: mostly the root of the app."""
BYTE_ORDER_MARK = b"\xef\xbb\xbf"
SHOWN = 6  # keys of a file that is no schema
NO_EXAMPLE = LeftOut("paths whose parameters have no example")
NO_SERVER = LeftOut("paths of a server whose variables have no default")


def read(path: Path) -> Iterator[Recorded]:
    """The requests of a schema in JSON or YAML; raises UsageError for a file that is none."""
    yield from requests_of(schema_in(path))


def schema_in(path: Path) -> dict[str, Any]:
    """The schema in a file; raises UsageError for any other file, and for other versions."""
    try:
        text = path.read_bytes().removeprefix(BYTE_ORDER_MARK)
        # Much faster than the same as YAML, which also refuses a tab.
        as_json = text.lstrip()[:1] == b"{"
        documents = [foreign.json_in(text, dict[str, Any])] if as_json else foreign.yaml_in(text)
    except OSError as error:
        raise UsageError(
            f"the schema {path} cannot be read: {error.strerror}", hint="check its name"
        ) from error
    except foreign.Unreadable as error:
        raise UsageError(f"{path} is neither JSON nor YAML: {error}", hint=SAVE_IT) from error
    schema = documents[0] if documents else None
    if not isinstance(schema, dict):
        raise UsageError(f"{path} is not an OpenAPI schema: it has no keys", hint=SAVE_IT)
    version = text_of(
        schema.get("openapi") or schema.get("swagger") or schema.get("swaggerVersion")
    )
    if version and not READ.fullmatch(version):
        kind = "OpenAPI" if "openapi" in schema else "Swagger"
        raise UsageError(
            f"{path} is {kind} {version[:20]}: only OpenAPI 3 and Swagger 2 are read",
            hint="convert it, or name the requests: --url /path",
        )
    if not isinstance(schema.get("paths"), dict):
        keys = ", ".join(str(key)[:20] for key in list(schema)[:SHOWN] if isinstance(key, str))
        raise UsageError(
            f"{path} is not an OpenAPI schema: it has no paths, but {keys or 'nothing'}",
            hint=SAVE_IT,
        )
    return schema


def requests_of(schema: Mapping[str, Any]) -> Iterator[Recorded]:
    """The requests of a schema that was read; LeftOut for one that cannot be sent."""
    for path, item in schema["paths"].items():
        item = table_of(item, schema)
        operation = resolved(item.get("get"), schema)
        named = isinstance(path, str) and not path.startswith("x-")
        if named and isinstance(operation, dict):
            yield _request(path, item, operation, schema)


def _request(
    path: str, item: dict[Any, Any], operation: dict[Any, Any], schema: Mapping[str, Any]
) -> Recorded:
    """The request of an operation, whose own parameters and servers replace those of its path."""
    prefix = next(
        (_path_of(one["servers"], schema) for one in (operation, item) if one.get("servers")),
        base_of(schema),
    )
    if prefix is None:
        return NO_SERVER
    parameters = Parameters.of((item, operation), schema)
    filled = parameters.filled(path)
    if filled is None:
        return NO_EXAMPLE
    request = Request(path=as_sent(f"{prefix}/{filled.lstrip('/')}"), headers=parameters.headers)
    return request if is_sendable(request) else UNREADABLE


def base_of(schema: Mapping[str, Any]) -> str | None:
    """The path below which the schema places its requests, without a slash at the end.

    The first server on this machine has it, else the first server, with the defaults of its
    variables; in Swagger 2 it is `basePath`. None if a variable in it has no default.
    """
    if "swagger" in schema:
        return _joined(text_of(schema.get("basePath")))
    return _path_of(schema.get("servers"), schema)


def _path_of(servers: Any, schema: Mapping[str, Any]) -> str | None:
    found = [table_of(one, schema) for one in servers] if isinstance(servers, list) else []
    urls = [_url_of(one, schema) for one in found]
    local = [url for url in urls if url is not None and _host_of(url) in LOCAL]
    return _joined((local or urls)[0]) if urls else ""


def _url_of(server: dict[Any, Any], schema: Mapping[str, Any]) -> str | None:
    """The URL of a server with the defaults of its variables; None if one has no default."""
    variables = table_of(server.get("variables"), schema)
    url = text_of(server.get("url"))
    for name in VARIABLE.findall(url):
        variable = table_of(variables.get(name), schema)
        enum = variable.get("enum")
        value = variable.get("default", enum[0] if isinstance(enum, list) and enum else None)
        if value is None:
            return None
        url = url.replace("{" + name + "}", text_of(value))
    return url


def _host_of(url: str) -> str | None:
    try:
        return urlsplit(url).hostname
    except ValueError:  # such as http://[::1
        return None


def _joined(url: str | None) -> str | None:
    """The path of a URL that may be relative, without a slash at the end.

    None if there is none, or if a place in it has no value.
    """
    if url is None or "{" in url:
        return None
    try:
        return urlsplit(urljoin(SOMEWHERE, url)).path.rstrip("/")
    except ValueError:
        return ""

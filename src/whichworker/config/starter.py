"""A commented whichworker.toml: what was discovered is set, everything else is there to be switched on."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping

import msgspec

from whichworker.config.layers import extra_of, name_in_file, unit_of
from whichworker.config.options import RaceOptions

SHOWN = (
    "servers",
    "time",
    "slo",
    "rate",
    "url",
    "from_log",
    "login",
    "header",
    "env_file",
    "cpus",
    "memory",
    "delta",
    "search",
)
EXAMPLES = {
    "servers": "gunicorn-gthread, uvicorn, granian-wsgi",
    "time": "120s",
    "slo": "p99<300ms,errors<0.1%",
    "rate": "50/s",
    "from_log": "access.log",
    "login": "/accounts/login/ username=ann password=$PASSWORD",
    "header": ["Accept: application/json"],
    "env_file": ".env",
    "cpus": 2,
    "memory": "512MB",
    "search": True,
    "url": ["/", "3:/shop"],
}


def starter(found: Iterable[tuple[str, str, str]], values: Mapping[str, object]) -> str:
    """The text of the file: facts about the app as comments (name, value, origin), and options with `values` set, others commented out."""
    lines = [
        "# whichworker: which server and worker should serve this app? Run `whichworker race` in this folder.",
        "#",
    ]
    lines += [f"# {name}: {value}  ({origin})" for name, value, origin in found]
    lines += [
        "#",
        "# The command line wins over WHICHWORKER_… variables, those over this file.",
        "",
    ]
    fields = {field.name: field for field in msgspec.structs.fields(RaceOptions)}
    for name in SHOWN:
        field = fields[name]
        default = (
            values[name]
            if name in values
            else EXAMPLES[name]
            if name in EXAMPLES
            else _default(field)
        )
        mark = "" if name in values else "# "
        lines += [
            f"# {extra_of(field)['description']}",
            f"{mark}{name_in_file(name)} = {json.dumps(default, ensure_ascii=False)}",
            "",
        ]
    return "\n".join(lines)


def _default(field: msgspec.structs.FieldInfo) -> object:
    unit = unit_of(field)
    if unit == "duration":
        return f"{field.default:g}s"
    if unit == "share":
        return f"{100 * float(field.default):g}%"
    return list(field.default) if isinstance(field.default, tuple) else field.default

"""A commented whichworker.toml: discovered values are set, all other options are shown."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping

import msgspec

from whichworker.config.layers import name_in_file
from whichworker.config.option import default_of, extra_of
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
    """The text of the file: facts (name, value, origin) as comments, then the options.

    Options with `values` are set; the others are commented out.
    """
    lines = [
        "# whichworker: which server and worker should serve this app?",
        "# Run `whichworker race` in this folder.",
        "#",
    ]
    lines += [f"# {name}: {value}  ({origin})" for name, value, origin in found]
    lines += [
        "#",
        "# The command line overrides WHICHWORKER_… variables, and these override this file.",
        "",
    ]
    fields = {field.name: field for field in msgspec.structs.fields(RaceOptions)}
    for name in SHOWN:
        field = fields[name]
        default = values.get(name, EXAMPLES.get(name, default_of(field)))
        mark = "" if name in values else "# "
        lines += [
            f"# {extra_of(field)['description']}",
            f"{mark}{name_in_file(name)} = {json.dumps(default, ensure_ascii=False)}",
            "",
        ]
    return "\n".join(lines)

"""`whichworker show`: the settings that apply here, and where they come from."""

from __future__ import annotations

import os
from pathlib import Path

import msgspec
from rich.table import Table
from rich.text import Text

from whichworker import redaction
from whichworker.cli.frame import consoles
from whichworker.cli.frame.exits import Exit
from whichworker.config.layers import gather, name_in_file
from whichworker.config.load_options import LoadOptions
from whichworker.config.options import JsonOptions, RaceOptions
from whichworker.config.study_options import ExplainOptions, StudyOptions
from whichworker.report import files

KINDS: dict[str, type[msgspec.Struct]] = {
    "race": RaceOptions,
    "load": LoadOptions,
    "study": StudyOptions,
    "explain": ExplainOptions,
}


def config(command: str, output: JsonOptions) -> int:
    """Print every option of a command with its value and its origin."""
    files.check_writable(json=output.json)
    table = "" if command == "race" else command
    redaction.remember_environment(os.environ)
    options, origins = gather(KINDS[command], {}, os.environ, Path.cwd(), table)
    values = {name_in_file(name): _kept(name, getattr(options, name)) for name in origins}
    listed = {
        key: {"value": values[key], "origin": origins[name]}
        for key, name in zip(values, origins, strict=True)
    }
    files.write_json(listed, output.json)
    if output.json == files.STANDARD_OUTPUT:
        return Exit.OK
    listing = Table(box=None, pad_edge=False, header_style="dim", padding=(0, 2, 0, 0))
    for name in ("key", "value", "origin"):
        listing.add_column(name, no_wrap=name == "key")
    for key, name in zip(values, origins, strict=True):
        plain = origins[name] == "default"
        listing.add_row(
            Text(key),
            Text(_shown(values[key])),
            Text(origins[name], "dim"),
            style="dim" if plain else "bold",
        )
    consoles.results().print(listing)
    return Exit.OK


def _kept(name: str, value: object) -> object:
    return "[secret]" if name in ("login", "header") and value else value


def _shown(value: object) -> str:
    if value in ("", (), None):
        return "–"
    return (
        ", ".join(map(str, value))
        if isinstance(value, tuple)
        else str(value).lower()
        if isinstance(value, bool)
        else str(value)
    )

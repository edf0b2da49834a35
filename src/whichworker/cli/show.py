"""`whichworker show`: what holds here, and why."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import click
import msgspec
from rich.table import Table
from rich.text import Text

from whichworker import redaction
from whichworker.cli import consoles
from whichworker.config.layers import TABLES, gather, name_in_file
from whichworker.config.options import ExplainOptions, LoadOptions, RaceOptions, StudyOptions

KINDS: dict[str, type[msgspec.Struct]] = {
    "": RaceOptions,
    "load": LoadOptions,
    "study": StudyOptions,
    "explain": ExplainOptions,
}


@click.group()
def show() -> None:
    """Show what holds in this folder, and where it comes from."""


@show.command()
@click.argument("command", type=click.Choice(["race", *TABLES]), default="race")
@click.option("--json", "as_json", is_flag=True, help="print values and origins as JSON")
def config(command: str, as_json: bool) -> int:
    """Print every option of a COMMAND (race without it), its value here and whether that is from the environment, a file or the default."""
    table = "" if command == "race" else command
    redaction.remember_environment(os.environ)
    options, origins = gather(KINDS[table], {}, os.environ, Path.cwd(), table)
    values = {name_in_file(name): _kept(name, getattr(options, name)) for name in origins}
    if as_json:
        told = {
            key: {"value": values[key], "origin": origins[name]}
            for key, name in zip(values, origins, strict=True)
        }
        sys.stdout.buffer.write(
            redaction.clean_bytes(msgspec.json.format(msgspec.json.encode(told), indent=2)) + b"\n"
        )
        return 0
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
    return 0


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

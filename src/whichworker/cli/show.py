"""`whichworker show`: the settings that apply here, the app, and the requests of a race."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

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
from whichworker.question import preview
from whichworker.question.own import base_of
from whichworker.report import files, listing, terminal
from whichworker.store import places

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


def requests(named: str | None, given: Mapping[str, Any], output: JsonOptions) -> int:
    """Print the requests that a race would send, and those it would leave out."""
    files.check_writable(json=output.json)
    found = preview.requests(named, _options(named, given), Path.cwd(), places.cache_folder())
    told = listing.listed(
        found.requests,
        found.source,
        found.left_out,
        found.unsafe,
        found.ambiguous,
        found.findings,
    )
    terminal.print_findings(consoles.notes(), found.findings)
    files.write_json(told, output.json)
    if output.json != files.STANDARD_OUTPUT:
        listing.print_requests(consoles.results(), told)
    return Exit.OK


def app(named: str | None, given: Mapping[str, Any], output: JsonOptions) -> int:
    """Print the facts that were found about the app, and where each was found."""
    files.check_writable(json=output.json)
    found = preview.facts(named, _options(named, given), Path.cwd(), places.cache_folder())
    terminal.print_findings(consoles.notes(), found.findings)
    files.write_json(listing.FactList(app=found.facts, findings=found.findings), output.json)
    if output.json != files.STANDARD_OUTPUT:
        listing.print_facts(consoles.results(), found.facts)
    return Exit.OK


def _options(named: str | None, given: Mapping[str, Any]) -> RaceOptions:
    """The options of a race in this folder; the command line comes first."""
    return gather(RaceOptions, given, os.environ, base_of(Path.cwd(), named))[0]


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

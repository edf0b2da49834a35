"""`whichworker servers`: what can be raced."""

from __future__ import annotations

import sys

import click
import msgspec
from rich.table import Table
from rich.text import Text

from whichworker.cli import consoles
from whichworker.lab.catalogue import catalogue


@click.command()
@click.option("--json", "as_json", is_flag=True, help="print the list as JSON")
def servers(as_json: bool) -> None:
    """List every server that can be raced, with its interface and knobs."""
    entries = catalogue()
    if as_json:
        sys.stdout.buffer.write(msgspec.json.format(msgspec.json.encode(entries), indent=2) + b"\n")
        return
    console = consoles.results()
    table = Table(box=None, pad_edge=False, header_style="dim", padding=(0, 2, 0, 0))
    for name in ("name", "interface", "what", "knobs"):
        table.add_column(name)
    for entry in entries:
        knobs = " ".join(f"{knob.name}={entry.settings[knob.name]}" for knob in entry.knobs)
        table.add_row(Text(f"{entry.name}{' *' if entry.contender else ''}"), entry.interface, entry.title, Text(knobs or "none", "dim"))
    console.print(table)
    console.print(Text("\n* races when --servers names nobody. Settings are the defaults for this machine's budget.", "dim"))

"""`whichworker servers`: what can be raced."""

from __future__ import annotations

import sys

import click
import msgspec
from rich.console import Console
from rich.table import Table
from rich.text import Text

from whichworker.cli import consoles
from whichworker.question.catalogue import Entry, catalogue

MARKS = {"error": "x", "warning": "!", "info": "-"}
LEGEND = "\n* races when --servers names nobody. Settings are the defaults for this machine's budget; a race builds what is not installed."


@click.command()
@click.option(
    "--json",
    "as_json",
    is_flag=True,
    help="print the list as JSON, with types, choices and every finding",
)
def servers(as_json: bool) -> None:
    """List every server that can be raced: interface, settings, whether it is installed, what is known of it."""
    entries = catalogue()
    if as_json:
        sys.stdout.buffer.write(msgspec.json.format(msgspec.json.encode(entries), indent=2) + b"\n")
        return
    console = consoles.results()
    console.print(_table(entries))
    console.print(Text(LEGEND, "dim"))
    _findings(console, entries)


def _table(entries: list[Entry]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="dim", padding=(0, 2, 0, 0))
    for name in ("name", "app", "installed"):
        table.add_column(name, no_wrap=True)
    table.add_column("settings", max_width=24)
    table.add_column("what")
    for entry in entries:
        settings = " ".join(
            f"{knob.name}={knob.default}" for knob in entry.knobs if knob.name in entry.settings
        )
        what = f"{entry.title}; opt-in: {entry.opt_in}" if entry.opt_in else entry.title
        name = f"{entry.name}{' *' if entry.contender else ''}"
        table.add_row(
            Text(name),
            entry.interface,
            Text(entry.installed or "no"),
            Text(settings or "none", "dim"),
            what,
        )
    return table


def _findings(console: Console, entries: list[Entry]) -> None:
    """What is known and no mere note, each once, with the arms it is true of; notes are in the JSON."""
    arms: dict[tuple[str, str], list[str]] = {}
    for entry in entries:
        for finding in entry.known:
            if finding.severity != "info":
                arms.setdefault((finding.severity, finding.text), []).append(entry.name)
    console.print(Text("\nknown:", "dim"))
    for severity in MARKS:
        for (found, text), names in arms.items():
            if found == severity:
                console.print(Text(f"{MARKS[severity]} {text}"))
                console.print(Text(f"    {', '.join(names)}", "dim"))

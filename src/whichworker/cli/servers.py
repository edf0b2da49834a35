"""`whichworker servers`: what can be raced."""

from __future__ import annotations

from rich.console import Console
from rich.table import Table
from rich.text import Text

from whichworker.cli.frame import consoles
from whichworker.cli.frame.exits import Exit
from whichworker.config.options import JsonOptions
from whichworker.question.catalogue import Entry, catalogue
from whichworker.report import files

MARKS = {"error": "x", "warning": "!", "info": "-"}
LEGEND = (
    "\n* raced by default. Settings are the defaults for this machine;"
    " a race installs what is missing."
)


def servers(options: JsonOptions) -> int:
    """Print the list; JSON also has types, choices and every finding."""
    files.check_writable(json=options.json)
    entries = catalogue()
    files.write_json(entries, options.json)
    if options.json == files.STANDARD_OUTPUT:
        return Exit.OK
    console = consoles.results()
    console.print(_table(entries))
    console.print(Text(LEGEND, "dim"))
    _findings(console, entries)
    return Exit.OK


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
    """The known warnings, each once, with its servers; mere notes are in the JSON."""
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

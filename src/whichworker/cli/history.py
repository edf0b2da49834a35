"""`whichworker list`, `show run`, `open` and `compare`: the runs that are kept."""

from __future__ import annotations

import os
import webbrowser
from collections.abc import Callable
from pathlib import Path

from rich.table import Table
from rich.text import Text

from whichworker import units
from whichworker.cli.frame import consoles, summary
from whichworker.cli.frame.exits import Exit
from whichworker.cli.frame.progress import Lines
from whichworker.config.history_options import ListOptions, OpenOptions, ShowRunOptions
from whichworker.config.options import JsonOptions
from whichworker.errors import UsageError
from whichworker.history import comparable, entries, index
from whichworker.history.comparable import TwoRuns
from whichworker.report import files
from whichworker.report.sides import versus
from whichworker.result import cleaned
from whichworker.store import places

REPORT = "report.html"


def list_runs(options: ListOptions) -> int:
    """Print the runs of this folder, or all, the newest first."""
    files.check_writable(json=options.json)
    notes, results = Lines(consoles.notes()), consoles.results(options.json)
    folders = entries.every_folder(None if options.all else Path.cwd())
    most = _number(options.last)
    places.make_cache(places.cache_folder())
    found = index.entries(places.cache_folder(), folders[:most], notes.note)
    notes.clear()
    files.write_json(found, options.json)
    if options.json == files.STANDARD_OUTPUT:
        return Exit.OK
    if not found:
        where = "" if options.all else " of this folder"
        results.print(f"there is no run{where} yet; start one: whichworker race")
        return Exit.OK
    table = Table(box=None, pad_edge=False, header_style="dim", padding=(0, 2, 0, 0))
    for name in ("run", "what", "app", "time", "verdict"):
        table.add_column(name, no_wrap=name == "run", overflow="fold")
    for one in found:
        state = "" if one.finished or one.kind == "unreadable" else "interrupted; "
        spent = units.show_clock(one.seconds) if one.seconds else "–"
        words = (one.id, one.kind, one.app or "–", spent, f"{state}{one.verdict or '–'}")
        table.add_row(*map(Text, words))
    results.print(table)
    if len(folders) > most:
        more = f"{len(folders) - most} older runs: --last {len(folders)}"
        results.print(Text(more, "dim"))
    return Exit.OK


def show_run(run: str | None, options: ShowRunOptions) -> int:
    """Print the result of a kept race, comparison or gate again, and write it."""
    summary.check(options)
    folder = entries.find(run or entries.LATEST, Path.cwd())
    results, notes = consoles.results(options.json), consoles.notes()
    if (two := entries.comparison_of(folder)) is not None:
        if options.html or options.csv or options.svg:
            raise UsageError(
                f"a {two.kind} has no --html, --csv or --svg", hint="--json or --markdown write it"
            )
        written = files.write_json(two, options.json)
        if options.markdown:
            text = versus.render_markdown(cleaned(two))
            written.append(files.write_text(Path(options.markdown), text))
        consoles.report(notes, lambda: versus.print_comparison(results, two), written)
        return Exit.OK
    result = entries.race_of(folder).result
    summary.report(result, options, results, notes)
    return Exit.OK


def open_run(run: str | None, options: OpenOptions) -> int:
    """Write the HTML report of a kept race beside its journal, and open it in a browser."""
    folder = entries.find(run or entries.LATEST, Path.cwd())
    result = entries.race_of(folder).result
    (path,) = files.write(result, html=str(folder / REPORT))
    consoles.results().print(Text(str(path)), soft_wrap=True)
    graphical = any(os.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY", "BROWSER"))
    if not options.no_browser and graphical and not webbrowser.open(path.as_uri()):
        raise UsageError("no browser could be started", hint=f"open {path} yourself")
    return Exit.OK


def compare(first: str, second: str, options: JsonOptions) -> int:
    """Print what changed between two kept races."""
    files.check_writable(json=options.json)
    both = [entries.race_of(entries.find(run, Path.cwd())) for run in (first, second)]
    found = comparable.compare(both[0], both[1])
    files.write_json(found, options.json)
    if options.json != files.STANDARD_OUTPUT:
        _print(found)
    return Exit.OK


def _print(found: TwoRuns) -> None:
    console = consoles.results()
    one, other = found.runs
    table = Table(box=None, pad_edge=False, header_style="dim", padding=(0, 2, 0, 0))
    for name in ("setup", f"vs {found.reference}", "then", "change", "", "CPU/request", "memory"):
        table.add_column(name, overflow="fold")
    for change in found.changes:
        interval = f"{change.change:.2f}x ({change.low:.2f}-{change.high:.2f})"
        table.add_row(
            *map(
                Text,
                (
                    change.arm,
                    f"{change.first:.2f}x",
                    f"{change.second:.2f}x",
                    interval,
                    change.verdict,
                    _two(change.cpu_seconds, units.show_seconds),
                    _two(change.memory_bytes, units.show_bytes),
                ),
            )
        )
    console.print(Text(f"{one}, then {other}"))
    console.print(table)
    caption = (
        f"Each setup's requests/s over those of {found.reference} in the same run. Requests/s of"
        " two runs are not compared, since the machine has another speed each time. The code of the"
        " app may have changed."
    )
    console.print(Text(caption, "dim"))
    for version in found.versions:
        console.print(Text(f"! {version}", "yellow"))


def _two(values: tuple[float | None, float | None], show: Callable[[float], str]) -> str:
    return ", then ".join("–" if value is None else show(value) for value in values)


def _number(text: str) -> int:
    if not text.isascii() or not text.isdigit() or not 0 < len(text) < 7 or int(text) < 1:
        raise UsageError(f"--last must be a whole number, not {text!r}", hint="such as --last 100")
    return int(text)

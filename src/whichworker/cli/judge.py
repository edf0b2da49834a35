"""`whichworker judge`: what the result of another load tool supports."""

from __future__ import annotations

import sys
from pathlib import Path

import msgspec
from rich.console import Console
from rich.text import Text

from whichworker import foreign, units
from whichworker.cli.frame import consoles
from whichworker.cli.frame.exits import Exit
from whichworker.config.judge_options import JudgeOptions
from whichworker.errors import UsageError
from whichworker.report import files, terminal
from whichworker.secondhand import checks, tools
from whichworker.secondhand.checks import Judged

STANDARD_INPUT = "-"


def judge(names: tuple[str, ...], options: JudgeOptions) -> int:
    """Read each file, and print what its runs support."""
    files.check_writable(json=options.json)
    service = units.parse_duration(options.service_time) if options.service_time else None
    results = consoles.results(options.json)
    judged: dict[str, list[Judged]] = {}
    for name in names:
        runs = tools.read(_text(name), name)
        if options.connections:
            known = _connections(options.connections)
            runs = [msgspec.structs.replace(run, connections=known) for run in runs]
        judged[name] = [checks.judge(run, service) for run in runs]
    listed = [{"file": name, "runs": found} for name, found in judged.items()]
    files.write_json(listed, options.json)
    for name, found in judged.items():
        for one in found:
            _print(results, name, one)
    usable = all(one.usable for found in judged.values() for one in found)
    return Exit.OK if usable else Exit.FAILED


def _print(console: Console, name: str, one: Judged) -> None:
    run = one.run
    console.print(Text.assemble((run.name or name, "bold"), f"  {run.tool}"))
    rate = f"{units.show_rate(run.rate)}/s" if run.rate is not None else ""
    seconds = f"{units.show_clock(run.seconds)}" if run.seconds else ""
    counts = [
        f"{count:,} {word}"
        for count, word in ((run.requests, "requests"), (run.connections, "connections"))
        if count
    ]
    console.print(Text(f"printed    {', '.join(filter(None, (rate, *counts, seconds)))}"))
    style = "bold green" if one.usable else "bold red"
    console.print(Text.assemble("supports   ", (one.supports, style)))
    terminal.print_findings(console, one.findings)
    console.print()


def _connections(text: str) -> int:
    if not text.isascii() or not text.isdigit() or not int(text[:9]) >= 1 or len(text) > 9:
        raise UsageError(
            f"--connections must be a whole number, not {text!r}", hint="such as --connections 64"
        )
    return int(text)


def _text(name: str) -> str:
    if name == STANDARD_INPUT:
        text = sys.stdin.buffer.read(tools.MOST_BYTES + 1)
        if len(text) > tools.MOST_BYTES:
            raise UsageError(
                "standard input is too long for a result", hint=f"it reads {tools.KNOWN}"
            )
        return text.decode(errors="replace")
    path = Path(name)
    if path.is_file() and path.stat().st_size > tools.MOST_BYTES:
        raise UsageError(f"{name} is too large for a result", hint=f"it reads {tools.KNOWN}")
    try:
        return foreign.text_of(path)
    except foreign.Unreadable as error:
        raise UsageError(
            f"{name} cannot be read: {error}", hint=f"it reads {tools.KNOWN}"
        ) from error

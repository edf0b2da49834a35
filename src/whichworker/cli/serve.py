"""`whichworker serve`: run one setup in the foreground, or several under a supervisor."""

from __future__ import annotations

import contextlib
import shlex
import sys
import time
from collections.abc import Callable, Generator
from pathlib import Path

from rich.console import Console
from rich.live import Live
from rich.text import Text

from whichworker import redaction, units
from whichworker.bench.running import Bench, Running
from whichworker.cli.frame import consoles
from whichworker.cli.frame.exits import Exit
from whichworker.config.options import ServeOptions
from whichworker.errors import UsageError
from whichworker.process.launch import LaunchEnding
from whichworker.report import files, status, terminal
from whichworker.report.status import Status
from whichworker.store import places
from whichworker.supervise import serve as laboratory
from whichworker.supervise.fleet import Supervisor
from whichworker.supervise.serve import GRACE_SECONDS, ServePlan

MOST_BEGUN_BYTES = 65536  # of a line without an end: more is passed on as it is
LOOK_SECONDS = 0.1  # between two checks: a user notices no delay
DRAW_SECONDS = 1.0  # between two tables
LINES_SECONDS = 5.0  # between two lines without a terminal


def serve(app: str | None, options: ServeOptions) -> int:
    """Run one setup in the foreground, or several under a supervisor."""
    if options.json and not options.once:
        raise UsageError(
            "--json is used only with --once",
            hint="whichworker serve --servers A,B --once --json -",
        )
    files.check_writable(json=options.json)
    notes, results = consoles.notes(), consoles.results(options.json)
    planned = laboratory.plan(app, options, Path.cwd(), places.cache_folder())
    terminal.print_findings(notes, planned.findings)
    if options.dry_run:
        _print_plan(results, planned)
        return Exit.OK
    with laboratory.folder_of_logs() as folder:
        bench, without = laboratory.build(planned, folder, places.cache_folder(), _noter(notes))
        if len(planned.question.arms) == 1 and not options.once:
            return _foreground(planned, bench, results, notes)
        with Supervisor(bench, planned.addresses, without) as supervisor:
            if supervisor.untold:
                notes.print(Text(supervisor.untold, "yellow"))
            if options.once:
                return _once(supervisor, options, results)
            return _keep(supervisor, results, notes)


def _noter(notes: Console) -> Callable[[str], None]:
    """Notes on slow steps are printed only on a terminal, where somebody may be waiting."""
    return lambda text: notes.print(Text(text, "dim")) if notes.is_terminal else None


def _print_plan(console: Console, planned: ServePlan) -> None:
    for arm in planned.question.arms:
        console.print(Text.assemble((arm.name, "bold"), f"  http://{planned.addresses[arm.name]}/"))
        console.print(
            Text(f"    {shlex.join(laboratory.deployed(planned, arm))}", "dim"), soft_wrap=True
        )


class Foreground:
    """Tells of the only server: facts to standard output, its log to standard error."""

    def __init__(self, deployed: tuple[str, ...], results: Console, notes: Console) -> None:
        self.deployed, self.results, self.notes = deployed, results, notes
        self._begun = b""

    def starting(self, command: tuple[str, ...]) -> None:
        """The whole command, and the shorter one to type if the race has added options."""
        self._fact("command", shlex.join(command))
        if command[1:] != self.deployed[1:]:
            self._fact("deploy", shlex.join(self.deployed))

    def ready(self, run: Running, status: int) -> None:
        """The address, and the time it took to start."""
        self._fact("address", f"http://{run.address}/")
        self._fact(
            "up",
            f"in {units.show_seconds(run.cold_start_seconds)} with a first response of status "
            f"{status}; Ctrl-C stops it",
        )

    def log(self, piece: bytes) -> None:
        """Whole lines with their colours; without secrets and what else acts on a terminal."""
        lines, newline, self._begun = (self._begun + piece).rpartition(b"\n")
        if len(self._begun) > MOST_BEGUN_BYTES:
            newline, self._begun = newline + self._begun, b""
        self._pass_on(lines + newline)

    def end(self) -> None:
        """The last line, which may have no end."""
        rest, self._begun = self._begun, b""
        self._pass_on(rest)

    def _pass_on(self, piece: bytes) -> None:
        text = redaction.clean(piece.decode("utf-8", "replace"))
        with contextlib.suppress(BrokenPipeError):  # who reads no log still has a server
            sys.stderr.buffer.write(units.visible(text, colours=True).encode())
            sys.stderr.buffer.flush()

    def stopping(self) -> None:
        """Said at once: it may take a while."""
        self.notes.print(Text(f"stopping, {GRACE_SECONDS:g} s at most; Ctrl-C kills it", "dim"))

    def _fact(self, name: str, text: str) -> None:
        self.results.print(Text.assemble((f"{name:<11}", "dim"), text), soft_wrap=True)


def _foreground(planned: ServePlan, bench: Bench, results: Console, notes: Console) -> int:
    (arm,) = planned.question.arms
    teller = Foreground(laboratory.deployed(planned, arm), results, notes)
    try:
        ending = laboratory.foreground(bench, arm, planned.addresses[arm.name], teller)
    finally:
        teller.end()
    _tell_ending(notes, arm.name, ending)
    return Exit.OK


def _once(supervisor: Supervisor, options: ServeOptions, results: Console) -> int:
    """One status when everything is up or has failed."""
    while not supervisor.settled():
        time.sleep(LOOK_SECONDS)
    supervisor.status()  # the rates are those since the status before
    time.sleep(DRAW_SECONDS)
    found = supervisor.status()
    files.write_json(found, options.json)
    results.print(status.table(found, results.width))
    return _failures(results, found)


def _keep(supervisor: Supervisor, results: Console, notes: Console) -> int:
    """Show the table until Ctrl-C, or until there is nothing left to look after."""
    shown: set[str] = set()
    notes.print(Text(status.SEGMENTS, "dim"))
    shower = _drawn if results.is_terminal else _written
    with (
        contextlib.suppress(KeyboardInterrupt),
        contextlib.closing(shower(supervisor, results)) as seen,
    ):
        for found in seen:
            for service, reason in status.failures(found):
                if service.name not in shown:
                    shown.add(service.name)
                    _print_failure(results if results.is_terminal else notes, service.name, reason)
    notes.print(Text(f"stopping, {GRACE_SECONDS:g} s at most; Ctrl-C kills them", "dim"))
    supervisor.stop()
    for name, minder in supervisor.minders.items():
        if minder.ending:
            _tell_ending(notes, name, minder.ending)
    return Exit.USAGE if any(status.failures(supervisor.status())) else Exit.OK


def _drawn(supervisor: Supervisor, console: Console) -> Generator[Status, None, None]:
    """A table in place, drawn again each second."""
    with Live(console=console, auto_refresh=False) as live:
        while True:
            found = supervisor.status()
            live.update(status.table(found, console.width), refresh=True)
            yield found
            if supervisor.all_failed():
                return
            time.sleep(DRAW_SECONDS)


def _written(supervisor: Supervisor, console: Console) -> Generator[Status, None, None]:
    """Plain lines every few seconds, and whenever a state changes."""
    states: list[str] = []
    due = 0.0
    while True:
        found = supervisor.status()
        now = [status.state_of(service) for service in found.services]
        if now != states or time.monotonic() >= due:
            states, due = now, time.monotonic() + LINES_SECONDS
            for line in status.lines(found):
                console.print(line, soft_wrap=True)
        yield found
        if supervisor.all_failed():
            return
        time.sleep(DRAW_SECONDS)


def _failures(console: Console, found: Status) -> int:
    failed = list(status.failures(found))
    for service, reason in failed:
        _print_failure(console, service.name, reason)
    return Exit.USAGE if failed else Exit.OK


def _print_failure(console: Console, name: str, reason: str) -> None:
    first, _, rest = reason.partition("\n")
    console.print(Text.assemble(("x ", "red"), (name, "bold"), f" failed: {first}"))
    if rest:
        console.print(Text(rest, "dim"), soft_wrap=True)


def _tell_ending(notes: Console, name: str, ending: LaunchEnding) -> None:
    if ending.forced:
        notes.print(
            Text(f"{name} did not stop within {GRACE_SECONDS:g} s and was killed", "yellow")
        )
    if ending.left:
        notes.print(
            Text(f"{name} left {len(ending.left)} processes running, which were killed", "yellow")
        )

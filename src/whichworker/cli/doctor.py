"""`whichworker doctor`: what this machine is, what would make its numbers worse, and what it can certify."""

from __future__ import annotations

from typing import Any

import click

from whichworker import units
from whichworker.cli import consoles
from whichworker.cli.options import options_of
from whichworker.cli.progress import Printer
from whichworker.config.options import DoctorOptions
from whichworker.doctor import noise
from whichworker.doctor.examination import examine
from whichworker.errors import UsageError
from whichworker.report import terminal

LEAST_SECONDS, MOST_SECONDS = 5.0, 300.0


@click.command()
@options_of(DoctorOptions)
def doctor(**given: Any) -> None:
    """Look at the machine, changing nothing, and measure for some seconds how still it is.

    Says which objectives it can certify, and how long a race to ±3 % takes on it.
    """
    console, printer = consoles.results(), Printer(consoles.notes())
    options = DoctorOptions(**{name: value for name, value in given.items() if value is not None})
    seconds = units.parse_duration(options.time)
    if not LEAST_SECONDS <= seconds <= MOST_SECONDS:
        raise UsageError(
            f"{options.time} is not between 5 s and 5 minutes", hint="ten seconds tell most"
        )
    described, findings = examine()
    cores = ",".join(str(core) for core in described.usable_cores)
    console.print(
        f"{described.cpu}, {described.cores} cores ({cores} usable), {described.memory_bytes / 1e9:.1f} GB, {described.system}"
    )
    console.print(f"fingerprint {described.fingerprint}", style="dim")
    terminal.print_findings(console, findings)
    if not options.quick:
        seen = noise.listen(seconds, printer.note)
        printer.close()
        terminal.print_findings(console, noise.verdicts(seen))

"""`whichworker doctor`: what this machine is, and what would make its numbers worse."""

from __future__ import annotations

import click

from whichworker.cli import consoles
from whichworker.lab.examination import examine
from whichworker.report import terminal


@click.command()
def doctor() -> None:
    """Look at the machine, changing nothing."""
    console = consoles.results()
    described, findings = examine()
    cores = ",".join(str(core) for core in described.usable_cores)
    console.print(f"{described.cpu}, {described.cores} cores ({cores} usable), {described.memory_bytes / 1e9:.1f} GB, {described.system}")
    console.print(f"fingerprint {described.fingerprint}", style="dim")
    terminal.print_findings(console, findings)

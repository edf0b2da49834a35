"""`whichworker doctor`: this machine, what makes its numbers worse, what it can measure."""

from __future__ import annotations

from whichworker import units
from whichworker.cli.frame import consoles
from whichworker.cli.frame.exits import Exit
from whichworker.cli.frame.progress import Printer
from whichworker.config.options import DoctorOptions
from whichworker.doctor import noise
from whichworker.doctor.examination import examine
from whichworker.errors import UsageError
from whichworker.report import files, terminal

LEAST_SECONDS, MOST_SECONDS = 5.0, 300.0  # bounds of --time


def doctor(options: DoctorOptions) -> int:
    """Look at the machine, and measure for some seconds how steady it is."""
    files.check_writable(json=options.json)
    console, printer = consoles.results(options.json), Printer(consoles.notes())
    seconds = units.parse_duration(options.time)
    if not LEAST_SECONDS <= seconds <= MOST_SECONDS:
        raise UsageError(
            f"{options.time} is not between 5 s and 5 minutes",
            hint="ten seconds are usually enough",
        )
    described, findings = examine()
    cores = ",".join(str(core) for core in described.usable_cores)
    console.print(
        f"{described.cpu}, {described.cores} cores ({cores} usable), "
        f"{described.memory_bytes / 1e9:.1f} GB, {described.system}"
    )
    console.print(f"fingerprint {described.fingerprint}", style="dim")
    terminal.print_findings(console, findings)
    if not options.quick:
        seen = noise.listen(seconds, printer.note)
        printer.close()
        measured = noise.verdicts(seen)
        terminal.print_findings(console, measured)
        findings = [*findings, *measured]
    files.write_json({"machine": described, "findings": findings}, options.json)
    return Exit.OK

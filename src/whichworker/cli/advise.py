"""`whichworker advise`: what to deploy, by a run of this folder; the files for it; and whether they keep what was promised."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.text import Text

from whichworker.cli import consoles
from whichworker.cli.emitting import OUT, emit
from whichworker.cli.options import options_of
from whichworker.config.options import AdviseOptions
from whichworker.deployment import recipe, verify
from whichworker.errors import UsageError
from whichworker.question.login import Proof
from whichworker.question.own import proof_of
from whichworker.report import advice as report
from whichworker.store import places

FAILED = 1


@click.command()
@click.argument("run", required=False)
@options_of(AdviseOptions)
def advise(run: str | None, **given: Any) -> int:
    """Say what to deploy by a RUN of this folder, the newest without it; --emit writes the files, --verify measures them.

    Exit codes: 0 (also if a file could neither be shown to keep its promise nor to break it), 1 where a file does not keep what was
    promised, 2 usage or tool error.
    """
    options = AdviseOptions(**{name: value for name, value in given.items() if value is not None})
    notes, results = consoles.notes(), consoles.results()
    here = Path(options.app).resolve() if options.app else Path.cwd()
    out = Path(options.out or OUT)
    if options.verify:
        if options.emit:
            raise UsageError(
                "--emit and --verify are two steps: what is written could be edited in between",
                hint="emit first, then verify",
            )
        proof = proof_of(options.login, options.header, writes=options.allow_writes)
        return _verify(here, out, run, proof, notes, results)
    if options.login or options.header:
        raise UsageError(
            "--login and --header prove who asks when files are verified",
            hint="whichworker advise --verify --login FORM",
        )
    told = recipe.read(places.find_run(here, run or "latest"))
    if (
        run is None and told.result.advice is None and told.question.first_step
    ):  # its second step was too short
        told = recipe.read(places.find_run(here, told.question.first_step))
    if not options.emit:
        report.print_advice(results, told.result)
        return 0
    emit(told, options.emit, options.out, options.app or None, notes, results)
    return 0


def _verify(
    here: Path, out: Path, run: str | None, proof: Proof, notes: Console, results: Console
) -> int:
    promise = verify.promise_in(out)
    told = recipe.read(places.find_run(here, run or promise.run))
    with tempfile.TemporaryDirectory() as folder:
        checked = verify.verify(
            out,
            told,
            proof,
            places.cache_folder(),
            Path(folder),
            lambda text: notes.print(Text(f"  {text}", "dim")),
        )
    report.print_checked(results, promise, checked)
    return 0 if all(one.kept or one.undetermined for one in checked) else FAILED

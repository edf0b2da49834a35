"""`whichworker advise`: what to deploy after a race, the files, and whether they hold."""

from __future__ import annotations

import tempfile
from pathlib import Path

from rich.console import Console
from rich.text import Text

from whichworker.cli.emitting import OUT, emit
from whichworker.cli.frame import consoles
from whichworker.cli.frame.exits import Exit
from whichworker.config.options import AdviseOptions
from whichworker.deployment import recipe as deploy
from whichworker.deployment import verify
from whichworker.deployment.promise import promise_in
from whichworker.errors import UsageError
from whichworker.question.own import base_of, proof_of
from whichworker.report import advice as report
from whichworker.report import files
from whichworker.store import places


def advise(app: str | None, options: AdviseOptions) -> int:
    """Print the advice of a run, write its files, or verify them."""
    _check(app, options)
    files.check_writable(json=options.json)
    notes, results = consoles.notes(), consoles.results(options.json)
    project = base_of(Path.cwd(), app)
    if options.verify:
        return _verify(project, options, notes, results)
    told = deploy.advised(project, options.run)
    files.write_json(told.result, options.json)
    if options.emit:
        emit(told, options.emit, options.out, app, notes, results, force=options.force)
    else:
        report.print_advice(results, told.result)
    return Exit.OK


def _check(app: str | None, options: AdviseOptions) -> None:
    if app and ":" not in app and not Path(app).is_dir():
        hint = f"a run is an option: whichworker advise --run {app}"
        raise UsageError(f"there is no folder {app}", hint=hint)
    if options.verify and options.emit:
        raise UsageError(
            "--emit and --verify are two steps, since you may edit the files in between",
            hint="run whichworker advise --emit first, then whichworker advise --verify",
        )
    if options.force and not options.emit:
        raise UsageError("--force is used only with --emit", hint="such as --emit systemd --force")
    if not options.verify and (options.login or options.header):
        raise UsageError(
            "--login and --header are used only with --verify",
            hint="whichworker advise --verify --login FORM",
        )


def _verify(project: Path, options: AdviseOptions, notes: Console, results: Console) -> int:
    out = Path(options.out or OUT)
    proof = proof_of(options.login, options.header, writes=options.allow_writes)
    promise = promise_in(out)
    told = deploy.read(places.find_run(project, options.run or promise.run))
    with tempfile.TemporaryDirectory() as folder:
        checked = verify.verify(
            out,
            told,
            proof,
            places.cache_folder(),
            Path(folder),
            lambda text: notes.print(Text(f"  {text}", "dim")),
        )
    files.write_json({"promise": promise, "checked": checked}, options.json)
    report.print_checked(results, promise, checked)
    return Exit.OK if all(one.kept or one.undetermined for one in checked) else Exit.FAILED

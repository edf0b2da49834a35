"""`make locks`: resolve every lock file again, with the newest versions of this hour.

A lock file is universal: its markers choose among versions for each Python and platform. All lock
files have the same moment, so `--exclude-newer MOMENT` finds the same versions in any later year.
"""

from __future__ import annotations

import datetime
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from whichworker import samples
from whichworker.environments import lock_files
from whichworker.environments.installer import run_uv
from whichworker.environments.resolution import this_hour
from whichworker.servers import table

OLDEST_PYTHON = "3.11"
"""The oldest Python of the tool, and the oldest that the lock files cover."""
OLDER = {"requirements-2.2": "3.6", "requirements-3.2": "3.6", "requirements-5.2": "3.10"}
"""The oldest Python of a built-in app whose lock file covers older ones, by file."""
SAMPLES = Path(samples.__path__[0])
HASHES = "--generate-hashes"
ROOT = Path(__file__).parents[2]
DEVELOPMENT = ROOT / "dev.lock"
"""What a checkout installs: a release of the day cannot fail a change that did not touch it."""


def wanted() -> dict[str, tuple[str, ...]]:
    """The requirements of all servers that ship, by the name of their lock file.

    Two servers with different ranges of one package share a file whose versions suit both.
    """
    found: dict[str, tuple[str, ...]] = {}
    for name in table.SERVERS:
        requirements = table.load(name).requirements
        if requirements:
            name_of_lock = lock_files.name_of(requirements)
            known = found.get(name_of_lock, ())
            found[name_of_lock] = tuple(dict.fromkeys((*known, *requirements)))
    return found


def sources() -> Iterator[tuple[Path, str]]:
    """The requirements of each built-in app, and the oldest Python of its lock file."""
    for path in sorted(SAMPLES.glob("*/requirements*.in")):
        yield path, OLDER.get(path.stem, OLDEST_PYTHON)


def compiled(requirements: Path, oldest: str, as_of: str, *more: str) -> str:
    """The text of a lock file: pins with markers, below the moment; `more` are options of uv."""
    with tempfile.TemporaryDirectory() as folder:
        pins = run_uv(
            Path(folder),
            *("pip", "compile", "--quiet", "--universal", "--no-header", "--no-annotate"),
            *("--python-version", oldest, "--exclude-newer", as_of, *more),
            str(requirements),
        )
    return lock_files.headed(pins, as_of)


def refresh(as_of: str) -> None:
    """Write all lock files, and remove those that nothing needs any more."""
    lock_files.FOLDER.mkdir(exist_ok=True)
    kept = set()
    with tempfile.TemporaryDirectory() as folder:
        for name, requirements in sorted(wanted().items()):
            source = Path(folder, "requirements.in")
            source.write_text("\n".join(requirements) + "\n", encoding="utf-8")
            print(name, file=sys.stderr)
            place = lock_files.FOLDER / name
            place.write_text(compiled(source, OLDEST_PYTHON, as_of, HASHES), encoding="utf-8")
            kept.add(place)
    for stale in set(lock_files.FOLDER.glob("*.lock")) - kept:
        stale.unlink()
    for source, oldest in sources():
        print(source.relative_to(SAMPLES), file=sys.stderr)
        pins = compiled(source, oldest, as_of, HASHES)
        source.with_suffix(".lock").write_text(pins, encoding="utf-8")
    refresh_development(as_of)


def refresh_development(as_of: str) -> None:
    """Write the versions of what the tool itself and its tests need."""
    print(DEVELOPMENT.name, file=sys.stderr)
    groups = (f"{ROOT}/pyproject.toml:dev", f"{ROOT}/pyproject.toml:audit")
    options = [part for group in groups for part in ("--group", group)]
    pins = compiled(ROOT / "pyproject.toml", OLDEST_PYTHON, as_of, "--all-extras", *options)
    DEVELOPMENT.write_text(pins, encoding="utf-8")


if __name__ == "__main__":
    refresh(this_hour(datetime.datetime.now(datetime.UTC)))

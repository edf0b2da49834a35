"""From requirements to pins with hashes: by a lock file, or the newest versions of a moment.

A lock file is a preference: uv takes its versions, with their hashes, unless the app's own packages
rule them out. All other packages are resolved as of the moment of the lock files. If no version of
that time fits the app, which may be younger, the newest of now are taken.
"""

from __future__ import annotations

import datetime
import re
from collections.abc import Collection
from pathlib import Path

from msgspec import Struct

from whichworker.environments import lock_files
from whichworker.environments.installer import Unresolvable, run_uv
from whichworker.errors import UsageError
from whichworker.model import Resolution

LOCKED = Resolution()
PINS = "pins.txt"
CONSTRAINTS = "constraints.txt"
PIN = re.compile(r"^([\w.-]+==\S+)", re.MULTILINE)


class Pins(Struct, frozen=True):
    """A file of pins with hashes; it may have none. `resolution` is None then."""

    file: Path
    resolution: Resolution | None


def wished(
    *, latest: bool = False, exclude_newer: str = "", now: datetime.datetime | None = None
) -> Resolution:
    """The resolution that the options of a command ask for; raises UsageError.

    `now` has a time zone [default: the present].
    """
    now = now or datetime.datetime.now(datetime.UTC)
    if latest and exclude_newer:
        raise UsageError(
            "--latest and --exclude-newer contradict each other", hint="leave one of them out"
        )
    if latest:
        return Resolution(locked=False, as_of=this_hour(now))
    if exclude_newer:
        return Resolution(locked=False, as_of=moment_of(exclude_newer, now))
    return Resolution(as_of=lock_files.day_of_servers())


def this_hour(now: datetime.datetime) -> str:
    """The start of the present hour: no version of before can be added later."""
    hour = now.astimezone(datetime.UTC).replace(minute=0, second=0, microsecond=0)
    return hour.strftime("%Y-%m-%dT%H:%M:%SZ")


def moment_of(text: str, now: datetime.datetime) -> str:
    """The end of a day, or a moment [default: UTC], but not in the future; raises UsageError."""
    try:
        found = datetime.datetime.fromisoformat(text)
    except ValueError as error:
        raise UsageError(
            f"--exclude-newer must be a date, not {text!r}",
            hint="write it as 2026-11-29, or as 2026-11-29T10:00:00Z",
        ) from error
    if found.tzinfo is None:
        found = found.replace(tzinfo=datetime.UTC)
    if found > now:
        raise UsageError(
            f"--exclude-newer {text} is in the future",
            hint="use --latest for the newest versions",
        )
    if len(text) <= len("2026-11-29"):
        found += datetime.timedelta(days=1)
    if found > now:
        return this_hour(now)
    return found.astimezone(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def pinned(
    cache: Path,
    place: Path,
    requirements: Path,
    wish: Resolution,
    *,
    lock: str = "",
    have: dict[str, str] | None = None,
) -> Pins:
    """Resolve requirements for the environment at `place`; `have` are the app's own packages.

    Those stay as they are, whenever they were uploaded, and are not among the pins. Raises
    EnvironmentFailed if requirements and app conflict.
    """
    have = have or {}
    (place / CONSTRAINTS).write_text(
        "".join(f"{name}=={version}\n" for name, version in sorted(have.items())), encoding="utf-8"
    )
    file = place / PINS
    options = [
        *("--generate-hashes", "--no-header", "--no-annotate"),
        *("--python", str(place / "bin/python"), "--output-file", str(file)),
        *("--constraints", str(place / CONSTRAINTS)),
        *(f"--no-emit-package={name}" for name in have),
    ]

    def compiled(as_of: str | None) -> str | None:
        file.write_text(lock, encoding="utf-8")
        return dated(cache, as_of, "pip", "compile", *options, str(requirements), undated=have)

    try:
        used = compiled(lock_files.day_of_servers() if wish.locked else wish.as_of)
    except Unresolvable:
        if not wish.locked:
            raise
        used = compiled(this_hour(datetime.datetime.now(datetime.UTC)))
    return Pins(file, _resolution(file.read_text(encoding="utf-8"), lock, used))


def install(cache: Path, place: Path, pins: Path, as_of: str | None) -> None:
    """Install pins whose files have the right hashes; builds use packages of that moment."""
    options = ("--python", str(place / "bin/python"), "--no-deps", "--require-hashes")
    dated(cache, as_of, "pip", "install", *options, "--requirements", str(pins))


def dated(
    cache: Path, as_of: str | None, *arguments: str, undated: Collection[str] = ()
) -> str | None:
    """Run uv with the versions of a moment, and return it; None if the index has no upload times.

    Packages that are `undated` may be newer.
    """
    if as_of is not None:
        exempt = [f"--exclude-newer-package={name}=false" for name in undated]
        try:
            run_uv(cache, *arguments, "--exclude-newer", as_of, *exempt)
        except Unresolvable as error:
            if not error.lacks_upload_times:
                raise
        else:
            return as_of
    run_uv(cache, *arguments)
    return None


def _resolution(pins: str, lock: str, as_of: str | None) -> Resolution | None:
    found = set(PIN.findall(pins))
    if not found:
        return None
    if lock and found <= set(PIN.findall(lock)):
        return Resolution(locked=True, as_of=lock_files.moment(lock))
    return Resolution(locked=False, as_of=as_of)

"""`whichworker cache`: list or clear what was built: environments, data and byte code."""

from __future__ import annotations

import datetime
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from msgspec import Struct, field
from rich.console import Console
from rich.table import Table
from rich.text import Text

from whichworker import units
from whichworker.cli.frame import consoles
from whichworker.cli.frame.exits import Exit
from whichworker.config.options import CacheOptions
from whichworker.environments import cache as inventory
from whichworker.errors import UsageError
from whichworker.report import files
from whichworker.store import places

STYLES = {"removed": "green", "would be removed": "yellow", "in use": "cyan"}
FREED = ("removed", "would be removed")


class Listing(Struct, frozen=True, kw_only=True):
    """The cache as JSON shows it; `freed_bytes` is what clearing gave back, or would."""

    folder: str
    action: Literal["list", "clear"]
    entries: tuple[inventory.CacheEntry, ...]
    size_bytes: int
    freed_bytes: int | None
    schema_: str = field(default="urn:whichworker:cache:1", name="schema")


def cache(action: Literal["list", "clear"], options: CacheOptions) -> int:
    """List the entries, or remove those that nothing uses; clearing asks no question."""
    files.check_writable(json=options.json)
    seconds = _age(options.older_than)
    folder = places.cache_folder()
    if action == "clear":
        entries = inventory.clear(folder, seconds, dry_run=options.dry_run)
    elif options.dry_run:
        raise UsageError(
            "--dry-run is used only with clear", hint="whichworker cache clear --dry-run"
        )
    else:
        entries = [
            entry for entry in inventory.entries(folder) if entry.last_used <= time.time() - seconds
        ]
    listing = _listing(folder, action, entries)
    files.write_json(listing, options.json)
    if options.json != files.STANDARD_OUTPUT:
        _print(consoles.results(), listing, time.time())
    return Exit.OK


def _age(text: str) -> float:
    try:
        return units.parse_duration(text) if text else 0.0
    except UsageError as error:
        raise UsageError(
            f"--older-than: {error.fact}", hint="write a number with a unit, such as 30d or 12h"
        ) from error


def _listing(
    folder: Path, action: Literal["list", "clear"], entries: Sequence[inventory.CacheEntry]
) -> Listing:
    freed = sum(entry.freed_bytes for entry in entries if entry.outcome in FREED)
    size = sum(entry.size_bytes for entry in entries)
    return Listing(
        folder=str(folder),
        action=action,
        entries=tuple(entries),
        size_bytes=size,
        freed_bytes=freed if action == "clear" else None,
    )


def _print(console: Console, listing: Listing, now: float) -> None:
    if not listing.entries:
        console.print(f"no such entries in {listing.folder}")
        return
    clearing = listing.action == "clear"
    table = Table(box=None, pad_edge=False, header_style="dim", padding=(0, 2, 0, 0))
    for name in ("kind", "what", "python"):
        table.add_column(name)
    table.add_column("size", justify="right", no_wrap=True)
    table.add_column("last used", no_wrap=True)
    table.add_column("outcome" if clearing else "state", no_wrap=True)
    for entry in listing.entries:
        versions = " ".join(f"{name} {version}" for name, version in entry.versions.items())
        state = (
            entry.outcome
            if clearing
            else "in use"
            if entry.in_use
            else ""
            if entry.state == "complete"
            else entry.state
        )
        last = Text(state or "", STYLES.get(state or "", "dim"))
        table.add_row(
            entry.kind,
            Text(versions or entry.name),
            entry.python or "",
            units.show_bytes(entry.size_bytes),
            _ago(now - entry.last_used),
            last,
        )
    console.print(table)
    console.print(Text(f"\n{_sum(listing)}, in {listing.folder}", "dim"))


def _sum(listing: Listing) -> str:
    if listing.freed_bytes is None:
        return f"{units.show_bytes(listing.size_bytes)} in all"
    count = sum(entry.outcome in FREED for entry in listing.entries)
    would = (
        "would be " if any(entry.outcome == "would be removed" for entry in listing.entries) else ""
    )
    freed = f"{units.show_bytes(listing.freed_bytes)} {would}freed"
    return f"{count} {would}removed, {freed} (uv keeps the files it shares: uv cache prune)"


def _ago(seconds: float) -> str:
    """A time of the past, as coarse as a person needs it."""
    if seconds < 60:
        return "just now"
    if seconds < 3600:
        return f"{seconds / 60:.0f} min ago"
    if seconds < 86400:
        return f"{seconds / 3600:.0f} h ago"
    days = datetime.timedelta(seconds=seconds).days
    return f"{days} day{'' if days == 1 else 's'} ago"

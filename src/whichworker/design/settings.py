"""Settings of a server worth racing once it is among the best: workers, threads, preload."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from whichworker.model import Knob, Settings

MOST = 4
"""Variants of one server: each takes a share of the time."""
FEW_THREADS, MANY_THREADS = 2, 16
"""Threads for each worker: enough to hide a short wait, and enough for long ones."""


def variants(
    knobs: Sequence[Knob], usual: Settings, cores: int, most_workers: int | None
) -> list[Settings]:
    """At most four settings beside the usual ones, the most promising first.

    `most_workers` is the number that fits into memory (None: unknown).
    """
    known = {knob.name for knob in knobs}
    found: list[Settings] = []
    for settings in _candidates(known, usual, cores):
        workers = settings.get("workers", 1)
        fits = most_workers is None or not isinstance(workers, int) or workers <= most_workers
        if fits and settings != usual and settings not in found:
            found.append(settings)
    return found[:MOST]


def _candidates(known: set[str], usual: Settings, cores: int) -> Iterator[Settings]:
    if "threads" in known:
        yield {**usual, "threads": MANY_THREADS}
    if "preload" in known and int(usual.get("workers", 1)) > 1:
        yield {**usual, "preload": "yes"}
    if "workers" in known:
        yield {
            **usual,
            "workers": 2 * cores + 1,
        }  # what gunicorn's documentation suggests, and every blog repeats
    if {"workers", "threads"} <= known:
        yield {**usual, "workers": cores + 1, "threads": FEW_THREADS}
        yield {**usual, "workers": cores, "threads": 1}
    elif "workers" in known:
        yield {**usual, "workers": cores + 1}
        yield {**usual, "workers": max(1, cores // 2)}

"""The last releases of a server, and the step from each to the next one."""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Literal

import msgspec
from msgspec import Struct
from packaging.requirements import Requirement

from whichworker.design.pairs import Verdict
from whichworker.environments.installer import Unresolvable, run_uv
from whichworker.errors import UsageError
from whichworker.judge.replay import replay
from whichworker.servers import names, table
from whichworker.store.journal import Journal
from whichworker.store.records import Settled

FEWEST, MOST = 2, 12
SECONDS_EACH = 45.0
"""Time of the race for each release by default: neighbours are often alike, which takes longest."""
Change = Literal["faster", "slower", "alike", "not decided"]


class ReleaseStep(Struct, frozen=True):
    """From one release to the next: its requests/s over those of the one before, if known."""

    before: str
    after: str
    change: Change
    ratio: float | None = None
    low: float | None = None
    high: float | None = None


def newest(
    server: str, count: int, python: str, cache: Path, note: Callable[[str], None]
) -> tuple[str, ...]:
    """Setups of the last `count` releases of a server that fit this interpreter, oldest first.

    Each request to the index is for the newest version below the last one found. Raises UsageError.
    """
    wanted = names.parse(server)
    if wanted.version:
        raise UsageError(
            f"{server} names a release already",
            hint=f"leave it out: --releases {count} --servers {wanted.server}",
        )
    packages = table.load(wanted.server).requirements
    if not packages:
        raise UsageError(f"{wanted.server} is no package with releases", hint="choose another one")
    package, found = Requirement(packages[0]).name, list[str]()
    requirements = cache / f"releases-of-{package}.in"
    try:
        while len(found) < count:
            note(f"releases of {package}")
            below = f"<{found[-1]}" if found else ""
            requirements.write_text(f"{package}{below}\n", encoding="utf-8")
            if (version := _newest(requirements, python, cache)) is None:
                break
            found.append(version)
    finally:
        requirements.unlink(missing_ok=True)
    if len(found) < FEWEST:
        raise UsageError(
            f"{package} has {len(found)} releases that fit {python}", hint="choose another --python"
        )
    return tuple(str(msgspec.structs.replace(wanted, version=one)) for one in reversed(found))


def _newest(requirements: Path, python: str, cache: Path) -> str | None:
    """The newest version that the requirement and the interpreter allow; None: there is none."""
    options = ("--quiet", "--no-deps", "--no-header", "--no-annotate", "--python", python)
    try:
        pins = run_uv(cache, "pip", "compile", *options, str(requirements))
    except Unresolvable:
        return None
    return pins.strip().partition("==")[2].split()[0] or None


def steps(journal: Journal) -> tuple[ReleaseStep, ...]:
    """From each release to the next one, in the order of the question; those measured only.

    Raises JournalFailed.
    """
    question, settled = journal.header().question, next(journal.of(Settled), None)
    race = replay(question, settled, journal) if settled else None
    if race is None:
        return ()
    pairs = {frozenset((pair.first, pair.second)): pair for pair in race.pairs()}
    raced = settled.contenders if settled else ()
    order = [arm.name for arm in question.arms if arm.name in raced]
    found = []
    for before, after in pairwise(order):
        pair = pairs.get(frozenset((before, after)))
        if pair is None or not math.isfinite(pair.low) or not math.isfinite(pair.high):
            found.append(ReleaseStep(before, after, "not decided"))
            continue
        sign = 1 if pair.first == after else -1
        low, high = sorted((math.exp(sign * pair.low), math.exp(sign * pair.high)))
        change = _change(pair.verdict, later=sign > 0)
        found.append(ReleaseStep(before, after, change, math.exp(sign * pair.mean), low, high))
    return tuple(found)


def _change(verdict: Verdict, *, later: bool) -> Change:
    """The verdict of a pair as a change; `later`: its first setup is the later release."""
    if verdict == "tie":
        return "alike"
    if verdict == "undetermined":
        return "not decided"
    return "faster" if (verdict == "better") == later else "slower"

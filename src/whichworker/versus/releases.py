"""The last releases of a server, and the step from each to the next one."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import msgspec
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

from whichworker.design.pairs import Verdict
from whichworker.environments.installer import Unresolvable
from whichworker.environments.resolution import dated
from whichworker.errors import UsageError
from whichworker.judge.replay import replay
from whichworker.process import scratch
from whichworker.result.versus import ReleaseChange, ReleaseStep
from whichworker.servers import names, table
from whichworker.store.journal import Journal
from whichworker.store.records import Settled

FEWEST, MOST = 2, 12
SECONDS_EACH = 45.0
"""Time of the race for each release by default: neighbours are often alike, which takes longest."""


def newest(
    server: str,
    count: int,
    python: str,
    as_of: str | None,
    cache: Path,
    note: Callable[[str], None],
) -> tuple[str, ...]:
    """Setups of the last `count` releases of a server that fit this interpreter, oldest first.

    Each request to the index is for the newest version below the last one found, at the moment
    `as_of` (None: now), within the versions that the server's adapter supports. Raises UsageError.
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
    package, found = Requirement(packages[0]), list[str]()
    with scratch.folder() as folder:
        while len(found) < count:
            note(f"releases of {package.name}")
            below = SpecifierSet(f"<{found[-1]}" if found else "")
            within = package.specifier & below
            requirements = folder / "releases.in"
            requirements.write_text(f"{package.name}{within}\n", encoding="utf-8")
            if (version := _newest(requirements, python, as_of, cache)) is None:
                break
            found.append(version)
    if len(found) < FEWEST:
        raise UsageError(
            f"{package.name} has {len(found)} releases that fit {python}",
            hint="choose another --python",
        )
    return tuple(str(msgspec.structs.replace(wanted, version=one)) for one in reversed(found))


def _newest(requirements: Path, python: str, as_of: str | None, cache: Path) -> str | None:
    """The newest version that the requirement and the interpreter allow; None: there is none."""
    output = requirements.with_suffix(".txt")
    output.unlink(missing_ok=True)
    options = ("--quiet", "--no-deps", "--no-header", "--no-annotate", "--python", python)
    try:
        dated(
            cache,
            as_of,
            *("pip", "compile", *options, "--output-file", str(output), str(requirements)),
        )
    except Unresolvable:
        return None
    pin = re.search(r"==(\S+)", output.read_text(encoding="utf-8"))
    return pin[1] if pin else None


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


def _change(verdict: Verdict, *, later: bool) -> ReleaseChange:
    """The verdict of a pair as a change; `later`: its first setup is the later release."""
    if verdict == "tie":
        return "alike"
    if verdict == "undetermined":
        return "not decided"
    return "faster" if (verdict == "better") == later else "slower"

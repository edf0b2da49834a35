"""How even-handed this machine is: stalls of its cores, and how far windows of one and the same server differ."""

from __future__ import annotations

import math
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Thread
from urllib.parse import urlsplit

import numpy as np
from msgspec import Struct

from whichworker import units
from whichworker.bench import services
from whichworker.design import elimination
from whichworker.design.validity import MOST_FOREIGN
from whichworker.judge.hunts import STALLS_OF_OBJECTIVE
from whichworker.load.generator import Generator
from whichworker.model import Address, Budget, Finding, Load, Request
from whichworker.probes import cpu, stalls
from whichworker.question.ask import budget_of
from whichworker.store import places

WINDOW_SECONDS, SETTLE_SECONDS = 0.5, 0.05
CONNECTIONS = 16
STALL_SHARE = 0.35
"""Of the time, for the stalls of the cores; the rest is for windows."""
ARMS, DELTA, ALPHA = 12, 0.03, 0.05
LAUNCH_SECONDS = 1.4
"""What a window of a race takes beside itself: start, right answer, warm-up, stop (twelve contenders, Django, two cores)."""
LEAST_WINDOWS = 6


class Noise(Struct, frozen=True, kw_only=True):
    """What was seen. `windows` are requests per second of one server, `stolen` and `foreign` shares of the cores meanwhile."""

    stalls: dict[int, stalls.Stalls]
    windows: tuple[float, ...]
    stolen: float
    foreign: float

    @property
    def spread(self) -> float | None:
        """The standard deviation of the difference of two windows that follow one another, on the log scale; None for too few."""
        if len(self.windows) < LEAST_WINDOWS:
            return None
        return float(np.std(np.diff(np.log(self.windows)), ddof=1))


def listen(seconds: float, note: Callable[[str], None]) -> Noise:
    """Nap on every core, then load a small server in windows; takes about so many seconds and leaves nothing."""
    budget = budget_of(seconds)
    note("naps on every core")
    cores = sorted({*budget.server_cores, *budget.generator_cores})
    napped = _naps(cores, STALL_SHARE * seconds)
    note("windows of one and the same server")
    heard = _windows(budget, (1 - STALL_SHARE) * seconds)
    capacity = max(1e-9, sum(one.seconds for one in heard)) * len(cores)
    return Noise(
        stalls=napped,
        windows=tuple(one.rate for one in heard),
        stolen=sum(one.stolen for one in heard) / capacity,
        foreign=max(0.0, sum(one.foreign for one in heard) / capacity),
    )


def verdicts(seen: Noise) -> Iterator[Finding]:
    """What the machine can certify, what it cannot, and how long a race takes on it."""
    if seen.stalls:
        worst = max(seen.stalls.values(), key=lambda one: one.p99)
        least = STALLS_OF_OBJECTIVE * worst.p99
        longest = max(one.most for one in seen.stalls.values())
        text = f"a sleeper wakes up to {units.show_seconds(worst.p99)} late (p99), {units.show_seconds(longest)} at worst"
        yield Finding(code="stalls", severity="info", text=text)
        text = f"it can certify objectives of {units.show_seconds(least)} and more; what is shorter it would miss by itself"
        yield Finding(code="certifies", severity="warning" if least > 0.05 else "info", text=text)
    quiet = seen.foreign <= MOST_FOREIGN / 2
    text = f"others used {seen.foreign:.0%} of the cores while it was measured, {seen.stolen:.1%} was stolen by the hypervisor"
    hint = "" if quiet else f"windows are refused above {MOST_FOREIGN:.0%}: end what else runs here"
    yield Finding(code="company", severity="info" if quiet else "warning", text=text, hint=hint)
    if seen.spread is None:
        yield Finding(
            code="noise",
            severity="warning",
            text="too few windows to tell the noise",
            hint="doctor --time 20s",
        )
        return
    seconds = race_seconds(seen.spread)
    text = f"two windows of one server differ by {seen.spread:.1%} (standard deviation, {len(seen.windows)} windows of {WINDOW_SECONDS:g} s)"
    yield Finding(code="noise", severity="info", text=text)
    length = units.show_clock(seconds)
    text = f"a race of {ARMS} arms to ±{DELTA:.0%} takes {length} at most, going by that alone; launches add their own noise"
    hint = "give it more --time, fewer arms, or a larger --delta" if seconds > 600 else ""
    yield Finding(code="race-length", severity="warning" if hint else "info", text=text, hint=hint)


def race_seconds(spread: float) -> float:
    """The boundary's worst case, 2ηS²/δ² blocks of all arms and the twin; S² is the variance of a paired difference."""
    nu = 3 * (ARMS - 1)
    gap = math.log1p(DELTA)
    blocks = max(
        elimination.FIRST_DECISION,
        math.ceil(2 * elimination.eta(ALPHA, ARMS, nu) * spread**2 / gap**2),
    )
    return blocks * (ARMS + 1) * (WINDOW_SECONDS + LAUNCH_SECONDS)


def _naps(cores: list[int], seconds: float) -> dict[int, stalls.Stalls]:
    found: dict[int, stalls.Stalls] = {}

    def nap(core: int) -> None:
        seen = stalls.look(core, seconds)
        if seen is not None:
            found[core] = seen

    sleepers = [Thread(target=nap, args=(core,)) for core in cores]
    for sleeper in sleepers:
        sleeper.start()
    for sleeper in sleepers:
        sleeper.join()
    return found


class Heard(Struct, frozen=True):
    """One window: requests per second, how long it was looked at, and core seconds that were stolen and that others used meanwhile."""

    rate: float
    seconds: float
    stolen: float
    foreign: float


def _windows(budget: Budget, seconds: float) -> list[Heard]:
    """Windows of the local upstream in the servers' place."""
    with tempfile.TemporaryDirectory() as folder, Generator() as generator:
        needs = services.Needs(upstream=True)
        with services.backing(
            needs, [], cores=budget.server_cores, folder=Path(folder), cache=places.cache_folder()
        ) as backing:
            generator.start(budget.generator_cores)
            parts = urlsplit(backing.variables["WHICHWORKER_UPSTREAM"])
            load = Load(
                address=Address(parts.hostname or "127.0.0.1", parts.port or 80),
                host=parts.netloc,
                requests=(Request(path="/countries/1"),),
                connections=CONNECTIONS,
                settle_seconds=SETTLE_SECONDS,
                window_seconds=WINDOW_SECONDS,
            )
            count = max(LEAST_WINDOWS, int(seconds / (WINDOW_SECONDS + 2 * SETTLE_SECONDS)))
            return [_window(budget, generator, backing, load) for _ in range(count)]


def _window(budget: Budget, generator: Generator, backing: services.Backing, load: Load) -> Heard:
    cores = tuple(sorted({*budget.server_cores, *budget.generator_cores}))
    own, look, before = time.process_time(), backing.look(), cpu.core_times(cores)
    tally = generator.run(load, lambda *_: None)
    after, then = cpu.core_times(cores), backing.look()
    assert look is not None
    assert then is not None
    spent = (
        then.cpu_seconds - look.cpu_seconds + tally.total_cpu_seconds + time.process_time() - own
    )
    return Heard(
        rate=tally.requests / tally.seconds,
        seconds=(then.at_ns - look.at_ns) / 1e9,
        stolen=after.stolen - before.stolen,
        foreign=after.busy - before.busy - spent,
    )

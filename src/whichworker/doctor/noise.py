"""The noise of this machine: stalls of its cores, and differences between equal windows."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from threading import Thread
from urllib.parse import urlsplit

import numpy as np
from msgspec import Struct

from whichworker import units
from whichworker.bench import services
from whichworker.design import elimination
from whichworker.doctor.examination import company
from whichworker.judge.hunts import STALLS_OF_OBJECTIVE
from whichworker.load.generator import Generator
from whichworker.model import Address, Budget, Finding, Load, Request, codes
from whichworker.probes import cpu, stalls
from whichworker.process import scratch
from whichworker.question.ask import budget_of
from whichworker.store import places

WINDOW_SECONDS, SETTLE_SECONDS = 0.5, 0.05
"""Half a second averages the scheduler's slices; the first responses are not counted."""
CONNECTIONS = 16
"""Enough to keep the small server busy."""
STALL_SHARE = 0.35
"""Share of the time for the stalls of the cores; the windows get the rest."""
ARMS, DELTA, ALPHA = 12, 0.03, 0.05
"""A usual race: its setups, the difference to find, and the chance of an error."""
LAUNCH_SECONDS = 1.4
"""A race's time for one window beside itself: start, first response, warm-up, stop (twelve
contenders, Django, two cores)."""
LEAST_WINDOWS = 6
"""Five differences: fewer say nothing about a spread."""
MOST_OBJECTIVE = 0.05
"""Seconds: most latency objectives are longer, so validating this one is quiet enough."""
LONG_RACE_SECONDS = 600
"""Ten minutes: beyond, a quieter machine is the better advice."""


class Noise(Struct, frozen=True, kw_only=True):
    """The measurements: `windows` in requests/s, `stolen` and `foreign` as shares of the cores."""

    stalls: dict[int, stalls.Stalls]
    windows: tuple[float, ...]
    stolen: float
    foreign: float

    @property
    def starved(self) -> int:
        """The windows without a single response: others had all of the cores."""
        return sum(rate <= 0 for rate in self.windows)

    @property
    def spread(self) -> float | None:
        """The standard deviation of the log ratio of consecutive windows.

        None if there are too few, or if the server had no time at all in one.
        """
        if len(self.windows) < LEAST_WINDOWS or self.starved:
            return None
        return float(np.std(np.diff(np.log(self.windows)), ddof=1))


def listen(seconds: float, note: Callable[[str], None]) -> Noise:
    """Nap on every core, then load a small server in windows, for about `seconds`."""
    budget = budget_of(seconds)
    note("measuring stalls on every core")
    cores = sorted({*budget.server_cores, *budget.generator_cores})
    napped = _naps(cores, STALL_SHARE * seconds)
    note("measuring the same server repeatedly")
    heard = _windows(budget, (1 - STALL_SHARE) * seconds)
    capacity = max(1e-9, sum(one.seconds for one in heard)) * len(cores)
    return Noise(
        stalls=napped,
        windows=tuple(one.rate for one in heard),
        stolen=sum(one.stolen for one in heard) / capacity,
        foreign=max(0.0, sum(one.foreign for one in heard) / capacity),
    )


def verdicts(seen: Noise) -> Iterator[Finding]:
    """The objectives that the machine can validate, its noise, and the length of a race on it."""
    if seen.stalls:
        worst = max(seen.stalls.values(), key=lambda one: one.p99)
        least = STALLS_OF_OBJECTIVE * worst.p99
        longest = max(one.most for one in seen.stalls.values())
        yield codes.STALLS.finding(
            f"The cores stall for up to {units.show_seconds(worst.p99)} (p99), and for"
            f" {units.show_seconds(longest)} at worst"
        )
        yield codes.CERTIFIES.finding(
            f"This machine can validate latency objectives of {units.show_seconds(least)} and more",
            severity="warning" if least > MOST_OBJECTIVE else "info",
        )
    yield company(seen.foreign, seen.stolen)
    if seen.starved:
        yield codes.NOISE.finding(
            f"In {seen.starved} of {len(seen.windows)} samples the server got no time at all"
        )
        return
    if seen.spread is None:
        yield codes.NOISE.finding("There were too few samples to measure the noise")
        return
    yield codes.NOISE.finding(
        f"Two samples of one server differ by {seen.spread:.1%} (standard deviation of"
        f" {len(seen.windows)} samples of {WINDOW_SECONDS:g} s)",
        severity="info",
    )
    seconds = race_seconds(seen.spread)
    yield codes.RACE_LENGTH.finding(
        f"A race of {ARMS} server setups to ±{DELTA:.0%} takes at most {units.show_clock(seconds)}"
        " by this noise alone; restarts of the servers add some",
        severity="warning" if seconds > LONG_RACE_SECONDS else "info",
    )


def race_seconds(spread: float) -> float:
    """The boundary's worst case: 2ηS²/δ² blocks of all arms and the twin; S²: a pair's variance."""
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


class NoiseWindow(Struct, frozen=True):
    """One window: requests/s, its seconds, and core seconds that were stolen or used by others."""

    rate: float
    seconds: float
    stolen: float
    foreign: float


def _windows(budget: Budget, seconds: float) -> list[NoiseWindow]:
    """Windows of the local upstream, on the servers' cores."""
    with scratch.folder() as folder, Generator() as generator:
        needs = services.Needs(upstream=True)
        with services.backing(
            needs, [], cores=budget.server_cores, folder=folder, cache=places.cache_folder()
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


def _window(
    budget: Budget, generator: Generator, backing: services.Backing, load: Load
) -> NoiseWindow:
    cores = tuple(sorted({*budget.server_cores, *budget.generator_cores}))
    own, look, before = time.process_time(), backing.look(), cpu.core_times(cores)
    tally = generator.run(load, lambda *_: None)
    after, then = cpu.core_times(cores), backing.look()
    assert look is not None
    assert then is not None
    spent = (
        then.cpu_seconds - look.cpu_seconds + tally.total_cpu_seconds + time.process_time() - own
    )
    return NoiseWindow(
        rate=tally.requests / tally.seconds,
        seconds=(then.at_ns - look.at_ns) / 1e9,
        stolen=after.stolen - before.stolen,
        foreign=after.busy - before.busy - spent,
    )

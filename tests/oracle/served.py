"""Servers of known capacity in virtual time, and hunts for it: what the search is judged by.

Response times are those of first come, first served. Each shot finds an idle server, as in a race.
"""

from __future__ import annotations

import heapq
import math
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tests.oracle import queues
from whichworker.design.capacity.hunt import Hunt, ShotPlan
from whichworker.design.capacity.posterior import RateProbe
from whichworker.design.validity import (
    BURST_SHARE,
    LEAST_BURST_SECONDS,
    MOST_FOREIGN_AT_A_RATE,
)
from whichworker.model import Clause, Slo
from whichworker.probes.bursts import PIECE_SECONDS, STRETCH

Array = NDArray[np.float64]
Service = Literal["exponential", "constant", "two classes"]

SHARE = 0.01
THROUGHPUT_SD, LAUNCH_SD = 0.02, 0.015
"""Errors of the throughput under full load, and of each launch: standard deviations of logs."""
SHOTS_PER_LAUNCH, GAP_SECONDS = 12, 0.5
"""As in a race: a new launch after that many shots, and the pause after each."""
BURSTS = (0.005, 0.5)
"""Seconds of a neighbour's bursts."""
STALL_EVERY, STALL_SECONDS = 60.0, 1.0
LONG_TIMES, LONG_SHARE = 10.0, 0.1
"""One request in ten takes ten times as long as the others."""


class Neighbour:
    """Bursts of another program, as those of benchmarks/neighbour.py: it gets half of the core."""

    def __init__(self, share: float, seconds: float, rng: np.random.Generator) -> None:
        bursts = np.exp(
            rng.uniform(
                math.log(BURSTS[0]), math.log(BURSTS[1]), round(4 * seconds / BURSTS[1]) + 20
            )
        )
        pauses = bursts * (1 - share) / share * rng.exponential(size=bursts.size)
        ends = np.cumsum(np.stack((pauses, bursts), axis=1).ravel())
        self.at = np.append(0.0, ends)
        speeds = np.tile([1.0, 0.5], bursts.size)
        self.worked = np.append(0.0, np.cumsum(np.diff(self.at) * speeds))

    def awake(self, at: Array) -> Array:
        """Seconds of work that the server has done by then, without the bursts."""
        return np.asarray(np.interp(at, self.at, self.worked))

    def clock(self, awake: Array) -> Array:
        """The moment by which it has done so much: the inverse of `awake`."""
        return np.asarray(np.interp(awake, self.worked, self.at))

    def disturbs(self, seconds: float, objective_seconds: float) -> bool:
        """Whether so long a load is disturbed, by the rules of a race."""
        at = np.arange(0, seconds, PIECE_SECONDS)
        taken = PIECE_SECONDS - np.diff(self.awake(at))
        most = max(LEAST_BURST_SECONDS, BURST_SHARE * objective_seconds)
        burst = np.convolve(taken, np.ones(STRETCH)).max()
        return bool(burst > most or taken.mean() > MOST_FOREIGN_AT_A_RATE * PIECE_SECONDS)


class Served(NamedTuple):
    """A server with `slots`, its rate under full load (1/s), its law of service, and stalls."""

    slots: int
    throughput: float
    service: Service
    stalls: bool = False
    neighbour: Neighbour | None = None

    @property
    def service_seconds(self) -> float:
        """The mean time of a request that does not wait."""
        return self.slots / self.throughput

    def times(self, rate: float, seconds: float, rng: np.random.Generator, phase: float) -> Array:
        """Arrivals (row 0) and response times (row 1), in seconds, from an idle start.

        `phase` is the time since the last stall began.
        """
        count = rng.poisson(rate * seconds)
        due = np.sort(rng.uniform(0, seconds, count))
        work = self._work(count, rng)
        if beside := self.neighbour:
            done = beside.clock(_done(beside.awake(due), work, self.slots))
            return np.stack((due, done - due))
        if not self.stalls:
            return np.stack((due, _done(due, work, self.slots) - due))
        done = _beside_stalls(_done(_awake(due + phase), work, self.slots))
        return np.stack((due, done - phase - due))

    def _work(self, count: int, rng: np.random.Generator) -> Array:
        mean = self.service_seconds
        if self.service == "constant":
            return np.full(count, mean)
        if self.service == "exponential":
            return rng.exponential(mean, count)
        short = mean / (1 - LONG_SHARE + LONG_SHARE * LONG_TIMES)
        return np.where(rng.uniform(size=count) < LONG_SHARE, LONG_TIMES * short, short)


def _awake(at: Array) -> Array:
    """Seconds that a server has worked by then, stalls left out; one begins at 0."""
    whole, part = np.divmod(at, STALL_EVERY)
    return whole * (STALL_EVERY - STALL_SECONDS) + np.maximum(0, part - STALL_SECONDS)


def _beside_stalls(awake: Array) -> Array:
    """The moment by which a server has worked so many seconds: the inverse of `_awake`."""
    whole, part = np.divmod(awake, STALL_EVERY - STALL_SECONDS)
    return whole * STALL_EVERY + STALL_SECONDS + part


def _done(due: Array, work: Array, slots: int) -> Array:
    """When each request is done; with equal work, or one slot, requests take the slots in turn."""
    if slots > 1 and work.size and np.ptp(work) > 0:
        return _done_first_free(due, work, slots)
    rows = math.ceil(due.size / slots)
    padded = np.full((2, rows * slots), 0.0)
    padded[0, : due.size], padded[1, : due.size] = due, work
    padded[0, due.size :] = due[-1] if due.size else 0.0
    arrivals, each = (row.reshape(rows, slots) for row in padded)
    total = np.cumsum(each, axis=0)
    idle = np.maximum.accumulate(arrivals - (total - each), axis=0)
    return np.asarray((total + idle).reshape(-1)[: due.size])


def _done_first_free(due: Array, work: Array, slots: int) -> Array:
    free, done = [0.0] * slots, []
    for at, takes in zip(due.tolist(), work.tolist(), strict=True):
        ends = (at if at > free[0] else free[0]) + takes
        heapq.heapreplace(free, ends)
        done.append(ends)
    return np.array(done)


class Case(NamedTuple):
    """A server, the objective in seconds for 99 % of its requests, and its exact capacity.

    The objective may be on a route that has only a share of the requests, at random.
    """

    server: Served
    seconds: float
    exact: float
    route_share: float = 1.0

    @property
    def slo(self) -> Slo:
        """The objective."""
        clause = Clause(text=f"p99<{self.seconds:g}s", share=SHARE, seconds=self.seconds)
        return Slo(clauses=(clause,))


CLASSES_EXACT = {10: 0.3462, 50: 0.8610}
"""By simulation, as a share of the throughput, by the objective in mean service times."""
STALLS_EXACT = 0.489
"""By simulation: 80 ms of service and an objective of 800 ms; shorter ones are never met."""


def case(name: str, throughput: float, times: int = 10) -> Case:
    """One of KINDS at this throughput; the objective is so many times the mean service time."""
    server = KINDS[name]._replace(throughput=throughput)
    if server.stalls:
        server = server._replace(slots=round(0.08 * throughput))
        return Case(server, 10 * server.service_seconds, STALLS_EXACT * throughput)
    seconds = times * server.service_seconds
    if server.service == "two classes":
        return Case(server, seconds, CLASSES_EXACT[times] * throughput)
    queue = queues.Queue(server.slots, server.service_seconds, server.service == "constant")
    return Case(server, seconds, queues.capacity(queue, seconds, SHARE))


KINDS = {
    "M/M/1": Served(1, 1.0, "exponential"),
    "M/D/1": Served(1, 1.0, "constant"),
    "M/M/4": Served(4, 1.0, "exponential"),
    "M/D/4": Served(4, 1.0, "constant"),
    "stalls": Served(1, 1.0, "constant", stalls=True),
    "two classes": Served(1, 1.0, "two classes"),
}


class Virtual:
    """Launches of a case in turn, and the clock."""

    def __init__(self, of: Case, seed: int, neighbour: float = 0.0) -> None:
        self.neighbour = neighbour
        self.case, self.rng = of, np.random.default_rng(seed)
        self.clock = float(self.rng.uniform(0, STALL_EVERY))
        self.shots, self.phase = SHOTS_PER_LAUNCH, ""
        self.launched = of.server

    def shoot(self, shot: ShotPlan) -> RateProbe:
        """One shot in virtual time."""
        anew = shot.phase != self.phase and shot.phase in ("confirm", "holds")
        if self.shots >= SHOTS_PER_LAUNCH or anew:
            speed = math.exp(LAUNCH_SD * self.rng.normal())
            server = self.case.server
            self.launched, self.shots = server._replace(throughput=server.throughput * speed), 0
        self.shots, self.phase = self.shots + 1, shot.phase
        beside = Neighbour(self.neighbour, 4 * shot.seconds, self.rng) if self.neighbour else None
        self.launched = self.launched._replace(neighbour=beside)
        due, took = self.launched.times(shot.rate, shot.seconds, self.rng, self.clock % STALL_EVERY)
        counted = took[due >= shot.settle_seconds]
        bounded = counted
        if self.case.route_share < 1:
            bounded = counted[self.rng.uniform(size=counted.size) < self.case.route_share]
        return RateProbe(
            rate=shot.rate,
            silence_seconds=self._silence(shot),
            count=counted.size,
            counts=(bounded.size,),
            missed=(int((bounded > self.case.seconds).sum()),),
            settle_seconds=shot.settle_seconds,
            window_seconds=shot.window_seconds,
            bounded=beside is not None and beside.disturbs(shot.seconds, self.case.seconds),
        )

    def _silence(self, shot: ShotPlan) -> float:
        """The part of a stall in the window of a shot that is just over; time goes on."""
        began = self.clock % STALL_EVERY
        self.clock += shot.seconds + GAP_SECONDS
        if not self.case.server.stalls:
            return 0.0
        opens, closes = began + shot.settle_seconds, began + shot.seconds
        parts = [min(closes, at + STALL_SECONDS) - max(opens, at) for at in (0.0, STALL_EVERY)]
        return max(0.0, *parts)


def hunted(of: Case, seed: int, neighbour: float = 0.0, *, brisk: bool = False) -> Hunt:
    """A hunt to its end, beside a neighbour that wants this share of the core."""
    virtual = Virtual(of, seed, neighbour)
    flood = of.server.throughput * math.exp(THROUGHPUT_SD * virtual.rng.normal())
    hunt = Hunt(of.slo, flood, seed=seed, curve=False, patience=150.0, brisk=brisk)
    while (shot := hunt.next_shot()) is not None:
        hunt.take(shot, virtual.shoot(shot))
    return hunt

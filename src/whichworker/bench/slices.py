"""One slice: tens of milliseconds of load on one contender while the others are idle."""

from __future__ import annotations

import time

from whichworker.bench import causes
from whichworker.bench.lineup import Contender, own_cpu_seconds
from whichworker.bench.running import Bench
from whichworker.bench.window import ArmFailed, fail_for
from whichworker.design.validity import THROTTLED
from whichworker.load.generator import Generator
from whichworker.model import Failure, SliceOrder, SliceTally
from whichworker.probes import cpu, quota
from whichworker.probes.thermometer import Thermometer
from whichworker.store.records import Slice

MOST_FOREIGN = 0.25
"""A slice is refused if others used more of the servers' cores, or the generator waited longer.

Use of the generator's core alone is no reason: with 85 % of it used by another process, uWSGI did
5,100/s, and 4,800/s without.
"""
MOST_TRIES = 3
"""Of a slice while other programs use the cores, before the race continues without it."""
TICK_SECONDS = 0.01
"""Idle time is exact to a tick, a quarter of a slice of 40 ms: half a tick is forgiven."""


class Court:
    """The instruments of slices: one generator, one thermometer, and the clocks of the cores."""

    def __init__(self, bench: Bench, generator: Generator, thermometer: Thermometer) -> None:
        self.bench, self.generator, self.thermometer = bench, generator, thermometer
        budget = bench.question.budget
        self.server_cores, self.shared = budget.server_cores, budget.shared

    def slice_of(self, contender: Contender, order: SliceOrder) -> tuple[Slice, SliceTally]:
        """Load a contender once; raises ArmFailed for a failure, ServerFailed for an ended server.

        The record has no place in a round yet (0). Its rate has no influence on a refusal.
        """
        server, own, idle = (
            contender.cpu_seconds(),
            self._own(),
            cpu.core_idle_seconds(self.server_cores),
        )
        began, throttled = time.monotonic(), quota.here().throttled()
        served = self.bench.services.others_cpu_seconds()
        tally = self.generator.slice(order)
        seconds = time.monotonic() - began
        spent = cpu.spent(server, contender.cpu_seconds())
        after = cpu.core_idle_seconds(self.server_cores)
        served = self.bench.services.others_cpu_seconds() - served
        used = None if spent is None else spent + served + self._own() - own
        contender.loaded_seconds += seconds
        self._check(contender, tally, seconds)
        foreign = self._foreign(
            seconds,
            used,
            sum(after[core] - before for core, before in idle.items() if core in after),
        )
        record = Slice(
            round=0,
            place=0,
            arm=contender.name,
            generation=contender.generation,
            requests=tally.requests,
            seconds=tally.seconds,
            responses=tally.responses,
            whole_seconds=(tally.ended_ns - tally.began_ns) / 1e9,
            at=(tally.opened_ns + tally.closed_ns) / 2e9,
            server_cpu_seconds=spent,
            generator_cpu_seconds=tally.cpu_seconds,
            turn_seconds=self.thermometer.seconds(tally.opened_ns, tally.closed_ns),
            foreign_share=foreign,
            refused=THROTTLED
            if quota.here().throttled() > throttled
            else refusal(foreign, 0.0 if self.shared else tally.run_delay_seconds, seconds),
        )
        return record, tally

    def tried(self, contender: Contender, order: SliceOrder) -> list[tuple[Slice, SliceTally]]:
        """Slices until one is not refused, at most `MOST_TRIES`; raises as `slice_of`."""
        found = [self.slice_of(contender, order)]
        while found[-1][0].refused and len(found) < MOST_TRIES:
            found.append(self.slice_of(contender, order))
        return found

    def _check(self, contender: Contender, tally: SliceTally, seconds: float) -> None:
        launch = contender.run.launch
        broke = any(failure.kind in causes.BROKEN_KINDS for failure in tally.failures)
        if causes.died(launch) if broke else launch.ended():
            raise causes.death(launch)
        fail_for(tally.failures, contender.run, seconds)
        if not tally.requests or tally.seconds <= 0:
            raise ArmFailed(
                (
                    Failure(
                        kind="timeout",
                        count=1,
                        sample="not one response was complete within the slice",
                    ),
                )
            )

    def _own(self) -> float:
        """CPU seconds of the tool on the servers' cores: thermometers, a generator that shares."""
        warm = sum(cpu.tree_cpu_seconds(self.thermometer.pids).values())
        return warm + (own_cpu_seconds(self.generator.pid or 0) if self.shared else 0.0)

    def _foreign(self, seconds: float, used: float | None, idle: float) -> float | None:
        """The share of the servers' cores used by others; None if it is unknown."""
        capacity = seconds * len(self.server_cores)
        return (
            None if used is None or capacity <= 0 else max(0.0, capacity - used - idle) / capacity
        )


def refusal(foreign_share: float | None, run_delay_seconds: float, seconds: float) -> str:
    """Why a slice must be measured again, or an empty string; nothing here depends on its rate."""
    if run_delay_seconds > MOST_FOREIGN * seconds:
        return f"the generator waited for its core {run_delay_seconds / seconds:.0%} of the time"
    if foreign_share is None or foreign_share <= MOST_FOREIGN + TICK_SECONDS / 2 / seconds:
        return ""
    return f"others used {foreign_share:.0%} of the servers' cores"

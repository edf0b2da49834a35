"""The passport of an arm's number: its gates, its limit, its warm-up, and any drift."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import msgspec

from whichworker.design import steady
from whichworker.design.ladder import flattened
from whichworker.design.rounds import TWIN
from whichworker.design.scalability import describe
from whichworker.judge.attribution import Symptoms, attribute
from whichworker.judge.gates import gates_of
from whichworker.judge.probed import probed
from whichworker.judge.slices import Sliced
from whichworker.model import Arm, Finding, codes
from whichworker.result import ArmResult, Attribution, Hot, Profile, Scaling
from whichworker.servers import table
from whichworker.store.journal import Journal
from whichworker.store.open_loop import Shot, Sought
from whichworker.store.records import Prepared, Profiled, Window

DRIFT_ERRORS = 5.0
LEAST_DRIFT = 0.10
"""A drift is reported from five standard errors and 10 % in all.

The speed of a core wanders, and the thermometer does not remove all of that: two of ten races of
identical copies had a "drift" of 3-6 % at four errors.
"""


class Passports:
    """The passports of every arm of a run."""

    def __init__(self, journal: Journal, sliced: Sliced) -> None:
        self.question = journal.header().question
        self.sliced = sliced
        self.prepared = {record.arm: record for record in journal.of(Prepared)}
        self.windows = [record for record in journal.of(Window) if record.arm != TWIN]
        self.sought = next(journal.of(Sought), None)
        self.shots = list(journal.of(Shot))
        self.profiles = {record.arm: record for record in journal.of(Profiled)}

    def add_to(self, result: ArmResult) -> ArmResult:
        """The arm's result with its gates, its attribution and its warm-up."""
        readings = [one.reading for one in self.windows if one.arm == result.name]
        prepared = self.prepared.get(result.name)
        shots = [shot for shot in self.shots if shot.arm == result.name]
        gates = gates_of(
            self.question.workload,
            prepared,
            readings,
            (self.sliced.refused.get(result.name, 0), self.sliced.tried.get(result.name, 0)),
            self.sought,
            shots,
            shared=self.question.budget.shared,
            failures=result.failures,
        )
        return msgspec.structs.replace(
            result,
            gates=tuple(gates),
            attribution=self.attribution(self.question.arm(result.name)),
            warm_up_seconds=prepared.warm_up_seconds if prepared else None,
            profile=self._profile(result.name),
            scaling=_scaling(prepared) if prepared else None,
        )

    def attribution(self, arm: Arm) -> Attribution | None:
        """Why this arm is not faster; from refused windows if there are no others."""
        readings = self.sliced.portraits.get(arm.name) or [
            one.reading for one in self.windows if one.arm == arm.name
        ]
        seen = probed(readings)
        prepared = self.prepared.get(arm.name)
        if seen is None or prepared is None:
            return None
        workers = arm.settings.get("workers", 1)
        return attribute(
            Symptoms(
                cores=len(self.question.budget.server_cores),
                cpu_cores=seen.cpu_cores,
                run_delay_cores=seen.run_delay_cores,
                foreign_share=seen.foreign_share,
                workers=workers if isinstance(workers, int) else 1,
                threads=seen.threads,
                loops=arm.interface == "asgi",
                slots=table.load(arm.server).in_flight_limit(arm.settings),
                throughput=self.sliced.throughput(arm.name) or readings[0].throughput_per_second,
                connections=readings[0].connections,
                unloaded_seconds=1 / prepared.ladder[1] if 1 in prepared.ladder else None,
                flat=flattened(prepared.ladder),
                taken=(seen.generator_cores or 0.0) if self.question.budget.shared else 0.0,
            )
        )

    def findings(self) -> Iterator[Finding]:
        """Arms that never became steady, that drifted, or that the connections limited."""
        for name, record in self.prepared.items():
            if not record.steady:
                after = f"{record.warm_up_seconds or 0.0:.2g} s after its start"
                text = f"{name} was not steady {after}: its numbers apply only to a fresh start"
                yield codes.NO_STEADY_STATE.finding(text, arm=name)
        for name in self.prepared:
            yield from _drift(name, self.sliced.at_one_speed(name))
            limited = self.attribution(self.question.arm(name))
            if limited is not None and limited.cause == "load-limited":
                text = f"{name} served all of the load it got: {limited.evidence[0]}"
                yield codes.LOAD_LIMITED.finding(text, arm=name)

    def _profile(self, name: str) -> Profile | None:
        record = self.profiles.get(name)
        if record is None:
            return None
        hot = tuple(
            Hot(function=function, share=share) for function, share in record.functions.items()
        )
        lag = (
            dict(zip(("p50", "p99"), record.loop_lag_seconds, strict=True))
            if record.loop_lag_seconds
            else None
        )
        return Profile(
            samples=record.samples,
            functions=hot,
            lock_share=record.lock_share,
            loop_lag_seconds=lag,
        )


def _scaling(prepared: Prepared) -> Scaling | None:
    found = describe(prepared.ladder)
    if found is None:
        return None
    return Scaling(
        one_per_second=found.one,
        contention=found.contention,
        crosstalk=found.crosstalk,
        peak_connections=found.peak,
    )


def _drift(name: str, logs: Sequence[float]) -> Iterator[Finding]:
    slope, error = steady.drift(logs)
    whole = slope * (len(logs) - 1)
    if error and abs(slope) > DRIFT_ERRORS * error and abs(whole) > LEAST_DRIFT:
        change = f"{abs(math.expm1(whole)):.0%} {'faster' if slope > 0 else 'slower'}"
        text = f"{name} became {change} from the first rounds to the last"
        yield codes.DRIFT.finding(text, arm=name)

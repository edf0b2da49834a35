"""The results of each arm: its place, its rate and its costs."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from whichworker.design import evidence
from whichworker.design.pairs import ranks
from whichworker.design.selection import Race
from whichworker.judge.probed import middle_of, probed
from whichworker.judge.slices import Sliced
from whichworker.model import Arm, Environment, Reading
from whichworker.model.distributions import distribution
from whichworker.model.histogram import Histogram
from whichworker.result import ArmResult, ArmState, Estimate, Ratio, SaturationLatency
from whichworker.store.journal import Journal
from whichworker.store.records import Failed, Prepared, Settled

INTERVAL = 0.05
"""Every `low` and `high` of a rate is a 95 % interval, whatever the alpha of the claims."""
PLAIN = "95 %"
"""The same interval, as a reader sees it."""


def arm_results(journal: Journal, race: Race | None, sliced: Sliced) -> Iterator[ArmResult]:
    """Every arm of the question, in its order.

    A rate is the leader's rate times the ratio to it, because both were measured side by side.
    Arms that left early ran while the machine had another speed, so their own means would not be
    comparable.
    """
    leader = race.leader() if race else None
    speed = sliced.throughput(leader) if leader else None
    places = ranks(race.listed, race.pairs()) if race else {}
    ratios = race.estimates() if race else {}
    for arm in journal.header().question.arms:
        ratio = _ratio(ratios.get(arm.name)) if arm.name != leader else None
        own = sliced.throughput(arm.name)
        rate = speed * ratio.value if ratio and speed else own
        yield _arm(journal, arm, race, sliced, places, ratio, rate)


def _arm(
    journal: Journal,
    arm: Arm,
    race: Race | None,
    sliced: Sliced,
    places: dict[str, tuple[int, int]],
    ratio: Ratio | None,
    rate: float | None,
) -> ArmResult:
    environment = journal.header().environments.get(arm.name)
    prepared = next((record for record in journal.of(Prepared) if record.arm == arm.name), None)
    failures = tuple(
        failure
        for record in journal.of(Failed)
        if record.arm == arm.name
        for failure in record.failures
    )
    portraits = sliced.portraits.get(arm.name, [])
    measured = len(sliced.of(arm.name))
    state = _state(journal, arm.name, race)
    low, high = (
        places.get(arm.name, (None, None)) if state in ("ranked", "dropped") else (None, None)
    )
    shown = portraits if state != "failed" else []
    return ArmResult(
        name=arm.name,
        server=arm.family,
        kind=arm.kind,
        version=environment.version if environment else None,
        versions=versions(arm, environment) if environment else {},
        resolution=environment.resolution if environment else None,
        python=environment.python_version if environment else None,
        interface=arm.interface,
        settings=arm.settings,
        state=state,
        rank_low=low,
        rank_high=high,
        throughput_per_second=_throughput(rate, sliced, arm.name) if state != "failed" else None,
        cpu_seconds_per_request=sliced.cpu_seconds_per_request(arm.name)
        if state != "failed"
        else None,
        memory_bytes=_whole(middle_of(reading.probes.memory_bytes for reading in shown)),
        cold_start_seconds=prepared.cold_start_seconds if prepared and state != "failed" else None,
        latency_at_saturation_seconds=_latency(shown),
        connections=_connections(journal, arm.name) or (shown[0].connections if shown else None),
        windows=measured,
        launches=sliced.launches.get(arm.name, 0),
        repeats=sliced.refused.get(arm.name, 0),
        failures=failures,
        dropped=race is not None and arm.name in race.dropped,
        against_leader=ratio if state != "failed" else None,
        idle_share=prepared.idle_share if prepared else None,
        command=prepared.command if prepared else (),
        today=arm.today or None,
        probes=probed(shown),
    )


def versions(arm: Arm, environment: Environment) -> dict[str, str]:
    """The versions of what an arm's server is made of, and of the framework it serves."""
    wanted = [distribution(requirement) for requirement in arm.requirements]
    frameworks = ("django", "fastapi", "starlette", "flask", "litestar")
    known = environment.versions
    return {name: known[name] for name in (*wanted, *frameworks) if name in known}


def _state(journal: Journal, name: str, race: Race | None) -> ArmState:
    """Ranked once the arm has four rounds."""
    failed = [record for record in journal.of(Failed) if record.arm == name]
    if failed:
        return "refused" if any(record.refused for record in failed) else "failed"
    return "ranked" if race is not None and name in race.listed else "invalid"


def _connections(journal: Journal, name: str) -> int | None:
    settled = next(journal.of(Settled), None)
    part = settled.parts.get(name) if settled else None
    return part.connections if part else None


def _ratio(logs: tuple[float, float, float] | None) -> Ratio | None:
    if logs is None:
        return None
    value, low, high = logs
    ends = (
        (math.exp(low), math.exp(high))
        if math.isfinite(low) and math.isfinite(high)
        else (None, None)
    )
    return Ratio(value=math.exp(value), low=ends[0], high=ends[1], interval=PLAIN)


def _throughput(rate: float | None, sliced: Sliced, name: str) -> Estimate | None:
    """With Student's interval on the log scale over stretches of rounds.

    It shows how much the speed of the machine changed during the race.
    """
    if rate is None:
        return None
    logs = [
        math.log(one.throughput_per_second)
        for one in sliced.stretches(name)
        if one.throughput_per_second
    ]
    interval = evidence.fixed_interval(logs, INTERVAL)
    if interval is None:
        return Estimate(value=rate, low=None, high=None)
    half = (interval[1] - interval[0]) / 2
    return Estimate(value=rate, low=rate * math.exp(-half), high=rate * math.exp(half))


def _latency(readings: Sequence[Reading]) -> SaturationLatency | None:
    """Percentiles of all windows' histograms merged; percentiles themselves are never averaged."""
    if not readings:
        return None
    merged = Histogram()
    for reading in readings:
        merged.merge(Histogram.from_hdr(reading.tally.service))
    return SaturationLatency(
        p50=merged.supported_percentile(0.5), p99=merged.supported_percentile(0.99)
    )


def _whole(value: float | None) -> int | None:
    return None if value is None else round(value)

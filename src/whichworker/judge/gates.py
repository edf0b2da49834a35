"""The gates of an arm's numbers: each with its limit, and the worst reading of what was used."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from whichworker.design import load_validity, validity
from whichworker.design.ladder import flattened
from whichworker.judge.attribution import LOAD_LIMITED
from whichworker.judge.hunts import STALLS_OF_OBJECTIVE
from whichworker.model import Failure, Reading, Tally, Workload
from whichworker.model.histogram import Histogram
from whichworker.result import Gate
from whichworker.result.second_stage import GENERATOR, LITTLE, OVERFLOWS, UPSTREAM, WRONG
from whichworker.store.open_loop import Shot, Sought
from whichworker.store.records import Prepared

THROWN_OUT = {
    **dict.fromkeys(("status", "header", "body", "framing", "check", "capture"), WRONG),
    "overflow": OVERFLOWS,
    "generator": GENERATOR,
    "upstream": UPSTREAM,
}
"""The gate that a window failed, by the kind of failure for which it was discarded."""
LIMITS = {
    WRONG: 0.0,
    OVERFLOWS: 0.0,
    GENERATOR: validity.MOST_GENERATOR,
    UPSTREAM: validity.MOST_UPSTREAM_SHARE,
}


def gates_of(
    workload: Workload,
    prepared: Prepared | None,
    readings: Sequence[Reading],
    tried: tuple[int, int],
    sought: Sought | None,
    shots: Sequence[Shot],
    *,
    shared: bool = False,
    failures: Sequence[Failure] = (),
) -> Iterator[Gate]:
    """All gates that apply to one arm; `tried` are its windows that were refused, and all of them.

    `readings` are the windows that count and the windows that stayed refused; `failures` are of
    windows that were discarded whole. If generator and servers share a core (`shared`), the
    generator's use of it shows nothing.

    A gate without a reading has `seen` None and is not passed.
    """
    yield from _thrown_out(failures)
    if not readings:
        return
    tallies = [reading.tally for reading in readings]
    known = {THROWN_OUT[failure.kind] for failure in failures if failure.kind in THROWN_OUT}
    yield from (
        gate
        for gate in _closed(workload, readings, tallies, shared=shared)
        if gate.name not in known
    )
    refused, windows = tried
    yield _most("windows refused", validity.MOST_REFUSED, refused / windows if windows else 0.0)
    if prepared is not None and 1 in prepared.ladder and not flattened(prepared.ladder):
        yield _load_limited(prepared, readings)
    used = [shot for shot in shots if not shot.refused]
    if sought is not None and used:
        yield from _open(sought, used)


def _thrown_out(failures: Sequence[Failure]) -> Iterator[Gate]:
    """Gates that a window failed, so that it was discarded."""
    for name in dict.fromkeys(THROWN_OUT.values()):
        if of := [failure for failure in failures if THROWN_OUT.get(failure.kind) == name]:
            yield Gate(
                name=name,
                limit=LIMITS[name],
                seen=None if LIMITS[name] else sum(failure.count for failure in of),
                passed=False,
            )


def _closed(
    workload: Workload, readings: Sequence[Reading], tallies: Sequence[Tally], *, shared: bool
) -> Iterator[Gate]:
    yield _most(WRONG, 0, sum(failure.count for tally in tallies for failure in tally.failures))
    if not shared:
        yield _most(
            GENERATOR,
            validity.MOST_GENERATOR,
            max(tally.cpu_seconds / tally.seconds for tally in tallies),
        )
        yield _most(
            "generator run delay",
            validity.MOST_FOREIGN,
            max(tally.run_delay_seconds / tally.seconds for tally in tallies),
        )
    yield _most(
        "foreign CPU",
        validity.MOST_FOREIGN,
        _worst(reading.probes.foreign_share for reading in readings),
    )
    yield _most(LITTLE, load_validity.MOST_LITTLE, max(map(little, tallies)))
    yield _most(OVERFLOWS, 0, max(reading.probes.listen_overflows for reading in readings))
    yield _most("retransmits", 0, max(reading.probes.retransmits for reading in readings))
    if workload.minimum_service_seconds:
        fastest = min(Histogram.from_hdr(tally.service).min or 0 for tally in tallies) / 1e9
        limit = (1 - validity.CLOCK_ALLOWANCE) * workload.minimum_service_seconds
        yield Gate(name="fastest response", limit=limit, seen=fastest, passed=fastest >= limit)


def _open(sought: Sought, shots: Sequence[Shot]) -> Iterator[Gate]:
    shortest = sought.slo.shortest_seconds
    lag = max(validity.MOST_LAG_SECONDS, validity.MOST_LAG_SHARE * shortest)
    yield _most("send lag", lag, _worst(shot.lag_seconds for shot in shots))
    confirmed = [shot.sent_share for shot in shots if shot.phase == "confirm"]
    if confirmed:
        least = min(confirmed)
        yield Gate(
            name="sent of what was due",
            limit=load_validity.LEAST_SENT,
            seen=least,
            passed=least >= load_validity.LEAST_SENT,
        )
    if shortest:
        yield _most("stalls of the machine", shortest / STALLS_OF_OBJECTIVE, sought.stall_seconds)


def little(tally: Tally) -> float:
    """How far the requests in flight are from rate × mean time in flight, beyond the edges.

    The edges of a window may cut through requests, also through the longest: a server of greenlets
    can serve one connection for as long as it has requests. Their part is subtracted.
    """
    histogram = Histogram.from_hdr(tally.service)
    expected = tally.requests / tally.seconds * (histogram.mean or 0.0) / 1e9
    edge = tally.most_in_flight * (histogram.max or 0) / 1e9 / tally.seconds
    return max(0.0, abs(tally.mean_in_flight - expected) - edge) / expected if expected else 0.0


def _load_limited(prepared: Prepared, readings: Sequence[Reading]) -> Gate:
    """Throughput as a share of what the connections allow at the unloaded response time."""
    ceiling = readings[0].connections * prepared.ladder[1]
    seen = sum(reading.throughput_per_second for reading in readings) / len(readings) / ceiling
    return _most("share of the ceiling", LOAD_LIMITED, seen)


def _worst(values: Iterable[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return max(known) if known else None


def _most(name: str, limit: float, seen: float | None) -> Gate:
    return Gate(name=name, limit=limit, seen=seen, passed=seen is not None and seen <= limit)

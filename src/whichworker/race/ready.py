"""Before an arm is raced: does each request get its correct response, how many connections saturate it, and what must a slice of it be?"""

from __future__ import annotations

import time

from whichworker.apps import builtin
from whichworker.bench.lineup import Contender, Lineup, most_connections
from whichworker.bench.running import Running
from whichworker.bench.slices import Court
from whichworker.bench.window import check, load_and_probe, load_of
from whichworker.design import slice_sizes
from whichworker.design.slice_sizes import Size
from whichworker.load.http1 import FramingError, fetch, judge_answer
from whichworker.model import Reading, SliceOrder, SliceTally
from whichworker.probes import cpu
from whichworker.servers import table
from whichworker.store.records import Prepared

ASK_SECONDS = 30.0
WARM_UP_SECONDS, WARM_UP_CONNECTIONS = 0.2, 8
PROFILE_SECONDS, PROFILES = 0.15, 2
PORTRAIT_SECONDS, PORTRAIT_TURNS, PORTRAIT_SETTLE_SECONDS = 0.3, 5, 0.05
"""What slices are too short to show is read in a stretch of this length: latency at saturation, memory, threads, switches."""
MOST_RUNG_SECONDS = 2.0
IDLE_SECONDS = 0.1
LEAST_CROWD, MOST_CROWD, MOST_CROWD_SECONDS = 8, 64, 5.0
MANY = 200_000
"""More responses than any slice of a calibration has: it is ended by its time."""


def ready(lineup: Lineup, court: Court, contender: Contender) -> tuple[Prepared, Reading]:
    """Ask, warm, climb and calibrate one launch; the record, and a portrait of it at saturation.

    Raises ServerFailed or ArmFailed for whatever is not a correct response.
    """
    question, run = court.bench.question, contender.run
    response_seconds = ask_each(court, run)
    if not question.app.name.startswith(builtin.PREFIX):
        _crowd(court, contender, response_seconds)
    warmed = warm(lineup, court, contender, WARM_UP_CONNECTIONS, response_seconds)
    ladder = _climb(lineup, court, contender, response_seconds, 1e9 * warmed.responses / (warmed.ended_ns - warmed.began_ns))
    tried = {rung: rate for rung, rate in ladder.items() if rung > 1} or ladder
    connections = question.connections or slice_sizes.saturating(tried)
    lineup.sit(contender, connections, response_seconds)
    rate = ladder.get(connections) or max(ladder.values())
    profile = _profile(court, contender, rate)
    chosen = slice_sizes.size(connections, rate, slice_sizes.skipped_turns(profile))
    portrait = _portrait(court, contender, chosen)
    lineup.sit(contender, connections, response_seconds)
    return (
        Prepared(
            arm=contender.name,
            ladder=ladder,
            response_seconds=response_seconds,
            cold_start_seconds=run.cold_start_seconds,
            command=run.command,
            connections=connections,
            uncounted=chosen.uncounted,
            counted=chosen.counted,
            profile=profile,
            idle_share=idle_share(contender),
        ),
        portrait,
    )


def ask_each(court: Court, run: Running) -> float:
    """Every request once, with nobody else there: what fails here fails alone. The longest response in seconds; raises ServerFailed."""
    longest = 0.0
    for request in court.bench.question.workload.requests:
        began = time.monotonic()
        try:
            complaint = judge_answer(request.answer, fetch(run.address, request, court.bench.question.app.host, ASK_SECONDS))
        except (OSError, FramingError) as error:
            raise run.launch.failure("reset", f"{request.title}: {type(error).__name__}: {error}") from error
        if complaint is not None:
            raise run.launch.failure(complaint[0], f"{request.title}: {complaint[1]}")
        longest = max(longest, time.monotonic() - began)
    return longest


def warm(lineup: Lineup, court: Court, contender: Contender, connections: int, response_seconds: float) -> SliceTally:
    """Load a fresh launch for a moment: caches fill, code is specialised, threads start."""
    most = most_connections(contender.arm.server, contender.arm.settings)
    lineup.sit(contender, min(connections, most) if most else connections, response_seconds)
    return _for(court, contender, max(WARM_UP_SECONDS, 2 * response_seconds))


def idle_share(contender: Contender) -> float | None:
    """The part of a core that it uses while nobody asks anything."""
    before, began = contender.cpu_seconds(), time.monotonic()
    time.sleep(IDLE_SECONDS)
    spent = cpu.spent(before, contender.cpu_seconds())
    return None if spent is None else spent / (time.monotonic() - began)


def _for(court: Court, contender: Contender, seconds: float, *, profile: bool = False) -> SliceTally:
    """A slice that its time ends; nothing is left out."""
    order = SliceOrder(seat=contender.seat, uncounted=0, counted=MANY, most_seconds=seconds, profile=profile)
    return court.slice_of(contender, order)[1]


def _climb(lineup: Lineup, court: Court, contender: Contender, response_seconds: float, per_second: float) -> dict[int, float]:
    """Responses per second by number of connections: of one alone, and of as many as may saturate it."""
    fixed = court.bench.question.connections
    if response_seconds > slice_sizes.SLOW_RESPONSE_SECONDS:
        slots = fixed or min(slice_sizes.SLOW_CONNECTIONS, slots_of(contender) or slice_sizes.SLOW_CONNECTIONS)
        return {
            rung: _rung(lineup, court, contender, rung, rung / response_seconds, response_seconds) for rung in dict.fromkeys((1, slots))
        }
    most = most_connections(contender.arm.server, contender.arm.settings)
    rungs = [fixed] if fixed else list(slice_sizes.rungs(per_second, most))
    alone = _rung(lineup, court, contender, 1, min(per_second, 1 / response_seconds), response_seconds)
    found: dict[int, list[float]] = {rung: [] for rung in rungs}
    for turn in range(slice_sizes.PASSES):
        for rung in rungs if turn % 2 == 0 else reversed(rungs):
            found[rung].append(_rung(lineup, court, contender, rung, per_second, response_seconds))
    return {1: alone, **{rung: sum(rates) / len(rates) for rung, rates in found.items()}}


def _rung(lineup: Lineup, court: Court, contender: Contender, connections: int, per_second: float, response_seconds: float) -> float:
    """Responses per second with so many connections, by one short slice; `per_second` is what to expect."""
    lineup.sit(contender, connections, response_seconds)
    part = slice_sizes.rung(connections, per_second)
    patience = _patience(part, response_seconds)
    order = SliceOrder(seat=contender.seat, uncounted=part.uncounted, counted=part.counted, most_seconds=patience)
    return _rate(court, contender, order)


def _rate(court: Court, contender: Contender, order: SliceOrder) -> float:
    record, _ = court.slice_of(contender, order)
    return record.requests / record.seconds


def _patience(part: Size, response_seconds: float) -> float:
    """A rung may take four times as long as it was planned for, half a second at least, and no longer than ten responses."""
    return max(0.5, min(4 * part.seconds, max(MOST_RUNG_SECONDS, 10 * response_seconds)))


def slots_of(contender: Contender) -> int | None:
    """How many requests it works on at once."""
    return table.load(contender.arm.server).in_flight_limit(contender.arm.settings)


def _profile(court: Court, contender: Contender, rate: float) -> tuple[float, ...]:
    """The rate turn by turn since the beginning of a slice."""
    turn = contender.connections / rate
    if turn > slice_sizes.SLOW_TURN_SECONDS:
        return ()
    seen = [_for(court, contender, max(PROFILE_SECONDS, 10 * turn), profile=True) for _ in range(PROFILES)]
    return slice_sizes.profile([slice_sizes.turns(tally.times, contender.connections) for tally in seen])


def _portrait(court: Court, contender: Contender, chosen: Size) -> Reading:
    """A window at saturation on the launch that will be raced; its own connections are closed, as they may hold all of its threads."""
    court.generator.unseat(contender.seat)
    turn = chosen.seconds * contender.connections / (chosen.uncounted + chosen.counted + contender.connections)
    seconds = max(PORTRAIT_SECONDS, PORTRAIT_TURNS * turn)
    load = load_of(court.bench, contender.run, contender.connections, seconds, settle=max(PORTRAIT_SETTLE_SECONDS, turn))
    tally, probes = load_and_probe(court.bench, court.generator, contender.run, load)
    return Reading(tally=tally, probes=probes, cold_start_seconds=contender.run.cold_start_seconds, connections=contender.connections)


def _crowd(court: Court, contender: Contender, response_seconds: float) -> None:
    """More requests at once than the arm has slots, for a second or so: what requests share must show before the app is raced."""
    limit = slots_of(contender)
    connections = min(MOST_CROWD, max(LEAST_CROWD, 2 * limit if limit else MOST_CROWD // 2))
    most = most_connections(contender.arm.server, contender.arm.settings)
    connections = min(connections, most) if most else connections
    seconds = min(MOST_CROWD_SECONDS, max(1.0, 3 * connections * response_seconds))
    tally = court.generator.run(load_of(court.bench, contender.run, connections, seconds, 0.1), lambda *_: None)
    check(contender.run.launch, tally)

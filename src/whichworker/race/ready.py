"""Before an arm races: its responses, its connections at saturation, and its slice."""

from __future__ import annotations

import math
import time
from functools import partial

from whichworker.bench import causes
from whichworker.bench.lineup import PATIENCE_SECONDS, Contender, Lineup
from whichworker.bench.running import Running
from whichworker.bench.slices import MOST_TRIES, TICK_SECONDS, Court
from whichworker.bench.window import check, load_and_probe, load_of
from whichworker.design import slice_sizes
from whichworker.design.heats import MOST_IDLE_SHARE
from whichworker.design.slice_sizes import SliceSize
from whichworker.design.validity import refusal
from whichworker.errors import ServerFailed
from whichworker.load.http1 import (
    FramingError,
    Response,
    encode_request,
    exchange,
    judge_request,
)
from whichworker.load.session import Iteration
from whichworker.model import Reading, Request, Session, SliceOrder, SliceTally
from whichworker.probes import cpu
from whichworker.servers import table
from whichworker.store.records import Prepared, Slice

ASK_SECONDS = 30.0
"""For one response; the first one may import half of the app."""
WARM_UP_SECONDS, WARM_UP_CONNECTIONS = 0.1, 8
"""Load before anything is measured on a launch: 50 requests or more, and the same for all."""
MOST_TAKEN = 0.8
"""Of the cores, by others: the rest of a slice is too little to say how fast a server is alone."""
MOST_WARM_SECONDS = 5.0
"""For one turn of the warm-up: a slower app begins with fewer connections."""
PATIENT_TURNS = 4
"""Turns that a slice may take, for one: beside other programs each takes two or three times as
long, and an interleaving server has no response before its end."""
PROFILES = 2
"""Slices for the profile of a slice's beginning; one for slow setups, whose slices are long."""
PORTRAIT_SECONDS, PORTRAIT_TURNS, PORTRAIT_SETTLE_SECONDS = 0.25, 5, 0.05
"""A window for what slices are too short to show: latency, memory, threads, switches."""
MOST_RUNG_SECONDS = 2.0
"""For one rung of the ladder, unless ten responses take longer (`patience`)."""
IDLE_SECONDS = (0.1, 0.3, 1.0)
"""A server may tidy up after a request, so one that seems busy gets a longer look, twice: a heat of
its own costs the others seconds."""
LEAST_CROWD, MOST_CROWD, MOST_CROWD_SECONDS = 8, 64, 5.0
"""Connections and time of `_crowd`: enough to exceed the usual slots, bounded for slow apps, whose
connections have one turn at least."""
MOST_TURN_SECONDS = 15.0
"""For all connections once: a slow app gets fewer, so that its calibration ends."""
MANY = 200_000
"""More responses than any calibration slice has, so that its time ends it."""


def ready(lineup: Lineup, court: Court, contender: Contender) -> tuple[Prepared, Reading]:
    """Check, warm, climb and calibrate one launch; return the record and a portrait at saturation.

    Raises ServerFailed or ArmFailed for any incorrect response.
    """
    question, run = court.bench.question, contender.run
    response_seconds = ask_each(court, run)
    if not question.app.is_builtin:
        _crowd(court, contender, response_seconds)
    first = min(WARM_UP_CONNECTIONS, question.terms.connections or WARM_UP_CONNECTIONS)
    first = min(first, affordable(1 / response_seconds, MOST_WARM_SECONDS))
    lineup.sit(contender, contender.at_most(first), response_seconds)
    warmed = warm(court, contender, response_seconds)
    about = (
        warmed.responses / warmed.whole_seconds / (1 - min(MOST_TAKEN, warmed.foreign_share or 0.0))
    )
    ladder, top = _climb(lineup, court, contender, response_seconds, about)
    connections = max(ladder)
    profile = _profile(court, contender, top, ladder[connections], response_seconds)
    session = connections * question.workload.requests_per_session
    portrait = _portrait(court, contender, session / ladder[connections])
    lineup.sit(contender, connections, response_seconds)
    return (
        Prepared(
            arm=contender.name,
            ladder=ladder,
            response_seconds=response_seconds,
            cold_start_seconds=run.cold_start_seconds,
            command=run.command,
            connections=connections,
            profile=profile,
            idle_share=idle_share(contender),
            most_connections=contender.most,
        ),
        portrait,
    )


def ask_each(court: Court, run: Running) -> float:
    """Each request once, without other load; returns the longest response in seconds.

    A slow one is repeated: the first may import half of the app. Raises ServerFailed.
    """
    longest = 0.0
    workload = court.bench.question.workload
    asking = (
        *(partial(_ask, court, run, request) for request in workload.requests),
        *(partial(_play, court, run, session) for session in workload.sessions),
    )
    for ask in asking:
        seconds = ask()
        again = seconds > slice_sizes.SLOW_RESPONSE_SECONDS
        longest = max(longest, ask() if again else seconds)
    return longest


def _ask(court: Court, run: Running, request: Request) -> float:
    wire = encode_request(request, court.bench.question.app.host)
    return _exchange(court, run, request, wire)[1]


def _play(court: Court, run: Running, session: Session) -> float:
    """Carry out a session; returns its longest response in seconds."""
    user = Iteration(session, court.bench.question.app.host, secure=True)
    longest = 0.0
    while not user.done:
        request = user.step.request
        response, seconds = _exchange(court, run, request, user.wire())
        longest = max(longest, seconds)
        if complaint := user.take(response):
            raise run.launch.failure(complaint[0], f"{request.title}: {complaint[1]}")
    return longest


def _exchange(court: Court, run: Running, request: Request, wire: bytes) -> tuple[Response, float]:
    """The correct response to these bytes, and its seconds; raises ServerFailed for any other."""
    began, patience = time.monotonic(), court.bench.question.workload.patience(ASK_SECONDS)
    try:
        response = exchange(run.address, wire, request.method, patience)
    except (OSError, FramingError) as error:
        raise broken(run, request, error, time.monotonic() - began) from error
    if complaint := judge_request(request, response)[0]:
        raise run.launch.failure(complaint[0], f"{request.title}: {complaint[1]}")
    return response, time.monotonic() - began


def broken(run: Running, request: Request, error: Exception, seconds: float) -> ServerFailed:
    """The failure of a request without a response after `seconds`, with the cause of it."""
    fact = f"{request.title}: {type(error).__name__}: {error}"
    if causes.died(run.launch):  # then the failure says why
        return run.launch.failure("reset", fact)
    if cause := causes.worker_ended(run.launch, run.workers, seconds):
        return run.launch.failure("worker", f"{request.title}: {cause.fact}", cause.cure)
    late = isinstance(error, TimeoutError)
    return run.launch.failure("timeout" if late else "reset", fact)


def warm(
    court: Court,
    contender: Contender,
    response_seconds: float,
) -> Slice:
    """Load a fresh launch for a moment: caches fill, code is specialised, threads start.

    A slow app gets one request on each connection: if they are computed at the same time, none is
    complete before all are. With sessions, it gets a whole one.
    """
    session = math.ceil(court.bench.question.workload.requests_per_session)
    turn = contender.connections * session * response_seconds
    counted = MANY if turn <= WARM_UP_SECONDS else contender.connections * session
    order = SliceOrder(
        seat=contender.seat,
        uncounted=0,
        counted=counted,
        most_seconds=max(WARM_UP_SECONDS, PATIENT_TURNS * turn),
    )
    return court.slice_of(contender, order)[0]


def idle_share(contender: Contender) -> float | None:
    """The share of a core that the server uses without requests."""
    share: float | None = None
    for seconds in IDLE_SECONDS:
        share = _idle_share(contender, seconds)
        if share is None or share <= MOST_IDLE_SHARE:
            break
    return share


def _idle_share(contender: Contender, seconds: float) -> float | None:
    before, began = contender.cpu_seconds(), time.monotonic()
    time.sleep(seconds)
    spent = cpu.spent(before, contender.cpu_seconds())
    return None if spent is None else spent / (time.monotonic() - began)


def _climb(
    lineup: Lineup, court: Court, contender: Contender, response_seconds: float, per_second: float
) -> tuple[dict[int, float], SliceTally]:
    """Responses/s by number of connections, from one to saturation, and the top rung's slice."""
    fixed = court.bench.question.terms.connections
    fixed = contender.at_most(fixed) if fixed else None
    most = fixed or contender.most_connections
    slow = response_seconds > slice_sizes.SLOW_RESPONSE_SECONDS
    rung: int | None = fixed or slice_sizes.first_rung(per_second, most)
    alone, used, top = _rung(lineup, court, contender, 1, 1 / response_seconds, response_seconds)
    if slow and not fixed:
        slots = slots_of(contender) or slice_sizes.SLOW_CONNECTIONS
        few = min(slots, slice_sizes.slow_rung(used))
        rung = contender.at_most(min(few, affordable(per_second)))
    ladder: dict[int, float] = {}
    while rung is not None:
        at_once = min(rung, 1 / used) if used else rung  # the cores compute no more than this
        expected = at_once / response_seconds if slow else max([per_second, *ladder.values()])
        ladder[rung], busy, top = _rung(lineup, court, contender, rung, expected, response_seconds)
        rung = None if slow else slice_sizes.next_rung(ladder, busy, most)
    return {1: alone, **ladder}, top


def _rung(
    lineup: Lineup,
    court: Court,
    contender: Contender,
    connections: int,
    per_second: float,
    response_seconds: float,
) -> tuple[float, float | None, SliceTally]:
    """Responses/s on this many connections, the used share of the server's cores, and the slice.

    `per_second` is the expected rate.
    """
    lineup.sit(contender, connections, response_seconds)
    order = _rung_order(court, contender, per_second, response_seconds)
    record, tally = court.tried(contender, order)[-1]
    return record.requests / record.seconds, busy(record, len(court.server_cores)), tally


def busy(record: Slice, cores: int) -> float | None:
    """The used share of the servers' cores, of the part that other programs left to the server.

    Beside a neighbour that takes a third of the core, a saturated server uses two thirds of it: it
    would be given more and more connections, up to 128, if that share were taken of the whole.
    """
    if record.server_cpu_seconds is None:
        return None
    capacity = cores * record.whole_seconds
    left = capacity * (1 - (record.foreign_share or 0.0))
    return min(1.0, (record.server_cpu_seconds + TICK_SECONDS / 2) / left) if left > 0 else 1.0


def _rung_order(
    court: Court, contender: Contender, per_second: float, response_seconds: float
) -> SliceOrder:
    session = court.bench.question.workload.requests_per_session
    part = slice_sizes.size(contender.connections, per_second, requests_per_session=session)
    return SliceOrder(
        seat=contender.seat,
        uncounted=part.uncounted,
        counted=part.counted,
        most_seconds=patience(part, response_seconds, contender.connections * session / per_second),
        profile=True,
    )


def patience(part: SliceSize, response_seconds: float, turn: float) -> float:
    """Seconds for a rung: four times the plan, at least 0.5, at most ten responses or four turns.

    A server that interleaves its requests has no response before a turn is over.
    """
    most = max(MOST_RUNG_SECONDS, 10 * response_seconds, PATIENT_TURNS * turn)
    return max(0.5, min(4 * part.seconds, most))


def slots_of(contender: Contender) -> int | None:
    """How many requests the server processes at a time; None if unbounded."""
    return table.load(contender.arm.server).in_flight_limit(contender.arm.settings)


def _profile(
    court: Court, contender: Contender, top: SliceTally, rate: float, response_seconds: float
) -> tuple[float, ...]:
    """The rate, turn by turn from the beginning of a slice, on the top rung's connections.

    Turns of sessions are no measure of it, as they have unequal steps.
    """
    if court.bench.question.workload.sessions:
        return ()
    if contender.connections / rate > slice_sizes.SLOW_TURN_SECONDS:
        return ()
    more = PROFILES - 1 if contender.connections / rate <= slice_sizes.MOST_TURN_SECONDS else 0
    order = _rung_order(court, contender, rate, response_seconds)
    seen = [top, *(court.slice_of(contender, order)[1] for _ in range(more))]
    return slice_sizes.profile(
        [slice_sizes.turns(tally.times, contender.connections) for tally in seen]
    )


def _portrait(court: Court, contender: Contender, turn: float) -> Reading:
    """A window at saturation on this launch, after its seat's connections are closed.

    A `turn` is one response on each connection, or a whole session: its users begin together.

    They may occupy all of the server's threads. It is repeated while other programs use the cores;
    the last one is kept, as the memory of a server hardly depends on them.
    """
    court.generator.unseat(contender.seat)
    seconds = max(PORTRAIT_SECONDS, turn, min(PORTRAIT_TURNS * turn, MOST_TURN_SECONDS))
    load = load_of(
        court.bench,
        contender.run,
        contender.connections,
        seconds,
        settle=max(PORTRAIT_SETTLE_SECONDS, turn),
    )
    tries = 1
    tally, probes = load_and_probe(court.bench, court.generator, contender.run, load)
    while refusal(probes, tally, shared=court.shared) and tries < MOST_TRIES:
        tries += 1
        tally, probes = load_and_probe(court.bench, court.generator, contender.run, load)
    return Reading(
        tally=tally,
        probes=probes,
        cold_start_seconds=contender.run.cold_start_seconds,
        connections=contender.connections,
    )


def affordable(per_second: float, turn_seconds: float = MOST_TURN_SECONDS) -> int:
    """The most connections that all have a response within `turn_seconds`, two at least."""
    return max(2, int(turn_seconds * per_second))


def _crowd(court: Court, contender: Contender, response_seconds: float) -> None:
    """Send more parallel requests than the arm has slots, to find faults in shared state early."""
    limit = slots_of(contender)
    connections = min(MOST_CROWD, max(LEAST_CROWD, 2 * limit if limit else MOST_CROWD // 2))
    connections = contender.at_most(min(connections, affordable(1 / response_seconds)))
    contender.connections = connections
    turn = connections * response_seconds
    seconds = max(turn, min(MOST_CROWD_SECONDS, max(1.0, 3 * turn)))
    patience = max(PATIENCE_SECONDS, 3 * seconds, 2 * turn)
    began = time.monotonic()
    load = load_of(court.bench, contender.run, connections, seconds, 0.1, deadline_seconds=patience)
    tally = court.generator.run(load, lambda *_: None)
    check(contender.run, tally, time.monotonic() - began)

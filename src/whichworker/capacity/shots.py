"""One shot: arrivals at a rate, and how many requests missed the objective."""

from __future__ import annotations

from whichworker import units
from whichworker.bench import causes
from whichworker.bench.running import Bench, Running
from whichworker.bench.window import ArmFailed, failed, load_of, probe_a_load
from whichworker.capacity.by_route import Routes
from whichworker.design.capacity import hunt
from whichworker.design.validity import shot_refusal, slow_core
from whichworker.errors import ServerFailed
from whichworker.load.generator import Generator
from whichworker.model import Clause, Failure, Load, Pace, Probes, Slo, Stage, Tally
from whichworker.model.histogram import Histogram
from whichworker.store.open_loop import Shot

LAG_AT = (0.99, 0.95, 0.9, 0.5)
"""Percentiles of the send lag to try, from the strictest on."""
WRONG = ("header", "body", "framing", "check", "capture")
"""Failures that no load excuses; an error status, a reset or a timeout misses the objective."""
LEAST_DEADLINE_SECONDS, DEADLINES, MOST_DEADLINE_SECONDS = 4.0, 2.0, 90.0
"""Limits of the deadline, and its multiple of the objective: late responses must still count."""
PATIENT_TIMES = 3.0
"""The deadline's multiple of the longest response without load: a slow request is not lost."""
LEAST_OVERTIME_SECONDS = 1.0
"""How long a probe of the search still waits for responses that have missed the objective."""
LEAST_SILENT = 10
"""Requests without one response among them: fewer may all be slow."""
BACKLOG = 200_000
"""Waiting requests: more than any shot sends, so that none is dropped."""


def shoot(
    bench: Bench,
    generator: Generator,
    run: Running,
    name: str,
    launch: int,
    shot: hunt.ShotPlan,
    slo: Slo,
    plan: tuple[int, int],
    warm_up: float = 0.0,
    usual_turn: float | None = None,
    response_seconds: float = 0.0,
) -> Shot:
    """Send one shot; `plan` is the number of connections and the seed of the arrivals.

    It follows `warm_up` seconds at its rate. `usual_turn` is the thermometer's usual reading beside
    this server, `response_seconds` the longest response without load, in seconds. Raises ArmFailed
    for wrong responses, or none.
    """
    before = warm_up + settling(shot, response_seconds)
    patience = deadline_of(slo, response_seconds), overtime_of(shot, slo, response_seconds)
    routes = Routes(bench.question.workload.requests, slo)
    load = _load(bench, run, shot, plan, before, patience, routes.labels)
    tally, probes = sent(bench, generator, run, load)
    lag = lag_of(tally)
    response = Histogram.from_hdr(tally.response or tally.service)
    lost = lost_of(tally, response)
    if failure := silent_failure(tally, response, shot.rate):
        raise ArmFailed((failure,))
    counted = routes.counts(tally, slices=False)
    of_clauses = routes.of_clauses(counted, response, lost)
    return Shot(
        arm=name,
        launch=launch,
        phase=shot.phase,
        rate=shot.rate,
        settle_seconds=shot.settle_seconds,
        window_seconds=shot.window_seconds,
        count=response.count + lost,
        missed=tuple(missed for _, missed in of_clauses),
        counts=tuple(due for due, _ in of_clauses) if slo.has_routes else (),
        routes=counted,
        good=response.count - routes.late(tally, response),
        failures=tally.failures,
        response=tally.response or tally.service,
        slices=tuple(_slices(tally, slo.timed, routes)),
        lag_seconds=lag,
        sent_share=tally.attempts / tally.scheduled if tally.scheduled else 1.0,
        starved=starved_of(tally),
        silence_seconds=tally.silence_seconds,
        probes=probes,
        refused=_disturbed(bench, shot, slo, load, tally, probes)
        or slow_core(probes.turn_seconds, usual_turn),
    )


def _load(
    bench: Bench,
    run: Running,
    shot: hunt.ShotPlan,
    plan: tuple[int, int],
    before: float,
    patience: tuple[float, float],
    labels: dict[str, str],
) -> Load:
    """A shot's load after `before` seconds at its rate; `patience` is deadline and overtime."""
    (connections, seed), (deadline, overtime) = plan, patience
    return load_of(
        bench,
        run,
        connections,
        shot.window_seconds,
        before + shot.settle_seconds,
        stagger_seconds=0.0,
        deadline_seconds=deadline,
        overtime_seconds=overtime,
        seed=seed,
        pace=arrivals_of(shot, before),
        flood=None,  # failures are counted and must not end the shot
        routes=labels,
    )


def _disturbed(
    bench: Bench, shot: hunt.ShotPlan, slo: Slo, load: Load, tally: Tally, probes: Probes
) -> str:
    return shot_refusal(
        probes,
        tally,
        lag_of(tally),
        slo.shortest_seconds,
        shared=bench.question.budget.shared,
        spins=load.spins,
        strict=shot.phase in hunt.BOUNDED,
    )


def sent(bench: Bench, generator: Generator, run: Running, load: Load) -> tuple[Tally, Probes]:
    """Send a load; raises ArmFailed for wrong responses, or if the server ended."""
    try:
        tally, probes = probe_a_load(bench, generator, run, load)
        if run.launch.ended():
            raise causes.death(run.launch)
    except ServerFailed as error:
        raise failed(error) from error
    if wrong := tuple(failure for failure in tally.failures if failure.kind in WRONG):
        raise ArmFailed(wrong)
    return tally, probes


def arrivals_of(shot: hunt.ShotPlan, warm_up: float) -> Pace:
    """Poisson arrivals, after `warm_up` seconds at its rate (a recovery's calm one)."""
    calm = hunt.QUIET / hunt.OVERLOAD * shot.rate if shot.phase == "recovery" else shot.rate
    before = (Stage(warm_up, calm, calm),) if warm_up else ()
    return Pace(stages=(*before, *shot.stages), arrivals="poisson", backlog=BACKLOG)


def deadline_of(slo: Slo, response_seconds: float = 0.0) -> float:
    """Seconds until a request is given up.

    They are a multiple of the time that the objective allows, and of the longest response without
    load.
    """
    patient = max(DEADLINES * slo.longest_seconds, PATIENT_TIMES * response_seconds)
    return min(MOST_DEADLINE_SECONDS, max(LEAST_DEADLINE_SECONDS, patient))


def overtime_of(shot: hunt.ShotPlan, slo: Slo, response_seconds: float = 0.0) -> float:
    """Seconds after the window until the shot ends, whatever is still in flight.

    A request slower than the objective has missed it. Only a clause about errors, a test and a
    curve need to know what becomes of it, and wait for one deadline.
    """
    if shot.phase == "search" and all(clause.seconds is not None for clause in slo.clauses):
        certain = max(slo.longest_seconds, PATIENT_TIMES * response_seconds)
        return min(deadline_of(slo, response_seconds), max(LEAST_OVERTIME_SECONDS, certain))
    return deadline_of(slo, response_seconds)


def settling(shot: hunt.ShotPlan, response_seconds: float) -> float:
    """Seconds of settling besides the planned ones, as slow requests are all in flight only then.

    Arrivals reach a steady number in flight after the longest response, which has the limits of the
    objective's time; a recovery begins with its overload.
    """
    if shot.phase == "recovery":
        return 0.0
    most = hunt.LONGEST_PROBE if shot.phase in ("search", "curve") else hunt.LONGEST_TEST
    return max(0.0, min(most, response_seconds) - shot.settle_seconds)


def silent_failure(tally: Tally, response: Histogram, rate: float) -> Failure | None:
    """The failure of a server that gave no response at all at a rate, with the first reason.

    None if there was one, or too few requests to tell.
    """
    count = lost_of(tally, response)
    if response.count or tally.statuses or count < LEAST_SILENT:
        return None
    first = next((failure.sample for failure in tally.failures if failure.sample), "")
    text = f"none of {count:,} requests at {units.show_rate(rate)}/s had a response"
    kind = tally.failures[0].kind if tally.failures else "timeout"
    return Failure(kind=kind, count=count, sample=f"{text}\n{first}".rstrip())


def lost_of(tally: Tally, response: Histogram) -> int:
    """Scheduled requests without a correct response, and those stuck when the window opened.

    Without a schedule, or with one of whole sessions, the failures.
    """
    if tally.scheduled is not None and tally.iterations is None:
        return max(0, tally.scheduled - response.count) + tally.stranded
    return sum(failure.count for failure in tally.failures)


def starved_of(tally: Tally) -> int:
    """Connections that the server neglected; 0 if it keeps none open, so that each is new."""
    return tally.starved if tally.reconnects < tally.requests / 2 else 0


def _slices(tally: Tally, clause: Clause | None, routes: Routes) -> list[tuple[int, int]]:
    if clause is None or clause.seconds is None:
        return []
    found = [Histogram.from_hdr(text) for text in tally.slices]
    if clause.route:
        _, found = routes.slices_of(routes.bounded[clause.text], tally)
    return [(one.count, one.count_above(round(clause.seconds * 1e9))) for one in found]


def lag_of(tally: Tally) -> float | None:
    """The generator's lag at the highest percentile up to p99 that its sample supports."""
    if tally.send_lag is None:
        return None
    found = Histogram.from_hdr(tally.send_lag)
    return next((lag for q in LAG_AT if (lag := found.supported_percentile(q)) is not None), None)

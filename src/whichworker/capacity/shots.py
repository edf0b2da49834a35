"""One shot: arrivals at a rate, and how many requests missed the objective."""

from __future__ import annotations

from whichworker.bench import causes
from whichworker.bench.running import Bench, Running
from whichworker.bench.window import ArmFailed, failed, load_of, probe_a_load
from whichworker.design.capacity import hunt
from whichworker.design.validity import shot_refusal
from whichworker.errors import ServerFailed
from whichworker.load.generator import Generator
from whichworker.model import Clause, Load, Pace, Probes, Slo, Stage, Tally
from whichworker.model.histogram import Histogram
from whichworker.store.open_loop import Shot

LAG_AT = (0.99, 0.95, 0.9, 0.5)
"""Percentiles of the send lag to try, from the strictest on."""
WRONG = ("header", "body", "framing", "check", "capture")
"""Failures that no load excuses; an error status, a reset or a timeout misses the objective."""
LEAST_DEADLINE_SECONDS, DEADLINES, MOST_DEADLINE_SECONDS = 4.0, 2.0, 90.0
"""Limits of the deadline, and its multiple of the objective: late responses must still count."""
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
) -> Shot:
    """Send one shot; `plan` is the number of connections and the seed of the arrivals.

    It follows `warm_up` seconds at its rate. Raises ArmFailed for wrong responses, or none.
    """
    connections, seed = plan
    load = load_of(
        bench,
        run,
        connections,
        shot.window_seconds,
        warm_up + shot.settle_seconds,
        stagger_seconds=0.0,
        deadline_seconds=deadline_of(slo),
        seed=seed,
        pace=arrivals_of(shot, warm_up),
        flood=None,  # failures are counted and must not end the shot
    )
    tally, probes = sent(bench, generator, run, load)
    lag = lag_of(tally)
    response = Histogram.from_hdr(tally.response or tally.service)
    lost = lost_of(tally, response)
    return Shot(
        arm=name,
        launch=launch,
        phase=shot.phase,
        rate=shot.rate,
        settle_seconds=shot.settle_seconds,
        window_seconds=shot.window_seconds,
        count=response.count + lost,
        missed=tuple(missed_of(clause, response, lost) for clause in slo.clauses),
        good=response.count - (missed_of(slo.timed, response, 0) if slo.timed is not None else 0),
        failures=tally.failures,
        response=tally.response or tally.service,
        slices=tuple(_slices(tally, slo.timed)),
        lag_seconds=lag,
        sent_share=tally.attempts / tally.scheduled if tally.scheduled else 1.0,
        probes=probes,
        refused=shot_refusal(
            probes,
            tally,
            lag,
            slo.shortest_seconds,
            shared=bench.question.budget.shared,
            spins=load.spins,
        ),
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


def deadline_of(slo: Slo) -> float:
    """Seconds until a request is given up: a multiple of the time that the objective allows."""
    return min(MOST_DEADLINE_SECONDS, max(LEAST_DEADLINE_SECONDS, DEADLINES * slo.longest_seconds))


def missed_of(clause: Clause, response: Histogram, lost: int) -> int:
    """How many requests missed a clause: the failed ones, and those slower than it allows."""
    return lost + (
        response.count_above(round(clause.seconds * 1e9)) if clause.seconds is not None else 0
    )


def lost_of(tally: Tally, response: Histogram) -> int:
    """Scheduled requests without a correct response, or the failures if none are scheduled."""
    if tally.scheduled is not None and tally.iterations is None:
        return max(0, tally.scheduled - response.count)
    return sum(failure.count for failure in tally.failures)


def _slices(tally: Tally, clause: Clause | None) -> list[tuple[int, int]]:
    if clause is None or clause.seconds is None:
        return []
    found = [Histogram.from_hdr(text) for text in tally.slices]
    return [(one.count, one.count_above(round(clause.seconds * 1e9))) for one in found]


def lag_of(tally: Tally) -> float | None:
    """The generator's lag at the highest percentile up to p99 that its sample supports."""
    if tally.send_lag is None:
        return None
    found = Histogram.from_hdr(tally.send_lag)
    return next((lag for q in LAG_AT if (lag := found.supported_percentile(q)) is not None), None)

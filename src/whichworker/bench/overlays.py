"""Before a race: environments, then one launch of each arm that must give the right answer and climbs the ladder of connections."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection
from pathlib import Path

import msgspec

from whichworker.apps import builtin, environments
from whichworker.apps.interpreters import Interpreter, inspect
from whichworker.design import ladder, steady
from whichworker.errors import EnvironmentFailed, ServerFailed
from whichworker.lab.measure import WARM_UP_SECONDS, ArmFailed, check, failed, load_of
from whichworker.lab.running import Bench, Running, running
from whichworker.load.generator import Generator
from whichworker.load.http1 import FramingError, fetch, judge_answer
from whichworker.model import Arm, Environment, Failure, Question
from whichworker.servers import table
from whichworker.store.records import Failed, Prepared

WARM_UP_RECORD_SECONDS, STRETCH_SECONDS, WARM_UP_CONNECTIONS = 1.5, 0.05, 16
SECONDS_TO_CALIBRATE = 15.0
"""A race that has less for each arm than this is too short to spend a tenth of it on warm-up records: its windows have the usual one."""
LEAST_ANSWERS = 300
"""With fewer in the whole record a stretch of 50 ms holds too few to tell a change from chance."""
RUNG_SETTLE_SECONDS = 0.1
MOST_RUNG_SECONDS = 4.0
ASK_SECONDS = 30.0
LEAST_CROWD, MOST_CROWD, MOST_CROWD_SECONDS = 8, 64, 5.0


def build(
    question: Question, cache: Path, note: Callable[[str], None], only: Collection[str] | None = None
) -> tuple[dict[str, Environment], list[Failed]]:
    """An environment for each arm that can have one (of `only` these), and the arms that cannot, with the reason in one line."""
    found: dict[str, Environment] = {}
    without: list[Failed] = []
    interpreters: dict[str, Interpreter] = {label: inspect(app.python) for label, app in question.apps.items()}
    for arm in question.arms:
        if only is not None and arm.name not in only:
            continue
        if question.apps[arm.python].target(arm.interface) is None:
            sample = f"it speaks {arm.interface}, and the app has no {arm.interface} callable"
            without.append(Failed(arm=arm.name, failures=(Failure(kind="refused", count=1, sample=sample),), refused=True))
            continue
        try:
            note(f"environment of {arm.name}")
            found[arm.name] = environments.overlay(cache, interpreters[arm.python], arm.requirements)
        except EnvironmentFailed as error:
            sample = "\n".join(filter(None, (error.fact, error.seen, error.hint and f"hint: {error.hint}")))
            without.append(Failed(arm=arm.name, failures=(Failure(kind="install", count=1, sample=sample),)))
    return found, without


def prepare(bench: Bench, generator: Generator, arm: Arm) -> Prepared | Failed:
    """One launch of one arm: the right answer, its response time alone, and how many connections saturate it."""
    try:
        with running(bench, arm) as run:
            _ask_each(bench, run)
            calibrated = bench.question.budget.seconds >= SECONDS_TO_CALIBRATE * len(bench.question.arms)
            warm = _warm_up(bench, generator, run) if calibrated else None
            rungs = _climb(bench, generator, run)
            if not bench.question.app.name.startswith(builtin.PREFIX):
                _crowd(bench, generator, run, arm, max(rungs.values()))
            saturating = bench.question.connections or ladder.knee(rungs)
            return Prepared(
                arm=arm.name,
                ladder=rungs,
                response_seconds=saturating / rungs[saturating],
                cold_start_seconds=run.cold_start_seconds,
                command=run.command,
                warm_up_seconds=WARM_UP_RECORD_SECONDS if calibrated and warm is None else warm,
                steady=warm is not None or not calibrated,
            )
    except ServerFailed as error:
        return Failed(arm=arm.name, failures=failed(error).failures, alone=True)
    except ArmFailed as error:
        return Failed(arm=arm.name, failures=error.failures)


def _warm_up(bench: Bench, generator: Generator, run: Running) -> float | None:
    """How long a fresh launch takes until its rate is steady: right answers by stretches of 50 ms, MSER-5; None where it is not in time."""
    connections = bench.question.connections or WARM_UP_CONNECTIONS
    tally = generator.run(load_of(bench, run, connections, WARM_UP_RECORD_SECONDS, settle=0.0), lambda *_: None)
    check(run.launch, tally)
    slow = tally.requests < LEAST_ANSWERS
    cut = steady.truncation(tally.per_bucket)
    return 0.0 if slow else None if cut is None else cut * STRETCH_SECONDS


def _ask_each(bench: Bench, run: Running) -> None:
    """Every request once, with nobody else there: what fails here fails alone. Raises ServerFailed."""
    for request in bench.question.workload.requests[1:]:  # the first made it ready
        try:
            complaint = judge_answer(request.answer, fetch(run.address, request, bench.question.app.host, ASK_SECONDS))
        except (OSError, FramingError) as error:
            raise run.launch.failure("reset", f"{request.title}: {type(error).__name__}: {error}") from error
        if complaint is not None:
            raise run.launch.failure(complaint[0], f"{request.title}: {complaint[1]}")


def _crowd(bench: Bench, generator: Generator, run: Running, arm: Arm, per_second: float) -> None:
    """More requests at once than the arm has slots, for a second or so: what requests share must show before the app is raced."""
    limit = table.load(arm.server).in_flight_limit(arm.settings)
    connections = min(MOST_CROWD, max(LEAST_CROWD, 2 * limit if limit else MOST_CROWD // 2))
    seconds = min(MOST_CROWD_SECONDS, max(1.0, 3 * connections / per_second))
    _rung(bench, generator, run, connections, seconds, RUNG_SETTLE_SECONDS)


def _climb(bench: Bench, generator: Generator, run: Running) -> dict[int, float]:
    """Throughput by number of connections: up the ladder, or at the number that was asked for."""
    fixed = bench.question.connections
    rungs: dict[int, float] = {}
    rung: int | None = 1  # at first alone: that is what a user waits where nobody else is there
    while rung is not None:
        settle = RUNG_SETTLE_SECONDS if rungs else WARM_UP_SECONDS
        rungs[rung] = _rung(bench, generator, run, rung, ladder.rung_seconds(rungs.get(max(rungs, default=0))), settle)
        if rung == 1 and (longer := ladder.rung_seconds(rungs[1])) > ladder.RUNG_SECONDS:
            rungs[1] = _rung(bench, generator, run, 1, longer, RUNG_SETTLE_SECONDS)
        rung = ladder.next_rung(rungs) if not fixed else fixed if fixed not in rungs else None
    return rungs


def _rung(bench: Bench, generator: Generator, run: Running, connections: int, seconds: float, settle: float) -> float:
    """Right answers per second; a rung in which none was complete is repeated, four times as long, before it is a failure."""
    tally = generator.run(load_of(bench, run, connections, seconds, settle), lambda *_: None)
    if not tally.requests and not tally.failures and not run.launch.ended() and seconds < MOST_RUNG_SECONDS:
        return _rung(bench, generator, run, connections, 4 * seconds, settle)
    check(run.launch, tally)
    return tally.requests / tally.seconds


def versions(arm: Arm, environment: Environment) -> dict[str, str]:
    """The versions of what an arm's server is made of, and of the framework it serves."""
    wanted = [environments.distribution(requirement) for requirement in arm.requirements]
    frameworks = ("django", "fastapi", "starlette", "flask", "litestar")
    return {name: environment.packages[name] for name in (*wanted, *frameworks) if name in environment.packages}


def digest(question: Question, found: dict[str, Environment]) -> str:
    """The plan as one short word: a run is resumed only where it is the same."""
    packages = {name: (found[name].python_version, found[name].packages) for name in sorted(found)}
    plan = {"question": msgspec.to_builtins(question), "packages": packages}
    del plan["question"]["budget"]["seconds"]
    return environments.digest(json.dumps(plan, sort_keys=True, default=str))

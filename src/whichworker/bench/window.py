"""One window of one arm, on its own launch: start, correct response, settle, window, stop."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Literal, TypedDict, Unpack

import msgspec

from whichworker.bench import causes
from whichworker.bench.running import Bench, Running
from whichworker.bench.services import ServicesReading, with_services
from whichworker.design import shortages
from whichworker.design.validity import arm_fault, too_fast
from whichworker.errors import GeneratorFailed, ServerFailed, WhichworkerError
from whichworker.load import exhaustion
from whichworker.load.generator import Generator
from whichworker.model import Failure, Load, Pace, Probes, Request, Session, Tally
from whichworker.model.histogram import Histogram
from whichworker.probes import cpu, snapshot
from whichworker.probes.bursts import Bursts
from whichworker.probes.thermometer import REST_SECONDS, Thermometer
from whichworker.process.launch import LOG_LINES, Launch

WARM_UP_SECONDS = 0.3  # of load before samples count: it fills the app's caches
WRONG_KINDS = ("status", "header", "body", "framing", "check", "capture")


class Manner(TypedDict, total=False):
    """Differences from the usual load of a window; the names are the fields of `Load`."""

    requests: tuple[Request, ...]
    sessions: tuple[Session, ...]
    stagger_seconds: float
    deadline_seconds: float
    seed: int
    pace: Pace
    flood: int | None
    engine: Literal["auto", "epoll", "native"]
    overtime_seconds: float
    drain: bool
    keep_alive: bool
    routes: dict[str, str]


class ArmFailed(WhichworkerError):
    """An arm responded wrongly, broke connections, died or did not start; never a number."""

    def __init__(self, failures: tuple[Failure, ...]) -> None:
        super().__init__(
            "; ".join(f"{failure.kind} ×{failure.count}: {failure.sample}" for failure in failures)
        )
        self.failures = failures

    @property
    def wrong(self) -> bool:
        """Whether a response was wrong: then there is no second chance."""
        return any(failure.kind in WRONG_KINDS for failure in self.failures)


def failed(error: ServerFailed) -> ArmFailed:
    """The same failure, with the server's log as its sample."""
    sample = f"{error.fact}\n{error.seen}".rstrip()
    return ArmFailed((Failure(kind=error.kind, count=1, sample=sample, hint=error.cure),))


def load_and_probe(
    bench: Bench, generator: Generator, run: Running, load: Load, *, whole: bool = True
) -> tuple[Tally, Probes]:
    """Load a running server and read the probes; raises ArmFailed for any failure in the load."""
    began = time.monotonic()
    tally, probes = probe_a_load(bench, generator, run, load, whole=whole)
    check(run, tally, time.monotonic() - began)
    least = bench.question.workload.minimum_service_seconds
    if fault := arm_fault(probes, tally, shared=bench.question.budget.shared) or too_fast(
        Histogram.from_hdr(tally.service).min, least
    ):
        raise ArmFailed((Failure(kind=fault[0], count=1, sample=fault[1]),))
    return tally, probes


def probe_a_load(
    bench: Bench, generator: Generator, run: Running, load: Load, *, whole: bool = True
) -> tuple[Tally, Probes]:
    """The same, whatever the failures of the load."""
    budget = bench.question.budget
    cores = sorted({*budget.server_cores, *budget.generator_cores})
    warm = bench.thermometer
    tool = (generator.pid or 0, *(warm.pids if warm else ()))
    opened: list[snapshot.Snapshot] = []
    closed: list[snapshot.Snapshot] = []
    looks: list[ServicesReading | None] = []

    def own_cpu_seconds() -> float:
        spent = sum(cpu.tree_cpu_seconds((os.getpid(), *tool)).values())
        return spent + bench.services.others_cpu_seconds()

    bursts = Bursts(budget.server_cores, run.launch.pids(), own_cpu_seconds) if warm else None
    wait = bursts.until if bursts else sleep_until

    def on_window(opens_ns: int, closes_ns: int) -> None:
        wait(opens_ns - snapshot.LEAD_NS)
        opened.append(snapshot.open_window(run.launch.pids(), tool, cores, opens_ns, whole=whole))
        looks.append(bench.services.look())
        wait(closes_ns)
        closed.append(snapshot.close_window(run.launch.pids(), tool, cores, opened[0], whole=whole))
        looks.append(bench.services.look())

    tally = generator.run(load, on_window)
    check_limits(tally.failures)
    probes = snapshot.compare(opened[0], closed[0], cores)
    if warm:
        turn = warm.seconds(opened[0].clocks.at_ns, closed[0].clocks.at_ns)
        longest = bursts.longest if bursts else None
        probes = msgspec.structs.replace(probes, turn_seconds=turn, burst_seconds=longest)
    return tally, with_services(probes, looks[0], looks[-1], len(cores))


@contextmanager
def beside_thermometer(bench: Bench) -> Iterator[Bench]:
    """The same place for windows of seconds, each of them beside a thermometer."""
    with Thermometer(bench.question.budget.server_cores, REST_SECONDS) as thermometer:
        yield msgspec.structs.replace(bench, thermometer=thermometer)


def sleep_until(moment_ns: int) -> None:
    """Sleep until this moment of CLOCK_MONOTONIC, in nanoseconds, unless it has passed."""
    time.sleep(max(0.0, (moment_ns - time.monotonic_ns()) / 1e9))


def load_of(
    bench: Bench,
    run: Running,
    connections: int,
    seconds: float,
    settle: float,
    **manner: Unpack[Manner],
) -> Load:
    """The load of one window: a closed loop of the workload, changed by `manner`.

    A window lasts at least 20 response times, so a fifth of it covers start and settling.
    """
    usual: Manner = {
        "requests": bench.question.workload.requests,
        "sessions": bench.question.workload.sessions,
        "stagger_seconds": settle / 4,
        "deadline_seconds": max(5.0, 3 * seconds),
        "seed": bench.question.terms.seed,
        "keep_alive": run.keep_alive,
    }
    return Load(
        address=run.address,
        host=bench.question.app.host,
        connections=connections,
        settle_seconds=settle,
        window_seconds=seconds,
        **(usual | manner),
    )


def with_log(failure: Failure, launch: Launch) -> Failure:
    """An error of the app, or a late response, with the end of its log, which may say why."""
    error = failure.kind == "status" and "got 5" in failure.sample
    if not error and failure.kind != "timeout":
        return failure
    tail, lack = launch.log_tail(), shortages.in_text(launch.log_tail(LOG_LINES))
    line = f"{lack.line}\n" if lack and lack.line not in tail else ""
    return msgspec.structs.replace(failure, sample=f"{failure.sample}\n{line}{tail}".rstrip())


def check_limits(failures: Sequence[Failure]) -> None:
    """Raise GeneratorFailed if the generator had no port, file or memory left."""
    fact, cure = exhaustion.exhausted(failures)
    if fact:
        raise GeneratorFailed(fact, hint=cure)


def fail_for(failures: Sequence[Failure], run: Running, seconds: float) -> None:
    """Raise ArmFailed for any failure of a load of `seconds`, with its cause.

    Raises GeneratorFailed if this machine is the cause.
    """
    check_limits(failures)
    if failures:
        launch = run.launch
        known = causes.explained(failures, launch, run.workers, seconds)
        raise ArmFailed(tuple(with_log(failure, launch) for failure in known))


def check(run: Running, tally: Tally, seconds: float) -> None:
    """Raise for every failure of a load: a server that ended, wrong responses, broken connections.

    `seconds` is how long the load took.
    """
    broke = any(failure.kind in causes.BROKEN_KINDS for failure in tally.failures)
    if causes.died(run.launch) if broke else run.launch.ended():
        raise causes.death(run.launch)
    fail_for(tally.failures, run, seconds)
    if not tally.requests:
        raise ArmFailed(
            (Failure(kind="timeout", count=1, sample="no response was complete within the window"),)
        )

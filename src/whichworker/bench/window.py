"""One window of one arm: start, right answer, settle, window, stop. A window is its own launch."""

from __future__ import annotations

import time
from collections.abc import Callable

import msgspec

from whichworker.bench.running import Bench, Running, running
from whichworker.bench.services import Look, with_services
from whichworker.design.validity import MOST_TRIES, arm_fault, refusal, too_fast
from whichworker.errors import ServerFailed, WhichworkerError
from whichworker.load.generator import Generator
from whichworker.load.histogram import Histogram
from whichworker.model import Arm, Failure, Load, Probes, Reading, Tally
from whichworker.probes import snapshot
from whichworker.process.launch import Launch

WARM_UP_SECONDS = 0.3
LAST_WORDS_SECONDS = 0.3
BROKEN_KINDS = ("connect", "reset")
WRONG_KINDS = ("status", "header", "body", "framing")


class ArmFailed(WhichworkerError):
    """An arm gave wrong answers, broke connections, died or did not start; never a number, never a zero."""

    def __init__(self, failures: tuple[Failure, ...]) -> None:
        super().__init__("; ".join(f"{failure.kind} ×{failure.count}: {failure.sample}" for failure in failures))
        self.failures = failures

    @property
    def wrong(self) -> bool:
        """Whether it answered, but not what is right: then there is no second chance."""
        return any(failure.kind in WRONG_KINDS for failure in self.failures)


def failed(error: ServerFailed) -> ArmFailed:
    """The same failure, with the server's log as its sample."""
    sample = f"{error.fact}\n{error.seen}".rstrip()
    return ArmFailed((Failure(kind=error.kind, count=1, sample=sample),))


def measure(
    bench: Bench,
    generator: Generator,
    arm: Arm,
    *,
    connections: int,
    seconds: float,
    repeated: Callable[[str], None],
    left: Callable[[], float],
    whole: bool = True,
    warm_up: float = 0.0,
) -> Reading:
    """Measure one window; one that outside signals refuse is measured again on another launch, at most six times, while time is left.

    It opens when `warm_up` seconds of load are over, or more. Unless `whole`, what is dear to read of a large process tree is left out: its
    memory, and what its threads waited.

    The last refused reading is returned with its reason: it counts for nothing but the validity of the session.
    """
    repeats = 0
    while True:
        reading = _once(bench, generator, arm, connections, seconds, repeats, whole, warm_up)
        if not reading.refused or repeats == MOST_TRIES - 1 or left() <= 0:
            return reading
        repeats += 1
        repeated(reading.refused)


def _once(
    bench: Bench, generator: Generator, arm: Arm, connections: int, seconds: float, repeats: int, whole: bool, warm_up: float
) -> Reading:
    try:
        with running(bench, arm) as run:
            load = load_of(bench, run, connections, seconds, settle=max(WARM_UP_SECONDS, seconds / 5, warm_up))
            tally, probes = load_and_probe(bench, generator, run, load, whole=whole)
    except ServerFailed as error:
        raise failed(error) from error
    return Reading(
        tally=tally,
        probes=probes,
        cold_start_seconds=run.cold_start_seconds,
        connections=connections,
        repeats=repeats,
        refused=refusal(probes, tally, shared=bench.question.budget.shared),
        findings=tuple(run.findings),
    )


def load_and_probe(bench: Bench, generator: Generator, run: Running, load: Load, *, whole: bool = True) -> tuple[Tally, Probes]:
    """Load a running server and read the probes at both ends of the window; raises ArmFailed for any failure in the load."""
    tally, probes = probe_a_load(bench, generator, run, load, whole=whole)
    check(run.launch, tally)
    least = bench.question.workload.minimum_service_seconds
    if fault := arm_fault(probes, tally, shared=bench.question.budget.shared) or too_fast(Histogram.from_hdr(tally.service).min, least):
        raise ArmFailed((Failure(kind=fault[0], count=1, sample=fault[1]),))
    return tally, probes


def probe_a_load(bench: Bench, generator: Generator, run: Running, load: Load, *, whole: bool = True) -> tuple[Tally, Probes]:
    """The same, whatever comes of the load."""
    budget = bench.question.budget
    cores = sorted({*budget.server_cores, *budget.generator_cores})
    opened: list[snapshot.Snapshot] = []
    closed: list[snapshot.Snapshot] = []
    looks: list[Look | None] = []

    def on_window(opens_ns: int, closes_ns: int) -> None:
        sleep_until(opens_ns - snapshot.LEAD_NS)
        opened.append(snapshot.open_window(run.launch.pids(), generator.pid or 0, cores, opens_ns, whole=whole))
        looks.append(bench.services.look())
        sleep_until(closes_ns)
        closed.append(snapshot.close_window(run.launch.pids(), generator.pid or 0, cores, opened[0], whole=whole))
        looks.append(bench.services.look())

    tally = generator.run(load, on_window)
    probes = snapshot.compare(opened[0], closed[0], cores)
    return tally, with_services(probes, looks[0], looks[-1], len(cores))


def sleep_until(moment_ns: int) -> None:
    """Sleep until this moment of CLOCK_MONOTONIC, in nanoseconds; not at all where it has passed."""
    time.sleep(max(0.0, (moment_ns - time.monotonic_ns()) / 1e9))


def load_of(bench: Bench, run: Running, connections: int, seconds: float, settle: float) -> Load:
    """The load of one window; a window lasts at least 20 response times, so a fifth of it covers start and settling."""
    return Load(
        address=run.address,
        host=bench.question.app.host,
        requests=bench.question.workload.requests,
        connections=connections,
        settle_seconds=settle,
        window_seconds=seconds,
        stagger_seconds=settle / 4,
        deadline_seconds=max(5.0, 3 * seconds),
        seed=bench.question.seed,
    )


def died(launch: Launch) -> bool:
    """Whether a server that broke its connections has ended; its warden says so, and why, a moment after the kernel has closed them."""
    deadline = time.monotonic() + LAST_WORDS_SECONDS
    while not launch.ended() and time.monotonic() < deadline:
        time.sleep(0.002)
    return launch.ended()


def with_log(failure: Failure, launch: Launch) -> Failure:
    """An error of the app with the end of its log, which may say why."""
    if failure.kind != "status" or "got 5" not in failure.sample:
        return failure
    return msgspec.structs.replace(failure, sample=f"{failure.sample}\n{launch.log_tail()}".rstrip())


def check(launch: Launch, tally: Tally) -> None:
    """No failure goes unseen: a server that ended, wrong answers, broken connections."""
    if launch.ended():
        raise launch.failure("died", "the server ended under load")
    if tally.failures:
        raise ArmFailed(tuple(with_log(failure, launch) for failure in tally.failures))
    if not tally.requests:
        raise ArmFailed((Failure(kind="timeout", count=1, sample="not one answer was complete within the window"),))

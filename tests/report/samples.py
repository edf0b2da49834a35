"""Results of races, built without running one: the same samples serve every report."""

from __future__ import annotations

import dataclasses
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations

from msgspec.structs import replace

from whichworker.model import Failure, Finding, Machine, Resolution, codes
from whichworker.result import (
    AdvisedArm,
    ArmProbes,
    ArmResult,
    ArmState,
    AskedQuestion,
    AtRate,
    Attribution,
    Audit,
    Capacity,
    Claim,
    CoreSpeed,
    Cost,
    CurvePoint,
    Estimate,
    Found,
    Gate,
    Hot,
    MeasuredStretch,
    PassedTest,
    Profile,
    RaceVerdict,
    Ratio,
    Result,
    RouteTimes,
    Run,
    SaturationLatency,
    Searched,
    Twin,
    Validity,
    WaitPoint,
)

BLOCKS = 8
"""Stretches of the race, of fifteen rounds each."""
ROUNDS = 15
TRACEBACK = """Traceback (most recent call last):
  File "/srv/env/lib/python3.12/site-packages/hypercorn/trio/__init__.py", line 9, in <module>
    import trio
ModuleNotFoundError: No module named 'trio'"""


@dataclass(frozen=True)
class Contender:
    """The sample of one ranked arm; `blocks` is how many stretches it stayed in the race."""

    name: str
    server: str
    version: str
    rate: float
    ranks: tuple[int, int]
    cpu: float
    memory: int
    cold: float
    blocks: int = BLOCKS
    settings: dict[str, int | str] = field(default_factory=dict)
    connections: int = 8


LOCKED = Resolution(as_of="2026-11-29T09:00:00Z")
CONTENDERS = (
    Contender(
        "granian-wsgi",
        "granian",
        "2.5.4",
        3120,
        (1, 3),
        312e-6,
        61_300_000,
        0.71,
        8,
        {"workers": 1, "blocking_threads": 2},
    ),
    Contender(
        "gunicorn-gthread",
        "gunicorn",
        "23.0.0",
        3085,
        (1, 3),
        297e-6,
        54_900_000,
        0.58,
        8,
        {"workers": 1, "threads": 8},
        16,
    ),
    Contender(
        "gunicorn-gevent",
        "gunicorn",
        "23.0.0",
        3041,
        (1, 4),
        318e-6,
        82_100_000,
        0.83,
        8,
        {"workers": 1},
    ),
    Contender(
        "gunicorn-sync",
        "gunicorn",
        "23.0.0",
        2890,
        (3, 4),
        331e-6,
        58_200_000,
        0.52,
        8,
        {"workers": 2},
    ),
    Contender(
        "waitress", "waitress", "3.0.2", 2466, (5, 5), 401e-6, 55_400_000, 0.49, 7, {"threads": 8}
    ),
    Contender(
        "granian-asgi-uvloop",
        "granian",
        "2.5.4",
        1914,
        (6, 7),
        518e-6,
        66_800_000,
        0.94,
        5,
        {"loop": "uvloop"},
    ),
    Contender(
        "uvicorn[workers=2]",
        "uvicorn",
        "0.35.0",
        1790,
        (6, 8),
        553e-6,
        131_000_000,
        1.12,
        4,
        {"workers": 2},
        32,
    ),
    Contender(
        "hypercorn-asyncio", "hypercorn", "0.17.3", 1388, (7, 9), 712e-6, 79_400_000, 0.91, 4
    ),
    Contender("daphne", "daphne", "4.2.1", 1102, (8, 9), 903e-6, 88_700_000, 1.37, 4),
)
ASGI = ("granian-asgi-uvloop", "uvicorn[workers=2]", "hypercorn-asyncio", "daphne")
RESET = Failure(kind="reset", count=2, sample="connection reset after 0 of 1843 bytes")


PASSED = PassedTest(
    rate_per_second=2440.0,
    seconds=24.0,
    requests=58_560,
    late=112,
    limit_seconds=0.05,
    percentile="p99",
    response_seconds=0.031,
    low=0.028,
    high=0.036,
)


def race() -> Result:
    """A finished, valid race of 12 arms that is not decided.

    Nine are ranked, of which one is tied with the leader, one is undetermined and seven are claimed
    slower, five of these early; one failed, one was refused, one is invalid.
    """
    names = [one.name for one in CONTENDERS]
    lead = CONTENDERS[0].rate
    return Result(
        question=question(),
        machine=machine(),
        run=Run(
            id="2025-03-04T12-30-05-7f3a",
            started="2025-03-04T12:30:05Z",
            command="whichworker race builtin:django --time 2m",
            version="0.1.0",
            seconds=131.4,
            finished=True,
        ),
        validity=Validity(state="valid"),
        verdict=RaceVerdict(
            state="undecided",
            headline=f"Not decided whether {names[0]} is faster than {names[2]}:"
            " 60 s more would probably decide",
            leader=names[0],
            tied_with=(names[1],),
            undecided_against=(names[2],),
            seconds_to_decide=38.0,
        ),
        findings=findings(),
        arms=(*(ranked(one) for one in CONTENDERS), *unranked()),
        leader=names[0],
        claims=(
            *(behind_the_leader(one.name, lead / one.rate) for one in CONTENDERS[3:]),
            Claim(better=names[1], worse=names[4], ratio=1.251, low=1.172, high=1.335),
        ),
        ties=((names[0], names[1]), (names[1], names[2])),
        undetermined=((names[0], names[2]), (names[2], names[3])),
        blocks=BLOCKS * ROUNDS,
        blocks_to_decide=75,
        twin=Twin(arm=names[1], blocks=BLOCKS * ROUNDS, ratio=1.004, evidence=0.41, limit=20.0),
        advice=AdvisedArm(
            arm=names[1],
            settings={"workers": 1, "threads": 8},
            because="it is tied with the leader, granian-wsgi (less than 3% apart),"
            " and uses less memory. gunicorn-gevent is not decided yet.",
            command=(
                "gunicorn",
                "-k",
                "gthread",
                "-w",
                "1",
                "--threads",
                "8",
                "-b",
                "127.0.0.1:8000",
                "shop.wsgi:application",
            ),
            runner_up=names[0],
        ),
        windows=windows(),
    )


def behind_the_leader(name: str, ratio: float) -> Claim:
    """A claim of the leader, as wide as four percent."""
    lead = CONTENDERS[0].name
    return Claim(better=lead, worse=name, ratio=ratio, low=0.96 * ratio, high=1.04 * ratio)


def with_rates(rates: Mapping[str, float]) -> tuple[Contender, ...]:
    """The contenders, some of them with other rates."""
    return tuple(dataclasses.replace(one, rate=rates.get(one.name, one.rate)) for one in CONTENDERS)


def clear() -> Result:
    """A race that the leader won: everyone else is claimed slower."""
    whole, names = race(), [one.name for one in CONTENDERS]
    lead = CONTENDERS[0].rate
    contenders = with_rates({names[1]: 2920, names[2]: 2905})
    return replace(
        whole,
        verdict=RaceVerdict(
            state="clear",
            headline=f"Clear winner: {names[0]} is faster than all 8 other server setups",
            leader=names[0],
        ),
        arms=(
            replace(whole.arms[0], rank_low=1, rank_high=1),
            *(replace(ranked(one), rank_low=2, rank_high=4) for one in contenders[1:4]),
            *whole.arms[4:],
        ),
        windows=windows(contenders=contenders),
        claims=tuple(behind_the_leader(one.name, lead / one.rate) for one in contenders[1:]),
        ties=(),
        undetermined=(),
        blocks_to_decide=None,
        advice=AdvisedArm(
            arm=names[0],
            settings={"workers": 1, "blocking_threads": 2},
            because="it is faster than all 8 others",
            command=("granian", "--interface", "wsgi", "shop.wsgi:application"),
            runner_up=names[1],
        ),
    )


def visited() -> Result:
    """The same, where whole sessions of four requests arrive."""
    whole = waited()

    def arriving(point: WaitPoint) -> WaitPoint:
        return replace(point, sessions_per_second=point.rate_per_second / 4)

    arms = (replace(arm, waits=tuple(map(arriving, arm.waits))) for arm in whole.arms)
    return replace(whole, arms=tuple(arms))


def waited() -> Result:
    """The clear race with the response times of two arms; the second cannot do the last rate."""
    whole = clear()
    lead = CONTENDERS[0].rate

    def points(shares: Sequence[float], lost: int) -> tuple[WaitPoint, ...]:
        return tuple(
            WaitPoint(
                share=share,
                rate_per_second=share * lead,
                requests=4000,
                lost=lost if share == shares[-1] else 0,
                p50=0.0004 / (1 - share),
                p90=0.001 / (1 - share),
                p99=None if share > 0.8 else 0.002 / (1 - share),
                intervals={"p50": (0.00035 / (1 - share), 0.00045 / (1 - share))},
            )
            for share in shares
        )

    first, second, *others = whole.arms
    return replace(
        whole,
        arms=(
            replace(first, waits=points((0.25, 0.5, 0.75, 0.9), 0)),
            replace(second, waits=points((0.25, 0.5, 0.75), 7), today="Procfile"),
            *others,
        ),
    )


def waited_by_route() -> Result:
    """The same with two routes at the leader's first rate."""
    whole = waited()
    first, *others = whole.arms
    routes = tuple(
        RouteTimes(name=name, requests=count, lost=0, p50=p50, p90=2 * p50, p99=None)
        for name, count, p50 in (("GET /health", 3600, 0.0005), ("GET /report", 400, 0.3))
    )
    waits = (replace(first.waits[0], routes=routes), *first.waits[1:])
    return replace(whole, arms=(replace(first, waits=waits), *others))


def tied() -> Result:
    """A race whose three fastest are tied; all others are claimed slower."""
    whole, names = race(), [one.name for one in CONTENDERS]
    contenders = with_rates({names[2]: 3075})
    return replace(
        whole,
        arms=(*whole.arms[:2], ranked(contenders[2]), *whole.arms[3:]),
        windows=windows(contenders=contenders),
        verdict=RaceVerdict(
            state="tied",
            headline=f"Tied: {names[0]}, {names[1]} and {names[2]} are within 3%."
            " Take the one with the least memory.",
            leader=names[0],
            tied_with=(names[1], names[2]),
        ),
        ties=((names[0], names[1]), (names[0], names[2]), (names[1], names[2])),
        undetermined=(),
        blocks_to_decide=None,
        advice=replace(
            whole.advice,
            because="it is tied with the leader, granian-wsgi (less than 3% apart),"
            " and uses the least memory of those tied",
        )
        if whole.advice
        else None,
    )


def old() -> Result:
    """A result from before slices: blocks of windows, no verdict, no claims about early leavers."""
    whole = race()
    arms = tuple(
        replace(
            arm,
            windows=min(arm.windows, BLOCKS),
            launches=min(arm.windows, BLOCKS),
            connections=arm.connections and 16,
            against_leader=None,
            idle_share=None,
        )
        for arm in whole.arms
    )
    return replace(
        whole,
        verdict=None,
        question=replace(whole.question, connections=16),
        arms=arms,
        claims=whole.claims[:3],
        blocks=BLOCKS,
        blocks_to_decide=5,
    )


def sought() -> Result:
    """The same race with a second stage: three finalists, one of them without a validated rate."""
    whole = race()
    asked = replace(
        whole.question,
        slo="p99<50ms",
        rate_per_second=2350.0,
    )
    causes = (
        Attribution(cause="cpu", evidence=("it uses 0.98 of 1 core, 312 µs for each request",)),
        Attribution(
            cause="worker slots",
            evidence=(
                "7.9 requests in progress at the same time, the settings allow 8",
                "it uses 0.4 of 1 core",
            ),
        ),
        None,
    )
    arms = []
    for place, (arm, cause) in enumerate(zip(whole.arms[:3], causes, strict=True)):
        found = 2600.0 - 200 * place
        capacity = Capacity(
            value=found,
            low=0.96 * found,
            high=1.05 * found,
            certified=None if place == 2 else 0.93 * found,
            slo=asked.slo or "",
            binding="p99<50ms",
            seconds=41.0,
            recovery_seconds=None if place == 1 else 0.4,
            passed=None if place == 2 else PASSED,
            core_speed=CoreSpeed(low=0.94 + 0.02 * place, high=1.03),
        )
        holds = AtRate(
            rate_per_second=2350.0, holds=(True, None, False)[place], headroom=found / 2350
        )
        gates = (
            Gate(name="generator CPU", limit=0.8, seen=0.41, passed=True),
            Gate(name="send lag", limit=0.0025, seen=None, passed=False),
        )
        arms.append(
            replace(
                arm,
                cpu_seconds_per_request=130e-6 if place == 1 else arm.cpu_seconds_per_request,
                capacity_per_second=capacity,
                latency_curve=curve(found),
                at_rate=holds,
                attribution=cause,
                gates=gates[: 1 + place],
            )
        )
    advice = AdvisedArm(
        arm=arms[0].name,
        settings={"workers": 1, "blocking_threads": 2},
        because="it meets p99<50ms at 2,350/s, and no other setup was shown to meet it;"
        " its capacity is 1.1 times this rate",
        command=("granian", "--interface", "wsgi", "shop.wsgi:application"),
    )
    return replace(whole, question=asked, arms=(*arms, *whole.arms[3:]), advice=advice)


def curve(found: float) -> tuple[CurvePoint, ...]:
    """Response times as of a single queue."""
    points = []
    for share in (0.25, 0.5, 0.7, 0.9, 1.0, 1.2, 2.0):
        wait = 0.002 / max(0.02, 1 - share) if share < 1 else 0.3 * share
        points.append(
            CurvePoint(
                rate_per_second=share * found,
                p50=0.4 * wait,
                p90=wait,
                p99=None if share == 0.25 else 3 * wait,
                goodput_per_second=found * min(share, 1.0),
                intervals={"p50": (0.36 * wait, 0.44 * wait)},
            )
        )
    return tuple(points)


def question() -> AskedQuestion:
    """What the sample races ask."""
    return AskedQuestion(
        app="builtin:django",
        workload="query, rendered as HTML",
        delta=0.03,
        alpha=0.05,
        claims="leader",
        seed=1,
        time_seconds=120.0,
        connections=None,
        server_cores=(1,),
        generator_cores=(0,),
        resolution=LOCKED,
    )


def machine() -> Machine:
    """The machine the sample races ran on."""
    return Machine(
        fingerprint="b1946ac92492d234",
        system="Linux 6.1.0 x86_64",
        cpu="AMD EPYC 7B13",
        cores=2,
        usable_cores=(0, 1),
        memory_bytes=8_200_000_000,
        details={
            "governor": "performance",
            "virtual": True,
            "cgroup": {"version": 2, "cpu.max": "max"},
        },
    )


def findings() -> tuple[Finding, ...]:
    """One error, two warnings and a note."""
    return (
        codes.ARM["start"].finding(
            "hypercorn-trio never gave a correct response",
            arm="hypercorn-trio",
            evidence=TRACEBACK,
            hint="install hypercorn[trio] in the environment of the app",
        ),
        codes.WINDOWS_REFUSED.finding(
            "6 slices: other processes used 26-44 % of the servers' cores (limit 25 %)"
        ),
        codes.STOPPED_BY_FORCE.finding(
            "daphne, in 1 of 3 launches: it did not stop within 3 s after SIGTERM", arm="daphne"
        ),
        codes.APP_BUILTIN.finding(),
    )


def ranked(one: Contender, wide: float = 0.01) -> ArmResult:
    """The result of one ranked arm; `wide` is half of the interval beside its ratio."""
    half = 0.018 + 0.05 / one.blocks
    interval = Estimate(
        value=one.rate, low=round(one.rate * (1 - half), 1), high=round(one.rate * (1 + half), 1)
    )
    quick = 16 / one.rate
    ratio = one.rate / CONTENDERS[0].rate
    near = Ratio(value=ratio, low=ratio * (1 - wide), high=ratio * (1 + wide), interval="95 %")
    return ArmResult(
        name=one.name,
        server=one.server,
        kind=one.name.partition("-")[2] or "default",
        version=one.version,
        resolution=Resolution(locked=False) if one.name == "waitress" else LOCKED,
        python="3.12.3",
        interface="asgi" if one.name in ASGI else "wsgi",
        settings=one.settings,
        state="ranked",
        rank_low=one.ranks[0],
        rank_high=one.ranks[1],
        throughput_per_second=interval,
        cpu_seconds_per_request=one.cpu,
        memory_bytes=one.memory,
        cold_start_seconds=one.cold,
        against_leader=None if one is CONTENDERS[0] else near,
        idle_share=0.001,
        latency_at_saturation_seconds=SaturationLatency(
            p50=quick, p99=quick * 3.2 if one.blocks > 4 else None
        ),
        connections=one.connections,
        windows=one.blocks * ROUNDS,
        launches=max(1, one.blocks // 4),
        repeats=1 if one.name == "waitress" else 0,
        failures=(RESET,) if one.name == "gunicorn-sync" else (),
        dropped=one.blocks < BLOCKS,
        command=(one.server, "--bind", "127.0.0.1:0", "shop.wsgi:application"),
    )


def unranked() -> tuple[ArmResult, ...]:
    """An arm that failed to start, one that was refused and one whose answers were wrong."""
    wrong = Failure(
        kind="body",
        count=412,
        sample="expected 1843 bytes b'<table><tr>…', got 17 bytes b'Too many requests'",
    )
    return (
        bare("hypercorn-trio", "failed", Failure(kind="start", count=3, sample=TRACEBACK)),
        bare(
            "bjoern",
            "refused",
            Failure(
                kind="refused",
                count=1,
                sample="bjoern has no wheel for Python 3.12 on this machine",
            ),
        ),
        bare("cheroot", "invalid", wrong),
    )


def bare(name: str, state: ArmState, *failures: Failure) -> ArmResult:
    """An arm of which nothing was measured."""
    return ArmResult(
        name=name,
        server=name.partition("-")[0],
        kind="default",
        version=None,
        python=None,
        interface="wsgi",
        settings={},
        state=state,
        failures=failures,
    )


def windows(
    blocks: int = BLOCKS, seed: int = 7, contenders: Sequence[Contender] = CONTENDERS
) -> tuple[MeasuredStretch, ...]:
    """The stretches of the ranked arms: a shared effect of time, and noise of their own."""
    noise = random.Random(seed)
    found = []
    for block in range(blocks):
        shared = noise.gauss(1, 0.04)
        for one in contenders:
            if block * BLOCKS < one.blocks * blocks:
                rate, cpu = (
                    one.rate * shared * noise.gauss(1, 0.025),
                    one.cpu * noise.gauss(1, 0.008),
                )
                window = MeasuredStretch(
                    block=block,
                    arm=one.name,
                    throughput_per_second=round(rate, 2),
                    cpu_seconds_per_request=round(cpu, 9),
                )
                found.append(window)
    return tuple(found)


def own() -> Result:
    """The clear race of a user's own app: facts, costs, conditions, audits and probes."""
    whole = clear()
    assert whole.advice is not None
    probes = ArmProbes(
        cpu_cores=0.98,
        system_share=0.11,
        run_delay_cores=0.02,
        voluntary_switches_per_request=1.2,
        processes=2.0,
        threads=9.0,
        uss_bytes=44e6,
        foreign_share=None,
    )
    hot = (Hot(function="render (shop/views.py)", share=0.31), Hot(function="loads", share=0.08))
    profile = Profile(
        samples=300, functions=hot, lock_share=0.91, loop_lag_seconds={"p50": 0.001, "p99": 0.02}
    )
    first = replace(
        whole.arms[0],
        probes=probes,
        profile=profile,
        attribution=Attribution(cause="cpu", evidence=("it uses 0.98 of 1 core",)),
        gates=(Gate(name="generator CPU", limit=0.8, seen=0.41, passed=True),),
    )
    advice = replace(
        whole.advice,
        flips_when=("memory counts most: gunicorn-gthread needs 40 MB instead of 61.3 MB",),
        cost=Cost(
            cpu_seconds_per_request=312e-6,
            memory_bytes=61_300_000,
            memory_per_worker_bytes=30_000_000,
            most_workers=16,
            memory_limit_bytes=512_000_000,
        ),
        audits=(
            Audit(
                name="debug",
                title="DEBUG is off",
                state="failed",
                evidence="shop/settings.py: DEBUG = True",
                gain=Estimate(value=1.4),
                diff="-DEBUG = True\n+DEBUG = False",
                problem="DEBUG is on",
            ),
            Audit(name="gzip", title="Responses are compressed", state="passed", evidence="br"),
            Audit(name="pool", title="Connections are kept", state="not applicable"),
        ),
        today="gunicorn-gthread is what Procfile starts; granian-wsgi is 1.07 times as fast",
    )
    return replace(
        whole,
        question=replace(whole.question, app="shop"),
        run=replace(whole.run, command="whichworker race shop --time 2m"),
        arms=(first, replace(whole.arms[1], today="Procfile"), *whole.arms[2:]),
        advice=advice,
        app={
            "framework": Found(value="Django 5.2", origin="requirements.txt"),
            "module": Found(value="shop.wsgi:application", origin="manage.py"),
        },
        settings_searched=(
            Searched(
                arm="granian-wsgi",
                settings={"workers": 1},
                throughput_per_second=Estimate(value=2990.0),
                state="ranked",
                went_on=True,
                run="2025-03-04T12-20-00-0000",
            ),
            Searched(
                arm="bjoern",
                settings={},
                throughput_per_second=None,
                state="refused",
                went_on=False,
                run="2025-03-04T12-20-00-0000",
            ),
        ),
        findings=whole.findings[:3],
    )


def large(setups: int = 40, stretches: int = 500) -> Result:
    """A race as large as they get, with a finding for each setup."""
    whole, noise = race(), random.Random(5)
    contenders = tuple(
        Contender(
            name=f"gunicorn-gthread[threads={2 + place},workers={1 + place % 4}]",
            server="gunicorn",
            version="23.0.0",
            rate=3120.0 * 0.97**place,
            ranks=(1, 1) if place == 0 else (2, setups),
            cpu=312e-6 / 0.97**place,
            memory=54_900_000 + 1_000_000 * place,
            cold=0.5 + 0.02 * place,
            settings={"threads": 2 + place, "workers": 1 + place % 4},
        )
        for place in range(setups)
    )
    lead = contenders[0]
    return replace(
        whole,
        verdict=RaceVerdict(
            state="clear",
            headline=f"Clear winner: {lead.name} is faster than all {setups - 1} other server"
            " setups",
            leader=lead.name,
        ),
        arms=tuple(
            replace(ranked(one), against_leader=None) if one is lead else ranked(one)
            for one in contenders
        ),
        leader=lead.name,
        claims=tuple(
            Claim(
                better=lead.name,
                worse=one.name,
                ratio=lead.rate / one.rate,
                low=0.96 * lead.rate / one.rate,
                high=1.04 * lead.rate / one.rate,
            )
            for one in contenders[1:]
        ),
        ties=(),
        undetermined=(),
        findings=tuple(
            codes.STOPPED_BY_FORCE.finding(f"{one.name}, in 1 of 3 launches", arm=one.name)
            for one in contenders
        ),
        advice=AdvisedArm(
            arm=lead.name,
            settings=lead.settings,
            because=f"it is faster than all {setups - 1} others",
            command=("gunicorn", "--threads", "2", "shop.wsgi:application"),
        ),
        blocks=stretches * ROUNDS,
        windows=tuple(
            MeasuredStretch(
                block=block,
                arm=one.name,
                throughput_per_second=float(f"{one.rate * noise.gauss(1, 0.02):.6g}"),
                cpu_seconds_per_request=float(f"{one.cpu * noise.gauss(1, 0.01):.6g}"),
            )
            for block in range(stretches)
            for one in contenders
        ),
    )


def invalid() -> Result:
    """A race whose twins differed: not to be believed, though it has numbers and an advice."""
    reasons = (
        "two identical copies of gunicorn-gthread differed by 9 %",
        "other programs used the cores in more than half of all slices",
    )
    twin = Twin(arm="gunicorn-gthread", blocks=BLOCKS, ratio=1.09, evidence=57.0, limit=20.0)
    return replace(race(), validity=Validity(state="invalid", reasons=reasons), twin=twin)


def interrupted() -> Result:
    """A race that was stopped early: four are still undecided, nothing is advised."""
    whole = race()
    names = [one.name for one in CONTENDERS[:4]]
    lead = CONTENDERS[0].rate
    return replace(
        whole,
        run=replace(whole.run, finished=False, seconds=48.0),
        arms=(*(ranked(one, 0.05) for one in CONTENDERS), *unranked()),
        verdict=RaceVerdict(
            state="undecided",
            headline=f"Not decided whether {names[0]} is faster than {names[1]},"
            f" {names[2]} and {names[3]}: 120 s more would probably decide",
            leader=names[0],
            undecided_against=tuple(names[1:]),
            seconds_to_decide=84.0,
        ),
        claims=tuple(behind_the_leader(one.name, lead / one.rate) for one in CONTENDERS[4:]),
        ties=(),
        undetermined=tuple(combinations(names, 2)),
        advice=None,
        twin=None,
    )


def single() -> Result:
    """A race of one arm: nothing to compare with."""
    whole, only = race(), CONTENDERS[0]
    headline = f"{only.name} is the only server setup that could be measured"
    because = "it is the only server setup that could be measured"
    advice = AdvisedArm(
        arm=only.name, settings={}, because=because, command=("granian", "shop.wsgi")
    )
    return replace(
        whole,
        verdict=RaceVerdict(state="clear", headline=headline, leader=only.name),
        arms=(replace(whole.arms[0], rank_low=1, rank_high=1),),
        claims=(),
        ties=(),
        undetermined=(),
        twin=None,
        advice=advice,
        findings=(),
        blocks_to_decide=None,
        windows=tuple(window for window in whole.windows if window.arm == only.name),
    )


def unanswered() -> Result:
    """A race in which no arm could be ranked."""
    return replace(
        race(),
        verdict=None,
        arms=unranked(),
        leader=None,
        claims=(),
        ties=(),
        undetermined=(),
        twin=None,
        advice=None,
        windows=(),
        blocks=0,
        blocks_to_decide=None,
    )


def sparse() -> Result:
    """A race in which every measurement that may be absent is absent."""
    whole = race()
    arms = tuple(
        replace(
            arm,
            version=None,
            python=None,
            rank_low=None,
            rank_high=None,
            throughput_per_second=None,
            cpu_seconds_per_request=None,
            memory_bytes=None,
            cold_start_seconds=None,
            latency_at_saturation_seconds=None,
            connections=None,
            against_leader=None,
            idle_share=None,
            failures=(),
            command=(),
        )
        for arm in whole.arms
    )
    asked = replace(whole.question, server_cores=(), generator_cores=())
    return replace(
        whole,
        question=asked,
        verdict=None,
        arms=arms,
        leader=None,
        claims=(),
        ties=(),
        undetermined=(),
        twin=None,
        advice=None,
        windows=(),
        findings=(),
    )


def hostile(text: str = "<script>alert('\"&x')</script>") -> Result:
    """A race in which every text that comes from outside tries to be markup."""
    whole = race()
    arms = tuple(
        replace(
            arm,
            name=f"{arm.name}{text}",
            server=text,
            version=text,
            python=text,
            settings={text: text},
            command=(text,),
            failures=(Failure(kind=text, count=1, sample=text),),
        )
        for arm in whole.arms
    )
    leader, second = arms[0].name, arms[1].name
    return replace(
        whole,
        question=replace(whole.question, app=text, workload=text, claims=text),
        machine=replace(
            whole.machine,
            cpu=text,
            system=text,
            fingerprint=text,
            details={text: text, "list": [text]},
        ),
        run=replace(whole.run, id=text, command=text, version=text, started=text),
        findings=(
            Finding(code=text, severity="warning", text=text, evidence=text, hint=text, arm=text),
        ),
        verdict=RaceVerdict(
            state="undecided",
            headline=f"Not decided whether {leader} is faster than {arms[3].name}:"
            " 60 s more would probably decide",
            leader=leader,
            tied_with=(second,),
            undecided_against=(arms[3].name,),
            seconds_to_decide=38.0,
        ),
        arms=arms,
        leader=leader,
        claims=(Claim(better=leader, worse=arms[2].name, ratio=1.1, low=1.02, high=1.2),),
        ties=((leader, second),),
        undetermined=((leader, arms[3].name),),
        twin=Twin(arm=text, blocks=1, ratio=None, evidence=0.1, limit=20.0),
        advice=AdvisedArm(
            arm=leader, settings={text: text}, because=text, command=(text,), runner_up=text
        ),
        windows=tuple(replace(window, arm=f"{window.arm}{text}") for window in whole.windows),
    )

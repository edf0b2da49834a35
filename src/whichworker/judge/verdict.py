"""From a journal to a result: nothing here measures, so a result can be made again at any time."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

import msgspec
import numpy as np

import whichworker
from whichworker.advise.recommend import recommend
from whichworker.apps import builtin
from whichworker.design import evidence
from whichworker.design.elimination import FIRST_DECISION
from whichworker.design.pairs import Pair, ranks
from whichworker.design.race import TWIN, TWIN_LIMIT, Race
from whichworker.design.validity import session_refusal
from whichworker.lab.capacity_verdict import SecondStage
from whichworker.lab.diagnosis import diagnose
from whichworker.lab.discovered import discovered
from whichworker.lab.passport import Passports
from whichworker.lab.prepare import versions
from whichworker.lab.probed import middle_of, probed
from whichworker.lab.race import replay
from whichworker.load.histogram import Histogram
from whichworker.model import Arm, Failure, Finding, Reading, Severity
from whichworker.result import (
    ArmResult,
    ArmState,
    AskedQuestion,
    Claim,
    Estimate,
    Result,
    Run,
    SaturationLatency,
    Searched,
    Twin,
    Validity,
)
from whichworker.result import Window as WindowResult
from whichworker.store.journal import Journal
from whichworker.store.records import BlockEnd, Failed, FirstStep, Header, Noted, Prepared, Session, Settled, Window

SHARE_OF_MEMORY = 0.8
INTERVAL = 0.05
"""Every `low` and `high` of a single arm is a 95 % interval, whatever the alpha of the claims."""


def judge(journal: Journal, time_seconds: float | None = None) -> Result:
    """The result of a run as its journal has it, finished or not; `time_seconds` where a resumed run was given more than it began with."""
    header = journal.header()
    question = header.question
    settled = next(journal.of(Settled), None)
    race = replay(question, settled, journal) if settled else None
    whole = whole_windows(journal)
    claims, ties, undetermined = spoken(race.pairs() if race else [])
    places = ranks(race.listed, race.pairs()) if race else {}
    passports, second = Passports(journal, whole), SecondStage(question, journal)
    arms = (second.add_to(passports.add_to(_arm(journal, arm, race, whole, places))) for arm in question.arms)
    twin = _twin(race)
    validity = _validity(journal, race, twin)
    sessions = list(journal.of(Session))
    result = Result(
        question=AskedQuestion(
            app=question.app.name,
            workload=question.workload.name,
            delta=question.delta,
            alpha=question.alpha,
            claims=question.claims,
            seed=question.seed,
            time_seconds=time_seconds or question.budget.seconds,
            connections=settled.connections if settled else question.connections,
            server_cores=question.budget.server_cores,
            generator_cores=question.budget.generator_cores,
            database=question.database,
            cache=question.cache,
            services=question.services,
            slo=second.sought.slo.text if second.sought else question.slo.text if question.slo else None,
            slo_derived=second.sought.slo.derived if second.sought else "",
            rate_per_second=question.rate,
        ),
        machine=header.machine,
        run=Run(
            id=header.run,
            started=header.started,
            command=header.command,
            version=whichworker.__version__,
            seconds=sum(session.seconds for session in sessions),
            finished=bool(sessions) and sessions[-1].ended == "finished",
        ),
        validity=validity,
        findings=(*_findings(journal, twin, validity), *passports.findings(), *second.findings()),
        arms=tuple(sorted(arms, key=_order)),
        leader=race.leader() if race else None,
        claims=claims,
        ties=ties,
        undetermined=undetermined,
        blocks=race.blocks if race else 0,
        blocks_to_decide=race.blocks_to_decide() if race else None,
        twin=twin,
        windows=tuple(_window(block, name, reading) for name, readings in whole.items() for block, reading in readings.items()),
    )
    return recommend(
        msgspec.structs.replace(result, app=discovered(question), settings_searched=_first_step(journal)), _memory_limit(header)
    )


def _first_step(journal: Journal) -> tuple[Searched, ...]:
    return next((record.searched for record in journal.of(FirstStep)), ())


def _memory_limit(header: Header) -> int | None:
    """What a server may use: the budget's, or four fifths of the machine's."""
    machine = header.machine.memory_bytes
    return header.question.budget.memory_bytes or (round(SHARE_OF_MEMORY * machine) if machine else None)


def whole_windows(journal: Journal) -> dict[str, dict[int, Reading]]:
    """The readings of whole blocks, by arm (the twin left out) and block."""
    kept: dict[str, dict[int, Reading]] = {}
    current: dict[str, Reading] = {}
    for record in journal.records:
        if isinstance(record, Window) and record.arm != TWIN:
            current[record.arm] = record.reading
        elif isinstance(record, BlockEnd):
            if not record.abandoned:
                for name, reading in current.items():
                    kept.setdefault(name, {})[record.number] = reading
            current = {}
    return kept


def spoken(pairs: Sequence[Pair]) -> tuple[tuple[Claim, ...], tuple[tuple[str, str], ...], tuple[tuple[str, str], ...]]:
    """Claims, ties and undetermined pairs, in words that read from the better to the worse."""
    claims, ties, undetermined = [], [], []
    for pair in pairs:
        if pair.verdict == "tie":
            ties.append((pair.first, pair.second))
        elif pair.verdict == "undetermined":
            undetermined.append((pair.first, pair.second))
        elif pair.verdict == "better":
            ratio, low, high = (math.exp(value) for value in (pair.mean, pair.low, pair.high))
            claims.append(Claim(better=pair.first, worse=pair.second, ratio=ratio, low=low, high=high))
        else:
            ratio, low, high = (math.exp(-value) for value in (pair.mean, pair.high, pair.low))
            claims.append(Claim(better=pair.second, worse=pair.first, ratio=ratio, low=low, high=high))
    return tuple(claims), tuple(ties), tuple(undetermined)


def _arm(
    journal: Journal, arm: Arm, race: Race | None, whole: Mapping[str, Mapping[int, Reading]], places: Mapping[str, tuple[int, int]]
) -> ArmResult:
    environment = journal.header().environments.get(arm.name)
    prepared = next((record for record in journal.of(Prepared) if record.arm == arm.name), None)
    failures = tuple(failure for record in journal.of(Failed) if record.arm == arm.name for failure in record.failures)
    readings = list(whole.get(arm.name, {}).values())
    state = _state(journal, arm.name, len(readings), race, places)
    low, high = places.get(arm.name, (None, None)) if state in ("ranked", "dropped") else (None, None)
    shown = readings if state != "failed" else []
    return ArmResult(
        name=arm.name,
        server=arm.family,
        kind=arm.kind,
        version=environment.version if environment else None,
        versions=versions(arm, environment) if environment else {},
        python=environment.python_version if environment else None,
        interface=arm.interface,
        settings=arm.settings,
        state=state,
        rank_low=low,
        rank_high=high,
        throughput_per_second=_throughput(shown),
        cpu_seconds_per_request=middle_of(reading.cpu_seconds_per_request for reading in shown),
        memory_bytes=_whole(middle_of(reading.probes.memory_bytes for reading in shown)),
        cold_start_seconds=middle_of(reading.cold_start_seconds for reading in shown),
        latency_at_saturation_seconds=_latency(shown),
        connections=shown[0].connections if shown else None,
        windows=len(readings),
        launches=len(readings),
        repeats=sum(record.reading.repeats + bool(record.reading.refused) for record in journal.of(Window) if record.arm == arm.name),
        failures=failures,
        dropped=race is not None and arm.name in race.dropped,
        command=prepared.command if prepared else (),
        probes=probed(shown),
    )


def _state(journal: Journal, name: str, windows: int, race: Race | None, places: Mapping[str, tuple[int, int]]) -> ArmState:
    """Ranked from four launches on; dropped where it left early and its rank still says nothing."""
    failed = [record for record in journal.of(Failed) if record.arm == name]
    if failed:
        return "refused" if any(record.refused for record in failed) else "failed"
    if race is None or windows < FIRST_DECISION:
        return "invalid"
    if name in race.dropped and len(places) > 1 and places[name] == (1, len(places)):
        return "dropped"
    return "ranked"


def _throughput(readings: Sequence[Reading]) -> Estimate | None:
    """The geometric mean over launches with Student's interval on the log scale."""
    logs = [math.log(reading.throughput_per_second) for reading in readings]
    if not logs:
        return None
    interval = evidence.fixed_interval(logs, INTERVAL)
    low, high = (math.exp(end) for end in interval) if interval else (None, None)
    return Estimate(value=float(np.exp(np.mean(logs))), low=low, high=high)


def _latency(readings: Sequence[Reading]) -> SaturationLatency | None:
    """Percentiles of all windows' histograms merged; percentiles themselves are never averaged."""
    if not readings:
        return None
    merged = Histogram()
    for reading in readings:
        merged.merge(Histogram.from_hdr(reading.tally.service))
    return SaturationLatency(p50=merged.supported_percentile(0.5), p99=merged.supported_percentile(0.99))


def _whole(value: float | None) -> int | None:
    return None if value is None else round(value)


def _twin(race: Race | None) -> Twin | None:
    if race is None:
        return None
    seen, differences = race.twin_evidence()
    ratio = math.exp(float(np.mean(differences))) if differences else None
    return Twin(arm=race.twin_of, blocks=len(differences), ratio=ratio, evidence=seen, limit=TWIN_LIMIT)


def _validity(journal: Journal, race: Race | None, twin: Twin | None) -> Validity:
    reasons = []
    if twin is not None and twin.evidence >= twin.limit and twin.ratio is not None:
        reasons.append(f"two copies of {twin.arm} differ by {abs(twin.ratio - 1):.1%}: whatever told them apart also tells others apart")
    readings = [record.reading for record in journal.of(Window)]
    refused = sum(reading.repeats + bool(reading.refused) for reading in readings)
    finished = any(session.ended == "finished" for session in journal.of(Session))
    if busy := session_refusal(refused, refused + sum(not reading.refused for reading in readings)):
        reasons.append(busy)
    elif race is None and finished and not any(True for _ in journal.of(Prepared)):
        reasons.append("no arm could be measured")
    elif race is None or not race.listed:
        few = f"no arm reached {FIRST_DECISION} launches within the time: give it more with --time"
        lost = race is not None and race.failed >= set(race.arms)
        early = f"it was interrupted before any arm had {FIRST_DECISION} launches"
        reasons.append("every arm failed before it could be ranked" if lost else few if finished else early)
    return Validity(state="invalid" if reasons else "valid", reasons=tuple(reasons))


def _findings(journal: Journal, twin: Twin | None, validity: Validity) -> Iterable[Finding]:
    header = journal.header()
    yield from (record.finding for record in journal.of(Noted))
    for record in journal.of(Failed):
        if record.arm == TWIN and twin is not None:
            text = f"the twin of {twin.arm} failed, so from there on nothing told whether the machine was even-handed"
            yield Finding(code="twin-failed", severity="warning", arm=twin.arm, text=text, evidence=record.failures[0].sample)
            continue
        for failure in record.failures:
            yield _failure(record, failure)
        if not record.alone and not header.question.app.name.startswith(builtin.PREFIX):
            yield from diagnose(header.question, record)
    yield from _launch_findings(journal)
    if twin is not None and twin.blocks < FIRST_DECISION and validity.state == "valid":
        text = f"the twin of {twin.arm} ran in {twin.blocks} blocks only: nothing tells whether this machine is even-handed"
        yield Finding(code="twin-short", severity="warning", text=text)
    repeats = sum(record.reading.repeats for record in journal.of(Window))
    if repeats:
        text = f"{repeats} windows were measured again because others used the machine"
        yield Finding(code="windows-refused", severity="info", text=text)


def _launch_findings(journal: Journal) -> Iterable[Finding]:
    """What was found out about launches, once for each arm, with how many of its launches it is true of."""
    launches = Counter(record.arm for record in journal.of(Window))
    found: dict[tuple[str, str], list[Finding]] = {}
    for record in journal.of(Window):
        for finding in record.reading.findings:
            found.setdefault((record.arm, finding.code), []).append(finding)
    for (name, _), findings in found.items():
        if name != TWIN:
            text = f"{name}: {findings[-1].text} (in {len(findings)} of {launches[name]} launches)"
            yield msgspec.structs.replace(findings[-1], arm=name, text=text)


def _failure(record: Failed, failure: Failure) -> Finding:
    fact, _, rest = failure.sample.partition("\n")
    code = f"arm-{'refused' if record.refused else failure.kind}"
    hint = "name a path that answers 200: --workload /path" if failure.kind == "status" else ""
    severity: Severity = "info" if record.refused else "error"
    return Finding(code=code, severity=severity, arm=record.arm, text=f"{record.arm}: {fact}", evidence=rest, hint=hint)


def _window(block: int, name: str, reading: Reading) -> WindowResult:
    return WindowResult(
        block=block,
        arm=name,
        throughput_per_second=reading.throughput_per_second,
        cpu_seconds_per_request=reading.cpu_seconds_per_request,
    )


def _order(arm: ArmResult) -> tuple[int, int, int, float, str]:
    """Best rank first; within a rank the faster, since something must come first; arms without a rank last."""
    value = arm.throughput_per_second.value if arm.throughput_per_second else 0.0
    return (arm.rank_low is None, arm.rank_low or 0, arm.rank_high or 0, -value, arm.name)

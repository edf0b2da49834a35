"""From a journal to a result: nothing here measures, so a result can be rebuilt at any time."""

from __future__ import annotations

import math
from collections.abc import Sequence

import msgspec

from whichworker.design.pairs import Pair
from whichworker.design.selection import TWIN_LIMIT, Race
from whichworker.design.validity import session_refusal
from whichworker.judge import belonging
from whichworker.judge.advice.recommend import recommend
from whichworker.judge.arm_results import arm_results
from whichworker.judge.diagnosis import refusal_of_app
from whichworker.judge.discovered import discovered
from whichworker.judge.headline import ALL_FAILED, NONE_MEASURED, rounds_to_decide, verdict_of
from whichworker.judge.passport import Passports
from whichworker.judge.replay import replay
from whichworker.judge.response_times import ResponseTimes
from whichworker.judge.run_findings import run_findings
from whichworker.judge.second_stage import SecondStage
from whichworker.judge.slices import Sliced
from whichworker.model import Finding, Question
from whichworker.result import ArmResult, AskedQuestion, Claim, Result, Searched, Twin, Validity
from whichworker.store.journal import Journal
from whichworker.store.records import (
    Failed,
    FirstStep,
    RunSession,
    Settled,
    Slice,
)


def judge(journal: Journal, time_seconds: float | None = None) -> Result:
    """The result of a run as its journal has it, finished or not.

    `time_seconds`: the time of a resumed run, if it differs from the first session's. Raises
    JournalFailed if the records do not belong together.
    """
    header = journal.header()
    belonging.check(journal)
    question = header.question
    settled = next(journal.of(Settled), None)
    refusal = refusal_of_app(question, journal.of(Failed))
    race = replay(question, settled, journal) if settled and refusal is None else None
    sliced = Sliced(journal, race.twin_of if race else "")
    claims, ties, undetermined = spoken(race.pairs() if race else [])
    passports, second = Passports(journal, sliced), SecondStage(question, journal)
    waits = ResponseTimes(journal, question.workload)
    arms = [
        waits.add_to(second.add_to(passports.add_to(arm)))
        for arm in arm_results(journal, race, sliced)
    ]
    twin = _twin(race, sliced)
    validity = _validity(journal, race, twin, sliced, refusal)
    verdict = verdict_of(race, sliced, validity)
    sessions = list(journal.of(RunSession))
    result = Result(
        question=_asked(question, settled, second, time_seconds),
        machine=header.machine,
        run=header.run_of(sessions),
        validity=validity,
        verdict=verdict,
        findings=(
            *run_findings(journal, twin, validity, sliced),
            *passports.findings(),
            *second.findings(),
            *waits.findings(),
        ),
        arms=tuple(sorted(arms, key=_order)),
        leader=race.leader() if race else None,
        claims=claims,
        ties=ties,
        undetermined=undetermined,
        blocks=race.rounds if race else 0,
        blocks_to_decide=rounds_to_decide(race) if race else None,
        twin=twin,
        windows=tuple(window for arm in question.arms for window in sliced.stretches(arm.name)),
    )
    result = msgspec.structs.replace(
        result, app=discovered(question), settings_searched=_first_step(journal)
    )
    # two versions of an app are no two setups: the faster one is nothing to deploy
    return result if question.terms.compare else recommend(result, question.budget.memory_bytes)


def _asked(
    question: Question, settled: Settled | None, second: SecondStage, time_seconds: float | None
) -> AskedQuestion:
    return AskedQuestion(
        app=question.app.name,
        workload=question.workload.name,
        delta=question.terms.delta,
        alpha=question.terms.alpha,
        claims=question.terms.claims,
        seed=question.terms.seed,
        time_seconds=question.search or time_seconds or question.budget.seconds,
        connections=question.terms.connections
        or (settled.connections if settled and settled.window_seconds else None),
        server_cores=question.budget.server_cores,
        generator_cores=question.budget.generator_cores,
        database=question.subject.database,
        cache=question.subject.cache,
        services=question.subject.services,
        slo=second.sought.slo.text
        if second.sought
        else question.terms.slo.text
        if question.terms.slo
        else None,
        rate_per_second=question.terms.rate,
        resolution=question.terms.resolution if question.terms.resolution.as_of else None,
        resumable=not question.workload.is_secret,
    )


def _first_step(journal: Journal) -> tuple[Searched, ...]:
    return next((record.searched for record in journal.of(FirstStep)), ())


def spoken(
    pairs: Sequence[Pair],
) -> tuple[tuple[Claim, ...], tuple[tuple[str, str], ...], tuple[tuple[str, str], ...]]:
    """Claims, ties and undetermined pairs, each from the better to the worse arm."""
    claims, ties, undetermined = [], [], []
    for pair in pairs:
        if pair.verdict == "tie":
            ties.append((pair.first, pair.second))
        elif pair.verdict == "undetermined":
            undetermined.append((pair.first, pair.second))
        elif pair.verdict == "better":
            ratio, low, high = (math.exp(value) for value in (pair.mean, pair.low, pair.high))
            claims.append(
                Claim(better=pair.first, worse=pair.second, ratio=ratio, low=low, high=high)
            )
        else:
            ratio, low, high = (math.exp(-value) for value in (pair.mean, pair.high, pair.low))
            claims.append(
                Claim(better=pair.second, worse=pair.first, ratio=ratio, low=low, high=high)
            )
    return tuple(claims), tuple(ties), tuple(undetermined)


def _twin(race: Race | None, sliced: Sliced) -> Twin | None:
    if race is None:
        return None
    seen, difference = race.twin_evidence()
    ratio = None if difference is None else math.exp(difference)
    return Twin(
        arm=race.twin_of, blocks=sliced.twin_rounds, ratio=ratio, evidence=seen, limit=TWIN_LIMIT
    )


def _validity(
    journal: Journal,
    race: Race | None,
    twin: Twin | None,
    sliced: Sliced,
    refusal: Finding | None,
) -> Validity:
    """Reasons not to believe the numbers.

    Too little time is no such reason, unless nothing at all is known.
    """
    reasons = []
    if refusal is not None:
        text = f"{refusal.text[0].lower()}{refusal.text[1:]}; {refusal.hint}"
        return Validity(state="invalid", reasons=(text,))
    if twin is not None and twin.evidence >= twin.limit and twin.ratio is not None:
        reasons.append(
            f"two identical copies of {twin.arm} differ by {abs(twin.ratio - 1):.1%}: the machine"
            " caused it, so the run is rejected"
        )
    if busy := session_refusal(
        sliced.lost, sliced.planned, {record.refused for record in journal.of(Slice)}
    ):
        reasons.append(busy)
    elif race is not None and race.failed >= set(race.arms):
        reasons.append(ALL_FAILED)
    elif race is None and _finished(journal) and _all_failed(journal):
        reasons.append(NONE_MEASURED)
    return Validity(state="invalid" if reasons else "valid", reasons=tuple(reasons))


def _all_failed(journal: Journal) -> bool:
    """Whether no setup is left, measured or not yet tried."""
    failed = {record.arm for record in journal.of(Failed)}
    return all(arm.name in failed for arm in journal.header().question.arms)


def _finished(journal: Journal) -> bool:
    return any(session.ended == "finished" for session in journal.of(RunSession))


def _order(arm: ArmResult) -> tuple[bool, float, str]:
    """The fastest first, by the estimate; arms without a number last."""
    ranked = arm.rank_low is not None
    return (not ranked, -arm.speed if ranked else 0.0, arm.name)

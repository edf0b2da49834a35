"""Every audit passes, fails and does not apply where it should."""

from __future__ import annotations

import importlib
from typing import Any

import msgspec
import pytest
from tests.report.samples import sought

from whichworker.judge.advice.audits import TABLE, audits
from whichworker.judge.advice.flips import cost_of, flips_when
from whichworker.model import Finding
from whichworker.result import ArmResult, Attribution, Claim, Found, Result

RESULT: Result = msgspec.structs.replace(
    sought(), findings=(), app={"framework": Found(value="django", origin="its class")}
)
BEST = next(arm for arm in RESULT.arms if arm.name == RESULT.leader)


def state(name: str, changed: Result, best: ArmResult = BEST) -> str:
    found = importlib.import_module(f"whichworker.judge.advice.audits.{name}").audit(changed, best)
    assert found.evidence or found.state == "passed"
    assert bool(found.diff) == (found.state == "failed")
    return str(found.state)


def told(code: str, arm: str | None = None) -> Result:
    return msgspec.structs.replace(
        RESULT,
        findings=(
            Finding(code=code, severity="warning", text="so it is", hint="mend it", arm=arm),
        ),
    )


def with_settings(**settings: Any) -> ArmResult:
    return msgspec.structs.replace(BEST, settings={**BEST.settings, **settings})


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("debug_off", "debug-on"),
        ("static_files", "static-unserved"),
        ("thread_safety", "wrong-under-load"),
        ("connection_limit", "connections-refused"),
    ],
)
def test_findings_fail_their_audit(name: str, code: str) -> None:
    best = with_settings(workers=2, threads=4)
    assert state(name, told(code, BEST.name), best) == "failed"
    assert state(name, RESULT, best) == "passed"


def test_a_shared_cache_matters_to_several_workers() -> None:
    assert state("shared_cache", told("cache-in-process"), with_settings(workers=2)) == "failed"
    assert (
        state("shared_cache", told("cache-in-process"), with_settings(workers=1))
        == "not applicable"
    )


def test_middleware_matters_under_asgi() -> None:
    assert (
        state(
            "async_middleware",
            told("sync-middleware"),
            msgspec.structs.replace(BEST, interface="asgi"),
        )
        == "failed"
    )
    assert (
        state(
            "async_middleware",
            told("sync-middleware"),
            msgspec.structs.replace(BEST, interface="wsgi"),
        )
        == "not applicable"
    )


def test_a_leak_of_another_arm_is_not_that_of_the_best() -> None:
    seen = next(arm for arm in RESULT.arms if arm.capacity_per_second is not None)
    assert state("recycle_workers", told("memory-grows", seen.name), seen) == "failed"
    assert state("recycle_workers", told("memory-grows", "another"), seen) == "passed"
    unseen = msgspec.structs.replace(seen, capacity_per_second=None)
    assert state("recycle_workers", told("memory-grows", seen.name), unseen) == "not applicable"


def test_a_blocked_loop_is_found_in_any_async_arm() -> None:
    arms = tuple(
        msgspec.structs.replace(
            arm, attribution=Attribution(cause="blocked event loop", evidence=("one at a time",))
        )
        if arm.interface == "asgi"
        else arm
        for arm in RESULT.arms
    )
    assert state("blocked_loop", msgspec.structs.replace(RESULT, arms=arms)) == "failed"
    only_wsgi = tuple(arm for arm in RESULT.arms if arm.interface == "wsgi")
    assert (
        state("blocked_loop", msgspec.structs.replace(RESULT, arms=only_wsgi)) == "not applicable"
    )


def test_the_usual_formula_is_held_against_what_was_measured() -> None:
    usual = 2 * len(RESULT.question.server_cores) + 1
    other = msgspec.structs.replace(BEST, name="usual", settings={"workers": usual})
    best = with_settings(workers=1)
    both = msgspec.structs.replace(RESULT, arms=(best, other), claims=())
    assert (
        state("usual_formula", msgspec.structs.replace(RESULT, arms=(best,)), best)
        == "not applicable"
    )
    assert state("usual_formula", both, best) == "passed"
    better = Claim(better="usual", worse=best.name, ratio=1.2, low=1.1, high=1.3)
    assert state("usual_formula", msgspec.structs.replace(both, claims=(better,)), best) == "failed"
    worse = Claim(better=best.name, worse="usual", ratio=1.2, low=1.1, high=1.3)
    assert state("usual_formula", msgspec.structs.replace(both, claims=(worse,)), best) == "passed"
    assert state("usual_formula", both, other) == "passed"


def test_every_audit_of_the_table_says_something() -> None:
    found = list(audits(RESULT, BEST))
    assert len(found) == len(TABLE) == len({audit.name for audit in found})


def test_it_flips_for_what_needs_less() -> None:
    light = msgspec.structs.replace(BEST, name="light", memory_bytes=(BEST.memory_bytes or 0) // 2)
    texts = list(flips_when(RESULT, BEST, [BEST, light]))
    assert any("memory counts most: light" in text for text in texts)


def test_the_memory_of_a_worker_is_the_difference_that_one_makes() -> None:
    one = msgspec.structs.replace(BEST, settings={"workers": 1}, memory_bytes=100)
    three = msgspec.structs.replace(BEST, name="three", settings={"workers": 3}, memory_bytes=160)
    cost = cost_of(one, [one, three], 1000)
    assert (cost.memory_per_worker_bytes, cost.most_workers) == (30, 31)
    alone = cost_of(three, [three], None)
    assert (alone.memory_per_worker_bytes, alone.most_workers) == (53, None)


@pytest.mark.parametrize(
    ("memory", "slower", "expected"),
    [
        (None, False, "not applicable"),
        (60, False, "failed"),
        (60, True, "passed"),
        (99, False, "passed"),
    ],
)
def test_preload_is_advised_where_it_was_seen_to_save_memory(
    memory: int | None, slower: bool, expected: str
) -> None:
    own = msgspec.structs.replace(
        BEST, server="gunicorn", kind="sync", settings={"workers": 2}, memory_bytes=100
    )
    twin = msgspec.structs.replace(
        own, name="loaded once", settings={"workers": 2, "preload": "yes"}, memory_bytes=memory
    )
    claims = (
        (Claim(better=own.name, worse=twin.name, ratio=1.2, low=1.1, high=1.3),) if slower else ()
    )
    result = msgspec.structs.replace(RESULT, arms=(own, twin), claims=claims)
    assert state("preload_app", result, own) == expected
    assert state("preload_app", result, twin) == "passed"
    assert (
        state("preload_app", result, msgspec.structs.replace(own, settings={"workers": 1}))
        == "not applicable"
    )

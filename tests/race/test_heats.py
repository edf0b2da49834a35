"""Which arms are alive together."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from whichworker.design.heats import MOST_IDLE_SHARE, MOST_MEMORY_SHARE, MOST_ROUND_SHARE, heats

NAMES = ("a", "b", "c", "d")
QUIET: dict[str, Any] = {
    "lead": "b",
    "idle_share": dict.fromkeys(NAMES, 0.0),
    "memory_bytes": dict.fromkeys(NAMES, 100),
    "seconds": dict.fromkeys(NAMES, 0.05),
    "free_bytes": 10_000,
    "race_seconds": 60.0,
    "slots": dict.fromkeys(NAMES, 4),
    "most_slots": None,
}


def of(**changed: object) -> tuple[tuple[tuple[str, ...], ...], str]:
    return heats(NAMES, **{**QUIET, **changed})


def test_all_are_alive_together_if_nothing_speaks_against_it() -> None:
    groups, reason = of()
    assert (len(groups), set(groups[0]), reason) == (1, set(NAMES), "")


@pytest.mark.parametrize("unknown", ["idle_share", "memory_bytes"])
def test_what_is_not_known_separates_nobody(unknown: str) -> None:
    assert len(of(**{unknown: dict.fromkeys(NAMES, None)})[0]) == 1
    assert len(of(**{unknown: {}})[0]) == 1
    assert len(of(free_bytes=None, memory_bytes=dict.fromkeys(NAMES, 10**12))[0]) == 1


@pytest.mark.parametrize(
    ("shares", "groups"),
    [
        ({"c": MOST_IDLE_SHARE}, [set(NAMES)]),
        ({"c": 0.02}, [{"b", "c"}, {"a", "b", "d"}]),
        ({"c": 0.02, "a": 0.9}, [{"a", "b"}, {"b", "c"}, {"b", "d"}]),
        ({"b": 0.5}, [set(NAMES)]),
    ],
)
def test_who_is_busy_while_idle_meets_the_leader_alone(
    shares: Mapping[str, float], groups: list[set[str]]
) -> None:
    found, reason = of(idle_share={**dict.fromkeys(NAMES, 0.0), **shares})
    assert [set(group) for group in found] == groups
    assert ("idle" in reason) is (len(groups) > 1)
    for group in found[:-1]:
        assert group[0] == "b"
        assert group[1] in reason


TOO_MUCH = 10_000 * MOST_MEMORY_SHARE / 4
"""With the leader's twin four launches fit, five do not."""


@pytest.mark.parametrize(
    ("changed", "word"),
    [
        ({"memory_bytes": dict.fromkeys(NAMES, TOO_MUCH)}, "memory"),
        ({"seconds": dict.fromkeys(NAMES, 60.0 * MOST_ROUND_SHARE / 4)}, "quarter of the time"),
        ({"slots": dict.fromkeys(NAMES, 20), "most_slots": 80}, "database"),
    ],
)
def test_there_is_room_for_three_arms_and_the_twin(changed: dict[str, object], word: str) -> None:
    groups, reason = of(**changed)
    assert [len(group) for group in groups] == [3, 2]
    assert all("b" in group for group in groups), "who leads is in each of them"
    assert sorted(name for group in groups for name in group if name != "b") == ["a", "c", "d"], (
        "and everybody else in one"
    )
    assert word in reason


@pytest.mark.parametrize(
    "changed",
    [
        {"memory_bytes": dict.fromkeys(NAMES, 10**9)},
        {"seconds": dict.fromkeys(NAMES, 100.0)},
        {"slots": dict.fromkeys(NAMES, 200), "most_slots": 80},
    ],
)
def test_two_are_always_raced_whatever_they_need(changed: dict[str, object]) -> None:
    groups, reason = of(**changed)
    assert [set(group) for group in groups] == [{"b", "a"}, {"b", "c"}, {"b", "d"}]
    assert reason.count(";") == 0, "each reason is given once"


def test_every_reason_is_given() -> None:
    _, reason = of(idle_share={"a": 0.5}, seconds={**dict.fromkeys(NAMES, 0.05), "d": 60.0})
    assert "a used" in reason and "quarter of the time" in reason


def test_one_arm_is_a_heat() -> None:
    changed = {**QUIET, "lead": "a"}
    assert heats(("a",), **changed) == ((("a",),), "")


def test_two_of_which_one_is_restless_are_one_heat() -> None:
    """There is nobody whom it would disturb but the leader, whom it must meet."""
    changed = {**QUIET, "lead": "a", "idle_share": {"b": 0.5}}
    groups, _ = heats(("a", "b"), **changed)
    assert groups == (("a", "b"),)

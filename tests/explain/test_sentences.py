"""Three sentences, each with the number it rests on, and none where a number is missing."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from whichworker.explain.sentences import is_hurt, is_noisy, sentences

from . import samples


def test_one_at_a_time_says_so_three_times() -> None:
    first, second, third = sentences(samples.one_at_a_time())
    assert (first.number, first.unit) == (1, "requests")
    assert "one request at a time" in first.text
    assert (second.number, second.unit) == (0.31, "s")
    assert "310 ms" in second.text and "other requests wait" in second.text
    assert third.number == 0.25
    assert "no other thread" in third.text


def test_a_loop_says_that_nothing_bounds_it_and_what_stops_it() -> None:
    first, second, third = sentences(samples.looping())
    assert first.number == 256
    assert (
        "Nothing limited it" in first.text
        and "3 threads with one request, 258 with 256" in first.text
    )
    assert second.number == 0.009, "where every situation supports it, the 99th percentile is told"
    assert "because it stops the loop" in second.text
    assert "no other coroutine" in third.text


def test_without_latencies_other_numbers_are_told() -> None:
    told = sentences(samples.greenlets())
    assert [sentence.unit for sentence in told] == ["requests", "s", "B"]
    assert "as many as its connections allow" in told[0].text


def test_a_limit_that_is_not_the_configured_one_is_told() -> None:
    arm = replace(samples.greenlets(), limit_found=10)
    assert "although 20 are configured" in sentences(arm)[0].text


def test_who_was_not_measured_has_nothing_to_say() -> None:
    assert sentences(samples.out()) == ()


@pytest.mark.parametrize(
    ("before", "after", "hurt"),
    [
        (0.004, 0.3, True),
        (0.004, 0.05, False),
        (0.2, 0.5, None),
        (0.004, 0.104, True),
        (0.05, 0.04, False),
    ],
)
def test_a_third_of_the_call_is_damage(before: float, after: float, hurt: bool | None) -> None:
    assert is_hurt(before, after, 0.3) is hurt


def test_where_the_fast_view_is_slow_alone_no_reason_is_given() -> None:
    arm = samples.one_at_a_time()
    assert arm.blocking is not None
    slow = replace(
        arm.blocking, situations=(samples.latency("alone", None, 0.4), *arm.blocking.situations[1:])
    )
    noisy = replace(arm, blocking=slow)
    assert is_noisy(noisy) and not is_noisy(arm)
    assert "others wait" not in sentences(noisy)[1].text

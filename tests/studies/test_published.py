"""What arithmetic alone says of published numbers."""

from __future__ import annotations

import pytest

from whichworker.studies.better_django_worker import MANNER
from whichworker.studies.published import PublishedManner, judge_row
from whichworker.studies.rows_of_a import PUBLISHED_ARMS, ROWS
from whichworker.studies.sync_or_async import SERVICES, _remark


def test_a_rate_above_users_by_service_time_is_impossible() -> None:
    said = judge_row([1592.22, 1476.54, 1395.52], 3.0, MANNER)
    assert said.startswith("impossible: 1,592/s is above 2,000 users ÷ 3 s = 667/s")


def test_the_same_rates_are_possible_for_a_second() -> None:
    assert "impossible" not in judge_row([1592.22, 1476.54, 1395.52], 1.0, MANNER)


@pytest.mark.parametrize(
    ("values", "service", "wanted"),
    [
        (
            [1861.80, 1819.99, 1747.01, 1769.52],
            1.0,
            "3 of 4 at the ceiling of 2,000 users ÷ 1 s = 2,000/s: the load tool was measured",
        ),
        (
            [181.38, 181.37, 181.43, 152.51],
            10.0,
            "2.2 waves in 22 s: whole waves alone make it 182 or 273/s",
        ),
        (
            [181.38],
            10.0,
            "every response took longer than the 2 s after which wrk discards a latency",
        ),
        ([38.50, 0.0], 0.0, "the zeros are failures, not scores"),
    ],
)
def test_what_else_was_wrong(values: list[float], service: float, wanted: str) -> None:
    assert wanted in judge_row(values, service, MANNER)


def test_nothing_is_said_of_what_may_be_right() -> None:
    assert judge_row([30913.89, 4061.19], 0.0, MANNER) == ""
    assert judge_row([140.0], 0.6, PublishedManner(tool="locust", users=100, seconds=30.0)) == ""


def test_all_rows_of_the_article_are_there() -> None:
    published = [row for row in ROWS if row.values]
    assert len(published) == 23
    assert len({(row.title, row.variant) for row in ROWS}) == len(ROWS)
    assert all(len(row.values) == (4 if row.variant == "sync" else 3) for row in published)
    assert sum(len(row.values) for row in published) == 11 * 4 + 12 * 3
    assert {arm for row in published for arm in row.values} == set(PUBLISHED_ARMS)


def test_a_mean_that_is_not_users_by_rate_is_told() -> None:
    two_threads, *_, uvicorn = SERVICES
    assert "100 users ÷ 3/s = 33 s, but a mean of 12 s: the ramp was averaged in" in _remark(
        two_threads
    )
    assert _remark(uvicorn) == ""

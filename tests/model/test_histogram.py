"""The histogram against sorted lists and against hdrh."""

from __future__ import annotations

import base64
import random
import statistics
import zlib

import pytest
from hdrh.histogram import HdrHistogram
from hypothesis import given, settings
from hypothesis import strategies as st

from whichworker.model.histogram import HIGHEST_NS, Histogram

VALUES = st.lists(
    st.one_of(st.integers(0, 5000), st.integers(0, HIGHEST_NS)), min_size=1, max_size=60
)
SHARES = (0.0, 0.5, 0.9, 0.99, 0.999, 1.0)

WHOLE = base64.b64decode(Histogram().to_hdr())


def hdr_header(payload: bytes) -> bytes:
    """The cookie and the length before the compressed part of an HdrHistogram V2."""
    return WHOLE[:4] + len(payload).to_bytes(4, "big") + payload


def histogram_of(values: list[int]) -> Histogram:
    histogram = Histogram()
    histogram.record_all(values)
    return histogram


@given(VALUES, st.floats(0, 1))
def test_percentile_is_the_nearest_rank_within_a_thousandth(values: list[int], q: float) -> None:
    ordered = sorted(values)
    seen = histogram_of(values).percentile(q)
    assert seen is not None
    ranks = [max(1, -int(-q * len(values) // 1)), max(1, -int(-(q * len(values) - 1e-7) // 1))]
    assert any(ordered[rank - 1] <= seen <= ordered[rank - 1] * 1.001 for rank in ranks)


@given(VALUES)
def test_extremes_mean_and_stdev(values: list[int]) -> None:
    histogram = histogram_of(values)
    assert (histogram.count, histogram.min, histogram.max) == (
        len(values),
        min(values),
        max(values),
    )
    assert histogram.mean == pytest.approx(statistics.fmean(values), rel=1e-3)
    assert histogram.stdev == pytest.approx(
        statistics.pstdev(values), rel=1e-2, abs=max(values) * 1e-3
    )


@given(VALUES, VALUES)
def test_merging_is_recording_both(one: list[int], other: list[int]) -> None:
    merged = histogram_of(one)
    merged.merge(histogram_of(other))
    both = histogram_of(one + other)
    assert [merged.percentile(q) for q in SHARES] == [both.percentile(q) for q in SHARES]
    assert (merged.count, merged.min, merged.max) == (both.count, both.min, both.max)


def test_the_oracle_agrees() -> None:
    rng = random.Random(1)
    values = [round(rng.lognormvariate(13, 1.5)) + 1 for _ in range(20_000)]
    histogram, oracle = histogram_of(values), HdrHistogram(1, HIGHEST_NS, 3)
    for value in values:
        oracle.record_value(value)
    for q in (0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99, 0.999):
        assert histogram.percentile(q) == oracle.get_value_at_percentile(q * 100)
    assert histogram.mean == pytest.approx(oracle.get_mean_value(), rel=1e-3)
    assert histogram.stdev == pytest.approx(oracle.get_stddev(), rel=1e-3)
    decoded = HdrHistogram.decode(histogram.to_hdr().encode())
    assert decoded.get_total_count() == len(values)
    assert decoded.get_value_at_percentile(99) == histogram.percentile(0.99)


@settings(max_examples=20, deadline=None)
@given(VALUES)
def test_exchange_loses_nothing(values: list[int]) -> None:
    histogram = histogram_of(values)
    back = Histogram.from_hdr(histogram.to_hdr())
    assert back.count == histogram.count
    for q in (0.0, 0.5, 0.9):
        assert back.percentile(q) == pytest.approx(histogram.percentile(q), rel=1e-3)
    assert back.to_hdr() == histogram.to_hdr()


def test_nothing_recorded() -> None:
    histogram = Histogram()
    assert (
        histogram.min,
        histogram.max,
        histogram.mean,
        histogram.stdev,
        histogram.percentile(0.5),
    ) == (None,) * 5
    assert histogram.supported_percentile(0.5) is None
    assert Histogram.from_hdr(histogram.to_hdr()).count == 0


@pytest.mark.parametrize(
    ("count", "q", "supported"),
    [
        (19, 0.5, False),
        (20, 0.5, True),
        (999, 0.99, False),
        (1000, 0.99, True),
        (9999, 0.999, False),
        (10_000, 0.999, True),
        (10_000, 1.0, False),
    ],
)
def test_too_few_values_are_no_percentile(count: int, q: float, supported: bool) -> None:
    seconds = histogram_of([2_000_000] * count).supported_percentile(q)
    assert seconds == (pytest.approx(0.002, rel=1e-3) if supported else None)


@pytest.mark.parametrize("value", [-1, HIGHEST_NS + 1])
def test_values_out_of_range_are_refused_whole(value: int) -> None:
    histogram = Histogram()
    with pytest.raises(ValueError, match="one hour"):
        histogram.record_all([5, value])
    with pytest.raises(ValueError, match="one hour"):
        histogram.record(value)
    assert histogram.count == 0


def test_shares_only() -> None:
    with pytest.raises(ValueError, match="share"):
        histogram_of([1]).percentile(99)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "é",
        "=",
        "AAAA",
        base64.b64encode(WHOLE[:-1]).decode(),
        base64.b64encode(b"\0" + WHOLE[1:]).decode(),
        base64.b64encode(WHOLE[:8] + b"\0" * (len(WHOLE) - 8)).decode(),
        base64.b64encode(hdr_header(zlib.compress(b"\0" * 80))).decode(),
        base64.b64encode(hdr_header(zlib.compress(b"short"))).decode(),
    ],
)
def test_a_text_of_others_is_no_histogram(text: str) -> None:
    with pytest.raises(ValueError, match="not a histogram"):
        Histogram.from_hdr(text)


def test_any_change_to_a_histogram_is_a_histogram_or_a_value_error() -> None:
    histogram = Histogram()
    histogram.record_all([1_000, 2_000_000, 3_000_000_000])
    whole = base64.b64decode(histogram.to_hdr())
    payload = zlib.decompress(whole[8:])
    for at in range(len(payload)):
        for bits in (0x01, 0x80, 0xFF):
            changed = payload[:at] + bytes([payload[at] ^ bits]) + payload[at + 1 :]
            text = base64.b64encode(hdr_header(zlib.compress(changed))).decode()
            try:
                assert Histogram.from_hdr(text).count >= 0
            except ValueError as error:
                assert "not a histogram" in str(error)

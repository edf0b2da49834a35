"""Windows of random arrivals with stalls and neglected connections, and the sentences on them."""

from __future__ import annotations

import pytest

from whichworker.judge.silences import findings, silence_of
from whichworker.model.histogram import Histogram
from whichworker.store.open_loop import Paced

RATE, SECONDS = 200.0, 4.0


def window(silence: float = 0.0, *, quick: float = 0.002, **more: object) -> Paced:
    """A window whose requests took `quick` seconds, but for those that came in a silence."""
    count, late = round(RATE * SECONDS), round(RATE * silence)
    times = Histogram()
    times.record_all([round(quick * 1e9)] * (count - late))
    times.record_all([round(1e9 * silence * (at + 1) / late) for at in range(late)])
    usual: dict[str, object] = {"count": count, "lost": 0, "silence_seconds": silence}
    return Paced(
        arm="x",
        share=0.5,
        rate=RATE,
        settle_seconds=0.3,
        window_seconds=SECONDS,
        failures=(),
        response=times.to_hdr(),
        **(usual | more),  # type: ignore[arg-type]
    )


@pytest.mark.parametrize(
    ("seen", "stall"),
    [
        (window(), 0.0),
        (window(0.04), 0.0),
        (window(1.0), 1.0),
        (window(3.9), 3.9),
        (window(silence_seconds=0.5, quick=0.4), 0.0),
    ],
    ids=["none", "short", "long", "nearly all of it", "all requests are slow"],
)
def test_a_stall_is_long_and_many_wait_in_it(seen: Paced, stall: float) -> None:
    assert silence_of(seen) == stall


def test_stalls_are_one_sentence() -> None:
    (finding,) = findings("gunicorn-sync", [window(), window(1.1), window(), window(0.9)])
    assert finding.text == ("gunicorn-sync did not respond for up to 1.1 s, twice in 16 s of load")
    assert not list(findings("gunicorn-sync", [window()]))


def test_neglected_connections_are_one_sentence() -> None:
    (finding,) = findings("uwsgi", [window(starved=3), window(starved=1)])
    assert finding.text == "uwsgi never responded on 3 connections, while it served others"
    (finding,) = findings("uwsgi", [window(starved=1)])
    assert finding.text == "uwsgi never responded on a connection, while it served others"


def test_a_server_that_served_hardly_anyone_neglects_no_single_connection() -> None:
    assert not list(findings("uwsgi", [window(starved=3, lost=10_000)]))

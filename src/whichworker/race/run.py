"""The main path: heats of rounds of slices, each slice in the journal before the next begins."""

from __future__ import annotations

import time
from collections.abc import Callable

from whichworker.bench.lineup import Lineup
from whichworker.bench.running import Bench
from whichworker.bench.slices import Court
from whichworker.design.selection import Race
from whichworker.load.generator import Generator
from whichworker.probes.thermometer import Thermometer
from whichworker.race.calibration import calibrate
from whichworker.race.track import Track
from whichworker.race.watch import Watch
from whichworker.store.journal import Journal


def race(
    bench: Bench, generator: Generator, journal: Journal, watch: Watch, left: Callable[[], float]
) -> Race | None:
    """Measure until the fastest arm is decided, or less time is left than a round needs.

    None if nothing could race. KeyboardInterrupt passes through; an incomplete round is ignored.
    """
    with (
        Thermometer(bench.question.budget.server_cores) as thermometer,
        Lineup(bench, generator) as lineup,
    ):
        court = Court(bench, generator, thermometer)
        settled = calibrate(lineup, court, journal, watch, left)
        if settled is None:
            return None
        track = Track(lineup, court, journal, watch, settled, left)
        for heat in track.heats():
            track.launch(heat)
            while (round_ := track.next_round(heat)) is not None:
                began = time.monotonic()
                slices = [track.slice(arm, round_, place) for place, arm in enumerate(round_.order)]
                track.enter(round_, slices, time.monotonic() - began)
                track.relaunch(track.due())
        track.end()
        return track.race

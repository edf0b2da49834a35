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
from whichworker.race.calibration import preflight
from whichworker.race.track import Track
from whichworker.race.watch import Watch
from whichworker.store.journal import Journal


def race(
    bench: Bench, generator: Generator, journal: Journal, watch: Watch, left: Callable[[], float]
) -> Race | None:
    """Measure until it is decided which arm is fastest, or the time left is shorter than a round; None if nothing could be raced.

    Everything found is in the journal. KeyboardInterrupt passes through; the slices of a round that was cut short count for nothing.
    """
    with (
        Thermometer(bench.question.budget.server_cores) as thermometer,
        Lineup(bench, generator) as lineup,
    ):
        court = Court(bench, generator, thermometer)
        settled = preflight(lineup, court, journal, watch, left)
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

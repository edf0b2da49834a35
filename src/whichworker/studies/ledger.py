"""The journal of a study by cell: its launches, its window's size, and its failures."""

from __future__ import annotations

from collections import Counter

from whichworker.store.journal import Journal
from whichworker.store.records import Prepared, RoundEnd, StandFailed, StandWindow
from whichworker.studies.amounts import Size
from whichworker.studies.plan import StudyPlan, cell_name
from whichworker.studies.side_by_side import Calibrated

SECOND_CHANCES = 1
"""A failure that does not repeat was the machine's fault: the second one ends a cell."""


class Ledger:
    """All counts by stand and ask; failures of a whole stand have an empty ask.

    `blocks` is the number of finished passes, `rounds` the number of the last round.
    """

    def __init__(self, planned: StudyPlan, journal: Journal) -> None:
        self.launches: Counter[tuple[str, str]] = Counter()
        self.sizes: dict[tuple[str, str], Size] = {}
        self.calibrated: dict[tuple[str, str], Calibrated] = {}
        self._failed: Counter[tuple[str, str]] = Counter()
        self.blocks = 0
        self.rounds = max((record.number for record in journal.of(RoundEnd)), default=0)
        cells = {
            cell_name(stand.key, ask.key): (stand.key, ask.key)
            for stand in planned.stands
            for ask in stand.asks
        }
        for record in journal.records:
            if isinstance(record, StandWindow):
                self.remember(record)
                self.blocks = max(self.blocks, record.block - 1)  # an interrupted one continues
            elif isinstance(record, Prepared) and record.arm in cells:
                self.calibrated[cells[record.arm]] = Calibrated.read(record)
            elif isinstance(record, StandFailed):
                self.fail(record.stand, record.ask)

    def remember(self, record: StandWindow) -> None:
        """Count a window; a refused one only shows its size."""
        cell, reading = (record.stand, record.ask), record.reading
        if not reading.refused:
            self.launches[cell] += 1
        self.sizes.setdefault(cell, Size(reading.connections, reading.tally.seconds))

    def fail(self, stand: str, ask: str) -> None:
        """Count a failure."""
        self._failed[stand, ask] += 1

    def is_out(self, stand: str, ask: str) -> bool:
        """Whether it failed too often to be measured again."""
        return self._failed[stand, ask] > SECOND_CHANCES

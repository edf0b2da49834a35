"""The next steps of a study: whole passes, resumed ones, and the effect of failures."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

import msgspec
from tests.studies.test_cells import STAND, arm, asked, planned, window

from whichworker.load.generator import Generator
from whichworker.model import Failure
from whichworker.store.journal import Journal
from whichworker.store.records import Record, StandFailed
from whichworker.studies.campaign import Campaign
from whichworker.studies.plan import Stand, StandAsk

ASKS = (asked("json"), asked("query"))


class Dry(Campaign):
    """Decides as a campaign does, and measures nothing."""

    visits: list[tuple[int, tuple[str, ...]]]

    def _side_by_side(self) -> bool:
        return False

    def _visit(self, stand: Stand, pending: Sequence[StandAsk]) -> None:
        self.visits.append((self.block, tuple(sorted(ask.key for ask in pending))))
        for ask in pending:
            self.ledger.remember(window(100, ask=ask.key))


def campaign(*records: Record, seconds: float = 100.0) -> Dry:
    journal = Journal(Path())
    journal.records = list(records)
    stand = Stand(key=STAND, app="a", arm=arm("uvicorn"), asks=ASKS)
    found = Dry(planned(stand), cast(Generator, None), journal, cast(Any, None), lambda: seconds)
    found.visits = []
    return found


def in_block(block: int, ask: str) -> Record:
    return msgspec.structs.replace(window(100, ask=ask), block=block)


def test_every_cell_gets_its_launches_one_a_block() -> None:
    run = campaign()
    run.run()
    assert run.visits == [(1, ("json", "query")), (2, ("json", "query")), (3, ("json", "query"))]


def test_a_run_that_ended_after_a_whole_block_goes_on() -> None:
    run = campaign(in_block(1, "json"), in_block(1, "query"))
    run.run()
    assert run.visits == [(2, ("json", "query")), (3, ("json", "query"))]


def test_a_block_that_was_cut_short_is_filled_first() -> None:
    run = campaign(in_block(1, "json"), in_block(1, "query"), in_block(2, "query"))
    run.run()
    assert run.visits == [(2, ("json",)), (3, ("json", "query"))]


def test_a_refused_window_is_asked_again() -> None:
    refused = window(100, refused="others used 40% of the cores")
    run = campaign(refused, in_block(1, "query"))
    run.run()
    assert run.visits[0] == (1, ("json",))


def test_what_failed_twice_is_not_asked_again_and_the_rest_is() -> None:
    failed = StandFailed(
        block=1, stand=STAND, ask="json", failures=(Failure(kind="died", count=1, sample="gone"),)
    )
    run = campaign(failed, failed)
    run.run()
    assert {keys for _, keys in run.visits} == {("query",)}


def test_nothing_begins_that_would_not_end_in_time() -> None:
    run = campaign(seconds=0.5)
    run.run()
    assert run.visits == []

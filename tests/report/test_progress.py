"""The progress of a race: in place on a terminal, lines elsewhere, never one per slice."""

from __future__ import annotations

import io

import pytest
from msgspec.structs import replace
from rich.console import Console

from whichworker.cli.frame.progress import Printer
from whichworker.model import Failure
from whichworker.race.watch import Progress
from whichworker.store.records import Part, Prepared, Settled, Slice

NAMES = ("granian-wsgi", "waitress", "uwsgi")
BASE = Progress(
    round=12,
    place=1,
    places=3,
    spent_seconds=30.0,
    budget_seconds=120.0,
    alive=3,
    leader="granian-wsgi",
    open_pairs=2,
)


def printer_of(*, live: bool, width: int = 120) -> Printer:
    file = io.StringIO()
    return Printer(
        Console(
            file=file,
            width=width,
            force_terminal=live,
            color_system=None,
            highlight=False,
            legacy_windows=False,
            _environ={},
        )
    )


def text_of(printer: Printer) -> str:
    assert isinstance(printer.console.file, io.StringIO)
    return printer.console.file.getvalue()


def prepared(name: str, connections: int | None = 8) -> Prepared:
    return Prepared(
        arm=name,
        ladder={4: 4100.0, 8: 5300.0, 16: 5400.0},
        response_seconds=0.001,
        cold_start_seconds=0.267,
        command=(name,),
        connections=connections,
    )


def settled(**changes: object) -> Settled:
    plain = Settled(contenders=NAMES, connections=8, window_seconds={}, twin_of=NAMES[0])
    return replace(plain, **changes)


def seen(at: float, *, refused: str = "") -> Slice:
    return Slice(
        round=1,
        place=0,
        arm="waitress",
        generation=1,
        requests=100,
        seconds=0.03,
        responses=120,
        whole_seconds=0.04,
        at=at,
        refused=refused,
    )


def slices(printer: Printer, *, rounds: int, round_seconds: float, alive: int = 3) -> None:
    for number in range(1, rounds + 1):
        for place in range(1, 4):
            at = 1000.0 + (number - 1 + (place - 1) / 3) * round_seconds
            open_pairs = 2 if place == 1 else None
            printer.slice(
                "waitress",
                seen(at),
                replace(BASE, round=number, place=place, alive=alive, open_pairs=open_pairs),
            )


@pytest.mark.parametrize(
    ("connections", "words"),
    [
        (8, "ready      granian-wsgi: started in 267 ms, about 5,300/s with 8 connections\n"),
        (4, "ready      granian-wsgi: started in 267 ms, about 4,100/s with 4 connections\n"),
        (None, "ready      granian-wsgi: started in 267 ms, about 5,400/s\n"),
    ],
)
def test_a_setup_that_is_ready(connections: int | None, words: str) -> None:
    printer = printer_of(live=False)
    printer.prepared(prepared("granian-wsgi", connections))
    assert text_of(printer) == words


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        ((0.063, 0.063, 0.063), "race       3 setups, each loaded for 63 ms in turn\n"),
        ((0.063, 0.042, 0.149), "race       3 setups, each loaded for 42 to 149 ms in turn\n"),
        ((0.063, 0.0419, 1.44), "race       3 setups, each loaded for 41.9 ms to 1.44 s in turn\n"),
        ((), "race       3 setups, each loaded in turn\n"),
    ],
)
def test_how_the_race_is_run(seconds: tuple[float, ...], words: str) -> None:
    printer = printer_of(live=False)
    parts = {name: Part(8, 24, 40, length) for name, length in zip(NAMES, seconds, strict=False)}
    printer.settled(settled(parts=parts))
    assert text_of(printer) == words


def test_several_groups_come_with_their_reason() -> None:
    printer = printer_of(live=False)
    printer.settled(settled(heats=(NAMES[:2], NAMES[::2]), reason="their memory would not fit"))
    assert (
        text_of(printer)
        == "race       3 setups, each loaded in turn; in 2 groups: their memory would not fit\n"
    )


def test_one_setup_has_no_turns() -> None:
    printer = printer_of(live=False)
    printer.settled(settled(contenders=NAMES[:1]))
    assert text_of(printer) == "race       1 setup, loaded alone\n"


def test_without_a_terminal_there_is_a_line_for_a_round() -> None:
    printer = printer_of(live=False)
    printer.settled(settled())
    slices(printer, rounds=3, round_seconds=1.5, alive=2)
    assert text_of(printer).splitlines()[1:] == [
        f"round {number}: granian-wsgi leads, 2 of 3 still in the race, 1 min 30 s left"
        for number in (1, 2, 3)
    ]


def test_short_rounds_are_not_a_line_each_unless_somebody_left() -> None:
    printer = printer_of(live=False)
    slices(printer, rounds=100, round_seconds=0.1)
    assert [line.partition(":")[0] for line in text_of(printer).splitlines()] == [
        f"round {number}" for number in range(1, 101, 10)
    ]
    before = len(text_of(printer))
    printer.slice("waitress", seen(1009.95), replace(BASE, round=101, alive=2))
    assert text_of(printer)[before:].startswith(
        "round 101: granian-wsgi leads, 2 still in the race"
    )


def test_a_terminal_is_redrawn_five_times_a_second_at_most() -> None:
    printer = printer_of(live=True)
    slices(printer, rounds=20, round_seconds=0.1)
    assert 9 <= text_of(printer).count("round ") <= 11


@pytest.mark.parametrize(
    ("pairs", "words"),
    [(2, ", 2 pairs not decided"), (1, ", 1 pair not decided"), (0, "granian-wsgi leads")],
)
def test_the_bar_shows_what_is_known_so_far(pairs: int, words: str) -> None:
    printer = printer_of(live=True)
    printer.settled(settled())
    printer.slice("waitress", seen(1000.0), replace(BASE, open_pairs=pairs))
    printer.slice("waitress", seen(1001.0), replace(BASE, place=2, open_pairs=None))
    last = text_of(printer).rpartition("\r")[2].rpartition("\x1b[2K")[2]
    assert last.startswith(
        "━━━━━━╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌ 1 min 30 s left, round 12,"
        " 3 of 3 still in the race, granian-wsgi leads"
    )
    assert last.endswith(words)


def test_a_narrow_terminal_still_shows_the_time_left() -> None:
    printer = printer_of(live=True, width=50)
    printer.slice("waitress", seen(1000.0), BASE)
    assert "1 min 30 s left" in text_of(printer)
    assert "\n" not in text_of(printer)


def test_more_time_than_there_was_is_none_left() -> None:
    printer = printer_of(live=False)
    printer.slice("waitress", seen(1000.0), replace(BASE, spent_seconds=130.0, leader=None))
    assert text_of(printer) == "round 12: 3 still in the race, 0 s left\n"


def test_names_are_not_markup() -> None:
    printer = printer_of(live=False)
    hostile = "[bold]x[/bold]"
    printer.prepared(prepared(hostile))
    printer.failed(hostile, (Failure(kind="start", count=1, sample=hostile),))
    printer.slice(hostile, seen(1000.0), replace(BASE, leader=hostile))
    assert text_of(printer).count(hostile) == 4


def test_when_the_pick_is_known_nobody_reads_that_one_is_still_in_the_race() -> None:
    printer = printer_of(live=False)
    printer.settled(settled())
    before = len(text_of(printer))
    slices(printer, rounds=1, round_seconds=2.0, alive=1)
    line = text_of(printer)[before:]
    assert "no other setup can be better" in line
    assert "1 of 3" not in line

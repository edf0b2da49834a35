"""The leaderboard in a terminal: golden, readable without colour, and honest about what is absent."""

from __future__ import annotations

import io
import os
from pathlib import Path
from typing import Literal

import pytest
from msgspec.structs import replace
from rich.console import Console

from whichworker.model import App, Arm, Budget, Finding, Question, Request, Workload
from whichworker.report import terminal
from whichworker.result import ArmResult, Result

from . import samples

GOLDEN = Path(__file__).parent / "golden" / "terminal.txt"
SAMPLES = (
    samples.race,
    samples.invalid,
    samples.interrupted,
    samples.single,
    samples.unanswered,
    samples.sparse,
    samples.hostile,
    samples.sought,
)
every_sample = pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: sample.__name__)


def console_of(width: int, *, colour: bool = False) -> Console:
    system: Literal["truecolor"] | None = "truecolor" if colour else None
    return Console(
        file=io.StringIO(), width=width, color_system=system, force_terminal=colour, highlight=False, legacy_windows=False, _environ={}
    )


def shown(console: Console) -> str:
    assert isinstance(console.file, io.StringIO)
    return "\n".join(line.rstrip() for line in console.file.getvalue().splitlines()) + "\n"


def printed(result: Result, width: int = 120, *, colour: bool = False) -> str:
    console = console_of(width, colour=colour)
    terminal.print_result(console, result)
    return shown(console)


def test_the_leaderboards_are_the_golden_ones() -> None:
    """To regenerate after a wanted change, and then read the diff:

    WHICHWORKER_UPDATE_GOLDEN=1 python -m pytest tests/report/test_terminal.py
    """
    tame = [sample for sample in SAMPLES if sample is not samples.hostile]
    text = "".join(f"=== {sample.__name__} ===\n{printed(sample())}\n" for sample in tame)
    if os.environ.get("WHICHWORKER_UPDATE_GOLDEN") == "1":
        GOLDEN.parent.mkdir(exist_ok=True)
        GOLDEN.write_text(text, encoding="utf-8")
    assert text == GOLDEN.read_text(encoding="utf-8")


def test_every_ranked_arm_has_a_row_and_the_others_a_reason() -> None:
    text = printed(samples.race())
    for arm in samples.race().arms:
        lines = [line for line in text.splitlines() if arm.name in line]
        assert lines
        if arm.state in ("failed", "refused", "invalid"):
            assert any(line.startswith(f"x {arm.name} {arm.state}: ") for line in lines)


def test_an_invalid_run_shows_no_number_and_no_advice() -> None:
    text = printed(samples.invalid())
    assert text.strip().startswith("INVALID")
    assert all(reason in text for reason in samples.invalid().validity.reasons)
    assert "requests/s" not in text
    assert "deploy" not in text
    assert not any(
        one.name in text.partition("\nx ")[0] for one in samples.CONTENDERS if one.name not in samples.invalid().validity.reasons[0]
    )


def test_an_interrupted_run_says_so() -> None:
    assert "interrupted" in printed(samples.interrupted())
    assert "interrupted" not in printed(samples.race())


def test_what_is_absent_is_a_dash_and_never_zero() -> None:
    text = printed(samples.sparse())
    board = text.partition("\n\n")[0]
    assert terminal.ABSENT in board
    assert " 0 " not in board


@every_sample
@pytest.mark.parametrize("width", [80, 40])
def test_a_narrow_terminal_is_no_reason_to_crash(sample: object, width: int) -> None:
    assert callable(sample)
    assert printed(sample(), width)


def test_at_eighty_columns_rank_name_and_rate_can_still_be_read() -> None:
    lines = printed(samples.race(), 80).splitlines()
    for one in samples.CONTENDERS:
        assert any(one.name[:6] in line and f"{one.rate:,.0f}" in line for line in lines), one.name


@every_sample
def test_colour_adds_nothing_to_the_words(sample: object) -> None:
    assert callable(sample)
    coloured = printed(sample(), colour=True)
    assert "\x1b[" in coloured
    assert "\x1b" not in printed(sample())


def test_names_are_not_markup() -> None:
    text = printed(samples.hostile("[bold]x[/bold]"), 400)
    assert "[bold]x[/bold]" in text


@pytest.mark.parametrize(("low", "high", "text"), [(1, 1, "1"), (2, 4, "2-4"), (None, None, "–"), (None, 3, "–")])
def test_ranks(low: int | None, high: int | None, text: str) -> None:
    assert terminal.rank(replace(samples.race().arms[0], rank_low=low, rank_high=high)) == text


def arm_called(name: str) -> ArmResult:
    return next(arm for arm in samples.race().arms if arm.name == name)


@pytest.mark.parametrize(
    ("name", "word"),
    [
        ("granian-wsgi", "fastest"),
        ("gunicorn-gthread", "tie"),
        ("gunicorn-gevent", "undetermined"),
        ("waitress", "0.79x (0.74-0.84)"),
        ("daphne", "dropped"),
    ],
)
def test_standing_uses_the_words_of_the_verdict(name: str, word: str) -> None:
    assert terminal.standing(samples.race(), arm_called(name)) == word


def test_findings_come_with_evidence_and_cure() -> None:
    console = console_of(120)
    long = "\n".join(f"line {number}" for number in range(20))
    terminal.print_findings(console, [Finding(code="x", severity="warning", text="it is so", evidence=long, hint="mend it")])
    text = shown(console)
    assert text.startswith("! it is so\n    line 0\n")
    assert "line 5" in text and "line 6" not in text
    assert text.endswith("    hint: mend it\n")


@pytest.mark.parametrize(("connections", "words"), [(16, "16"), (None, "as many")])
def test_the_plan(connections: int | None, words: str) -> None:
    arm = Arm(
        name="waitress[threads=8]",
        server="waitress",
        kind="threads",
        family="waitress",
        interface="wsgi",
        requirements=("waitress",),
        python="3.12",
        settings={"threads": 8},
    )
    app = App(name="shop", directory="/srv", python="/usr/bin/python3", origin={"app": "manage.py of this folder"})
    question = Question(
        apps={"3.12": app},
        workload=Workload(name="/", title="GET /", requests=(Request(),)),
        arms=(arm,),
        budget=Budget(seconds=120.0, server_cores=(0, 1), generator_cores=(2,)),
        connections=connections,
    )
    console = console_of(120)
    terminal.print_plan(console, question, {arm.name: "3.0.2"})
    text = shown(console)
    for part in (
        "shop",
        "manage.py of this folder",
        "GET /",
        "servers on core 0,1, generator on core 2",
        words,
        "2 min 00 s",
        arm.name,
        "3.0.2",
        "threads=8",
    ):
        assert part in text

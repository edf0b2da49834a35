"""Comparisons from journals that were written by hand."""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree

import msgspec
import pytest
from rich.console import Console
from tests.judge.stories import END, Story

from whichworker.design.rounds import TWIN
from whichworker.judge import verdict
from whichworker.judge.replay import aim_of
from whichworker.model import Terms
from whichworker.report.sides import ci, junit
from whichworker.report.sides.versus import print_comparison, render_markdown
from whichworker.result import decode, encode
from whichworker.result.versus import Measure, VersusResult
from whichworker.store.records import Launched
from whichworker.versus import gate_checks
from whichworker.versus.comparison import concluded
from whichworker.versus.sides import COMMIT

FIRST, SECOND = "gunicorn-gthread", "gunicorn-gthread#2"
GATE = Terms(seed=3, claims="all", most_loss=0.05)


def rates(after: float) -> Callable[[str, int], float]:
    """The second side does this share of the first one's rate."""

    def rate(name: str, number: int) -> float:
        shared = random.Random(f"round {number}").gauss(0, 0.1)
        own = random.Random(f"{number} {name}").gauss(0, 0.02)
        return 1000 * (after if name == SECOND else 1.0) * math.exp(shared + own)

    return rate


def compared(folder: Path, after: float, terms: Terms = GATE, generations: int = 6) -> VersusResult:
    story = Story(folder, ("gthread", "gthread"), terms=terms)
    for _ in range(generations):
        story.rounds(5, rates(after)).relaunch()
    return concluded(story.add(END).journal())


def shown(result: VersusResult) -> str:
    console = Console(width=120)
    with console.capture() as caught:
        print_comparison(console, result)
    return caught.get()


@pytest.mark.parametrize(
    ("after", "outcome", "state"),
    [(0.8, "failed", "slower"), (1.0, "passed", "alike"), (1.3, "passed", "faster")],
)
def test_a_gate_fails_for_a_loss_and_passes_without(
    after: float, outcome: str, state: str, tmp_path: Path
) -> None:
    result = compared(tmp_path, after)
    assert (result.kind, result.outcome) == ("gate", outcome)
    speed, spent = result.measures[:2]
    assert speed.ratio == pytest.approx(after, rel=0.03)
    assert speed.low is not None
    assert speed.high is not None
    assert speed.low < after < speed.high
    assert result.verdict.state in (state, "undecided" if after == 1.0 else state)
    assert spent.ratio == pytest.approx(1 / after, rel=0.1)
    assert decode(encode(result)) == result


@pytest.mark.parametrize(
    ("more", "outcome", "checked"),
    [
        ({"most_memory": 0.1}, "passed", ["throughput", "cpu", "memory"]),
        ({"most_start": 0.2}, "passed", ["throughput", "cpu", "cold start"]),
        ({}, "passed", ["throughput", "cpu"]),
    ],
)
def test_more_limits_are_checked_if_they_are_asked_for(
    more: dict[str, float], outcome: str, checked: list[str], tmp_path: Path
) -> None:
    terms = msgspec.structs.replace(GATE, **more)
    result = compared(tmp_path, 1.0, terms)
    assert [check.measure for check in result.checks] == checked
    assert result.outcome == outcome


@pytest.mark.parametrize(("longer", "outcome"), [(1.0, "passed"), (1.5, "failed"), (0.5, "passed")])
def test_a_start_that_takes_longer_fails(longer: float, outcome: str, tmp_path: Path) -> None:
    terms = msgspec.structs.replace(GATE, most_start=0.2)
    story = Story(tmp_path, ("gthread", "gthread"), terms=terms)
    for _ in range(6):
        story.rounds(5, rates(1.0)).relaunch()
    story.records = [
        msgspec.structs.replace(one, cold_start_seconds=one.cold_start_seconds * longer)
        if isinstance(one, Launched) and one.arm == SECOND
        else one
        for one in story.records
    ]
    result = concluded(story.add(END).journal())
    assert result.checks[-1].outcome == outcome
    assert result.outcome == outcome


def test_a_limit_of_the_start_needs_launches() -> None:
    assert aim_of(msgspec.structs.replace(GATE, most_start=0.2)).generations == 4
    assert aim_of(GATE).generations == 0


@pytest.mark.parametrize(
    ("second", "outcome"),
    [
        (80_000_000, "passed"),
        (88_500_000, "undecided"),
        (95_000_000, "failed"),
        (None, "undecided"),
    ],
)
def test_memory_has_one_reading_of_each_side_and_a_margin(
    second: int | None, outcome: str, tmp_path: Path
) -> None:
    terms = msgspec.structs.replace(GATE, most_memory=0.1)
    story = Story(tmp_path, ("gthread", "gthread"), terms=terms)
    for _ in range(6):
        story.rounds(5, rates(1.0)).relaunch()
    journal = story.add(END).journal()
    result = concluded(journal)
    ratio = second / 80_000_000 if second else None
    measure = Measure(name="memory", unit="bytes", first=8e7, second=second, ratio=ratio)
    measures = [measure if one.name == "memory" else one for one in result.measures]
    whole = verdict.judge(journal)
    found = tuple(gate_checks.checks(whole, measures, terms, *whole.arms))
    assert found[-1].outcome == outcome
    assert msgspec.structs.replace(result, checks=found).outcome == outcome


def test_too_few_rounds_decide_nothing(tmp_path: Path) -> None:
    result = compared(tmp_path, 0.8, generations=0)
    assert (result.outcome, result.verdict.state) == ("undecided", "undecided")
    assert result.measures[0].ratio is None
    assert "not decided" in shown(result)


def test_a_comparison_without_a_limit_has_no_checks(tmp_path: Path) -> None:
    result = compared(tmp_path, 0.8, Terms(seed=3, claims="all", width=0.01))
    assert (result.kind, result.checks) == ("versus", ())
    assert "slower" in result.verdict.headline
    assert "ratio: gunicorn-gthread#2 over gunicorn-gthread" in shown(result)


def test_numbers_on_the_screen_are_those_of_the_json(tmp_path: Path) -> None:
    result = compared(tmp_path, 0.8)
    speed = result.measures[0]
    text = shown(result)
    assert text.splitlines()[1].startswith("FAILED")
    assert f"{speed.ratio:.2f}x ({speed.low:.2f}-{speed.high:.2f})" in text


def test_a_side_that_breaks_fails_the_gate(tmp_path: Path) -> None:
    story = Story(tmp_path, ("gthread", "gthread"), terms=GATE)
    story.rounds(3, rates(1.0)).rounds(1, rates(1.0), fail=SECOND).add(END)
    result = concluded(story.journal())
    assert result.outcome == "failed"
    assert result.checks[0].text == f"{SECOND} broke under load, and {FIRST} did not"
    other = Story(tmp_path, ("gthread", "gthread"), terms=GATE)
    other.rounds(3, rates(1.0)).rounds(1, rates(1.0), fail=FIRST).add(END)
    assert concluded(other.journal()).outcome == "undecided", "nothing is left to compare with"


def test_an_invalid_gate_shows_no_number(tmp_path: Path) -> None:
    story = Story(tmp_path, ("gthread", "gthread"), terms=GATE)

    def uneven(name: str, number: int) -> float:
        return rates(0.5)(name, number) * (1.5 if name == TWIN else 1.0)

    result = concluded(story.rounds(40, uneven).add(END).journal())
    assert (result.validity.state, result.outcome) == ("invalid", "undecided")
    (check,) = result.checks
    assert "the run is invalid: two identical copies" in check.text
    assert "INVALID" in shown(result)
    for text in (shown(result), junit.render(result), render_markdown(result)):
        assert f"{result.measures[0].ratio:.2f}" not in text


def test_the_faster_side_is_nothing_to_deploy(tmp_path: Path) -> None:
    assert Story(tmp_path, ("gthread", "waitress"), terms=GATE).rounds(20).judged().advice is None


def test_the_commit_is_kept_with_the_run(tmp_path: Path) -> None:
    story = Story(tmp_path, ("gthread", "waitress"), terms=GATE)
    asked = story.asked
    (app,) = asked.apps.values()
    old, new = (msgspec.structs.replace(app, origin={COMMIT: one}) for one in ("a" * 40, ""))
    subject = msgspec.structs.replace(asked.subject, apps={"main": old, "the folder": new})
    arms = tuple(
        msgspec.structs.replace(arm, python=label)
        for arm, label in zip(asked.arms, subject.apps, strict=True)
    )
    question = msgspec.structs.replace(asked, subject=subject, arms=arms)
    story.records[0] = msgspec.structs.replace(story.records[0], question=question)
    result = concluded(story.rounds(12, rates(1.0)).add(END).journal())
    assert [side.commit for side in result.sides] == ["a" * 40, ""]
    assert "aaaaaaaaaaaa" in shown(result)


def test_what_ci_services_read(tmp_path: Path) -> None:
    failed = compared(tmp_path, 0.8)
    suite = ElementTree.fromstring(junit.render(failed))
    assert suite.get("tests") == "2"
    assert suite.get("failures") == str(len(suite.findall(".//failure"))) != "0"
    assert [case.get("name") for case in suite] == ["throughput", "cpu"]
    summary = tmp_path / "summary.md"
    summary.write_text("before\n")
    assert ci.summarize(failed, {}) is None
    assert ci.summarize(failed, {"GITHUB_STEP_SUMMARY": str(summary)}) == summary
    assert summary.read_text().startswith("before\n## gate: failed\n")
    assert not list(ci.annotated(failed, {}))
    lines = list(ci.annotated(failed, {"GITHUB_ACTIONS": "true"}))
    assert lines[0].startswith("::error title=whichworker gate::requests/s of")
    assert all(line.startswith("::") for line in lines)


def test_hostile_names_are_inert(tmp_path: Path) -> None:
    result = compared(tmp_path, 0.8)
    evil = "x|y](javascript:a)<img src=x>\n::error::\x1b[2J\x00`rm`"
    checks = tuple(msgspec.structs.replace(one, text=evil) for one in result.checks)
    sides = tuple(msgspec.structs.replace(one, name=evil) for one in result.sides)
    result = msgspec.structs.replace(result, checks=checks, sides=sides)
    page = render_markdown(result)
    assert "<img" not in page
    assert "\x1b" not in page
    assert "](javascript" not in page.replace("\\]", "")
    ElementTree.fromstring(junit.render(result))
    for line in ci.annotated(result, {"GITHUB_ACTIONS": "true"}):
        assert "\n" not in line

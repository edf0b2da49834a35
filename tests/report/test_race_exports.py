"""A race as Markdown, CSV and a picture: the same numbers as the JSON, and inert."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from xml.etree import ElementTree

import msgspec
import pytest

from tests.judge.stories import END, SERVERS, Story
from whichworker.report import files, standings
from whichworker.report.exports import race_picture, race_tables
from whichworker.report.markdown import inert
from whichworker.result import Result, Validity
from whichworker.units import show_rate

SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture
def result(tmp_path: Path) -> Result:
    return Story(tmp_path, SERVERS).rounds(40).add(END).judged()


def test_the_csv_has_the_numbers_of_the_json(result: Result) -> None:
    rows = list(csv.DictReader(io.StringIO(race_tables.render_csv(result))))
    assert [row["setup"] for row in rows] == [arm.name for arm in result.arms]
    for row, arm in zip(rows, result.arms, strict=True):
        assert float(row["requests_per_second"]) == arm.speed
        assert int(row["memory_bytes"]) == arm.memory_bytes
        ratio = arm.against_leader
        assert row["ratio"] == ("" if ratio is None else str(ratio.value))


def test_the_page_has_the_verdict_and_every_setup(result: Result) -> None:
    page = race_tables.render_markdown(result, "my race.svg")
    assert page.startswith("# Clear winner: granian-wsgi is faster")
    assert "![Speed over the leader's](my%20race.svg)" in page
    for arm in result.arms:
        assert f"| {inert(arm.name)} | {show_rate(arm.speed)} |" in page


def test_the_picture_shows_each_setup_and_fits_a_dark_page(result: Result) -> None:
    drawn = race_picture.picture(result)
    root = ElementTree.fromstring(drawn)
    words = ["".join(one.itertext()) for one in root.iter(f"{SVG}text")]
    for arm in result.arms:
        assert arm.name in words
        assert f"{show_rate(arm.speed)}/s" in words
    assert "prefers-color-scheme:dark" in drawn
    assert standings.verdict_of(result).headline in words
    assert "http" not in drawn.replace("http://www.w3.org/2000/svg", "")


def test_an_invalid_race_shows_no_number(result: Result) -> None:
    bad = msgspec.structs.replace(result, validity=Validity(state="invalid", reasons=("busy",)))
    page = race_tables.render_markdown(bad)
    assert page.startswith("# INVALID")
    assert "- busy" in page
    assert race_picture.picture(bad) == ""
    table = race_tables.render_csv(bad)
    for arm in result.arms:
        assert show_rate(arm.speed) not in page
        assert str(arm.speed) not in table


EVIL = (
    "=1+1",
    "+cmd",
    "-2",
    "@SUM(A1)",
    "\tx",
    "</svg><script>",
    "|a](javascript:x)",
    "`rm`\x1b[2J",
)


@pytest.mark.parametrize("evil", EVIL)
def test_hostile_names_are_inert(evil: str, result: Result) -> None:
    arms = tuple(msgspec.structs.replace(arm, version=evil, server=evil) for arm in result.arms)
    findings = tuple(msgspec.structs.replace(one, text=evil) for one in result.findings)
    hostile = msgspec.structs.replace(
        result,
        arms=arms,
        findings=findings,
        question=msgspec.structs.replace(result.question, app=evil, workload=evil),
    )
    for row in csv.reader(io.StringIO(race_tables.render_csv(hostile))):
        assert not [cell for cell in row if cell.startswith(race_tables.FORMULAS)]
    page = race_tables.render_markdown(hostile)
    assert "<script" not in page
    assert "\x1b" not in page
    assert "](javascript" not in page.replace("\\]", "")
    ElementTree.fromstring(race_picture.picture(hostile))


def test_all_files_are_written_beside_each_other(result: Result, tmp_path: Path) -> None:
    names = {kind: str(tmp_path / f"race.{kind}") for kind in ("json", "html", "csv", "svg")}
    page = tmp_path / "race.md"
    written = files.write(result, **names, markdown=str(page))
    assert {path.name for path in written} == {
        "race.json", "race.html", "race.csv", "race.svg", "race.md",
    }  # fmt: skip
    assert "(race.svg)" in page.read_text()

"""The picture of a study: every number of it as a mark, and nothing that is not a number."""

from __future__ import annotations

from xml.etree import ElementTree

from msgspec.structs import replace

from tests.report import samples
from whichworker.report.pages import study_page
from whichworker.report.study_picture import picture
from whichworker.result.envelope import Run, Validity
from whichworker.result.study import AskedStudy, Cell, StudyResult, StudyRow

SVG = "{http://www.w3.org/2000/svg}"


def cell(arm: str, value: float | None, published: float | None = None, **more: object) -> Cell:
    return Cell(
        arm=arm,
        metric="requests per second",
        unit="1/s",
        value=value,
        published=published,
        **more,  # type: ignore[arg-type]
    )


def study(*rows: StudyRow) -> StudyResult:
    return StudyResult(
        study="any",
        title="A <study>",
        question=AskedStudy(
            quick=True,
            as_published=False,
            seed=1,
            time_seconds=60.0,
            server_cores=(0,),
            generator_cores=(1,),
        ),
        machine=samples.machine(),
        run=Run(
            id="r",
            started="2025-03-04T12:30:05Z",
            command="whichworker study any",
            version="0",
            seconds=1.0,
            finished=True,
        ),
        validity=Validity(state="valid"),
        rows=rows,
    )


ROWS = (
    StudyRow(
        workload="json",
        variant="sync",
        cells=(cell("a", 100.0, 400.0, low=90.0, high=110.0), cell("b", None, 0.0, state="failed")),
    ),
    StudyRow(
        workload="slow", variant="sync", cells=(cell("a", 20.0, state="ceiling"), cell("b", 2000.0))
    ),
)


def test_every_number_is_a_mark() -> None:
    drawn = ElementTree.fromstring(picture(study(*ROWS)))
    marks = [mark for mark in drawn.iter(f"{SVG}circle") if mark.find(f"{SVG}title") is not None]
    said = sorted(mark.find(f"{SVG}title").text or "" for mark in marks)  # type: ignore[union-attr]
    assert said == ["a, published: 400", "a: 100", "a: 20", "b: 2,000"]
    assert len([line for line in drawn.iter(f"{SVG}line") if line.get("class") == "whisker"]) == 1
    words = [text.text for text in drawn.iter(f"{SVG}text")]
    assert "json (sync)" in words and "requests per second" in words


def test_a_study_without_numbers_has_no_picture() -> None:
    empty = study(
        StudyRow(workload="json", variant="sync", cells=(cell("a", None, state="absent"),))
    )
    assert picture(empty) == ""
    assert "![" not in study_page.render_markdown(empty)


def test_times_are_drawn_where_there_are_no_rates() -> None:
    times = tuple(
        replace(one, metric="1000 requests to one site", unit="s") for one in ROWS[0].cells
    )
    assert "seconds for 1000 requests" in picture(study(replace(ROWS[0], cells=times)))


def test_the_pages_show_it() -> None:
    assert "![A <study>: ours and the published values](any.svg)" in study_page.render_markdown(
        study(*ROWS), "any.svg"
    )
    page = study_page.render(study(*ROWS))
    assert "<svg" in page and "A &lt;study&gt;" in page

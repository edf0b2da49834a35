"""An explanation as terminal, page and JSON: readable, escaped, of the published schema."""

from __future__ import annotations

import io
import json
import re

from jsonschema import Draft202012Validator
from rich.console import Console

from whichworker import result
from whichworker.report.explain import bar, print_explain
from whichworker.report.pages.explain_page import render, render_markdown

from . import samples

WIDTH = 100
WHOLE = samples.result(
    samples.one_at_a_time(), samples.looping(), samples.greenlets(), samples.out()
)


def printed() -> str:
    text = io.StringIO()
    print_explain(Console(file=text, width=WIDTH, highlight=False, markup=False), WHOLE)
    return text.getvalue()


def test_the_terminal_shows_staircases_and_the_table_side_by_side() -> None:
    text = printed()
    assert max(map(len, text.splitlines())) <= WIDTH
    assert "█████████ 256" in text
    for words in (
        "at once, configured",
        "at once, found",
        "none up to 256",
        "310 ms",
        "patched modules",
        "--worker-connections",
    ):
        assert words in text
    assert "uwsgi could not be measured: no C compiler" in text


def test_a_block_more_is_twice_as_many() -> None:
    assert [len(bar(count)) for count in (0, 1, 2, 3, 4, 255, 256)] == [0, 1, 2, 2, 3, 8, 9]


def test_the_percentile_is_one_that_all_support() -> None:
    assert "a fast view's p95, alone" in printed()


def test_the_page_stands_alone_and_escapes_names() -> None:
    page = render(WHOLE)
    assert page.count("<script") == 1 and "gunicorn-gevent&lt;script&gt;" in page
    assert not re.search(r"(src|href)=\"(?!data:|#)", page)
    assert page.count('class="stairs"') == 2
    assert "Content-Security-Policy" in page
    assert len(page) < 300_000


def test_the_markdown_has_each_worker_the_staircase_and_the_table() -> None:
    page = render_markdown(WHOLE)
    assert page.startswith("# gunicorn-sync, gunicorn-asgi")
    assert "| at once, found | 1 | none up to 256 | 20 |" in page
    assert "could not be measured: no C compiler" in page


def test_nobody_measured_is_still_a_page() -> None:
    nobody = samples.result(samples.out())
    assert "could not be measured" in render(nobody)
    assert "could not be measured" in render_markdown(nobody)


def test_what_is_written_is_of_the_schema_and_read_again() -> None:
    text = result.encode(WHOLE)
    Draft202012Validator(result.schema()).validate(json.loads(text))
    assert result.decode(text) == WHOLE

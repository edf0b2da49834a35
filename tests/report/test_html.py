"""The HTML report: complete, self-contained, honest about gaps, and safe for any name."""

from __future__ import annotations

import base64
import json
import os
import re
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path

import pytest
from msgspec.structs import replace

from whichworker.report.html import render, show_cores, show_date
from whichworker.result import Result, decode, encode
from whichworker.units import show_rate

from . import samples

GOLDEN = Path(__file__).parent / "golden" / "report.html"
SAMPLES = (
    samples.race,
    samples.clear,
    samples.tied,
    samples.old,
    samples.invalid,
    samples.interrupted,
    samples.single,
    samples.unanswered,
    samples.sparse,
    samples.hostile,
    samples.sought,
    samples.waited,
)
VOID = {"meta", "link", "br"}
every_sample = pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: sample.__name__)


class Page(HTMLParser):
    """A page for tests: elements, text of table rows and headings, and balance of tags."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.words: dict[str, list[str]] = {}
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_data(" ")  # words of neighbouring elements are not one word
        self.elements.append((tag, dict(attrs)))
        self.words.setdefault(tag, []).append("")
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        for tag in set(self.open):
            self.words[tag][-1] += data

    def attributes(self, *names: str) -> list[str]:
        """The values of these attributes, wherever they stand."""
        return [
            value or ""
            for _, found in self.elements
            for name, value in found.items()
            if name in names
        ]


def text_of(page: Page, tag: str) -> list[str]:
    """The text of each element of this kind, white space collapsed."""
    return [" ".join(words.split()) for words in page.words.get(tag, [])]


@every_sample
def test_nothing_outside_the_file_is_referred_to(sample: Callable[[], Result]) -> None:
    text = render(sample())
    page = Page(text)
    references = page.attributes(
        "src",
        "href",
        "srcset",
        "action",
        "data",
        "poster",
        "formaction",
        "xlink:href",
        "background",
    )
    assert references
    assert all(reference.startswith(("#", "data:")) for reference in references)
    assert not re.search(r"@import|url\(", text)
    assert not {"script", "iframe", "object", "embed", "form", "base"} & {
        tag for tag, _ in page.elements
    }
    assert not [name for _, found in page.elements for name in found if name.startswith("on")]


@every_sample
def test_every_tag_is_closed_and_every_anchor_has_a_target(sample: Callable[[], Result]) -> None:
    page = Page(render(sample()))
    assert page.open == []
    identifiers = page.attributes("id")
    assert len(identifiers) == len(set(identifiers))
    targets = [link.removeprefix("#") for link in page.attributes("href") if link.startswith("#")]
    named = " ".join(page.attributes("aria-labelledby", "aria-describedby")).split()
    assert {*targets, *named} <= set(identifiers)


@every_sample
def test_the_content_policy_allows_only_inline_style_and_data_images(
    sample: Callable[[], Result],
) -> None:
    page = Page(render(sample()))
    policies = [
        found["content"]
        for tag, found in page.elements
        if found.get("http-equiv") == "Content-Security-Policy"
    ]
    assert policies == [
        (
            "default-src 'none'; style-src 'unsafe-inline'; img-src data:;"
            " base-uri 'none'; form-action 'none'"
        )
    ]


@every_sample
def test_the_embedded_result_is_the_result(sample: Callable[[], Result]) -> None:
    result = sample()
    links = [
        found for tag, found in Page(render(result)).elements if tag == "a" and "download" in found
    ]
    assert len(links) == 1
    assert re.fullmatch(r"whichworker-[A-Za-z0-9._-]+\.json", links[0]["download"] or "")
    kind, _, encoded = (links[0]["href"] or "").partition(",")
    assert kind == "data:application/json;base64"
    assert decode(base64.b64decode(encoded, validate=True)) == result


@every_sample
def test_the_page_is_small(sample: Callable[[], Result]) -> None:
    assert len(render(sample()).encode()) < 300_000


def test_as_many_stretches_as_a_result_has_still_fit() -> None:
    assert (
        len(render(replace(samples.race(), windows=samples.windows(40), blocks=600)).encode())
        < 300_000
    )


@every_sample
def test_the_page_has_a_language_and_one_first_heading(sample: Callable[[], Result]) -> None:
    page = Page(render(sample()))
    assert ("html", {"lang": "en"}) in page.elements
    assert len(text_of(page, "h1")) == 1
    assert text_of(page, "h1")[0] in text_of(page, "title")[0]


def answer_of(text: str) -> str:
    """The markup of the answer alone."""
    return text.partition('<div class="answer')[2].partition("</header>")[0]


@pytest.mark.parametrize(
    ("sample", "state", "strength"),
    [
        (samples.clear, "clear", "Clear winner: granian-wsgi"),
        (samples.tied, "tied", "Tied: granian-wsgi, gunicorn-gthread"),
        (
            samples.race,
            "undecided",
            "Not decided whether granian-wsgi is faster than gunicorn-gevent",
        ),
        (samples.unanswered, "invalid", "No verdict"),
    ],
)
def test_the_verdict_comes_first_and_looks_as_strong_as_it_is(
    sample: Callable[[], Result], state: str, strength: str
) -> None:
    text = render(sample())
    assert text_of(Page(text), "h1")[0].startswith(strength)
    assert f'<div class="answer {state}">' in text
    styles = [
        rule for rule in ("clear", "tied", "undecided") if f".answer.{rule} h1::before" in text
    ]
    signs = re.findall(r'\.answer\.\w+ h1::before \{ content: "(.)";', text)
    assert styles == ["clear", "tied", "undecided"] and len(set(signs)) == 3


def test_after_the_verdict_come_the_reason_and_the_command() -> None:
    result = samples.race()
    page = Page(render(result))
    assert result.advice is not None
    assert (
        text_of(page, "pre")[0]
        == "gunicorn -k gthread -w 1 --threads 8 -b 127.0.0.1:8000 shop.wsgi:application"
    )
    assert f"Deploy gunicorn-gthread: {result.advice.because}" in text_of(page, "p")


def test_what_is_undecided_has_the_command_that_decides() -> None:
    page = Page(render(samples.race()))
    assert (
        text_of(page, "pre")[1]
        == "whichworker race builtin:django --resume 2025-03-04T12-30-05-7f3a --time 60s"
    )
    for sample in (samples.clear, samples.tied, samples.old):
        assert "--resume" not in answer_of(render(sample())), sample.__name__


def test_tied_setups_are_shown_with_what_each_costs() -> None:
    answer = answer_of(render(samples.tied()))
    for cost in ("312 µs", "61.3 MB", "297 µs", "54.9 MB", "318 µs", "82.1 MB"):
        assert cost in answer
        assert cost not in answer_of(render(samples.race()))


def test_a_result_from_before_verdicts_is_read_from_its_json() -> None:
    written = json.loads(encode(samples.old()))
    del written["verdict"]
    for arm in written["arms"]:
        del arm["against_leader"], arm["idle_share"]
    result = decode(json.dumps(written).encode())
    assert isinstance(result, Result)
    text = render(result)
    page = Page(text)
    assert text_of(page, "h1") == [
        "Not decided whether granian-wsgi is faster than gunicorn-gevent"
    ]
    rows = text_of(page, "tr")
    assert any("waitress" in row and "0.79× 0.76–0.82 slower" in row for row in rows)
    assert any("daphne" in row and "– left early" in row for row in rows)
    assert "Left early" in text_of(page, "dt") and "Left early" not in text_of(
        Page(render(samples.race())), "dt"
    )
    assert "Each measurement was a launch of its own." in text
    assert "Each measurement was a launch of its own." not in render(samples.race())


@every_sample
def test_no_sentence_speaks_of_blocks_or_arms(sample: Callable[[], Result]) -> None:
    page = Page(render(replace(sample(), validity=samples.race().validity, findings=())))
    sentences = [
        text
        for tag in ("p", "th", "dt", "dd", "figcaption", "summary", "h2", "title", "desc")
        for text in text_of(page, tag)
    ]
    words = {word.strip(".,:;()").lower() for sentence in sentences for word in sentence.split()}
    assert not words & {
        "block",
        "blocks",
        "arm",
        "arms",
        "window",
        "windows",
        "undetermined",
        "dropped",
    }


def test_the_numbers_of_the_table_are_those_of_the_result() -> None:
    result = samples.race()
    rows = text_of(Page(render(result)), "tr")
    for arm in result.arms:
        if arm.against_leader is None or arm.throughput_per_second is None:
            continue
        near = arm.against_leader
        assert near.low is not None and near.high is not None
        shown = f"{arm.throughput_per_second.value:,.0f} {near.value:.2f}×"
        shown += f" {near.low:.2f}–{near.high:.2f}"
        assert any(arm.name in row and shown in row for row in rows), arm.name


def test_the_grid_of_pairs_is_folded() -> None:
    text = render(samples.race())
    grid = text.partition('<section id="pairs"')[2].partition("</section>")[0]
    assert grid.index("<details>") < grid.index('<table class="matrix">') < grid.index("</details>")


def test_every_ranked_arm_has_a_row_and_every_other_its_failure() -> None:
    result = samples.race()
    page = Page(render(result))
    rows, articles = text_of(page, "tr"), text_of(page, "article")
    for arm in result.arms:
        if arm.state == "ranked":
            assert any(arm.name in row and "SGI" in row for row in rows)
        else:
            assert any(
                arm.name in article
                and arm.state in article
                and arm.failures[0].sample.split()[0] in article
                for article in articles
            )


def test_a_row_says_what_was_measured_and_what_was_claimed() -> None:
    rows = text_of(Page(render(samples.race())), "tr")
    sync = next(row for row in rows if "gunicorn-sync" in row and "WSGI" in row)
    assert sync == (
        "gunicorn-sync gunicorn 23.0.0 · WSGI"
        " 2,890 0.93× 0.92–0.94 slower 3–4 8 331 µs 58.2 MB 520 ms"
    )
    uvicorn = next(row for row in rows if "uvicorn[workers=2]" in row and "ASGI" in row)
    assert "slower 6–8 32 " in uvicorn


def test_findings_stand_under_their_severity_with_evidence() -> None:
    page = Page(render(samples.race()))
    assert [heading for heading in text_of(page, "h3") if heading[-1].isdigit()] == [
        "Errors 1",
        "Warnings 1",
        "Notes 2",
    ]
    assert any("No module named 'trio'" in details for details in text_of(page, "details"))


def test_an_invalid_result_shows_no_ranking() -> None:
    result = samples.invalid()
    text = render(result)
    page = Page(text)
    assert text_of(page, "h1")[0].startswith("INVALID")
    assert all(
        any(reason == item for item in text_of(page, "li")) for reason in result.validity.reasons
    )
    assert "leaderboard" not in page.attributes("id") and not [
        one for one in page.attributes("role") if one == "img"
    ]
    assert "Deploy " not in text and "shop.wsgi" not in text_of(page, "pre")[0]
    names = [row.split()[0] for row in text_of(page, "tr")[1:]]
    assert names == sorted(names)
    for arm in result.arms:
        if arm.throughput_per_second is not None:
            assert f"{arm.throughput_per_second.value:,.0f}" not in text


def test_an_interrupted_run_says_so() -> None:
    assert any(
        words.startswith("Interrupted, partial.")
        for words in text_of(Page(render(samples.interrupted())), "p")
    )
    assert "whichworker race builtin:django --resume 2025-03-04T12-30-05-7f3a" in text_of(
        Page(render(samples.interrupted())), "code"
    )
    assert "Interrupted" not in render(samples.race())


def test_one_setup_alone_has_no_pairs() -> None:
    page = Page(render(samples.single()))
    assert text_of(page, "h1") == ["granian-wsgi is the only server setup that could be measured"]
    assert "pairs" not in page.attributes("id")
    assert page.attributes("role").count("img") == 2


def test_no_ranked_arm_leaves_the_failures() -> None:
    page = Page(render(samples.unanswered()))
    assert text_of(page, "h1") == ["No verdict: no server setup could be compared"]
    assert len(text_of(page, "article")) == 3


def test_what_was_not_measured_is_a_dash_and_never_a_zero() -> None:
    rows = text_of(Page(render(samples.sparse())), "tr")
    daphne = next(row for row in rows if row.startswith("daphne daphne"))
    assert daphne == "daphne daphne · ASGI – – no verdict – – – – –"
    assert '<abbr class="absent" title="not measured">–</abbr>' in render(samples.sparse())


def test_text_from_outside_stays_text() -> None:
    hostile = samples.hostile()
    text = render(hostile)
    assert "<script" not in text.lower()
    assert "granian-wsgi<script>alert('\"&x')</script>" in text_of(Page(text), "h1")[0]


def test_interpreters_are_named_by_row_only_where_they_differ() -> None:
    whole = samples.race()
    assert "· Python" not in render(whole)
    assert "· Python 3.13.1" in render(
        replace(whole, arms=(replace(whole.arms[0], python="3.13.1"), *whole.arms[1:]))
    )


def test_more_arms_than_a_reader_can_cross_have_no_matrix() -> None:
    whole = samples.race()
    arms = tuple(replace(whole.arms[0], name=f"arm-{number}") for number in range(17))
    assert 'id="pairs"' not in render(replace(whole, arms=arms))


@pytest.mark.parametrize(
    ("started", "shown"),
    [
        ("2025-03-04T12:30:05Z", "2025-03-04 12:30 UTC"),
        ("2025-03-04T12:30:05+02:00", "2025-03-04 10:30 UTC"),
        ("2025-03-04T12:30:05", "2025-03-04 12:30 UTC"),
        ("yesterday", "yesterday"),
    ],
)
def test_dates(started: str, shown: str) -> None:
    assert show_date(started) == shown


@pytest.mark.parametrize(
    ("cores", "shown"), [((), "any core"), ((1,), "core 1"), ((0, 2), "cores 0, 2")]
)
def test_cores(cores: tuple[int, ...], shown: str) -> None:
    assert show_cores(cores) == shown


def _luminance(colour: str) -> float:
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = (
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _contrast(one: str, other: str) -> float:
    low, high = sorted((_luminance(one), _luminance(other)))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("theme", [0, 1], ids=["light", "dark"])
def test_text_is_readable_in_both_themes(theme: int) -> None:
    """WCAG 2.2 AA: 4.5 for text, 3 for graphics."""
    blocks = re.findall(r":root \{([^}]*--ink[^}]*)\}", render(samples.race()))
    colours = dict(re.findall(r"--([a-z-]+): (#[0-9a-f]{6})", blocks[theme]))
    for background in ("paper", "raised"):
        for text in ("ink", "quiet", "accent", "slow", "doubt", "bad"):
            assert _contrast(colours[text], colours[background]) >= 4.5, (text, background)
    assert _contrast(colours["on-loud"], colours["loud"]) >= 4.5
    assert _contrast(colours["memory"], colours["paper"]) >= 3


def test_the_report_is_the_golden_one() -> None:
    """To regenerate after a wanted change, and then read the diff:

    WHICHWORKER_UPDATE_GOLDEN=1 python -m pytest tests/report/test_html.py
    """
    text = render(samples.race())
    if os.environ.get("WHICHWORKER_UPDATE_GOLDEN") == "1":
        GOLDEN.parent.mkdir(exist_ok=True)
        GOLDEN.write_text(text, encoding="utf-8")
    assert text == GOLDEN.read_text(encoding="utf-8")


def test_response_times_have_a_row_for_each_rate_and_an_interval_where_there_is_one() -> None:
    text = render(samples.waited())
    (section,) = re.findall(r'<section id="waits".*?</section>', text, re.DOTALL)
    assert section.count('<th scope="row">') == 4 + 3
    assert 'href="#waits"' in text
    assert "<small>GET /" not in section
    assert '<section id="waits"' not in render(samples.clear())


def test_response_times_have_a_row_for_each_route() -> None:
    text = render(samples.waited_by_route())
    (section,) = re.findall(r'<section id="waits".*?</section>', text, re.DOTALL)
    assert section.count('<th scope="row">') == 4 + 3 + 2
    assert section.count("<small>GET /health</small>") == 1


def test_arrivals_of_sessions_have_a_rate_of_their_own_beside_the_requests() -> None:
    (section,) = re.findall(
        r'<section id="waits".*?</section>', render(samples.visited()), re.DOTALL
    )
    assert section.index(">Sessions/s<") < section.index(">Requests/s<")
    rows = re.findall(r"<tr><th scope.*?</td><td.*?</td><td.*?</td>", section, re.DOTALL)
    lead = samples.visited().arms[0].waits[0]
    for rate in (lead.rate_per_second / 4, lead.rate_per_second):
        assert f">{show_rate(rate)}<" in rows[0]
    assert "Sessions/s" not in render(samples.waited())

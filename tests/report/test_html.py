"""The HTML report: complete, self-contained, honest about gaps, and safe for any name."""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
import os
import re
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path

import pytest
from msgspec.structs import replace

from whichworker.model import codes
from whichworker.report.pages import finding_kinds, first_screen, pair_grid, skeleton
from whichworker.report.pages.race_page import render, show_cores
from whichworker.report.pages.skeleton import show_date
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
    samples.own,
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
    assert not {"iframe", "object", "embed", "form", "base"} & {tag for tag, _ in page.elements}
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
def test_the_content_policy_allows_one_script_and_nothing_from_outside(
    sample: Callable[[], Result],
) -> None:
    text = render(sample())
    page = Page(text)
    (script,) = re.findall(r"<script>(.*?)</script>", text, re.DOTALL)
    assert [tag for tag, _ in page.elements].count("script") == 1
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode("ascii")
    policies = [
        found["content"]
        for tag, found in page.elements
        if found.get("http-equiv") == "Content-Security-Policy"
    ]
    assert policies == [
        (
            "default-src 'none'; style-src 'unsafe-inline'; img-src data:;"
            f" script-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
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


def test_forty_setups_and_five_hundred_stretches_fit_into_a_megabyte() -> None:
    text = render(samples.large())
    assert len(text.encode()) < 1_000_000
    page = Page(text)
    assert len(page.elements) < 10_000, "a browser opens it within a second"
    (link,) = [found for tag, found in page.elements if tag == "a" and "download" in found]
    assert (link["download"] or "").endswith(".json.gz")
    kind, _, encoded = (link["href"] or "").partition(",")
    assert kind == "data:application/gzip;base64"
    assert decode(gzip.decompress(base64.b64decode(encoded))) == samples.large()
    series = [found for _, found in page.elements if found.get("class") == "series"]
    assert len(series) == 2 * 40, "requests/s and CPU per request of each setup"
    assert max(len(row.split()) for row in text_of(page, "tr")) > 2 * 500, "of every stretch"


def test_the_same_result_gives_the_same_page() -> None:
    assert render(samples.large()) == render(samples.large())


def test_the_script_is_short_and_refers_to_nothing_outside() -> None:
    script = skeleton.script()
    assert len(script.splitlines()) <= 150
    assert not re.search(r"https?:|import\b|fetch\(|XMLHttpRequest|eval\(|innerHTML", script)


@every_sample
def test_every_section_has_a_heading_and_a_link(sample: Callable[[], Result]) -> None:
    page = Page(render(sample()))
    sections = [found.get("id") for tag, found in page.elements if tag == "section"]
    links = [link.removeprefix("#") for link in page.attributes("href") if link.startswith("#")]
    beside_the_verdict = [None, "twin", "gates"]
    assert not {one for one in sections if one not in beside_the_verdict} - set(links)


@every_sample
def test_without_the_script_there_is_no_control_that_does_nothing(
    sample: Callable[[], Result],
) -> None:
    assert not {"button", "input", "select"} & {tag for tag, _ in Page(render(sample())).elements}


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


def test_each_strength_has_a_mark_and_a_word_of_its_own() -> None:
    shown = {
        sample.__name__: first_screen.strength(sample())
        for sample in (
            samples.clear,
            samples.tied,
            samples.race,
            samples.single,
            samples.invalid,
        )
    }
    assert {name: one.word for name, one in shown.items()} == {
        "clear": "Certain",
        "tied": "Tied",
        "race": "A guess",
        "single": "No comparison",
        "invalid": "Invalid",
    }
    assert len({one.mark for one in shown.values()}) == len(shown)
    text = render(samples.race())
    borders = re.findall(r"\.answer(?:\.\w+)? \{ border-left: \d+px (\w+)", text)
    assert borders == ["solid", "double", "dashed", "dotted"]


def test_a_guess_is_not_worded_as_a_result() -> None:
    because = "It is tied with the leader, granian-wsgi (less than 3% apart), and uses"
    guess = answer_of(render(samples.race()))
    assert "Best guess: gunicorn-gthread." in guess and "Deploy" not in guess
    assert f"{because} less memory." in guess
    assert "Deploy: gunicorn-gthread." in answer_of(render(samples.tied()))
    assert "Deploy: granian-wsgi." in answer_of(render(samples.clear()))
    assert "Deploy: granian-wsgi." in answer_of(render(samples.sought())), "it met a rate"


def test_after_the_verdict_come_the_cost_and_the_command() -> None:
    page = Page(render(samples.race()))
    assert (
        text_of(page, "pre")[0]
        == "gunicorn -k gthread -w 1 --threads 8 -b 127.0.0.1:8000 shop.wsgi:application"
    )
    assert text_of(page, "dl")[0] == (
        "CPU per request 297 µs Memory under load 54.9 MB Cold start 580 ms"
    )


def test_the_costs_of_a_leader_that_is_not_advised_have_its_name() -> None:
    answer = answer_of(render(samples.interrupted()))
    assert "Costs of the leader so far, <code>granian-wsgi</code>" in answer
    assert "312 µs" in answer and "leader so far" not in render(samples.race())


def steps_of(result: Result) -> list[tuple[str, str]]:
    return [(step.words, step.command) for step in first_screen.next_steps(result)]


def test_the_next_steps_are_commands() -> None:
    own = replace(samples.clear().question, app="shop")
    run = replace(samples.clear().run, command="whichworker race shop --time 2m")
    decided = steps_of(replace(samples.clear(), question=own, run=run))
    assert [command for _, command in decided] == [
        "whichworker advise shop --run 2025-03-04T12-30-05-7f3a --emit systemd",
        "whichworker advise shop --verify",
    ]
    open_ = steps_of(replace(samples.race(), question=own, run=run))
    assert open_[0] == (
        "Decide it, in about 60 s more:",
        "whichworker race shop --resume 2025-03-04T12-30-05-7f3a --time 60s",
    )
    assert "of this guess" in open_[1][0]
    assert steps_of(samples.clear()) == [
        ("This was a built-in app. Race your own:", "whichworker race FOLDER")
    ]
    assert steps_of(samples.interrupted()) == [
        (
            "Continue the interrupted run:",
            "whichworker race builtin:django --resume 2025-03-04T12-30-05-7f3a",
        )
    ]
    assert [command for _, command in steps_of(samples.invalid())] == [
        "whichworker doctor",
        "whichworker race builtin:django --time 2m",
    ]
    assert steps_of(samples.unanswered()) == [
        ("See how each server responds to the app:", "whichworker preflight builtin:django")
    ]


def test_two_findings_stand_beside_the_verdict_the_gravest_first() -> None:
    many = (
        codes.APP_BUILTIN.finding(),
        codes.STOPPED_BY_FORCE.finding("daphne did not stop", arm="daphne"),
        codes.STOPPED_BY_FORCE.finding("granian-wsgi did not stop", arm="granian-wsgi"),
        codes.ARM["start"].finding("hypercorn-trio never responded", arm="hypercorn-trio"),
        codes.WINDOWS_REFUSED.finding("6 slices", severity="warning"),
    )
    found = finding_kinds.mattering(many, ("granian-wsgi",))
    assert [(one.severity, one.arm) for one in found] == [
        ("error", "hypercorn-trio"),
        ("warning", "granian-wsgi"),
    ]
    assert finding_kinds.mattering(many[:1], ()) == []


def test_findings_of_a_kind_stand_together() -> None:
    hint = "wait"
    many = (
        codes.STOPPED_BY_FORCE.finding("daphne did not stop", arm="daphne"),
        codes.APP_BUILTIN.finding(),
        codes.STOPPED_BY_FORCE.finding("waitress did not stop", arm="waitress", hint=hint),
    )
    warnings, notes = finding_kinds.grouped(many)
    (kind,) = warnings.kinds
    assert (warnings.count, len(kind.findings), kind.hint) == (2, 2, ""), "their hints differ"
    assert notes.heading == "Notes" and notes.kinds[0].hint
    page = Page(render(replace(samples.race(), findings=many)))
    (item,) = [text for text in text_of(page, "li") if "waitress did not stop" in text]
    assert item.count("A server had to be killed") == 1 and "daphne did not stop" in item
    assert f"Hint: {hint}" in item


def test_an_own_app_has_its_facts_audits_and_reasons() -> None:
    text = render(samples.own())
    page = Page(text)
    rows = text_of(page, "tr")
    assert "framework Django 5.2 requirements.txt" in rows
    assert any(row.startswith("DEBUG is on to check gain 1.40×") for row in rows)
    assert any(row.startswith("Connections are kept not applicable") for row in rows)
    assert "granian-wsgi 2,990 ranked yes" in rows and "bjoern – refused no" in rows
    (why,) = re.findall(r'<section id="why".*?</section>', text, re.DOTALL)
    for words in (
        "memory counts most: gunicorn-gthread",
        "16 workers of this setup fit into the 512 MB of --memory.",
        "it uses 0.98 of 1 core",
        "the interpreter lock held in 91 %",
        "render (shop/views.py)",
        "44 MB",
    ):
        assert words in why
    unlimited = samples.own().advice
    assert unlimited is not None and unlimited.cost is not None
    cost = replace(unlimited.cost, most_workers=None, memory_limit_bytes=None)
    advice = replace(unlimited, cost=cost)
    assert "fit into" not in render(replace(samples.own(), advice=advice))


def test_pairs_are_a_sentence() -> None:
    assert pair_grid.sentence(samples.race()) == (
        "36 pairs of server setups: 7 decided, 2 tied, 2 not decided and 25 without a verdict."
        " This race makes claims about the leader only."
    )
    assert pair_grid.sentence(samples.single()) == ""
    assert pair_grid.sentence(samples.large()).startswith("780 pairs of server setups: 39 decided")


def test_what_is_undecided_has_the_command_that_decides() -> None:
    page = Page(render(samples.race()))
    assert (
        text_of(page, "pre")[1]
        == "whichworker race builtin:django --resume 2025-03-04T12-30-05-7f3a --time 60s"
    )
    for sample in (samples.clear, samples.tied, samples.old):
        assert "--resume" not in answer_of(render(sample())), sample.__name__


def test_tied_setups_are_shown_with_what_each_costs() -> None:
    answer, one = answer_of(render(samples.tied())), answer_of(render(samples.race()))
    assert "297 µs" in answer and "297 µs" in one, "the setup to deploy"
    for cost in ("312 µs", "61.3 MB", "710 ms", "318 µs", "82.1 MB"):
        assert cost in answer
        assert cost not in one


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
    assert text.lower().count("<script") == 1
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
    text = render(replace(whole, arms=arms))
    assert "136 pairs" in text and 'class="matrix"' not in text


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

"""The pages in a real browser: nothing is loaded, everything is readable, and the script helps."""

from __future__ import annotations

import base64
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from msgspec.structs import replace
from playwright.sync_api import Browser, BrowserContext, Page, Route, sync_playwright

from tests.conftest import missing
from tests.explain import samples as explained
from whichworker.report.pages import explain_page, race_page, study_page
from whichworker.result import AnyResult, Result, decode
from whichworker.units import show_rate

from . import samples
from .test_browser import NAMES
from .test_study_picture import ROWS, study

DESKTOP, PHONE = {"width": 1100, "height": 900}, {"width": 390, "height": 844}
HOSTILE = (
    "</script></style><script>window.owned=1</script>"
    "<img src=x onerror='window.owned=2'><svg onload=window.owned=3>"
    '<a href="javascript:window.owned=4">"\' onfocus=window.owned=5 autofocus x=\''
)


def explanation() -> str:
    workers = explained.one_at_a_time(), explained.looping(), explained.greenlets()
    return explain_page.render(explained.result(*workers, explained.out()))


PAGES: dict[str, Callable[[], str]] = {
    "race": lambda: race_page.render(samples.race()),
    "own app": lambda: race_page.render(samples.own()),
    "capacity": lambda: race_page.render(samples.sought()),
    "invalid": lambda: race_page.render(samples.invalid()),
    "explain": explanation,
    "study": lambda: study_page.render(study(*ROWS)),
}


@dataclass
class Visit:
    """An opened page, and everything that it complained about or tried to load."""

    page: Page
    complaints: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)


Open = Callable[..., Visit]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """One browser for all tests: the system's, as no test downloads one."""
    found = [path for path in map(shutil.which, NAMES) if path]
    if not found:
        missing(f"no browser found: looked for {', '.join(NAMES)}")
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=found[0], args=["--no-sandbox"])
        yield opened
        opened.close()


@pytest.fixture
def visit(browser: Browser, tmp_path: Path) -> Iterator[Open]:
    """Opens a page from disk; everything but the page itself is blocked and written down."""
    contexts: list[BrowserContext] = []

    def open_page(text: str, **options: Any) -> Visit:
        path = tmp_path / f"page-{len(contexts)}.html"
        path.write_text(text, encoding="utf-8")
        context = browser.new_context(**{"viewport": DESKTOP, **options})
        contexts.append(context)
        opened = Visit(context.new_page())

        def guard(route: Route) -> None:
            if route.request.url.partition("#")[0] == path.as_uri():
                route.continue_()
                return
            opened.requests.append(route.request.url)
            route.abort()

        context.route("**/*", guard)
        opened.page.on("console", lambda message: opened.complaints.append(message.text))
        opened.page.on("pageerror", lambda error: opened.complaints.append(str(error)))
        opened.page.set_default_timeout(10_000)
        opened.page.goto(path.as_uri())
        return opened

    yield open_page
    for context in contexts:
        context.close()


def serious(page: Page, *, colours: bool = True) -> list[str]:
    """The serious and critical findings of axe-core, each with the first place.

    `colours`: contrast, too, which takes half of the time.
    """
    rules = {"color-contrast": {"enabled": colours}}
    found = (
        Axe()
        .run(page, options={"resultTypes": ["violations"], "rules": rules})
        .response["violations"]
    )
    return [
        f"{one['id']}: {one['nodes'][0]['html'][:200]}"
        for one in found
        if one["impact"] in ("serious", "critical")
    ]


def unfold(page: Page) -> None:
    """Opens every fold, as what is folded is checked, too."""
    page.evaluate("document.querySelectorAll('details').forEach((fold) => (fold.open = true))")


@pytest.mark.parametrize("name", PAGES)
def test_a_page_is_accessible_in_both_themes_and_on_a_phone(name: str, visit: Open) -> None:
    text = PAGES[name]()
    for options in (
        {"color_scheme": "light"},
        {"color_scheme": "dark"},
        {"color_scheme": "light", "viewport": PHONE},
    ):
        opened = visit(text, **options)
        unfold(opened.page)
        assert serious(opened.page, colours="viewport" not in options) == [], options
        width = opened.page.evaluate("document.documentElement.scrollWidth")
        assert width <= opened.page.evaluate("window.innerWidth"), f"{options}: scrolls sideways"
        assert opened.complaints == [] and opened.requests == []


def column(page: Page, number: int) -> list[str]:
    """The first line of each visible cell in a column of the ranking."""
    cells = page.locator(f".leaderboard tbody tr:visible > :nth-child({number})")
    return [text.split("\n")[0] for text in cells.all_inner_texts()]


def embedded(page: Page) -> AnyResult:
    """The result inside the page."""
    link = page.locator("a[download]").get_attribute("href") or ""
    return decode(base64.b64decode(link.partition(",")[2]))


def test_the_ranking_has_the_numbers_of_the_embedded_json(visit: Open) -> None:
    page = visit(PAGES["race"]()).page
    result = embedded(page)
    assert isinstance(result, Result)
    ranked = sorted((arm for arm in result.arms if arm.is_measured), key=lambda arm: -arm.speed)
    assert column(page, 1) == [arm.name for arm in ranked]
    assert column(page, 2) == [show_rate(arm.speed) for arm in ranked]
    keys = page.locator(".leaderboard tbody tr").evaluate_all(
        "(rows) => rows.map((row) => [1, 6, 7, 8].map((at) => Number(row.cells[at].dataset.value)))"
    )
    assert keys == [
        [arm.speed, arm.cpu_seconds_per_request, arm.memory_bytes, arm.cold_start_seconds]
        for arm in ranked
    ]


def test_the_keyboard_reaches_the_results_and_sorts_them(visit: Open) -> None:
    page = visit(PAGES["race"]()).page
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Skip to the results"
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    for _ in range(20):
        if page.evaluate("document.activeElement.matches('.leaderboard th:nth-child(8) button')"):
            break
        page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    head = page.locator(".leaderboard th[aria-sort]")
    assert head.inner_text().startswith("Memory")
    assert head.get_attribute("aria-sort") == "descending"
    assert column(page, 1)[0] == "uvicorn[workers=2]"
    page.keyboard.press("Space")
    assert head.get_attribute("aria-sort") == "ascending"
    assert column(page, 1)[:2] == ["gunicorn-gthread", "waitress"]


def test_an_absent_number_comes_last_in_both_directions(visit: Open) -> None:
    whole = samples.race()
    arms = (replace(whole.arms[0], memory_bytes=None), *whole.arms[1:])
    page = visit(race_page.render(replace(whole, arms=arms))).page
    button = page.locator(".leaderboard th button", has_text="Memory")
    for _ in range(2):
        button.click()
        assert column(page, 1)[-1] == "granian-wsgi"


def test_a_filter_leaves_the_rows_that_have_all_words(visit: Open) -> None:
    page = visit(PAGES["race"]()).page
    box = page.locator("#leaderboard input[type=search]")
    box.fill("GUNICORN wsgi")
    assert column(page, 1) == ["gunicorn-gthread", "gunicorn-gevent", "gunicorn-sync"]
    assert page.locator("[role=status]").inner_text() == "3 of 9 rows shown"
    box.fill("")
    assert len(column(page, 1)) == 9


def test_findings_are_filtered_by_their_kind_too(visit: Open) -> None:
    page = visit(race_page.render(samples.large())).page
    box = page.locator("#findings input[type=search]")
    box.fill("killed threads=41")
    assert page.locator("#findings [data-row]:visible").count() == 1
    box.fill("nothing of that name")
    assert page.locator("#findings .findings li:visible").count() == 0


def test_a_command_is_copied(visit: Open) -> None:
    page = visit(PAGES["race"](), permissions=["clipboard-read", "clipboard-write"]).page
    command = "whichworker race builtin:django --resume 2025-03-04T12-30-05-7f3a --time 60s"
    button = page.locator(".next .copyable", has_text="--resume").locator("button")
    button.focus()
    page.keyboard.press("Enter")
    page.wait_for_function("document.querySelector('[role=status]').textContent === 'Copied'")
    assert page.evaluate("navigator.clipboard.readText()") == command


def test_without_a_clipboard_the_older_way_copies(visit: Open) -> None:
    page = visit(PAGES["race"]()).page
    page.evaluate(
        "Object.defineProperty(navigator, 'clipboard', { value: undefined });"
        "window.taken = [];"
        "document.addEventListener('copy', () => window.taken.push(getSelection().toString()));"
    )
    page.locator(".next .copy").first.click()
    page.wait_for_function("window.taken.length === 1")


@pytest.mark.parametrize("name", PAGES)
def test_a_page_is_whole_without_scripts(name: str, visit: Open) -> None:
    text = PAGES[name]()
    without = visit(text, java_script_enabled=False).page
    assert without.locator("button, input").count() == 0
    visible = without.locator("main").inner_text()
    with_script = visit(text).page
    with_script.evaluate(
        "document.querySelectorAll('.filter, .copy').forEach((control) => control.remove())"
    )
    assert visible.split() == with_script.locator("main").inner_text().split()


def hostile_explanation() -> str:
    worker = replace(
        explained.one_at_a_time(),
        name=HOSTILE,
        server=HOSTILE,
        version=HOSTILE,
        command=(HOSTILE,),
        settings={HOSTILE: HOSTILE},
    )
    whole = explained.result(worker, replace(explained.out(), name=HOSTILE))
    hostile_run = replace(whole.run, command=HOSTILE, id=HOSTILE, started=HOSTILE)
    return explain_page.render(replace(whole, run=hostile_run, findings=samples.hostile().findings))


def hostile_study() -> str:
    cells = tuple(replace(cell, arm=HOSTILE, evidence=HOSTILE) for cell in ROWS[0].cells)
    row = replace(ROWS[0], workload=HOSTILE, variant=HOSTILE, remark=HOSTILE, cells=cells)
    whole = replace(study(row), title=HOSTILE, conclusions=(HOSTILE,))
    return study_page.render(replace(whole, run=replace(whole.run, command=HOSTILE)))


@pytest.mark.parametrize(
    "render",
    [lambda: race_page.render(samples.hostile(HOSTILE)), hostile_explanation, hostile_study],
    ids=["race", "explain", "study"],
)
def test_names_and_messages_stay_text(render: Callable[[], str], visit: Open) -> None:
    opened = visit(render())
    page = opened.page
    unfold(page)
    for button in page.locator(".leaderboard button.sort").all():
        button.click()
    page.locator("button.copy").first.click()
    assert page.evaluate("window.owned") is None
    assert page.locator("script").count() == 1 and page.locator("img").count() == 0
    assert page.locator("a[href^='javascript' i]").count() == 0
    handlers = page.evaluate(
        "[...document.querySelectorAll('*')].flatMap((one) =>"
        " one.getAttributeNames().filter((name) => name.startsWith('on')))"
    )
    assert handlers == [] and opened.complaints == [] and opened.requests == []
    assert HOSTILE in page.locator("body").inner_text().replace("\n", "")


def test_the_policy_refuses_any_other_script(visit: Open) -> None:
    text = PAGES["race"]().replace("</body>", "<script>window.owned = 1</script></body>")
    opened = visit(text)
    assert opened.page.evaluate("window.owned") is None
    assert any("Content Security Policy" in one for one in opened.complaints)


def test_a_large_report_opens_quickly(visit: Open) -> None:
    """The count is what makes it quick; the time is printed, since a busy machine decides it."""
    page = visit(race_page.render(samples.large())).page
    assert page.evaluate("document.querySelectorAll('*').length") < 12_000
    loaded = page.evaluate("performance.getEntriesByType('navigation')[0].domContentLoadedEventEnd")
    print(f"40 setups, 500 stretches: usable after {loaded:.0f} ms")

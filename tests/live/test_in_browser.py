"""The live page in a real browser: events become the page, and texts of a run never markup."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, sync_playwright

from tests.conftest import missing
from tests.judge.stories import END, SERVERS, Story
from tests.live.serving import first_event, served
from whichworker.live.web import LivePage
from whichworker.model import Failure
from whichworker.store.journal import FILE, Journal
from whichworker.store.records import Failed

NAME = "20260101-120000-aaaa"
HOSTILE = "<img src=x onerror=alert(1)>'\"</script><script>alert(2)</script>"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    path = shutil.which("chromium")
    if path is None:
        missing("no chromium")
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield started
        started.close()


@pytest.fixture
def live(tmp_path: Path) -> Iterator[LivePage]:
    folder = tmp_path / NAME
    folder.mkdir()
    story = Story(folder, SERVERS).rounds(40).add(END)
    with Journal(folder / FILE) as journal:
        for record in story.records:
            journal.append(record)
    with served(folder) as page:
        yield page


@pytest.fixture
def page(browser: Browser, live: LivePage) -> Iterator[Page]:
    """The page after its first event; any complaint of the browser is a failure."""
    context = browser.new_context(viewport={"width": 1100, "height": 900})
    complaints: list[str] = []
    opened = context.new_page()
    opened.on("console", lambda told: complaints.append(told.text))
    opened.on("pageerror", lambda error: complaints.append(str(error)))
    opened.on("dialog", lambda dialog: complaints.append(dialog.message))
    opened.goto(live.address)
    opened.wait_for_selector("#setups:not([hidden])", timeout=20_000)
    yield opened
    context.close()
    assert complaints == []


def test_the_page_shows_what_the_event_says(page: Page, live: LivePage) -> None:
    standing = msgspec.json.decode(first_event(live))["standing"]
    assert page.inner_text("#headline") == standing["headline"]
    names = page.locator("#rows .arm").all_inner_texts()
    assert names == [row["name"] for row in standing["rows"]]
    first = page.locator("#rows tr").nth(1).locator("td")
    assert first.nth(1).inner_text() == f"{standing['rows'][1]['ratio']:.2f}x"
    assert first.nth(3).inner_text() == standing["rows"][1]["figures"][0]
    assert page.locator("#rows svg").count() == len(standing["rows"])
    assert page.locator("#stop").is_hidden()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1100, 390])
def test_everybody_can_read_it(page: Page, scheme: str, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 900})
    page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
    found = Axe().run(page)
    serious = [
        (one["id"], one["nodes"][0]["html"])
        for one in found.response["violations"]
        if one["impact"] in ("serious", "critical")
    ]
    assert serious == []
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_new_records_change_the_page(page: Page, tmp_path: Path) -> None:
    path = tmp_path / NAME / FILE
    header = Journal.read(path).header()
    apps = {
        label: msgspec.structs.replace(app, name=HOSTILE)
        for label, app in header.question.apps.items()
    }
    subject = msgspec.structs.replace(header.question.subject, apps=apps)
    why = Failure(kind="start", count=1, sample=f"it said {HOSTILE}")
    path.unlink()
    with Journal(path) as journal:  # its writer, so that the run measures
        question = msgspec.structs.replace(header.question, subject=subject)
        journal.append(msgspec.structs.replace(header, question=question))
        journal.append(Failed(arm="waitress", failures=(why,), alone=True))
        page.get_by_text("Nothing is decided yet").wait_for(timeout=20_000)
    assert HOSTILE in page.inner_text("#what"), "the text is shown as it is"
    assert HOSTILE in page.inner_text("#rows")
    assert page.locator("img").count() == 0
    assert page.locator("script").count() == 1


def test_the_end_is_told(browser: Browser, tmp_path: Path) -> None:
    folder = tmp_path / "20260101-120000-cccc"
    folder.mkdir()
    with Journal(folder / FILE) as journal:
        for record in Story(folder, SERVERS).rounds(40).records:
            journal.append(record)
    context = browser.new_context()
    opened = context.new_page()
    with served(folder) as live:
        opened.goto(live.address)
        opened.wait_for_selector("#setups:not([hidden])", timeout=20_000)
        assert opened.inner_text("#phase") == "Interrupted", "nothing writes its journal"
    opened.wait_for_selector("#notice:not([hidden])", timeout=20_000)
    assert "has ended" in opened.inner_text("#notice")
    context.close()


def test_without_scripts_the_page_says_where_to_look(browser: Browser, live: LivePage) -> None:
    context = browser.new_context(java_script_enabled=False)
    opened = context.new_page()
    opened.goto(live.address)
    assert "whichworker open" in opened.inner_text("noscript")
    context.close()

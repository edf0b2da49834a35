"""The HTML report in a real browser: opened from disk, offline, in light and dark."""

from __future__ import annotations

import re
import shutil
import struct
import subprocess
import zlib
from pathlib import Path

import pytest

from tests.conftest import missing
from whichworker.report.pages.race_page import render

from . import samples

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--hide-scrollbars",
    "--host-resolver-rules=MAP * ~NOTFOUND",
)  # fmt: skip
THEMES = {
    "light": (1, (0xFB, 0xFA, 0xF7)),
    "dark": (0, (0x12, 0x16, 0x1B)),
}  # the browser's number of the theme, and its paper


@pytest.fixture
def page(tmp_path: Path) -> Path:
    path = tmp_path / "report.html"
    path.write_text(render(samples.race()), encoding="utf-8")
    return path


def browse(page: Path, *arguments: str) -> str:
    """Run headless Chromium on the page; a missing browser fails in CI and skips elsewhere."""
    browsers = [path for path in map(shutil.which, NAMES) if path]
    if not browsers:
        missing(f"no browser found: looked for {', '.join(NAMES)}")
    profile = page.parent / "profile"
    command = [browsers[0], *FLAGS, f"--user-data-dir={profile}", *arguments, page.as_uri()]
    done = subprocess.run(command, capture_output=True, timeout=90, check=True)
    return done.stdout.decode()


def first_pixel(picture: Path) -> tuple[int, ...]:
    """The upper left colour of an 8-bit PNG: no filter changes the first bytes of a row."""
    content, at, packed = picture.read_bytes(), 8, b""
    while at < len(content):
        (length,) = struct.unpack(">I", content[at : at + 4])
        if content[at + 4 : at + 8] == b"IDAT":
            packed += content[at + 8 : at + 8 + length]
        at += 12 + length
    return tuple(zlib.decompress(packed)[1:4])


def test_a_browser_builds_the_whole_page(page: Path) -> None:
    found = browse(page, "--dump-dom")
    assert (
        "<title>Not decided whether granian-wsgi is faster than gunicorn-gevent:"
        " 60 s more would probably decide · whichworker</title>" in found
    )
    leaderboard = re.search(r'<table class="leaderboard[^>]*>.*?</table>', found, re.DOTALL)
    assert leaderboard is not None
    assert leaderboard[0].count("<tr") == 1 + len(samples.CONTENDERS)
    assert found.count('role="img"') == 3
    assert found.rstrip().endswith("</html>")


@pytest.mark.parametrize("theme", THEMES)
def test_a_browser_paints_both_themes(page: Path, theme: str) -> None:
    number, paper = THEMES[theme]
    picture = page.with_name(f"{theme}.png")
    browse(
        page,
        f"--blink-settings=preferredColorScheme={number}",
        "--window-size=1200,1600",
        f"--screenshot={picture}",
    )
    assert first_pixel(picture) == paper
    assert picture.stat().st_size > 50_000  # a blank page of this size takes less than 10 kB

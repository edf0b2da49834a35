"""The commands that the pages show, and how a test tries each of them in a moment.

A command that measures is planned (`--dry-run`), with everything that this parses and imports. One
that verifies or opens a browser is parsed (`--help`). All others are run.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from tests.history.test_history import written
from tests.secondhand.test_judge import WRK
from tests.versus.test_revisions import git

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
WITH_PROSE = (
    *sorted((DOCS / "tutorials").glob("*.md")),
    DOCS / "index.md",
    DOCS / "faq.md",
    DOCS / "concepts" / "how-sure.md",
)
"""Pages whose sentences are searched for commands, too, and not only their blocks."""
PAGES = (
    ROOT / "README.md",
    *sorted((DOCS / "guides").glob("*.md")),
    *sorted(set((DOCS / "concepts").glob("*.md")) - {*WITH_PROSE}),
    *WITH_PROSE,
)
BLOCK = re.compile(r"```(\w*)[^\n]*\n(.*?)```", re.DOTALL)
SENTENCE = re.compile(r"`(whichworker [^`]+)`")
SHELLS = ("console", "sh")
NAME_ONLY = 2  # words: whichworker, and the command

PLANNED = ("race", "preflight", "serve", "load", "explain", "study", "versus", "gate")
RUNS = ("20260101-120000-aaaa", "20260102-120000-bbbb")
ELSEWHERE = {
    "install": {"export"},
    "exports": {"curl"},
    "services": {"curl", "python"},
    "from-k6-and-locust": {"jq"},
}
"""Other programs by page; each needs a service, a package or a shell that no test has."""
PLACEHOLDERS = {
    "URL": "http://127.0.0.1:8000/",
    "RUN": RUNS[0],
    "FILE": "wrk.txt",
    "NAME": "http-clients",
    "mysite": "builtin:django",
}
"""Words that stand for something of the reader."""
PACKAGED = re.compile(r"wsgiref-simple(?:\[[^\]]*\])?")
"""The server of a page about packages; tests/servers installs it and serves with it."""
REQUEST = '[[request]]\npath = "/"\n'
SESSION = '[[session]]\n[[session.step]]\npath = "/"\n'
WSGI = "def application(environ, start_response): ...\n"
ASGI = "async def app(scope, receive, send): ...\n"


class Shown(NamedTuple):
    """A line that a reader may type, and the page that has it.

    A sentence may name a command, without the words that it needs.
    """

    page: Path
    line: str
    named: bool = False

    def __str__(self) -> str:
        return f"{self.page.stem}: {self.line}"


def shown_on(page: Path) -> Iterator[Shown]:
    """The commands in the blocks of a page, and for some pages those in its sentences."""
    text = page.read_text(encoding="utf-8")
    for language, block in BLOCK.findall(text):
        if language in SHELLS:
            yield from (Shown(page, line) for line in commands_of(block, language))
    if page in WITH_PROSE:
        for line in SENTENCE.findall(BLOCK.sub("", text)):
            yield Shown(page, line, named=len(line.split()) == NAME_ONLY)


def commands_of(block: str, language: str) -> Iterator[str]:
    """The commands of a block, without prompt and comment; `console` has output between them."""
    for line in block.replace("\\\n", " ").splitlines():
        if language == "console" and not line.startswith("$ "):
            continue
        command = line.removeprefix("$ ").split("  #")[0].strip()
        if command and not command.startswith("#"):
            yield command


def hidden_in(page: Path) -> list[str]:
    """Commands in blocks of another language, which no test would find."""
    blocks = BLOCK.findall(page.read_text(encoding="utf-8"))
    return [
        line
        for language, block in blocks
        if language not in SHELLS
        for line in block.splitlines()
        if re.match(r"\s*(?:\$ )?whichworker ", line)
    ]


def prepared(shown: Shown, folder: Path) -> list[str]:
    """The words for the command line in this folder, which gets the files that they name."""
    line = PACKAGED.sub("waitress", shown.line)
    words = [PLACEHOLDERS.get(word, word) for word in shlex.split(line)[1:]]
    command = words[0]
    if shown.named:
        return [command, "--help"]
    if command in READY:
        READY[command](shown, words, folder)
    if command in PLANNED and (words[1:] or command != "study") and "--dry-run" not in words:
        words.append("--dry-run")
    return words


def _project(shown: Shown, words: list[str], folder: Path) -> None:
    """The app of the reader, if it must be one that the folder's files start or that git has."""
    (folder / "shop.toml").write_text(SESSION if "--sessions" in words else REQUEST)
    (folder / "dist").mkdir()
    (folder / "dist" / "waitress-3.1.0-py3-none-any.whl").touch()
    _access_log(folder)
    if "--resume" in words:
        del words[(at := words.index("--resume")) : at + 2]  # no run was interrupted here
    if words[0] not in ("versus", "gate") and not any("today" in word for word in words):
        return
    asgi = shown.page.name == "fastapi.md"
    (folder / ("main.py" if asgi else "wsgi.py")).write_text(ASGI if asgi else WSGI)
    start = "uvicorn main:app" if asgi else "gunicorn wsgi --workers 2"
    (folder / "Procfile").write_text(f"web: {start}\n")
    git(folder, "init", "--quiet", "--initial-branch", "main")
    git(folder, "add", ".")
    git(folder, "commit", "--quiet", "-m", "one")
    for tag in ("v1.4", "v1.5"):
        git(folder, "tag", tag)
    if "--url" not in words:
        words += ["--url", "/"]


def _serving(shown: Shown, words: list[str], folder: Path) -> None:
    _project(shown, words, folder)
    if "--cores" in words:  # two of them may be more than there are
        del words[(at := words.index("--cores")) : at + 2]


def _loading(shown: Shown, words: list[str], folder: Path) -> None:
    (folder / "shop.toml").write_text(f'url = "http://127.0.0.1:8000"\n{REQUEST}')


def _judging(shown: Shown, words: list[str], folder: Path) -> None:
    (folder / "wrk.txt").write_text(WRK)


def _access_log(folder: Path) -> None:
    line = '203.0.113.9 - - [x] "GET / HTTP/1.1" 200 5\n'
    (folder / "access.log").write_text(line, encoding="utf-8")


def _showing(shown: Shown, words: list[str], folder: Path) -> None:
    _access_log(folder)
    if words[1:2] == ["run"]:
        _kept(shown, words, folder)


def _kept(shown: Shown, words: list[str], folder: Path) -> None:
    """Two races that are kept; `advise --verify` would start servers, so it is only parsed."""
    for run in RUNS:
        written(folder, run)
    words[:] = [RUNS[0] if re.fullmatch(r"\d{8}-\d{6}-\w{4}", word) else word for word in words]
    if words[0] == "open" and "--no-browser" not in words:
        words.append("--no-browser")
    if "--verify" in words or words[0] == "live":  # which serves until it is stopped
        words.append("--help")


READY: dict[str, Callable[[Shown, list[str], Path], None]] = {
    "race": _project,
    "preflight": _project,
    "versus": _project,
    "gate": _project,
    "serve": _serving,
    "load": _loading,
    "judge": _judging,
    "show": _showing,
    "compare": _kept,
    "open": _kept,
    "advise": _kept,
    "list": _kept,
    "live": _kept,
}
"""The files and runs that a command needs."""

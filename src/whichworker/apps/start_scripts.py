"""Shell scripts that start a project: those that its Dockerfile, Procfile or compose file runs."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

RUNS = re.compile(
    r"\s*(CMD|ENTRYPOINT|web\s*:|-?\s*command\s*:|-?\s*entrypoint\s*:)(.*)", re.IGNORECASE
)
WORD = re.compile(r"[\w./-]+")
SHELL = re.compile(r"#!.*\b(sh|bash|dash|ash|zsh)\b")


def lines_of(folder: Path, sources: Iterator[Path]) -> Iterator[tuple[str, str]]:
    """The lines of the scripts that these files run, each with the script's name in the folder."""
    named = [
        word
        for source in sources
        for line in _text(source).splitlines()
        if (runs := RUNS.match(line))
        for word in WORD.findall(runs[2])
    ]
    scripts = (_within(folder, word) for word in named)
    for script in dict.fromkeys(filter(None, scripts)):
        text = _text(script)
        if SHELL.match(text):
            for line in text.replace("\\\n", " ").splitlines():
                yield line, str(script.relative_to(folder))


def _within(folder: Path, word: str) -> Path | None:
    """The file of the folder that a path of an image names: `/app/bin/start` is `bin/start`."""
    parts = [part for part in word.split("/") if part not in ("", ".", "..")]
    places = (folder.joinpath(*parts[at:]) for at in range(len(parts)))
    return next((place for place in places if place.is_file()), None)


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""

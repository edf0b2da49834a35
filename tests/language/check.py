"""Hold passages against the table, the length of sentences, and proselint."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from itertools import count, groupby
from typing import NamedTuple

from proselint.checks import __register__
from proselint.registry import CheckRegistry
from proselint.tools import LintFile

from tests.language.passages import CODE, Passage
from tests.language.rules import COMPILED, LONGEST_SENTENCE, MOST_SEMICOLONS, PROSELINT

GAP = "\n\n"
RECORDS = "docs/decisions/"
"""Decisions stay as they were written, if their words are clear."""
CheckRegistry().register_many(__register__)
PROSELINT_CONFIG = {"checks": dict.fromkeys(PROSELINT, True), "max_errors": 100_000}


class Hit(NamedTuple):
    """Words to write differently, and where they stand."""

    path: str
    line: int
    words: str
    instead: str
    why: str

    def __str__(self) -> str:
        where = f"{self.path}:{self.line}" if self.line else self.path
        return f"{where}: “{self.words}” → {self.instead} ({self.why})"


def sentences(text: str) -> Iterator[tuple[int, str]]:
    """The sentences of a passage, each with its offset."""
    at = 0
    for end in re.finditer(r"[.!?][)\"”]?(?= +[A-Z(“\"⟨])|$", text):
        sentence = text[at : end.end()]
        if sentence.strip():
            yield at + len(sentence) - len(sentence.lstrip()), sentence.strip()
        at = end.end()


def hits_of(passage: Passage) -> Iterator[Hit]:
    """Every rule of the table that a passage breaks, and its sentences that are too long."""
    for start, sentence in sentences(passage.text):
        for rule, pattern in COMPILED:
            if not (rule.everywhere or passage.for_users):
                continue
            if rule.pattern.startswith("^(?:What|Who") and passage.kind in ("heading", "cell"):
                continue
            for found in pattern.finditer(sentence):
                line = passage.line_at(start + found.start())
                words = shortened(found[0])
                yield Hit(passage.path, line, words, rule.instead, rule.why)
        if passage.kind == "paragraph" and not passage.path.startswith(RECORDS):
            yield from length_of(passage, start, sentence)


def length_of(passage: Passage, start: int, sentence: str) -> Iterator[Hit]:
    """A sentence with too many words or semicolons; figures and code count as words."""
    words = sum(any(letter.isalnum() for letter in word) for word in sentence.split())
    line = passage.line_at(start)
    if words > LONGEST_SENTENCE:
        why = f"{words} words in one sentence; {LONGEST_SENTENCE} at most"
        yield Hit(passage.path, line, shortened(sentence), "two sentences", why)
    if (semicolons := sentence.count(";")) > MOST_SEMICOLONS:
        why = f"{semicolons} semicolons in one sentence; {MOST_SEMICOLONS} at most"
        yield Hit(passage.path, line, shortened(sentence), "a list", why)


def shortened(words: str) -> str:
    """The first words of a passage, enough to find it."""
    return words if len(words) <= 50 else f"{words[:49]}…"


def proselint_hits(passages: Iterable[Passage]) -> Iterator[Hit]:
    """The hits of proselint in the passages of each file, read as one text."""
    for path, group in groupby(passages, key=lambda passage: passage.path):
        yield from _of_one_file(path, list(group))


def _of_one_file(path: str, passages: list[Passage]) -> Iterator[Hit]:
    numbers = count()  # no two pieces of code are the same word, as a word twice is a finding
    texts = [
        re.sub(CODE, lambda _: f"Code{next(numbers) % 100:02}", passage.text)
        for passage in passages
    ]
    file = LintFile(path, GAP.join(texts))
    starts = [1]  # proselint puts a line end before the text
    for text in texts:
        starts.append(starts[-1] + len(text) + len(GAP))
    for found in file.lint(PROSELINT_CONFIG):
        begin, end = found.check_result.span
        words = file.content[begin:end].strip()
        if not re.search(r"[a-z]{2}", words) or GAP in words:
            continue
        at = max(index for index, start in enumerate(starts[:-1]) if start <= begin + 1)
        offset = min(max(begin - starts[at], 0), len(texts[at]) - 1)
        instead = found.check_result.replacements or "other words"
        check = f"proselint {found.check_result.check_path}"
        yield Hit(path, passages[at].line_at(offset), words, instead, check)

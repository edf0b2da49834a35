"""Every text for readers as passages with lines: Markdown, Python, templates, C and `--help`."""

from __future__ import annotations

import ast
import io
import re
import tokenize
from bisect import bisect_right
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Literal, NamedTuple

import click

Kind = Literal["paragraph", "heading", "cell", "help", "string", "docstring", "comment"]
FOR_USERS: tuple[Kind, ...] = ("paragraph", "heading", "cell", "help", "string")
INSIDE = (
    "docs/decisions/",
    "docs/concepts/glossary.md",
    "docs/guides/adapters.md",
    "CONTRIBUTING.md",
    "benchmarks/",
    "tests/",
)
"""Prose for developers, who may use the nouns of the code."""
GENERATED = ("docs/reference/**/*.md", "docs/studies/*-*.md", "**/RESULTS*.md")
"""Pages made from source text or from a measurement: the source text is what can be mended."""
QUOTING = ("/tests/language/rules.py", "/tests/language/test_language.py")
"""Files that quote the words to avoid."""
UNREADABLE = ("/apps/samples/", "/samples/", "/.venv/", "/projects/", *QUOTING)
CODE = "⟨code⟩"
PUBLISHED = ("wrong answers",)
"""Values of the published JSON, which keep their words."""


class Passage(NamedTuple):
    """One paragraph, cell, string, docstring or comment; single blanks, a line for each word."""

    path: str
    kind: Kind
    words: tuple[tuple[str, int], ...]

    @property
    def text(self) -> str:
        """The words with one blank between them."""
        return " ".join(word for word, _ in self.words)

    @property
    def for_users(self) -> bool:
        """Whether people who never read the source text read this."""
        return self.kind in FOR_USERS and not self.path.startswith(INSIDE)

    def line_at(self, offset: int) -> int:
        """The line of the word at this offset of `text`."""
        starts, at = [], 0
        for word, _ in self.words:
            starts.append(at)
            at += len(word) + 1
        return self.words[bisect_right(starts, offset) - 1][1]


def passage(path: str, kind: Kind, lines: Iterable[tuple[int, str]]) -> Passage:
    """A passage of numbered lines; code in backquotes becomes one word, and a link its text."""
    numbers, texts = zip(*lines, strict=True) if (lines := list(lines)) else ((), ())
    text = re.sub(r"``?[^`]+``?", lambda code: CODE + "\n" * code[0].count("\n"), "\n".join(texts))
    text = re.sub(r"!?\[([^\]]*)\]\([^)]*\)", r"\1", text).replace("**", "")
    rows = text.split("\n")
    return Passage(
        path,
        kind,
        tuple(
            (word, number)
            for number, row in zip(numbers, rows, strict=True)
            for word in row.split()
        ),
    )


def passages_of(path: Path, root: Path) -> Iterator[Passage]:
    """The passages of one file, by its kind; none of a file nobody reads as text."""
    name, text = path.relative_to(root).as_posix(), path.read_text(encoding="utf-8")
    if path.suffix == ".md":
        yield from markdown(name, text)
    elif path.suffix == ".py":
        yield from python(name, text)
    elif path.suffix == ".html":
        yield from template(name, text)
    elif path.suffix in (".c", ".h"):
        yield from c_comments(name, text)


def files_of(target: Path, root: Path) -> list[Path]:
    """The files to read below a folder, or the file itself; what is generated is left out."""
    if target.is_file():
        return [target]
    found = (path for kind in ("md", "py", "html", "c", "h") for path in target.rglob(f"*.{kind}"))
    generated = {path for pattern in GENERATED for path in root.glob(pattern)}
    return sorted(
        path
        for path in found
        if path not in generated and not any(part in path.as_posix() for part in UNREADABLE)
    )


def markdown(path: str, text: str) -> Iterator[Passage]:
    """Paragraphs, headings, list items and table cells; fenced and indented code is left out."""
    kind: Kind = "paragraph"
    held: list[tuple[int, str]] = []
    fenced, in_list = False, False
    for number, line in enumerate([*text.splitlines(), ""], 1):
        mark = line.lstrip()
        if mark.startswith("```"):
            fenced = not fenced
        item = re.match(r"\s*(?:[-*]|\d+\.)\s+", line)
        starts = fenced or not mark or mark.startswith(("```", "#", "|", "<!--")) or item
        if starts and held:
            yield passage(path, kind, held)
            held = []
        if fenced or mark.startswith(("```", "<!--")):
            continue
        if mark.startswith("|"):
            cells = re.split(r"(?<!\\)\|", mark.strip("|"))
            yield from (
                passage(path, "cell", [(number, cell)]) for cell in cells if cell.strip(" -:")
            )
        elif mark.startswith("#"):
            yield passage(path, "heading", [(number, mark.lstrip("# "))])
        elif mark and (in_list or item or not line.startswith("    ")):
            held.append((number, line[item.end() :] if item else line.lstrip("> ")))
        in_list = bool(item) or (in_list and (line.startswith(" ") or not mark))


def python(path: str, text: str) -> Iterator[Passage]:
    """Docstrings, comments, and every other literal that holds a sentence rather than a name."""
    tree = ast.parse(text)
    described = {
        id(node.value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    }
    joined = {
        id(part)
        for node in ast.walk(tree)
        if isinstance(node, ast.JoinedStr)
        for part in node.values
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            words = "".join(
                str(part.value) if isinstance(part, ast.Constant) else CODE for part in node.values
            )
        elif isinstance(node, ast.Constant) and node.value in PUBLISHED:
            continue
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            words = "" if id(node) in joined else node.value
        else:
            continue
        if re.search(r"[a-z]+ [a-z]+", words):
            kind: Kind = "docstring" if id(node) in described else "string"
            yield from paragraphs(path, kind, node.lineno, words)
    yield from comments(path, text)


def paragraphs(path: str, kind: Kind, first: int, text: str) -> Iterator[Passage]:
    """A passage for each paragraph, list item and quoted example of a literal of several lines."""
    held: list[tuple[int, str]] = []
    for number, line in enumerate([*text.split("\n"), ""], first):
        starts = not line.strip() or re.match(r"\s*(?:[-*]|\d+\.)\s+", line)
        if starts and held:
            yield passage(path, kind, held)
            held = []
        if line.strip() and not line.lstrip().startswith((">>>", "...")):
            held.append((number, line))


def comments(path: str, text: str) -> Iterator[Passage]:
    """Comments; lines that follow one another are one passage, and orders to a linter are none."""
    held: list[tuple[int, str]] = []
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type != tokenize.COMMENT:
            continue
        words = re.split(r"# (?:noqa|type:|pragma)", token.string)[0].lstrip("#! ")
        if held and (token.start[0] != held[-1][0] + 1 or token.line.strip() != token.string):
            yield passage(path, "comment", held)
            held = []
        if words:
            held.append((token.start[0], words))
    if held:
        yield passage(path, "comment", held)


def template(path: str, text: str) -> Iterator[Passage]:
    """The text of each line of an HTML template, without tags and expressions."""
    for number, line in enumerate(text.splitlines(), 1):
        words = re.sub(r"\{#.*?#\}|\{%.*?%\}|<[^>]*>", " ", line)
        words = re.sub(r"\{\{.*?\}\}", CODE, words).strip()
        if re.search(r"[a-z]+ [a-z]+", words):
            yield passage(path, "string", [(number, words)])


def c_comments(path: str, text: str) -> Iterator[Passage]:
    """Comments in C."""
    for found in re.finditer(r"/\*(.*?)\*/|//([^\n]*)", text, re.DOTALL):
        first = text.count("\n", 0, found.start()) + 1
        lines = (found[1] or found[2] or "").split("\n")
        yield passage(
            path, "comment", [(first + at, line.strip(" *")) for at, line in enumerate(lines)]
        )


def help_texts(command: click.Command, name: str = "whichworker") -> Iterator[Passage]:
    """The help of a command and each of its options, and of the commands below it."""
    for text in filter(None, (command.help, command.epilog)):
        yield from paragraphs(f"{name} --help", "help", 0, text)
    for option in command.params:
        if isinstance(option, click.Option) and option.help:
            yield passage(f"{name} {option.opts[0]}", "help", [(0, option.help)])
    if isinstance(command, click.Group):
        context = click.Context(command)
        for inner in command.list_commands(context):
            found = command.get_command(context, inner)
            assert found is not None
            yield from help_texts(found, f"{name} {inner}")

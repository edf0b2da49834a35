"""Each rule catches its example and passes the better sentence; passages keep line numbers."""

from __future__ import annotations

import click
import pytest

from tests.language import rules
from tests.language.check import hits_of, proselint_hits, sentences
from tests.language.passages import (
    CODE,
    Kind,
    Passage,
    c_comments,
    help_texts,
    markdown,
    passage,
    python,
    template,
)


def paragraph(text: str, path: str = "README.md", kind: Kind = "paragraph") -> Passage:
    return passage(path, kind, list(enumerate(text.split("\n"), 1)))


@pytest.mark.parametrize("rule", rules.RULES, ids=lambda rule: rule.caught)
def test_a_rule_catches_its_example_only(rule: rules.Rule) -> None:
    caught = [hit for hit in hits_of(paragraph(rule.caught)) if hit.why == rule.why]
    assert [hit.instead for hit in caught].count(rule.instead) >= 1
    passed = [hit for hit in hits_of(paragraph(rule.passes)) if hit.instead == rule.instead]
    assert not passed


@pytest.mark.parametrize(
    "text",
    [
        "You can tell two setups apart after four rounds.",
        "Where is the journal?",
        "What to do next: measure again.",
        "Press the right button.",
        "The blocking call blocks two blocks of code.",
        "It is one of those operating systems.",
        "The folder where the files are.",
    ],
)
def test_plain_english_passes(text: str) -> None:
    assert list(hits_of(paragraph(text))) == []


def test_words_of_the_code_are_for_developers() -> None:
    text = "The arm is launched again in each generation."
    assert len(list(hits_of(paragraph(text)))) == 2
    assert not list(hits_of(paragraph(text, "docs/decisions/0001-x.md")))
    assert not list(hits_of(paragraph(text, "src/whichworker/race/run.py", "docstring")))
    assert len(list(hits_of(paragraph(text, "src/whichworker/race/run.py", "string")))) == 2


@pytest.mark.parametrize(
    ("text", "hits"),
    [
        (" ".join(["word"] * 35) + ".", 0),
        (" ".join(["word"] * 36) + ".", 1),
        (" ".join(["word"] * 30) + ". " + " ".join(["Word"] * 30) + ".", 0),
        (" ".join(["word –"] * 35) + ".", 0),
        ("a; b; c.", 0),
        ("a; b; c; d.", 1),
    ],
)
def test_long_sentences(text: str, hits: int) -> None:
    assert len(list(hits_of(paragraph(text)))) == hits


def test_a_sentence_in_a_docstring_may_be_long() -> None:
    text = " ".join(["word"] * 50)
    assert not list(hits_of(paragraph(text, "src/whichworker/units.py", "docstring")))


def test_a_figure_ends_no_sentence() -> None:
    text = "It took 1.5 s. It was `quick`. (It was.) 3.11 is used."
    assert [sentence for _, sentence in sentences(text)] == [
        "It took 1.5 s.",
        "It was `quick`.",
        "(It was.) 3.11 is used.",
    ]


def test_markdown_keeps_lines_and_leaves_code_out() -> None:
    text = "# A title\n\nFirst line\nof `code` and [a link](x.md).\n\n```\nfenced\n```\n"
    text += "- an item\n  goes on\n- another\n\n    indented\n\n| a cell | b |\n|---|---|\n"
    read = [(one.kind, one.text, one.words[0][1]) for one in markdown("x.md", text)]
    assert read == [
        ("heading", "A title", 1),
        ("paragraph", f"First line of {CODE} and a link.", 3),
        ("paragraph", "an item goes on", 9),
        ("paragraph", "another", 11),
        ("paragraph", "indented", 13),
        ("cell", "a cell", 15),
        ("cell", "b", 15),
    ]


def test_indented_code_outside_a_list_is_left_out() -> None:
    assert [one.text for one in markdown("x.md", "Run\n\n    make it so\n\nthen look.\n")] == [
        "Run",
        "then look.",
    ]


def test_a_hit_has_the_line_of_its_word() -> None:
    (hit,) = hits_of(paragraph("One line\nand the tool\nis asked twice."))
    assert (hit.line, hit.words) == (3, "is asked")


def test_python_has_docstrings_comments_and_sentences() -> None:
    text = (
        '"""A module."""\n\nNAME = "a_key"  # why it is so\n'
        'TEXT = f"{NAME} is missing"\n# two\n# lines\n'
    )
    read = [(one.kind, one.text, one.words[0][1]) for one in python("x.py", text)]
    assert read == [
        ("string", f"{CODE} is missing", 4),
        ("comment", "why it is so", 3),
        ("comment", "two lines", 5),
    ]
    assert [one.kind for one in python("x.py", '"""One whole sentence."""\n')] == ["docstring"]


def test_templates_and_c_are_read() -> None:
    assert [one.text for one in template("x.html", "<p>the {{ name }} is out</p>\n<br>")] == [
        f"the {CODE} is out"
    ]
    assert [one.text for one in c_comments("x.c", "/* first\n * second */\nint a; // third\n")] == [
        "first second",
        "third",
    ]


def test_help_of_every_command_is_read() -> None:
    @click.group(help="the whole")
    def tool() -> None: ...

    @tool.command(help="one part")
    @click.option("--fast", help="be quick")
    def part(fast: str) -> None: ...

    assert [(one.path, one.text) for one in help_texts(tool)] == [
        ("whichworker --help", "the whole"),
        ("whichworker part --help", "one part"),
        ("whichworker part --fast", "be quick"),
    ]


def test_proselint_knows_the_line() -> None:
    read = [
        paragraph("A `first` one."),
        paragraph("It is\nan added bonus, `alas`."),
        paragraph("End."),
    ]
    (hit,) = proselint_hits(read)
    assert (hit.line, hit.words) == (2, "added bonus")

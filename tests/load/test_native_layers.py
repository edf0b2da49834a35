"""The C files have one direction: a file includes and calls only files of lower layers."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

NATIVE = Path(__file__).parents[2] / "src/native"
# From the bottom up. Files of one layer do not know each other.
LAYERS = (
    {"bytes", "histogram", "plan"},
    {"parser", "counts"},
    {"response"},
    {"connection"},
    {"schedule"},
    {"slice"},
    {"engine"},
    {"module"},
)
HEIGHTS = {name: height for height, names in enumerate(LAYERS) for name in names}
WIDEST_LINE = 100

Sources = dict[str, str]

_INCLUDE = re.compile(r'^#include "(\w+)\.h"', re.MULTILINE)
_COMMENT = re.compile(r"/\*.*?\*/", re.DOTALL)
_STRING = re.compile(r'"(?:\\.|[^"\\\n])*"')
# A definition begins at the left margin and ends its first line or lines with an opening brace.
_DEFINITION = re.compile(r"^(?!static)\w[\w\s*]*?\b(\w+)\([^;{}]*\) \{", re.MULTILINE)
_NAME = re.compile(r"\b[a-z]\w*\b")


def read_sources() -> Sources:
    return {path.name: path.read_text(encoding="utf-8") for path in sorted(NATIVE.glob("*.[ch]"))}


def arrows(sources: Sources) -> Iterator[tuple[str, str, str]]:
    """Each use of another part: the file, the part, and the include or function it uses."""
    plain = {name: _STRING.sub("", _COMMENT.sub("", text)) for name, text in sources.items()}
    owners = {
        function: Path(name).stem
        for name, text in plain.items()
        if name.endswith(".c")
        for function in _DEFINITION.findall(text)
    }
    for name, text in plain.items():
        for included in _INCLUDE.findall(sources[name]):
            yield name, included, f"{included}.h"
        for function in sorted(owners.keys() & set(_NAME.findall(text))):
            yield name, owners[function], f"{function}()"


def wrong_arrows(sources: Sources) -> list[str]:
    """The uses that do not point downward."""
    return [
        f"{name} uses {through}"
        for name, used, through in arrows(sources)
        if Path(name).stem != used and HEIGHTS[used] >= HEIGHTS[Path(name).stem]
    ]


def test_every_file_has_a_layer() -> None:
    assert {Path(name).stem for name in read_sources()} == set(HEIGHTS)


def test_arrows_point_downward() -> None:
    sources = read_sources()
    used = set(arrows(sources))
    # The check sees real includes and calls, not nothing.
    assert ("engine.c", "schedule", "schedule_tend()") in used
    assert ("schedule.c", "connection", "connection_begin()") in used
    assert ("connection.c", "response", "response_read()") in used
    assert ("response.c", "parser", "parser_feed()") in used
    assert wrong_arrows(sources) == []


@pytest.mark.parametrize(
    ("name", "line", "wrong"),
    [
        ("parser.h", '#include "counts.h"', "parser.h uses counts.h"),
        ("counts.c", '#include "engine.h"', "counts.c uses engine.h"),
        (
            "response.c",
            "static void f(void) { run_fail(NULL, 0, NULL); }",
            "response.c uses run_fail()",
        ),
        ("connection.c", "void (*f)(void *) = schedule_end;", "connection.c uses schedule_end()"),
    ],
)
def test_an_arrow_that_points_upward_is_found(name: str, line: str, wrong: str) -> None:
    sources = read_sources()
    sources[name] += line + "\n"
    assert wrong_arrows(sources) == [wrong]


@pytest.mark.parametrize("name", sorted(read_sources()))
def test_files_say_what_they_are_for_in_lines_that_can_be_read(name: str) -> None:
    text = read_sources()[name]
    assert not [line for line in text.splitlines() if len(line) > WIDEST_LINE]
    assert name.endswith(".c") or text.startswith("/* ")

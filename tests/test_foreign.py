"""Whatever a parser raises becomes one error, with a reason of one line."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from whichworker import foreign


class Row(msgspec.Struct):
    name: str
    sizes: list[int] = []


BROKEN: list[tuple[Callable[[Any, Any], object], Any, str]] = [
    (foreign.json_in, b"", "truncated"),
    (foreign.json_in, b'{"name": "\xc2"}', "utf-8"),
    (foreign.json_in, b'{"odd": ' + b"[" * 100_000, "nested too deeply"),
    (foreign.json_in, b'{"name": 3}', "expected text, got a whole number at name"),
    (foreign.json_in, b'{"sizes": []}', "there is no name"),
    (foreign.json_in, b'{"name": "a", "sizes": ["b"]}', "a whole number, got text at sizes"),
    (foreign.toml_in, "name = ", "not toml: invalid value"),
    (foreign.toml_in, f"name = {'[' * 5000}", "nested too deeply"),
    (foreign.toml_in, f"name = {'9' * 5000}", "not toml"),
    (foreign.toml_in, "name = 1979-02-31", "not toml"),
    (foreign.toml_in, "name = []", "expected text, got a list at name"),
    (foreign.fitted, None, "expected a table, got nothing"),
]
YAML = [
    "a: [",
    "\0",
    "!!int ''",
    "!!float ''",
    "!!bool x",
    "!!timestamp x",
    "!!timestamp 2001-99-99",
    "!!python/none x",
    "? [a]\n: b",
    "[" * 5000,
    "9" * 5000,
]


@pytest.mark.parametrize(("read", "content", "reason"), BROKEN)
def test_the_reason_is_one_line_in_plain_words(
    read: Callable[[Any, Any], object], content: Any, reason: str
) -> None:
    with pytest.raises(foreign.Unreadable) as caught:
        read(content, Row)
    assert reason in str(caught.value).lower()
    assert len(str(caught.value).splitlines()) == 1
    assert "`" not in str(caught.value)


@pytest.mark.parametrize("text", YAML)
def test_yaml_breaks_in_many_ways(text: str) -> None:
    with pytest.raises(foreign.Unreadable) as caught:
        foreign.yaml_in(text)
    assert len(str(caught.value).splitlines()) == 1
    assert len(str(caught.value)) <= foreign.LONGEST_REASON


def test_what_is_sound_is_read(tmp_path: Path) -> None:
    row = Row(name="é", sizes=[1, 2])
    path = tmp_path / "a"
    path.write_text('name = "é"\nsizes = [1, 2]\n', encoding="utf-8")
    assert foreign.toml_in(foreign.text_of(path), Row) == row
    assert foreign.json_in(msgspec.json.encode(row), Row) == row
    assert [foreign.fitted(one, Row) for one in foreign.yaml_in("name: é\nsizes: [1, 2]")] == [row]


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("none", None, "No such file"),
        (".", None, "Is a directory"),
        ("a\0b", None, "null byte"),
        ("a", b"ab\xff", "byte 3 is not UTF-8"),
    ],
)
def test_a_file_without_text(name: str, content: bytes | None, reason: str, tmp_path: Path) -> None:
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(foreign.Unreadable, match=reason):
        foreign.text_of(tmp_path / name)


def test_yaml_is_read_as_its_writer_sees_it() -> None:
    """As YAML 1.2, and not as 1.1, to which most of these are numbers, truths or days."""
    words = ["no", "on", "y", "10:30", "010", "1_000", "0x1F", "2026-11-02", "1e3", "v1", ""]
    text = "".join(f"- {word}\n" for word in words)
    assert foreign.yaml_in(text) == [[*words[:-1], None]]
    plain = "[true, False, ~, null, 7, -7, 0, 1.5, .5, -1.5e3, '7', \"no\"]"
    assert foreign.yaml_in(plain) == [
        [True, False, None, None, 7, -7, 0, 1.5, 0.5, -1500.0, "7", "no"]
    ]

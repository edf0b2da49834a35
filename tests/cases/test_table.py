"""The table of cases: each has a test, and each test that it names exists."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

import pytest

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
ROW = re.compile(r"\| (\d\d-[a-z0-9-]+) \|.*\| ((?:`[^`]+` ?)+)\|")
TABLE = {one[1]: one[2] for one in ROW.finditer((HERE / "README.md").read_text("utf-8"))}


@cache
def functions_in(path: str) -> frozenset[str]:
    """The functions at the top level of a file below the root."""
    tree = ast.parse((ROOT / path).read_text(encoding="utf-8"))
    return frozenset(node.name for node in tree.body if isinstance(node, ast.FunctionDef))


@pytest.mark.parametrize("case", TABLE)
def test_each_test_of_a_case_exists(case: str) -> None:
    named = re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", TABLE[case])
    assert len(named) == TABLE[case].count("`") // 2
    assert [name for path, name in named if name not in functions_in(path)] == []


def test_each_test_of_this_folder_is_in_the_table() -> None:
    found = {
        f"tests/cases/{path.name}::{name}"
        for path in HERE.glob("test_*.py")
        for name in functions_in(f"tests/cases/{path.name}")
        if name.startswith("test_case_")
    }
    listed = {name for names in TABLE.values() for name in re.findall(r"`([^`]+)`", names)}
    assert found <= listed
    assert len(TABLE) == 26

"""One table of findings: every code is used and documented, and no other code exists."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from whichworker.conformance.cases import CASES, own_cases
from whichworker.model import FAILURE_KINDS, Code, codes
from whichworker.servers import table
from whichworker.workloads.table import workload

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "src" / "whichworker"
REFERENCE = ROOT / "docs" / "reference"
INDEX = (REFERENCE / "findings.md").read_text(encoding="utf-8")
NAMED = {name: row for name, row in vars(codes).items() if isinstance(row, Code)}


def nodes() -> Iterator[tuple[Path, ast.AST]]:
    for path in SOURCE.rglob("*.py"):
        if path.parent != SOURCE / "model" and "samples" not in path.parts:
            tree = ast.parse(path.read_text(encoding="utf-8"))
            yield from ((path, node) for node in ast.walk(tree))


def test_each_row_is_named_by_its_code() -> None:
    assert {name: row.name for name, row in NAMED.items()} == {
        row.name.upper().replace("-", "_"): row.name for row in NAMED.values()
    }
    assert len(codes.TABLE) == len(NAMED) + sum(map(len, codes.APART))


def test_no_code_is_made_outside_the_table() -> None:
    """Only the table has a `Code`, and only a `Code` makes a `Finding`."""
    made = [
        f"{path.name}:{node.lineno}"
        for path, node in nodes()
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id in ("Finding", "Code")
    ]
    assert not made


def test_each_code_is_used() -> None:
    used = {
        node.attr
        for _, node in nodes()
        if isinstance(node, ast.Attribute)
        and isinstance(node.value, ast.Name)
        and node.value.id == "codes"
    }
    assert {*NAMED, "ARM", "CONFORMANCE"} <= used
    assert set(codes.ARM) == set(FAILURE_KINDS)
    own = own_cases(workload("json"))
    assert set(codes.CONFORMANCE) == {case.name for case in (*CASES, *own)}


@pytest.mark.parametrize("row", codes.TABLE.values(), ids=lambda row: row.name)
def test_each_code_is_documented(row: Code) -> None:
    page = (REFERENCE / "findings" / f"{row.name}.md").read_text(encoding="utf-8")
    assert page.startswith(f"# {row.name}\n\n**{row.title}** ({row.severity})\n")
    assert row.why in page and row.why.endswith(".")
    assert f'<a id="{row.name}"></a>[{row.name}](findings/{row.name}.md)' in INDEX
    assert row.cure or row.severity != "error", "an error says what to do"
    for text in (row.title, row.cure):
        assert not text.endswith(".")


def test_each_page_has_a_code() -> None:
    pages = {page.stem for page in (REFERENCE / "findings").glob("*.md")}
    assert pages == set(codes.TABLE)


def test_a_finding_has_what_its_row_says() -> None:
    found = codes.SQLITE.finding("The database is SQLite 3", arm="waitress")
    assert (found.code, found.severity, found.title) == ("sqlite", "info", codes.SQLITE.title)
    assert (found.text, found.hint) == ("The database is SQLite 3", codes.SQLITE.cure)
    assert found.detail == found.text


def test_a_finding_without_a_text_says_why_it_matters() -> None:
    found = codes.YOUNG.finding()
    assert (found.text, found.detail) == (
        f"{codes.YOUNG.title}. {codes.YOUNG.why}",
        codes.YOUNG.why,
    )


def test_a_lowered_finding_has_no_cure_but_the_one_it_is_given() -> None:
    calm = codes.OPEN_FILES.finding("1024 files", severity="info")
    assert (calm.severity, calm.hint) == ("info", "")
    assert codes.OPEN_FILES.finding("8 files", severity="info", hint="more").hint == "more"


@pytest.mark.parametrize("name", table.SERVERS)
def test_what_is_known_of_a_server_is_in_the_table(name: str) -> None:
    for finding in table.load(name).known:
        row = codes.TABLE[finding.code]
        assert (finding.severity, finding.title) == (row.severity, row.title)

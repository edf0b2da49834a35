"""The rules of the house that a machine can check: sizes, names, and who may print."""

from __future__ import annotations

import ast
import statistics
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

import whichworker
from tests.conftest import missing

SOURCE = Path(whichworker.__file__).parent
MODULES = sorted(path for path in SOURCE.rglob("*.py") if "samples" not in path.parts)
LONGEST_MODULE, MEDIAN_MODULE = 400, 150  # lines (style.md, 7)
LONGEST_FUNCTION, MOST_FUNCTIONS = 60, 25  # lines, and at p90 (style.md, 7)
NAMES_THAT_SAY_NOTHING = {"manager", "helper", "helpers", "utils", "util", "data", "common", "misc"}
SPEAKING_ROOMS = {"report", "cli"}
LARGEST_ROOM = 20  # modules
SAME_THING = {
    "a command, the room it calls, its result and its report": {
        "advice",
        "cache",
        "explain",
        "judge",
        "load",
        "preflight",
        "race",
        "second_stage",
        "serve",
        "study",
        "versus",
    },
    "each room has its own": {"__init__", "options", "plan", "protocol", "table", "watch"},
    "two engines with the same parts": {"engine", "seat"},
    "measured, and judged": {"slices", "verdict"},
}
"""Names of modules that may stand in several rooms, and why."""
every_module = pytest.mark.parametrize(
    "path", MODULES, ids=lambda path: str(path.relative_to(SOURCE))
)


def lines_of(path: Path) -> int:
    return len(path.read_text(encoding="utf-8").splitlines())


def functions_of(path: Path) -> Iterator[tuple[str, int]]:
    """Each function and its length in lines, decorators left out."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            assert node.end_lineno is not None
            yield f"{path.relative_to(SOURCE)}:{node.name}", node.end_lineno - node.lineno + 1


def test_there_is_something_to_check() -> None:
    assert len(MODULES) > 40


@every_module
def test_no_module_is_too_long(path: Path) -> None:
    assert lines_of(path) <= LONGEST_MODULE


def test_most_modules_are_short() -> None:
    assert (
        statistics.median(lines_of(path) for path in MODULES if path.name != "__init__.py")
        <= MEDIAN_MODULE
    )


@every_module
def test_no_function_is_too_long(path: Path) -> None:
    assert not [name for name, length in functions_of(path) if length > LONGEST_FUNCTION]


def test_most_functions_are_short() -> None:
    lengths = sorted(length for path in MODULES for _, length in functions_of(path))
    assert lengths[int(0.9 * len(lengths))] <= MOST_FUNCTIONS


@every_module
def test_modules_are_called_what_they_are(path: Path) -> None:
    words = {
        word for part in path.relative_to(SOURCE).with_suffix("").parts for word in part.split("_")
    }
    assert not words & NAMES_THAT_SAY_NOTHING


def test_no_room_is_too_large() -> None:
    """Rooms within a room count by themselves."""
    rooms = Counter(path.parent for path in MODULES if path.name != "__init__.py")
    assert not {room for room, modules in rooms.items() if modules > LARGEST_ROOM}


def test_a_module_name_stands_in_one_room() -> None:
    names = Counter(path.stem for path in MODULES)
    assert {name for name, times in names.items() if times > 1} == set().union(*SAME_THING.values())


def test_a_class_name_stands_in_one_room() -> None:
    rooms: dict[str, set[str]] = {}
    for path in MODULES:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ClassDef):
                rooms.setdefault(node.name, set()).add(path.relative_to(SOURCE).parts[0])
    assert not {name: places for name, places in rooms.items() if len(places) > 1}


@every_module
def test_only_reports_and_the_command_line_print(path: Path) -> None:
    if path.relative_to(SOURCE).parts[0] in SPEAKING_ROOMS:
        return
    tree = ast.parse(path.read_text(encoding="utf-8"))
    called = {
        node.func.id
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
    }
    imported = {
        alias.name.partition(".")[0]
        for node in ast.walk(tree)
        if isinstance(node, ast.Import)
        for alias in node.names
    }
    imported |= {
        (node.module or "").partition(".")[0]
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom)
    }
    assert "print" not in called
    assert not imported & {"rich", "click", "logging"}


@every_module
def test_every_module_says_what_it_is(path: Path) -> None:
    assert ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))


def test_what_is_missing_is_a_failure_in_ci_and_a_skip_elsewhere(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("CI", "true")
    with pytest.raises(pytest.fail.Exception, match="no PostgreSQL"):
        missing("no PostgreSQL")
    monkeypatch.delenv("CI")
    with pytest.raises(pytest.skip.Exception, match="no PostgreSQL"):
        missing("no PostgreSQL")


@pytest.mark.parametrize(
    "needed",
    [
        "bench/test_services",
        "deployment/odd_projects",
        "report/test_browser",
        "report/test_pages_in_browser",
        "samples/test_versions",
    ],
)
def test_a_test_that_needs_a_program_says_that_it_is_missing(needed: str) -> None:
    text = (Path(__file__).parent / f"{needed}.py").read_text(encoding="utf-8")
    assert "missing(" in text and "pytest.skip(" not in text


@pytest.mark.parametrize(
    "path", sorted((SOURCE / "apps/within").glob("*.py")), ids=lambda path: path.name
)
def test_what_runs_in_the_interpreter_of_an_app_is_ascii(path: Path) -> None:
    assert path.read_bytes().isascii(), "it is a word of a command, in any locale"

"""The origin of values, and the messages for wrong ones."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from whichworker.config.layers import gather, read_file
from whichworker.config.options import RaceOptions
from whichworker.errors import UsageError

FILE = "whichworker.toml"


def options(
    folder: Path,
    *,
    given: dict[str, Any] | None = None,
    environment: dict[str, str] | None = None,
    file: str = "",
) -> tuple[RaceOptions, dict[str, str]]:
    """The options with these layers."""
    if file:
        (folder / FILE).write_text(file, encoding="utf-8")
    return gather(RaceOptions, given or {}, environment or {}, folder)


def test_nothing_said_is_the_default(tmp_path: Path) -> None:
    found, origins = options(tmp_path)
    assert found == RaceOptions()
    assert origins == dict.fromkeys(RaceOptions.__struct_fields__, "default")


@pytest.mark.parametrize(
    ("given", "environment", "file", "seconds", "origin"),
    [
        ({"time": "10s"}, {"WHICHWORKER_TIME": "20s"}, 'time = "30s"', 10.0, "--time"),
        ({}, {"WHICHWORKER_TIME": "20s"}, 'time = "30s"', 20.0, "WHICHWORKER_TIME"),
        ({"time": None}, {}, 'time = "30s"', 30.0, FILE),
        ({"time": None}, {}, "time = 45", 45.0, FILE),
        ({}, {}, "", None, "default"),
    ],
)
def test_command_line_before_environment_before_file_before_default(
    given: dict[str, Any],
    environment: dict[str, str],
    file: str,
    seconds: float | None,
    origin: str,
    tmp_path: Path,
) -> None:
    found, origins = options(tmp_path, given=given, environment=environment, file=file)
    assert found.time == seconds
    assert origins["time"].endswith(origin)


def test_each_value_comes_from_its_own_layer(tmp_path: Path) -> None:
    found, origins = options(
        tmp_path,
        given={"connections": "8", "python": ()},
        environment={"WHICHWORKER_DELTA": "5%", "WHICHWORKER_PYTHON": "3.12, 3.13", "OTHER": "x"},
        file=(
            'servers = ["gunicorn-sync", "granian-wsgi[workers=2,threads=4]"]\n'
            'claims = "all"\nseed = 0'
        ),
    )
    assert found == RaceOptions(
        servers="gunicorn-sync,granian-wsgi[workers=2,threads=4]",
        python=("3.12", "3.13"),
        connections=8,
        delta=0.05,
        claims="all",
        seed=0,
    )
    file = str(tmp_path / FILE)
    assert {
        name: origins[name]
        for name in ("connections", "delta", "python", "servers", "seed", "alpha")
    } == {
        "connections": "--connections",
        "delta": "WHICHWORKER_DELTA",
        "python": "WHICHWORKER_PYTHON",
        "servers": file,
        "seed": file,
        "alpha": "default",
    }


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("servers", "a,b", "a,b"),
        ("python", ("3.12", "3.13"), ("3.12", "3.13")),
        ("time", "1m30s", 90.0),
        ("alpha", "0.01", 0.01),
        ("seed", "0", 0),
        ("connections", "1", 1),
        ("claims", "all", "all"),
    ],
)
def test_values_of_the_command_line(
    name: str, value: object, expected: object, tmp_path: Path
) -> None:
    found, origins = options(tmp_path, given={name: value})
    assert getattr(found, name) == expected
    assert origins[name] == f"--{name}"


@pytest.mark.parametrize(
    ("key", "hint"),
    [("sever", "did you mean servers?"), ("tme", "did you mean time?"), ("zzz", "docs/reference")],
)
def test_an_unknown_key_is_an_error_with_a_suggestion(key: str, hint: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=f"unknown key '{key}'") as caught:
        options(tmp_path, file=f'{key} = "x"')
    assert FILE in caught.value.fact
    assert hint in caught.value.hint


@pytest.mark.parametrize(
    ("layer", "origin"),
    [
        ({"given": {"time": "soon"}}, "--time: not a duration"),
        ({"environment": {"WHICHWORKER_TIME": ""}}, "WHICHWORKER_TIME: not a duration"),
        ({"file": 'time = "90"'}, f"{FILE}: not a duration"),
        ({"file": "time = 0"}, FILE),
        ({"file": "time = -5.0"}, FILE),
        ({"file": "time = true"}, FILE),
        ({"file": "time = [1]"}, FILE),
        ({"given": {"delta": "0%"}}, "--delta: not a share"),
        ({"environment": {"WHICHWORKER_ALPHA": "100%"}}, "WHICHWORKER_ALPHA: not a share"),
        ({"file": "alpha = 5"}, FILE),
        ({"file": "alpha = nan"}, FILE),
        ({"file": "delta = 0"}, FILE),
        ({"given": {"connections": "many"}}, "--connections: 'many' will not do"),
        ({"file": "connections = 1.5"}, FILE),
        ({"given": {"seed": "1.5"}}, "--seed: '1.5' will not do"),
        ({"environment": {"WHICHWORKER_CLAIMS": "some"}}, "WHICHWORKER_CLAIMS: 'some' will not do"),
        ({"file": "servers = 3"}, FILE),
        ({"file": "servers = [1, 2]"}, FILE),
        ({"file": 'python = [["3.12"]]'}, FILE),
        ({"file": "time = inf"}, "inf is too large"),
        ({"file": "time = 1e16"}, "too large"),
        ({"given": {"time": "9" * 400 + "s"}}, "--time: not a duration"),
        ({"file": f'memory = "{"9" * 400}GB"'}, "not a size"),
        ({"file": f"cpus = {2**64}"}, "64 bits"),
        ({"file": "cpus = [1]"}, FILE),
        ({"file": 'from-log = "a\\u0000b"'}, "zero byte"),
        ({"file": 'python = ["a\\u0000b"]'}, "zero byte"),
        ({"given": {"env_file": "a\udcff"}}, "--env-file: not UTF-8"),
        ({"environment": {"WHICHWORKER_SERVERS": "\udcffa"}}, "WHICHWORKER_SERVERS: not UTF-8"),
    ],
)
def test_a_bad_value_names_where_it_came_from(
    layer: dict[str, Any], origin: str, tmp_path: Path
) -> None:
    with pytest.raises(UsageError) as caught:
        options(tmp_path, **layer)
    assert origin in caught.value.fact


def test_the_hint_of_a_bad_value_survives(tmp_path: Path) -> None:
    with pytest.raises(UsageError) as caught:
        options(tmp_path, given={"time": "90"})
    assert caught.value.hint == "write a number with a unit, such as 90s, 250ms or 2m"


@pytest.mark.parametrize(
    ("files", "found"),
    [
        ({}, {}),
        ({"pyproject.toml": "[project]\nname = 'x'"}, {}),
        ({"pyproject.toml": "[tool.other]\nseed = 9"}, {}),
        ({"pyproject.toml": "[tool.whichworker]\nseed = 1"}, {"seed": 1}),
        ({FILE: "seed = 2"}, {"seed": 2}),
        ({FILE: "seed = 2", "pyproject.toml": "[tool.whichworker]\nseed = 1"}, {"seed": 2}),
        ({FILE: "", "pyproject.toml": "[tool.whichworker]\nseed = 1"}, {"seed": 1}),
    ],
)
def test_which_file_is_read(files: dict[str, str], found: dict[str, Any], tmp_path: Path) -> None:
    for name, text in files.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    seen, path = read_file(tmp_path)
    assert seen == found
    assert (path is None) == (not found)


@pytest.mark.parametrize(
    ("name", "text", "fact"),
    [
        (FILE, b"seed = ", "not TOML"),
        (FILE, b"\xff", "byte 1 is not UTF-8"),
        ("pyproject.toml", b"[tool", "not TOML"),
        ("pyproject.toml", b"tool = 3", "expected a table, got a whole number at tool"),
        ("pyproject.toml", b"[tool]\nwhichworker = 3", "expected a table"),
        (FILE, b"a = " + b"[" * 5000, "nested too deeply"),
        (FILE, b"a = " + b"9" * 5000, "not TOML"),
    ],
)
def test_a_file_that_cannot_be_used(name: str, text: bytes, fact: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(text)
    with pytest.raises(UsageError, match=fact) as caught:
        read_file(tmp_path)
    assert name in caught.value.fact
    assert caught.value.hint

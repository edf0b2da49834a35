"""One option, one place: a field of a struct is a flag, a variable and a key, with a text."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
import msgspec
import pytest

from whichworker.cli.frame.options import command_of
from whichworker.cli.frame.table import COMMANDS
from whichworker.config.layers import READERS, gather, name_in_file, unit_of
from whichworker.config.option import default_of, extra_of
from whichworker.config.options import OutputOptions, RaceOptions
from whichworker.errors import UsageError

RACE, OUTPUT = msgspec.structs.fields(RaceOptions), msgspec.structs.fields(OutputOptions)
FLAGS = {
    parameter.name: parameter
    for parameter in command_of("race", COMMANDS["race"]).params
    if isinstance(parameter, click.Option)
}
TEXTS: dict[str, tuple[str, Any]] = {
    "servers": ("daphne", "daphne"),
    "latest": ("true", True),
    "exclude_newer": ("2026-01-31", "2026-01-31"),
    "workload": ("/x", "/x"),
    "database": ("postgres", "postgres"),
    "cache": ("redis", "redis"),
    "python": ("3.12", ("3.12",)),
    "connections": ("7", 7),
    "time": ("7s", 7.0),
    "delta": ("7%", 0.07),
    "alpha": ("0.07", 0.07),
    "claims": ("all", "all"),
    "seed": ("7", 7),
    "slo": ("p99<7s", "p99<7s"),
    "rate": ("7/s", 7.0),
    "capacity": ("true", True),
    "profile": ("true", True),
    "url": ("/x", ("/x",)),
    "host": ("shop.example", "shop.example"),
    "from_log": ("x.log", "x.log"),
    "from_har": ("x.har", "x.har"),
    "from_openapi": ("x.json", "x.json"),
    "request_file": ("x.toml", "x.toml"),
    "sessions": ("race", "race"),
    "header": ("X: y", ("X: y",)),
    "expect": ("status=201", ("status=201",)),
    "login": ("/login/ a=b", "/login/ a=b"),
    "env_file": (".env", ".env"),
    "cpus": ("7", 7),
    "memory": ("7MB", 7e6),
    "search": ("true", True),
    "allow_writes": ("true", True),
    "allow_outbound": ("true", True),
    "allow_remote_database": ("true", True),
}
every_field = pytest.mark.parametrize("field", [*RACE, *OUTPUT], ids=lambda field: field.name)


@every_field
def test_every_field_is_a_flag_with_help(field: msgspec.structs.FieldInfo) -> None:
    flag = FLAGS[field.name]
    description = extra_of(field)["description"]
    assert flag.opts == [f"--{name_in_file(field.name)}"]
    assert flag.help is not None and flag.help.startswith(description)
    assert flag.default is None, "a default belongs to the struct"
    assert len(description) > 15
    assert not description[0].islower() and not description.endswith(".")


@every_field
def test_every_field_has_a_default_and_a_known_unit(field: msgspec.structs.FieldInfo) -> None:
    assert field.default is not msgspec.NODEFAULT
    assert unit_of(field) in {"", *READERS}


def test_there_are_no_flags_beside_the_fields() -> None:
    assert set(FLAGS) - {"help", "quiet", "verbose"} == {field.name for field in (*RACE, *OUTPUT)}


def test_the_table_of_texts_is_complete() -> None:
    assert set(TEXTS) == set(RaceOptions.__struct_fields__)


@pytest.mark.parametrize("name", RaceOptions.__struct_fields__)
def test_every_field_is_an_environment_variable_and_a_key_in_the_file(
    name: str, tmp_path: Path
) -> None:
    text, value = TEXTS[name]
    assert value != getattr(RaceOptions(), name)
    variable = f"WHICHWORKER_{name.upper()}" if name != "cache" else "WHICHWORKER_RACE_CACHE"
    by_environment, origins = gather(RaceOptions, {}, {variable: text}, tmp_path)
    assert getattr(by_environment, name) == value
    assert origins[name] == variable
    written = f"['{text}']" if isinstance(value, tuple) else f"'{text}'"
    (tmp_path / "whichworker.toml").write_text(f"{name_in_file(name)} = {written}")
    by_file, origins = gather(RaceOptions, {}, {}, tmp_path)
    assert getattr(by_file, name) == value
    assert origins[name] == str(tmp_path / "whichworker.toml")


@pytest.mark.parametrize("name", OutputOptions.__struct_fields__)
def test_where_results_go_is_not_for_the_file(name: str) -> None:
    assert name not in RaceOptions.__struct_fields__


def test_defaults_are_shown_where_there_is_something_to_show() -> None:
    context = click.Context(command_of("race", COMMANDS["race"]))
    shown = {name: (flag.get_help_record(context) or ("", ""))[1] for name, flag in FLAGS.items()}
    assert shown["time"].endswith("[default: 2m; 5m with --slo, --rate or --capacity]")
    assert shown["delta"].endswith("[default: 3%]")
    assert shown["alpha"].endswith("[default: 5%]")
    assert shown["claims"].endswith("[default: leader]")
    assert not shown["profile"].endswith("]"), "a switch that is off needs no default"


def test_a_default_is_written_as_a_person_would() -> None:
    shown = {field.name: default_of(field) for field in RACE}
    assert (shown["delta"], shown["cache"], shown["header"]) == ("3%", "memory", "")


@pytest.mark.parametrize(
    ("file", "environment", "fact", "hint"),
    [
        ("requests = 'x.toml'", {}, "the key 'requests'", "write request-file"),
        ("", {"WHICHWORKER_REQUESTS": "x"}, "WHICHWORKER_REQUESTS", "set WHICHWORKER_REQUEST_FILE"),
    ],
)
def test_a_former_name_fails_and_names_the_new_one(
    file: str, environment: dict[str, str], fact: str, hint: str, tmp_path: Path
) -> None:
    (tmp_path / "whichworker.toml").write_text(file)
    with pytest.raises(UsageError, match=fact) as caught:
        gather(RaceOptions, {}, environment, tmp_path)
    assert caught.value.hint == hint


def test_the_configuration_has_a_json_schema() -> None:
    schema = msgspec.json.schema(RaceOptions)["$defs"]["RaceOptions"]["properties"]
    assert set(schema) == set(RaceOptions.__struct_fields__)
    assert schema["alpha"]["exclusiveMaximum"] == 1
    assert all(entry["description"] for entry in schema.values())


def test_the_folder_of_the_cache_is_not_taken_for_an_option(tmp_path: Path) -> None:
    options, _ = gather(
        RaceOptions,
        {},
        {"WHICHWORKER_CACHE": "/somewhere", "WHICHWORKER_RACE_CACHE": "redis"},
        tmp_path,
    )
    assert options.cache == "redis"
    assert gather(RaceOptions, {}, {"WHICHWORKER_CACHE": "/somewhere"}, tmp_path)[0].cache is None

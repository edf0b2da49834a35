"""The options of a load: one place each, with their own table in the file and own variables."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
import msgspec
import pytest

from whichworker.cli.frame.options import command_of
from whichworker.cli.frame.table import COMMANDS
from whichworker.config.layers import READERS, gather, name_in_file, unit_of, variable_of
from whichworker.config.load_options import LoadOptions, LoadRunOptions
from whichworker.config.option import default_of, extra_of
from whichworker.config.options import RaceOptions
from whichworker.errors import UsageError

FIELDS = [*msgspec.structs.fields(LoadOptions), *msgspec.structs.fields(LoadRunOptions)]
FLAGS = {
    parameter.name: parameter
    for parameter in command_of("load", COMMANDS["load"]).params
    if isinstance(parameter, click.Option)
}
TEXTS: dict[str, tuple[str, Any]] = {
    "connections": ("7", 7),
    "rate": ("420/min", 7.0),
    "arrivals": ("poisson", "poisson"),
    "stage": ("7s:7/s", ("7s:7/s",)),
    "time": ("7s", 7.0),
    "requests": ("7", 7),
    "warmup": ("7ms", 0.007),
    "ramp": ("7s", 7.0),
    "deadline": ("7s", 7.0),
    "expect": ("status=207", ("status=207",)),
    "url": ("http://localhost:7/", "http://localhost:7/"),
    "host": ("shop.example", "shop.example"),
    "method": ("PUT", "PUT"),
    "header": ("A: 7", ("A: 7",)),
    "body": ("seven", "seven"),
    "engine": ("epoll", "epoll"),
    "threads": ("7", 7),
    "spin": ("true", True),
    "no_keep_alive": ("true", True),
    "receive_delay": ("true", True),
    "backlog": ("7", 7),
    "ca": ("seven.pem", "seven.pem"),
    "insecure": ("true", True),
    "seed": ("7", 7),
}
FILE = "whichworker.toml"
every_field = pytest.mark.parametrize("field", FIELDS, ids=lambda field: field.name)
every_option = pytest.mark.parametrize("name", LoadOptions.__struct_fields__)


@every_field
def test_every_field_is_a_flag_with_help(field: msgspec.structs.FieldInfo) -> None:
    flag, description = FLAGS[field.name], extra_of(field)["description"]
    assert flag.opts == [f"--{name_in_file(field.name)}"]
    assert flag.help is not None and flag.help.startswith(description)
    assert flag.default is None, "a default belongs to the struct"
    assert len(description) > 10
    assert not description[0].islower() and not description.endswith(".")


@every_field
def test_every_field_has_a_default_and_a_known_unit(field: msgspec.structs.FieldInfo) -> None:
    assert field.default is not msgspec.NODEFAULT
    assert unit_of(field) in {"", *READERS}


def test_there_are_no_flags_beside_the_fields() -> None:
    assert set(FLAGS) - {"help", "quiet", "verbose"} == {field.name for field in FIELDS}


def test_spinning_can_be_asked_for_and_forbidden() -> None:
    assert FLAGS["spin"].secondary_opts == ["--no-spin"]


def test_the_table_of_texts_is_complete() -> None:
    assert set(TEXTS) == set(LoadOptions.__struct_fields__)


@every_option
def test_every_option_is_an_environment_variable_of_the_command(name: str, tmp_path: Path) -> None:
    text, value = TEXTS[name]
    assert value != getattr(LoadOptions(), name)
    found, origins = gather(
        LoadOptions, {}, {f"WHICHWORKER_LOAD_{name.upper()}": text}, tmp_path, "load"
    )
    assert getattr(found, name) == value
    assert origins[name] == variable_of(name, "load") == f"WHICHWORKER_LOAD_{name.upper()}"


@every_option
def test_every_option_is_a_key_in_a_table_of_the_command(name: str, tmp_path: Path) -> None:
    text, value = TEXTS[name]
    written = f"['{text}']" if isinstance(value, tuple) else f"'{text}'"
    (tmp_path / FILE).write_text(f"delta = '1%'\n[load]\n{name_in_file(name)} = {written}")
    found, origins = gather(LoadOptions, {}, {}, tmp_path, "load")
    assert getattr(found, name) == value
    assert origins[name] == str(tmp_path / FILE)
    race, _ = gather(RaceOptions, {}, {}, tmp_path)
    assert race == RaceOptions(delta=0.01)


def test_options_of_a_race_are_none_of_a_load(tmp_path: Path) -> None:
    (tmp_path / FILE).write_text("time = '1m'\nconnections = 3")
    assert gather(LoadOptions, {}, {"WHICHWORKER_TIME": "2m"}, tmp_path, "load")[0] == LoadOptions()


@pytest.mark.parametrize("name", LoadRunOptions.__struct_fields__)
def test_owning_a_target_cannot_be_configured_once_and_for_all(name: str, tmp_path: Path) -> None:
    assert name not in LoadOptions.__struct_fields__
    (tmp_path / FILE).write_text(f"[load]\n{name_in_file(name)} = true")
    with pytest.raises(UsageError, match="unknown key"):
        gather(LoadOptions, {}, {}, tmp_path, "load")


@pytest.mark.parametrize(
    ("text", "fact", "hint"),
    [
        ("load = 3", "'load' in .* is not a table", "table of that name"),
        ("[load]\nrat = '5/s'", "unknown key 'rat'", "did you mean rate?"),
        ("[load]\nzzz = 1", "unknown key 'zzz'", "docs/reference/load.md"),
        ("[load]\nrate = 0", "0 will not do", ""),
        ("[load]\nwarmup = -1.0", "-1.0 will not do", ""),
        ("[load]\ntime = 0", "0 will not do", ""),
    ],
)
def test_a_bad_file_is_told(text: str, fact: str, hint: str, tmp_path: Path) -> None:
    (tmp_path / FILE).write_text(text)
    with pytest.raises(UsageError, match=fact) as caught:
        gather(LoadOptions, {}, {}, tmp_path, "load")
    assert hint in caught.value.hint


def test_defaults_are_shown_where_there_is_something_to_show() -> None:
    shown = {field.name: default_of(field) for field in FIELDS}
    assert shown["time"] == "10s; with --requests only: at most 10m"
    assert shown["connections"] == "64"
    assert shown["engine"] == "auto"
    assert shown["warmup"] == ""

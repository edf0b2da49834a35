"""A study that is resumed has the options of its journal, if these can be used."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.judge.stories import header, question

from whichworker.errors import UsageError
from whichworker.store.journal import FILE, Journal
from whichworker.store.records import StudyHeader
from whichworker.studies.assembly import restored
from whichworker.studies.options import StudyRun

OPTIONS: dict[str, str | int | float | bool] = {
    "quick": True,
    "as_published": False,
    "seed": 7,
    "database": "sqlite",
    "cache": "memory",
    "servers": "uvicorn",
}


def begun(folder: Path, **options: str | int | float | bool) -> StudyRun:
    machine = header(question()).machine
    with Journal(folder / FILE) as journal:
        journal.append(
            StudyHeader(
                run="r",
                started="2025-01-01T12:00:00+00:00",
                version="0",
                command="whichworker study x",
                digest="d",
                machine=machine,
                study="x",
                options=options,
            )
        )
    return StudyRun(study="x", command="", folder=folder, cache=folder)


def test_the_options_come_back(tmp_path: Path) -> None:
    run = restored(begun(tmp_path, **OPTIONS))
    assert (run.quick, run.seed, run.servers) == (True, 7, ("uvicorn",))


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({}, "there is no quick"),
        ({**OPTIONS, "seed": "many"}, "expected a whole number, got text at seed"),
        ({**OPTIONS, "database": "oracle"}, "at database"),
    ],
)
def test_options_of_another_form_are_told(
    options: dict[str, str | int | float | bool], reason: str, tmp_path: Path
) -> None:
    with pytest.raises(UsageError, match=reason) as caught:
        restored(begun(tmp_path, **options))
    assert caught.value.hint == "start a new run"

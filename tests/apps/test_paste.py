"""Apps of PasteDeploy's configuration files."""

from __future__ import annotations

from pathlib import Path

import pytest

from whichworker.apps import paste

APP = "[app:main]\nuse = egg:shop\npath = %(here)s\n"


def test_the_file_of_a_deployment_comes_first(tmp_path: Path) -> None:
    for name, text in {
        "development.ini": APP,
        "conf/production.ini": APP,
        "alembic.ini": "[alembic]\nscript_location = x\n",
        "broken.ini": "no section\n",
        "deep/down/other.ini": APP,
    }.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    assert paste.files_in(tmp_path) == ["conf/production.ini", "development.ini"]


@pytest.mark.parametrize(
    ("needs", "is_factory"),
    [(("global_config",), True), (("_global_conf", "x"), True), (("config",), False), ((), False)],
)
def test_a_factory_that_only_pastedeploy_calls(needs: tuple[str, ...], is_factory: bool) -> None:
    assert paste.is_factory(needs) is is_factory

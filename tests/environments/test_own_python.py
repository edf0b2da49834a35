"""Where the interpreter of an app is."""

from __future__ import annotations

from pathlib import Path

import pytest

from whichworker.environments import own_python


@pytest.mark.parametrize(
    ("place", "root"),
    [("", "backend/src"), ("backend", "backend/src"), ("backend", "backend"), ("api", "api/a/b/c")],
)
@pytest.mark.parametrize("repository", [True, False])
def test_an_environment_between_the_imports_and_the_folder(
    place: str, root: str, repository: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("VIRTUAL_ENV", "UV_PROJECT_ENVIRONMENT"):
        monkeypatch.delenv(name, raising=False)
    (tmp_path / root).mkdir(parents=True)
    python = tmp_path / place / ".venv/bin/python"
    python.parent.mkdir(parents=True)
    python.touch()
    if repository:
        (tmp_path / ".git").mkdir()
    found = own_python.find(tmp_path / root, None, tmp_path)
    assert found == (str(python), str(python.parent.parent))


def test_without_an_environment_the_tool_s_own_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("VIRTUAL_ENV", raising=False)
    assert own_python.find(tmp_path, None)[1] == own_python.NONE_FOUND

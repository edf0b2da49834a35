"""A promise and the run that it came from."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest
from tests.deployment.test_read_back import PROMISE
from tests.judge.stories import END, Story

from whichworker.deployment import recipe
from whichworker.deployment.promise import promise_in, promised
from whichworker.errors import UsageError


def test_a_promise_belongs_to_a_run_that_raced_its_arm(tmp_path: Path) -> None:
    Story(tmp_path).rounds(4).add(END).judged()
    run = recipe.read(tmp_path)
    arm, result = promised(msgspec.structs.replace(PROMISE, arm="waitress"), run)
    assert (arm.name, result.name) == ("waitress", "waitress")
    with pytest.raises(UsageError, match="run run-1 did not race a, ") as caught:
        promised(PROMISE, run)
    assert "--run" in caught.value.hint


def test_a_folder_without_files_names_the_command_that_writes_them(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="there is no whichworker-promise") as caught:
        promise_in(tmp_path / "my files")
    assert f"--out '{tmp_path}/my files'" in caught.value.hint

"""Options that cannot go together are refused before anything starts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from whichworker.config.options import RaceOptions
from whichworker.errors import UsageError
from whichworker.question.ask import ask


@pytest.mark.parametrize("options", ({"capacity": True}, {"rate": 50.0}))
def test_a_capacity_needs_an_objective(options: dict[str, Any], tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="needs an objective") as caught:
        ask("builtin:django", RaceOptions(**options), tmp_path, tmp_path / "cache")
    assert "--slo" in caught.value.hint
    asked = ask(
        "builtin:django", RaceOptions(slo="p99<1s", **options), tmp_path, tmp_path / "cache"
    )
    assert asked.terms.ask_for_capacity

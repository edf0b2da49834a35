"""How the versions of a race were chosen, in one sentence."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from whichworker.model import Resolution
from whichworker.report import standings

from . import samples

DAY = Resolution(locked=False, as_of="2025-01-31T18:00:00Z")


@pytest.mark.parametrize(
    ("asked", "arms", "words"),
    [
        (None, (None, None), ""),
        (Resolution(), (None, None), ""),
        (
            samples.LOCKED,
            (samples.LOCKED, None),
            (
                "lock files of whichworker, as of 2026-11-29 09:00 UTC;"
                " --exclude-newer 2026-11-29T09:00:00Z repeats the choice"
            ),
        ),
        (
            DAY,
            (DAY, DAY),
            (
                "newest versions, as of 2025-01-31 18:00 UTC;"
                " --exclude-newer 2025-01-31T18:00:00Z repeats the choice"
            ),
        ),
        (
            samples.LOCKED,
            (DAY, Resolution(locked=False)),
            (
                "lock files of whichworker, as of 2026-11-29 09:00 UTC;"
                " --exclude-newer 2026-11-29T09:00:00Z repeats the choice;"
                " other versions, as of 2025-01-31 18:00 UTC: a;"
                " other versions, newest on the day of installation: b"
            ),
        ),
    ],
)
def test_the_choice_of_versions(
    asked: Resolution | None, arms: tuple[Resolution | None, ...], words: str
) -> None:
    result = samples.race()
    result = replace(
        result,
        question=replace(result.question, resolution=asked),
        arms=tuple(
            replace(arm, name=name, resolution=one)
            for arm, name, one in zip(result.arms, "ab", arms, strict=False)
        ),
    )
    assert standings.versions(result) == words

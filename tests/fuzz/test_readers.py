"""The seeds of the fuzzers, and what once broke a reader, keep every promise of the readers."""

from __future__ import annotations

from pathlib import Path
from random import Random

import pytest

from tests.fuzz import readers
from tests.fuzz.mutations import changed
from whichworker import redaction

SEEDS = Path(__file__).parent / "seeds"
EACH = [(name, path.name) for name in readers.TARGETS for path in sorted((SEEDS / name).iterdir())]


@pytest.fixture(autouse=True)
def no_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    """The targets forget all secrets, which other tests may still need."""
    monkeypatch.setattr(redaction, "_secrets", {})
    monkeypatch.setattr(redaction, "_needed", set())


def neighbour(content: bytes, random: Random) -> bytes:
    """A content with one change: to a value of its JSON, or two bytes left out."""

    def without(data: bytes, _: int) -> bytes:
        at = random.randrange(len(data))
        return data[:at] + data[at + 2 :]

    return changed(content, 2 * len(content), random, without) or b"\0"


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize(("name", "seed"), EACH)
def test_a_seed_and_its_neighbours_keep_the_promise(name: str, seed: str) -> None:
    content = (SEEDS / name / seed).read_bytes()
    readers.TARGETS[name](content)
    for number in range(5):
        readers.TARGETS[name](neighbour(content, Random(f"{seed} {number}")))


@pytest.mark.parametrize("name", readers.TARGETS)
def test_a_planted_bug_is_found_near_a_seed(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A target that never breaks would check nothing."""
    monkeypatch.setattr(readers, "PLANTED", True)
    seeds = [path.read_bytes() for path in sorted((SEEDS / name).iterdir())]
    with pytest.raises(AssertionError):
        for number in range(500):
            random = Random(number)
            readers.TARGETS[name](neighbour(random.choice(seeds), random))

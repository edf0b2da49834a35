"""Feeds a reader of foreign files what atheris makes up: NAME and the flags of libFuzzer.

With PLANTED_BUG in the environment a refusal counts as a find, so that the fuzzer can prove that
it sees what a reader raises.
"""

from __future__ import annotations

import sys
import warnings
from pathlib import Path
from random import Random

# Only in the environment of `make fuzz`:
import atheris  # type: ignore[import-untyped,import-not-found,unused-ignore]

SEEDS = Path(__file__).parent / "seeds"
SEED_SHARE = 0.3
"""Of the changes that begin with a seed again."""
INSTRUMENTED = ["whichworker", "tomllib", "yaml", "dotenv", "configparser", "shlex"]

with atheris.instrument_imports(include=INSTRUMENTED):
    import configparser  # noqa: F401 - so that what it executes is seen
    import shlex  # noqa: F401
    import tomllib  # noqa: F401

    import dotenv.main  # noqa: F401
    import yaml  # noqa: F401

    from tests.fuzz.mutations import changed
    from tests.fuzz.readers import JSON_LINES, TARGETS


def main(name: str, argv: list[str]) -> None:
    """Fuzz one target; never returns."""
    check = TARGETS[name]
    warnings.simplefilter("ignore")  # Python's, about odd escapes in sources that are parsed

    def test_one_input(data: bytes) -> None:
        if data:
            check(data)

    seeds = [path.read_bytes() for path in sorted((SEEDS / name).iterdir())]

    def mutate(data: bytes, most: int, seed: int) -> bytes:
        """The data changed, or a seed: parsers in C show no coverage by which seeds would stay."""
        random = Random(seed)
        base = random.choice(seeds) if random.random() < SEED_SHARE else data
        return changed(base, most, random, atheris.Mutate)

    mutator = {"custom_mutator": mutate} if name in JSON_LINES else {}
    atheris.Setup(argv, test_one_input, **mutator)
    atheris.Fuzz()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])

"""Check files and folders, and `help` for the command line: a line per hit, exit code 1 if any."""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from tests.language.check import hits_of, proselint_hits
from tests.language.passages import Passage, files_of, help_texts, passages_of

ROOT = Path(__file__).parents[2]


def passages(targets: list[str]) -> Iterator[Passage]:
    """The passages of files and folders, relative to the checkout, and of `help`."""
    for target in targets:
        if target == "help":
            from whichworker.cli.main import cli

            yield from help_texts(cli)
            continue
        path = (ROOT / target).resolve()
        if not path.exists():
            sys.exit(f"no such file or folder: {target}")
        for file in files_of(path, ROOT):
            yield from passages_of(file, ROOT)


def main() -> int:
    """Print what to write differently."""
    parser = argparse.ArgumentParser(prog="python -m tests.language", description=__doc__)
    parser.add_argument("targets", nargs="+", help="files, folders, or `help`")
    parser.add_argument("--count", action="store_true", help="print the number of hits by folder")
    given = parser.parse_args()
    read = [passage for passage in passages(given.targets) if passage.words]
    hits = [hit for passage in read for hit in hits_of(passage)] + list(proselint_hits(read))
    if given.count:
        folders = Counter(str(Path(hit.path).parent) for hit in hits)
        print("\n".join(f"{count:5} {folder}" for folder, count in sorted(folders.items())))
    else:
        print("\n".join(str(hit) for hit in sorted(hits)), end="\n" if hits else "")
    print(f"{len(hits)} to write differently in {len(read)} passages", file=sys.stderr)
    return 1 if hits else 0


if __name__ == "__main__":
    sys.exit(main())

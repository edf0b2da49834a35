"""The command `whichworker`, also as `python -m whichworker`."""

from __future__ import annotations

import sys


def main() -> None:
    """Run the command line; a Ctrl-C is one line even while modules are imported."""
    try:
        from whichworker.cli.main import main as command

        command()
    except KeyboardInterrupt:
        sys.stderr.write("whichworker: interrupted\n")
        sys.exit(130)


if __name__ == "__main__":
    main()

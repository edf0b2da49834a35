"""The command `whichworker`, also as `python -m whichworker`."""

from __future__ import annotations

import os
import signal
import sys
from types import FrameType
from typing import NoReturn


def main() -> None:
    """Run the command line; an interruption is one line even while modules are imported."""
    _open_standard_streams()
    try:
        for number in (signal.SIGTERM, signal.SIGHUP):
            if signal.getsignal(number) is not signal.SIG_IGN:  # nohup means it
                signal.signal(number, _interrupt)
        from whichworker.cli.main import main as command

        command()
    except KeyboardInterrupt:
        sys.stderr.write("whichworker: interrupted\n")
        sys.exit(130)


def _open_standard_streams() -> None:
    """Connect closed ones to nowhere, or a file that is opened later would be one of them."""
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.set_inheritable(os.open(os.devnull, os.O_RDWR), True)  # the lowest free number


def _interrupt(number: int, frame: FrameType | None) -> NoReturn:
    """TERM and HUP end a run as Ctrl-C does: everything kept, nothing left running."""
    raise KeyboardInterrupt


if __name__ == "__main__":
    main()

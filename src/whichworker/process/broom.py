"""The broom: a process that makes a temporary folder, and removes it when the tool is gone.

Run as a script with the folder's path. It writes an empty line once the folder exists, then waits
for the end of file on standard input: the tool closes it, or dies. Imports are few on purpose.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from contextlib import suppress

SWEEP_SECONDS = 10.0  # servers that are being killed may still write into the folder
PAUSE_SECONDS = 0.02


def main() -> None:
    """Make the folder, wait for the end of the tool, and sweep until the folder is gone."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    folder = sys.argv[1]
    os.mkdir(folder, 0o700)
    with suppress(OSError):  # the tool may be gone by now
        os.write(1, b"\n")
    while os.read(0, 4096):
        pass
    deadline = time.monotonic() + SWEEP_SECONDS
    while os.path.lexists(folder) and time.monotonic() < deadline:
        import shutil  # only now: the tool has usually removed its folder

        shutil.rmtree(folder, ignore_errors=True)
        time.sleep(PAUSE_SECONDS)


if __name__ == "__main__":
    main()

"""A noisy neighbour: takes a share of every core in random bursts, until its time is over.

    python -m benchmarks.neighbour --share 0.3 --seconds 60 [--seed 1]

Bursts last 5-500 ms (log-uniform) on all cores together, and the pauses between them make the
share. It ends by itself, with its parent, and on TERM or Ctrl-C; it never outlives `--seconds`.
"""

from __future__ import annotations

import argparse
import ctypes
import math
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

LEAST_BURST, MOST_BURST = 0.005, 0.5  # seconds: from a slice of time to a long job
_PR_SET_PDEATHSIG = 1  # linux/prctl.h


def bursts(share: float, seed: int) -> Iterator[tuple[float, float]]:
    """Endless pairs of seconds: how long a burst is, and the pause after it."""
    drawn = random.Random(seed)
    while True:
        burst = math.exp(drawn.uniform(math.log(LEAST_BURST), math.log(MOST_BURST)))
        yield burst, burst * (1 - share) / share * drawn.expovariate(1.0)


def burn(core: int, share: float, ends: float, seed: int) -> None:
    """Keep one core busy in bursts to the end; the same seed gives all cores the same bursts."""
    os.sched_setaffinity(0, {core})
    for burst, pause in bursts(share, seed):
        stop = min(ends, time.monotonic() + burst)
        while time.monotonic() < stop:
            sum(range(1000))
        if time.monotonic() >= ends:
            return
        time.sleep(max(0.0, min(pause, ends - time.monotonic())))


@contextmanager
def beside(share: float, seconds: float, seed: int = 1) -> Iterator[None]:
    """The block, beside a neighbour that ends with it, or after `seconds`; with no share, alone."""
    if not share:
        yield
        return
    said = {"--share": share, "--seconds": seconds, "--seed": seed}
    words = [word for pair in said.items() for word in map(str, pair)]
    company = subprocess.Popen([sys.executable, "-m", "benchmarks.neighbour", *words])
    try:
        yield
    finally:
        company.kill()
        company.wait()


def main() -> None:
    """A process for each core this one may use."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--share", type=float, default=0.3)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    ends = time.monotonic() + asked.seconds
    children = []
    for core in sorted(os.sched_getaffinity(0)):
        child = os.fork()
        if not child:
            ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
            burn(core, asked.share, ends, asked.seed)
            os._exit(0)
        children.append(child)
    for child in children:
        os.waitpid(child, 0)


if __name__ == "__main__":
    main()

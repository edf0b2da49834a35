"""How late a sleeper wakes up on a core: no load generator on this machine can measure less."""

from __future__ import annotations

import os
import threading
import time

import numpy as np
from msgspec import Struct

NAP_SECONDS = 0.001  # as short as the pauses of a load generator


class Stalls(Struct, frozen=True):
    """Percentiles of how late a thread woke up from naps of a millisecond, seconds."""

    p50: float
    p99: float
    most: float


def look(core: int, seconds: float) -> Stalls | None:
    """Nap on this core for `seconds`, burning nothing; None if this process may not use it."""
    late: list[int] = []
    refused = threading.Event()

    def nap() -> None:
        try:
            os.sched_setaffinity(0, {core})  # of this thread alone
        except OSError:
            refused.set()
            return
        ends = time.monotonic() + seconds
        while time.monotonic() < ends:
            before = time.monotonic_ns()
            time.sleep(NAP_SECONDS)
            late.append(time.monotonic_ns() - before - round(NAP_SECONDS * 1e9))

    thread = threading.Thread(target=nap, name=f"stalls on core {core}")
    thread.start()
    thread.join()
    if refused.is_set() or not late:
        return None
    p50, p99 = (float(np.quantile(late, q)) / 1e9 for q in (0.5, 0.99))
    return Stalls(p50=max(0.0, p50), p99=max(0.0, p99), most=max(0.0, max(late) / 1e9))

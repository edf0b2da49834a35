"""What the logs of masters say about their workers."""

from __future__ import annotations

import pytest

from whichworker.servers.supervisors import by_clock, in_log

GUNICORN = "[2030-01-01 10:00:00 +0000] [7] "
KILLED = f"{GUNICORN}[ERROR] Worker (pid:42) was sent SIGKILL! Perhaps out of memory?"
CRASHED = f"{GUNICORN}[WARNING] Worker (pid:9) was sent SIGSEGV!"
DAMN = "DAMN ! worker 2 (pid: 12) died, killed by signal {} :( trying respawn ..."
CASES = [
    (
        f"{GUNICORN}[CRITICAL] WORKER TIMEOUT (pid:42)\n{KILLED}",
        "gunicorn ended worker 42, which did not respond for 30 s",
        "--timeout",
    ),
    (
        KILLED,
        "worker 42 was killed (SIGKILL), most likely because memory ran out",
        "memory",
    ),
    (CRASHED, "worker 9 died of SIGSEGV", "crash"),
    (f"{GUNICORN}[ERROR] Worker (pid:9) exited with code 7.", "ended with status 7", "sys.exit"),
    (
        f"*** HARAKIRI ON WORKER 1 (pid: 12, try: 1, graceful: no) ***\n{DAMN.format(9)}",
        "uWSGI ended worker 12, which took longer for a request",
        "--harakiri",
    ),
    (
        DAMN.format(11),
        "worker 12 died of signal 11",
        "crash",
    ),
    (
        DAMN.format(9),
        "because memory ran out",
        "fewer workers",
    ),
    (
        "!!! uWSGI process 3 got Segmentation Fault !!!\nDAMN ! worker 1 (pid: 3) died :( trying",
        "worker 3 died of SIGSEGV",
        "crash",
    ),
    ("DAMN ! worker 2 (pid: 12) died :( trying respawn ...", "ended by itself", "sys.exit"),
    (
        "[ERROR] Unexpected exit from worker-2\n[INFO] Shutting down granian",
        "worker 2 of granian crashed or was killed",
        "--respawn-failed-workers",
    ),
    (
        f"Fatal Python error: Segmentation fault\n\nCurrent thread 0x01:\n{CRASHED}",
        "a worker crashed: Segmentation fault",
        "stack",
    ),
]


@pytest.mark.parametrize(("log", "fact", "cure"), CASES)
def test_each_log_has_its_cause_and_its_cure(log: str, fact: str, cure: str) -> None:
    found = in_log(f"INFO started\n{log}\nmore")
    assert found is not None
    assert fact in found.fact
    assert cure in found.cure


@pytest.mark.parametrize(
    "log",
    [
        "",
        f"{GUNICORN}[INFO] Worker exiting (pid: 42)",
        f"{GUNICORN}[INFO] Worker (pid:9) was sent SIGTERM!",
        "worker timeout of the app's own queue",
    ],
)
def test_other_lines_say_nothing(log: str) -> None:
    assert in_log(log) is None


@pytest.mark.parametrize(
    ("program", "seconds", "fact", "cure"),
    [
        (
            "uvicorn",
            5.2,
            "did not respond to its heartbeat for 5 s",
            "--timeout-worker-healthcheck",
        ),
        ("uvicorn", 1.0, "the log does not say why", "PYTHONFAULTHANDLER"),
        ("hypercorn", 60.0, "the log does not say why", "PYTHONFAULTHANDLER"),
    ],
)
def test_only_a_known_clock_is_a_cause(program: str, seconds: float, fact: str, cure: str) -> None:
    found = by_clock(program, "42", seconds)
    assert fact in found.fact
    assert "42" in found.fact
    assert cure in found.cure

"""The exception in a log is the fact, whoever wrote lines before and after it."""

from __future__ import annotations

import pytest

from whichworker.process.tracebacks import fact_of, shown

SIMPLE = """Traceback (most recent call last):
  File "shop.py", line 3, in <module>
    import orders
ModuleNotFoundError: No module named 'orders'
"""
LINES = """[2030-01-01 10:00:00 +0000] [7] [ERROR] Exception in worker process
Traceback (most recent call last):
  File "wsgi.py", line 3, in <module>
    raise ValidationError(text)
settings.ValidationError: 2 validation errors for Settings
secret_key
  Field required [type=missing]
    For further information visit https://errors.example/v/missing
[2030-01-01 10:00:00 +0000] [7] [INFO] Worker exiting (pid: 7)
"""
HALTED = f"""{LINES}Traceback (most recent call last):
  File "gunicorn/arbiter.py", line 209, in run
    self.sleep()
gunicorn.errors.HaltServer: <HaltServer 'Worker failed to boot.' 3>
"""
LIFESPAN = """INFO:     Waiting for application startup.
ERROR:    Traceback (most recent call last):
  File "life.py", line 5, in lifespan
    raise RuntimeError("cannot reach redis://cache:6379")
RuntimeError: cannot reach redis://cache:6379
is it up?

ERROR:    Application startup failed. Exiting.
"""
GROUP = """  + Exception Group Traceback (most recent call last):
  |   File "server.py", line 1, in serve
  |     async with group:
  | ExceptionGroup: unhandled errors in a TaskGroup (1 sub-exception)
  +-+---------------- 1 ----------------
    | Traceback (most recent call last):
    |   File "app.py", line 9, in startup
    |     raise OSError("no disk")
    | OSError: no disk
    +------------------------------------
"""
CHAIN = f"""{SIMPLE}
During handling of the above exception, another exception occurred:

{SIMPLE.replace("ModuleNotFoundError: No module named 'orders'", "shop.Broken")}"""


@pytest.mark.parametrize(
    ("log", "fact"),
    [
        (SIMPLE, "ModuleNotFoundError: No module named 'orders'"),
        (LINES, "settings.ValidationError: 2 validation errors for Settings"),
        (HALTED, "settings.ValidationError: 2 validation errors for Settings"),
        (LIFESPAN, "RuntimeError: cannot reach redis://cache:6379"),
        (GROUP, "OSError: no disk"),
        (CHAIN, "shop.Broken"),
        ("INFO: started\nERROR: it went wrong", ""),
        ("Traceback (most recent call last):\n  File", ""),
        ("", ""),
    ],
)
def test_the_fact_is_the_first_line_of_the_exception(log: str, fact: str) -> None:
    assert fact_of(log) == fact


def test_a_message_of_many_lines_is_shown_from_its_first() -> None:
    log = LINES + "".join(f"[INFO] line {number}\n" for number in range(5))
    assert shown(log, 4).startswith("settings.ValidationError: 2 validation")
    assert "secret_key" in shown(log, 4)
    assert len(shown(log + "more\n" * 99, 4).splitlines()) <= 16


def test_the_last_lines_are_shown_if_they_have_it_all() -> None:
    assert shown(LIFESPAN, 6).splitlines()[0].startswith("  File")
    assert shown("one\ntwo\nthree", 2) == "two\nthree"
    assert shown("", 2) == ""

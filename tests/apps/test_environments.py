"""Why an environment could not be had, in one line with a cure."""

from __future__ import annotations

import pytest

from whichworker.apps.environments import cure, distribution, reason

NO_COMPILER = """
  × Failed to build `uwsgi==2.0.31`
  ├─▶ The build backend returned an error
  ╰─▶ Call to `setuptools.build_meta.build_wheel` failed (exit status: 1)
      [stderr]
        File "uwsgiconfig.py", line 760, in __init__
          raise Exception("you need a C compiler to build uWSGI")
      Exception: you need a C compiler to build uWSGI

hint: Build failures usually indicate a problem with the package or the build environment
"""
NO_HEADERS = """
  × Failed to build `uwsgi==2.0.31`
      plugins/python/uwsgi_python.h:4:10: note: in file included
      fatal error: Python.h: No such file or directory
      compilation terminated.
"""
NO_SOLUTION = """
  × No solution found when resolving dependencies:
  ╰─▶ Because you require click==7.0 and uvicorn==0.54.0 depends on click>=8.0, we can conclude that your requirements are unsatisfiable.
"""


@pytest.mark.parametrize(
    ("stderr", "said", "cured"),
    [
        (NO_COMPILER, "Exception: you need a C compiler to build uWSGI", "apt-get install gcc"),
        (NO_HEADERS, "fatal error: Python.h: No such file or directory", "python3-dev"),
        (NO_SOLUTION, "requirements are unsatisfiable", ""),
        ("error: Failed to fetch: `x`\n  Caused by: dns error\n", "error: Failed to fetch: `x`", "package index"),
        ("", "uv failed without a word", ""),
    ],
)
def test_a_failure_is_one_line_with_a_cure(stderr: str, said: str, cured: str) -> None:
    assert said in reason(stderr)
    assert "\n" not in reason(stderr)
    assert cured in cure(stderr)


@pytest.mark.parametrize(
    ("requirement", "name"),
    [("gunicorn>=25", "gunicorn"), ("gunicorn[gevent]>=25", "gunicorn"), ("uWSGI==2.0.31", "uwsgi"), ("zope.event", "zope-event")],
)
def test_the_distribution_of_a_requirement(requirement: str, name: str) -> None:
    assert distribution(requirement) == name

"""Command lines of servers in the names of this tool."""

from __future__ import annotations

import shlex

import pytest

from whichworker.servers.spoken import ACCESS_LOG, options_of, spoken

FAST = {"uvloop", "httptools"}

SETUPS: tuple[tuple[str, set[str], str, dict[str, str]], ...] = (
    ("gunicorn a:b", set(), "gunicorn-sync", {"workers": "1"}),
    ("gunicorn -w4 a:b", set(), "gunicorn-sync", {"workers": "4"}),
    ("gunicorn --threads=8 a:b", set(), "gunicorn-gthread", {"workers": "1", "threads": "8"}),
    (
        "gunicorn -k gevent --worker-connections 500 -w 2 --preload a:b",
        set(),
        "gunicorn-gevent",
        {"workers": "2", "connections": "500"},
    ),
    ("gunicorn --preload a:b", set(), "gunicorn-sync", {"workers": "1", "preload": "yes"}),
    (
        "gunicorn -k egg:gunicorn#gthread a:b",
        set(),
        "gunicorn-gthread",
        {"workers": "1", "threads": "1"},
    ),
    (
        "gunicorn -k uvicorn.workers.UvicornWorker -w 3 a:b",
        set(),
        "gunicorn-uvicorn",
        {"workers": "3"},
    ),
    (
        "gunicorn -k uvicorn_worker.UvicornWorker a:b",
        FAST,
        "gunicorn-uvicorn-uvloop",
        {"workers": "1"},
    ),
    ("gunicorn --worker-class=asgi a:b", FAST, "gunicorn-asgi-uvloop", {"workers": "1"}),
    (
        "uvicorn a:b --workers 2 --limit-concurrency 90",
        set(),
        "uvicorn",
        {"workers": "2", "limit": "90"},
    ),
    ("uvicorn --factory a:b", FAST, "uvicorn-uvloop", {"workers": "1"}),
    ("uvicorn a:b --loop asyncio", FAST, "uvicorn-httptools", {"workers": "1"}),
    ("uvicorn a:b --interface wsgi", set(), "uvicorn-wsgi", {"workers": "1"}),
    ("fastapi run --workers 4 app/main.py", FAST, "uvicorn-uvloop", {"workers": "4"}),
    ("hypercorn -k uvloop -w 2 a:b", set(), "hypercorn-uvloop", {"workers": "2"}),
    ("daphne -b 0.0.0.0 -p 8001 a:b", set(), "daphne", {}),
    (
        "granian --interface wsgi --blocking-threads 6 --workers 2 a:b",
        set(),
        "granian-wsgi",
        {"workers": "2", "threads": "6"},
    ),
    (
        "granian --interface asginl --loop uvloop a:b",
        set(),
        "granian-asginl-uvloop",
        {"workers": "1"},
    ),
    ("waitress-serve --listen=*:80 --threads=12 a:b", set(), "waitress", {"threads": "12"}),
    (
        "uwsgi --http :80 -p 4 --threads 2 --module a:b",
        set(),
        "uwsgi",
        {"workers": "4", "threads": "2"},
    ),
    (
        "uwsgi --gevent 100 --module a:b",
        set(),
        "uwsgi-gevent",
        {"workers": "1", "connections": "100"},
    ),
)


@pytest.mark.parametrize(("line", "installed", "server", "settings"), SETUPS)
def test_a_command_is_a_setup(
    line: str, installed: set[str], server: str, settings: dict[str, str]
) -> None:
    program, *words = shlex.split(line)
    found = spoken(program, words, {}, installed)
    assert (found.server, found.settings, found.strange) == (server, settings, "")


@pytest.mark.parametrize(
    ("line", "unread"),
    (
        ("gunicorn -b unix:app.sock -t 90 --log-level info a:b", ()),
        ("gunicorn --max-requests 1000 --max-requests-jitter 50 a:b",
         ("--max-requests 1000", "--max-requests-jitter 50")),
        ("gunicorn --access-logfile - a:b", (ACCESS_LOG,)),
        ("gunicorn --keep-alive 75 --workers $N a:b", ("--workers $N", "--keep-alive 75")),
        ("gunicorn -k gevent --preload a:b", ("--preload",)),
        ("uvicorn a:b", (ACCESS_LOG,)),
        ("uvicorn --no-access-log --backlog 64 a:b", ("--backlog 64",)),
        ("granian --interface asgi --no-log --task-impl rust a:b", ("--task-impl rust",)),
    ),
)  # fmt: skip
def test_what_is_not_raced_is_named(line: str, unread: tuple[str, ...]) -> None:
    program, *words = line.split()
    assert spoken(program, words, {}, set()).unread == unread


@pytest.mark.parametrize(
    ("line", "why"),
    (
        ("gunicorn -k my.own.Worker a:b", "my.own.Worker"),
        ("granian a:b", "rsgi"),
        ("uvicorn --loop zuvloop a:b", "zuvloop"),
        ("hypercorn -k curio a:b", "curio"),
    ),
)
def test_a_setup_without_an_adapter_is_refused_with_its_word(line: str, why: str) -> None:
    program, *words = line.split()
    found = spoken(program, words, {}, set())
    assert not found.server
    assert why in found.strange


def test_variables_and_the_file_come_before_the_command_line() -> None:
    variables = {"WEB_CONCURRENCY": "9", "GUNICORN_CMD_ARGS": "--threads 2 --workers 3"}
    assert spoken("gunicorn", ["a:b"], variables, set()).settings == {
        "workers": "3",
        "threads": "2",
    }
    file = {"workers": "5", "worker_class": "gevent", "keepalive": "30"}
    found = spoken("gunicorn", ["-w", "2", "a:b"], {}, set(), file=file)
    assert (found.server, found.settings) == ("gunicorn-gevent", {"workers": "2"})
    assert found.unread == ("--keep-alive 30",)
    own = {"GRANIAN_WORKERS": "6", "GRANIAN_INTERFACE": "wsgi"}
    assert spoken("granian", ["a:b"], own, set()).settings == {"workers": "6"}
    assert spoken("uvicorn", ["a:b"], {"WEB_CONCURRENCY": "4"}, set()).settings == {"workers": "4"}


def test_an_unknown_flag_does_not_swallow_the_app() -> None:
    assert options_of("uvicorn", ["--some-flag", "shop.asgi:app", "--workers", "2"]) == {
        "some-flag": "",
        "workers": "2",
    }

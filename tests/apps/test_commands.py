"""Servers' commands in a project's files."""

from __future__ import annotations

from pathlib import Path

import pytest

from whichworker.apps import commands
from whichworker.apps.commands import ServerCommand


def found_in(folder: Path, files: dict[str, str]) -> ServerCommand | None:
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
    return next(commands.commands_in(folder), None)


COMMANDS: tuple[tuple[dict[str, str], str, str, str], ...] = (
    (
        {"Procfile": "release: python manage.py migrate\nweb: gunicorn shop.wsgi --workers 2\n"},
        "gunicorn",
        "shop.wsgi --workers 2",
        "Procfile",
    ),
    (
        {"Procfile": "web: cd server && newrelic-admin run-program uvicorn main:api --port $PORT"},
        "uvicorn",
        "main:api --port $PORT",
        "Procfile",
    ),
    (
        {"Dockerfile": 'FROM x\nENV WORKERS=6 LOOP="uvloop"\nCMD uvicorn a:b --workers $WORKERS'},
        "uvicorn",
        "a:b --workers 6",
        "Dockerfile",
    ),
    (
        {
            "Dockerfile": "FROM x\nENV THREADS 8\n"
            'CMD ["sh", "-c", "gunicorn --threads ${THREADS:-2} a:b"]'
        },
        "gunicorn",
        "--threads 8 a:b",
        "Dockerfile",
    ),
    (
        {"Dockerfile": "CMD exec gunicorn --bind :$PORT \\\n  --workers ${W:-3} \\\n  main:app\n"},
        "gunicorn",
        "--bind :$PORT --workers 3 main:app",
        "Dockerfile",
    ),
    (
        {"Dockerfile": 'ENTRYPOINT ["gunicorn"]\nCMD ["-w", "4", "a:b"]\n'},
        "gunicorn",
        "-w 4 a:b",
        "Dockerfile",
    ),
    (
        {
            "Dockerfile": 'WORKDIR /srv\nCOPY deploy/run /go\nENTRYPOINT ["/go"]\n',
            "deploy/run": "#!/bin/sh\npip install gunicorn uvicorn\n# gunicorn old:app\n"
            'N="${N:-5}"\nexec /usr/bin/granian --workers $N --interface asgi a:b > /dev/null\n',
        },
        "granian",
        "--workers 5 --interface asgi a:b",
        "Dockerfile, deploy/run",
    ),
    (
        {
            "Dockerfile.dev": "CMD uvicorn a:b --reload\n",
            "docker/production/Dockerfile": 'WORKDIR /app\nCMD ["./start.sh"]\n',
            "start.sh": "set -e\npython manage.py migrate && gunicorn a.wsgi:application -w 2\n",
        },
        "gunicorn",
        "a.wsgi:application -w 2",
        "docker/production/Dockerfile, start.sh",
    ),
    (
        {
            "compose.yaml": "services:\n  db:\n    image: postgres\n  web:\n    environment:\n"
            "      - N=3\n    command: hypercorn -w $$N a:b\n",
        },
        "hypercorn",
        "-w 3 a:b",
        "compose.yaml",
    ),
    (
        {"docker-compose.yml": "services: {api: {command: [waitress-serve, --threads, 16, a:b]}}"},
        "waitress-serve",
        "--threads 16 a:b",
        "docker-compose.yml",
    ),
    (
        {
            "Dockerfile": "FROM a AS build\nCMD gunicorn x:y\n"
            "FROM b\nCMD fastapi run --workers 4 m.py\n"
        },
        "fastapi",
        "run --workers 4 m.py",
        "Dockerfile",
    ),
)


@pytest.mark.parametrize(("files", "program", "words", "origin"), COMMANDS)
def test_the_command_that_starts_a_server_is_found(
    tmp_path: Path, files: dict[str, str], program: str, words: str, origin: str
) -> None:
    found = found_in(tmp_path, files)
    assert found is not None
    assert (found.program, " ".join(found.words), found.origin) == (program, words, origin)


@pytest.mark.parametrize(
    "files",
    (
        {"Procfile": "worker: gunicorn a:b\n"},
        {"Dockerfile": "RUN pip install gunicorn uvicorn\nCMD python manage.py runserver\n"},
        {"Dockerfile": 'CMD gunicorn "a:b\n'},
        {"compose.yaml": "services: [gunicorn]\n"},
        {"Dockerfile": 'CMD ["../../up.sh"]\n'},
        {"node_modules/x/Dockerfile": "CMD gunicorn a:b\n", ".cache/Dockerfile": "CMD uvicorn a:b"},
    ),
)
def test_what_starts_no_server_here_is_none(tmp_path: Path, files: dict[str, str]) -> None:
    assert found_in(tmp_path, files) is None


def test_a_folder_and_variables_before_the_command_belong_to_it(tmp_path: Path) -> None:
    found = found_in(tmp_path, {"Procfile": "web: cd api && WEB_CONCURRENCY=4 gunicorn a:b"})
    assert found is not None
    assert (found.folder, found.variables) == ("api", {"WEB_CONCURRENCY": "4"})


SCRIPT = "#!/usr/bin/env bash\nset -e\nexec gunicorn \\\n  shop:app\n"


@pytest.mark.parametrize(
    ("source", "text", "script"),
    (
        ("Dockerfile", 'ENTRYPOINT ["/srv/app/bin/start"]\n', "bin/start"),
        ("Dockerfile", "COPY . .\nCMD ./start.sh --port 80\n", "start.sh"),
        ("Procfile", "web: sh scripts/web.sh\n", "scripts/web.sh"),
        ("compose.yaml", "services:\n  web:\n    command: bash /code/start.sh\n", "start.sh"),
    ),
)
def test_a_script_that_is_run_is_followed(
    source: str, text: str, script: str, tmp_path: Path
) -> None:
    found = found_in(tmp_path, {source: text, script: SCRIPT})
    assert found is not None
    assert (found.words, found.origin) == (("shop:app",), f"{source}, {script}")


@pytest.mark.parametrize(
    ("text", "script"),
    (
        ("RUN ./start.sh\n", SCRIPT),
        ("worker: ./start.sh\n", SCRIPT),
        ("CMD ./start.sh\n", SCRIPT.replace("bash", "python")),
        ("CMD ../start.sh.bak\n", SCRIPT),
    ),
)
def test_other_files_are_not_followed(text: str, script: str, tmp_path: Path) -> None:
    assert found_in(tmp_path, {"Dockerfile": text, "start.sh": script}) is None

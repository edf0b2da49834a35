"""Emitted files as their real readers take them, with odd names, secrets and least privilege."""

from __future__ import annotations

import configparser
import os
import shlex
import shutil
import subprocess
from pathlib import Path

import msgspec
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from tests.deployment.odd_projects import program
from tests.deployment.test_read_back import deployment

from whichworker.deployment.kinds import emit, quoting, read
from whichworker.deployment.kinds.docker import USER
from whichworker.deployment.kinds.dockerignore import NOT_IN_IMAGE
from whichworker.errors import UsageError
from whichworker.model.deployments import Deployment

MOST_EXPOSURE = 4.0
"""Of systemd-analyze security: "OK" and better; a unit without User= has 9.6."""
WORDS = st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=12)


def text_of(kind: str, what: Deployment, wanted: str = "") -> str:
    return next(file.text for file in emit((kind,), what) if file.kind == (wanted or kind))


@pytest.mark.parametrize("user", ["daemon", ""])
@pytest.mark.parametrize("directory", ["/srv/shop", "/home/ann/my 50% $hop"])
def test_a_unit_is_valid_and_has_few_rights(user: str, directory: str, tmp_path: Path) -> None:
    analyze = program("systemd-analyze", "systemd")
    programs = tmp_path / "bin"
    programs.mkdir()
    (programs / "gunicorn").write_text("#!/bin/sh\n")
    (programs / "gunicorn").chmod(0o755)
    what = msgspec.structs.replace(
        deployment("gunicorn-gthread", folder=f"{directory}/deploy"),
        directory=directory,
        user=user,
        bin=str(programs),
        environment={"A": 'x "y" 50% $z \\'},
    )
    unit = tmp_path / "shop.service"
    unit.write_text(text_of("systemd", what))
    checked = subprocess.run(
        [analyze, "verify", "--man=no", str(unit)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert not [line for line in checked.stderr.splitlines() if "shop.service:" in line]
    judged = subprocess.run(
        [
            *(analyze, "security", "--offline=yes", "--no-pager"),
            *(f"--threshold={round(10 * MOST_EXPOSURE)}", str(unit)),
        ],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert judged.returncode == 0, judged.stdout[-300:] + judged.stderr


def test_a_start_script_reads_variables_and_runs_nothing(tmp_path: Path) -> None:
    """A URL with & stays whole, and $(…) stays text, as Docker reads the file."""
    file = tmp_path / "my .env"
    file.write_text(
        "URL=postgres://a:b@c/d?x=1&y=2\n"
        "# a comment\n"
        "RUN=$(touch ran)`touch ran`\n"
        "GUNICORN_CMD_ARGS=--reload\n"
        "1BAD=x\nNO VALUE\nexport OLD=1\n\n"
        "LAST=a 'b' \"c\" \\d"
    )
    what = msgspec.structs.replace(
        deployment("uvicorn"),
        directory=str(tmp_path),
        environment={},
        environment_file=str(file),
        unraced=("GUNICORN_CMD_ARGS",),
        argv=("env",),
    )
    script = tmp_path / "start.sh"
    script.write_text(text_of("gunicorn", what, "script"))
    for shell in filter(shutil.which, ("dash", "bash", "sh")):
        done = subprocess.run(
            [shell, str(script)],
            env={"PATH": os.environ["PATH"]},
            capture_output=True,
            text=True,
            timeout=60,
            check=True,
        )
        seen = dict(line.split("=", 1) for line in done.stdout.splitlines())
        assert seen["URL"] == "postgres://a:b@c/d?x=1&y=2"
        assert seen["RUN"] == "$(touch ran)`touch ran`"
        assert seen["LAST"] == "a 'b' \"c\" \\d"
        assert not {"1BAD", "NO VALUE", "OLD", "GUNICORN_CMD_ARGS"} & set(seen)
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("project", ["2048", "on", "1e3", "shop", "-9-", "2026-11-29", "x" * 80])
def test_names_in_yaml_are_strings_that_kubernetes_takes(project: str) -> None:
    text = text_of("kubernetes", msgspec.structs.replace(deployment("uvicorn"), project=project))
    deployed, service = yaml.safe_load_all(text)
    name = deployed["metadata"]["name"]
    assert isinstance(name, str) and name[0].isalpha() and len(name) <= 63
    assert deployed["spec"]["selector"]["matchLabels"]["app"] == name == service["metadata"]["name"]
    (container,) = deployed["spec"]["template"]["spec"]["containers"]
    assert container["securityContext"]["runAsUser"] == USER
    assert all(isinstance(word, str) for word in container["command"])


def test_an_image_runs_without_rights_and_holds_no_secrets(tmp_path: Path) -> None:
    what = msgspec.structs.replace(
        deployment("uvicorn"),
        directory=str(tmp_path),
        private=(str(tmp_path / "data/shop.db"), "/elsewhere/shop.env"),
        environment={"A": 'x "y" $z'},
    )
    text = text_of("docker", what)
    assert f"USER {USER}" in text.splitlines() and text.index("USER ") < text.index("CMD ")
    assert r'ENV A="x \"y\" \$z"' in text
    ignored = text_of("docker", what, "dockerignore").splitlines()
    assert {"**/.env", "**/.git", "**/*.sqlite3*", "/data/shop.db"} <= set(ignored)
    assert set(NOT_IN_IMAGE) <= set(ignored) and "/elsewhere/shop.env" not in ignored


@pytest.mark.parametrize(
    ("files", "line"),
    [
        ({"requirements.txt": ""}, "-r requirements.txt"),
        ({"requirements/base.txt": "", "requirements/production.txt": ""}, "production.txt"),
        ({"uv.lock": "", "pyproject.toml": "[project]"}, "uv export --frozen"),
        ({"poetry.lock": "", "pyproject.toml": "[tool.poetry]"}, "poetry export"),
        ({"Pipfile.lock": "{}"}, "pipenv requirements"),
        ({"pyproject.toml": '[build-system]\nrequires = ["hatchling"]'}, "no-cache-dir ."),
        (
            {"pyproject.toml": '[project]\nname = "a"\ndependencies = ["django>=5", "psycopg"]'},
            "'django>=5' psycopg",
        ),
        ({"setup.py": ""}, "no-cache-dir ."),
        (
            {"pyproject.toml": '[build-system]\n[project]\ndependencies = ["a"]'},
            "RUN pip install --no-cache-dir a",
        ),
        (
            {"pyproject.toml": "[build-system]\n[tool.poetry]\npackage-mode = false"},
            "# nothing here lists the packages of the app",
        ),
        ({"requirements.txt": "-r lists/a.txt", "lists/a.txt": "a"}, "COPY --chown=app . .\nRUN"),
        ({"requirements.txt": "a\n--editable=./b"}, "COPY --chown=app . .\nRUN"),
        ({"requirements.txt": "a @ file:b"}, "COPY --chown=app . .\nRUN"),
        ({"requirements.txt": "-r a b.txt", "a": ""}, "COPY requirements.txt a ./"),
        (
            {
                "requirements.txt": "# -e x\na @ https://b/c.zip\n-c https://b/d.txt\n-rb.txt # c",
                "b.txt": "-r requirements.txt",
            },
            "COPY requirements.txt b.txt ./",
        ),
        ({}, "# nothing here lists the packages of the app"),
        ({"pyproject.toml": "not toml ["}, "# nothing here lists the packages of the app"),
    ],
)
def test_the_packages_of_each_layout_are_installed(
    files: dict[str, str], line: str, tmp_path: Path
) -> None:
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    what = msgspec.structs.replace(deployment("uvicorn"), directory=str(tmp_path))
    assert line in text_of("docker", what)


@pytest.mark.parametrize(
    ("installed", "lines"), [(True, ["RUN pip install --no-cache-dir --no-deps ."]), (False, [])]
)
def test_a_project_beside_its_list_is_installed_if_it_was(
    installed: bool, lines: list[str], tmp_path: Path
) -> None:
    (tmp_path / "requirements.txt").write_text("a\n")
    (tmp_path / "pyproject.toml").write_text("[build-system]\n")
    what = msgspec.structs.replace(
        deployment("uvicorn"), directory=str(tmp_path), installed=installed
    )
    text = text_of("docker", what).splitlines()
    assert [line for line in text if line.endswith(" .") and line.startswith("RUN")] == lines


def test_an_ignored_file_of_the_project_stays_ignored(tmp_path: Path) -> None:
    """Docker reads one such file only, and the Dockerfile's own files are never left out."""
    what = msgspec.structs.replace(
        deployment("uvicorn", shim="application = 1\n"), directory=str(tmp_path)
    )
    assert "!" not in text_of("docker", what, "dockerignore")
    (tmp_path / ".dockerignore").write_text("# mine\n*\n!src\n", encoding="utf-8")
    lines = text_of("docker", what, "dockerignore").splitlines()
    assert lines.index("*") < lines.index("!src") < lines.index("**/.env")
    assert lines[-2:] == ["!requirements-server.txt", "!whichworker_app.py"]
    (tmp_path / ".dockerignore").write_bytes(b"\xff")
    with pytest.raises(UsageError, match=r"\.dockerignore cannot be read"):
        emit(("docker",), what)


@given(WORDS)
def test_a_word_comes_back_from_each_format(word: str) -> None:
    assert shlex.split(quoting.shell(word)) == [word]
    assert yaml.safe_load(f"a: {quoting.yaml(word)}\n") == {"a": word}
    for quote in (quoting.docker, quoting.nginx, quoting.supervisor, quoting.systemd):
        try:
            written = quote(word)
        except UsageError as error:
            assert error.hint
        else:
            assert "\n" not in written
    parser = configparser.RawConfigParser(comment_prefixes=(";", "#"))
    parser.read_string(f"[a]\nb={quoting.supervisor_line(word)}x\n")
    assert parser.get("a", "b") == f"{word.replace('%', '%%')}x".strip()


@pytest.mark.parametrize("kind", ["systemd", "supervisor", "docker", "kubernetes", "gunicorn"])
@pytest.mark.parametrize("bad", ["a\nExecStartPre=/bin/false", "a\x1b[2J", "a\x85b"])
def test_a_control_character_is_refused(kind: str, bad: str) -> None:
    what = msgspec.structs.replace(
        deployment("uvicorn"), directory=f"/srv/{bad}", environment={"A": bad}, ready_path=f"/{bad}"
    )
    with pytest.raises(UsageError, match="cannot write"):
        emit((kind,), what)


@pytest.mark.parametrize("value", ['x "y"', '"', "plain", "a b\\", "$HOME", ""])
def test_a_variable_of_an_image_is_read_back(value: str) -> None:
    what = msgspec.structs.replace(deployment("uvicorn"), environment={"A": value})
    start = read("docker", text_of("docker", what), Path("Dockerfile"), "/srv/shop")
    assert start.environment["A"] == value

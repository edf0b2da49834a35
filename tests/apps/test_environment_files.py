"""Files of environment variables, and who reads them differently."""

from __future__ import annotations

from pathlib import Path

import pytest

from whichworker.apps import environment_files
from whichworker.errors import UsageError

TABLE = [
    ("A=1", "1", set()),
    ("A=", "", set()),
    ("  A=1", "1", set()),
    ("A = 1", "1", {"docker"}),
    ("A=two words", "two words", set()),
    ("A='two words'", "two words", {"docker"}),
    ('A="two words"', "two words", {"docker"}),
    ('A="a quote: \\""', 'a quote: "', {"docker"}),
    ('A="a\\tb"', "a\tb", {"docker", "systemd"}),
    ('A="first\nsecond"', "first\nsecond", {"docker"}),
    ("A=1 # a comment", "1", {"docker", "systemd"}),
    ('A="1" # a comment', "1", {"docker", "systemd"}),
    ("export A=1", "1", {"docker", "systemd"}),
    ("A=C:\\\\here", "C:\\\\here", {"systemd"}),
    ("A=C:\\", "C:\\", {"systemd"}),
    ("A=p$ss$2b$12", "p$ss$2b$12", set()),
    ("A='${B-one}'", "${B-one}", {"docker"}),
    ("A=x#y", "x#y", set()),
    ("# before\n\nA=1", "1", set()),
    ("B=1\nA=${B}2", "12", {"docker", "systemd"}),
    ("A=1\nA=2", "2", set()),
]


@pytest.mark.parametrize(("text", "value", "others"), TABLE)
def test_a_value_and_who_reads_another(
    text: str, value: str, others: set[str], tmp_path: Path
) -> None:
    path = tmp_path / ".env"
    path.write_text(f"{text}\n")
    assert environment_files.read(str(path))["A"] == value
    misread = environment_files.misread(str(path))
    assert {reader for reader, names in misread.items() if "A" in names} == others


@pytest.mark.parametrize(("text", "line"), [("A=1\n\nno value\n", 3), ("A='open\nB=1\n", 1)])
def test_a_line_that_sets_nothing_is_refused(text: str, line: int, tmp_path: Path) -> None:
    path = tmp_path / ".env"
    path.write_text(text)
    with pytest.raises(UsageError, match=f"line {line} is not NAME=value"):
        environment_files.read(str(path))


@pytest.mark.parametrize("text", ["${B-one}", "${B:+one}", '"${B?}"', "a/${B%/}/c", "${B:?one}"])
def test_an_expansion_that_readers_understand_differently_is_refused(
    text: str, tmp_path: Path
) -> None:
    path = tmp_path / ".env"
    path.write_text(f"B=1\n\nA={text}\n")
    with pytest.raises(UsageError, match=r"line 3: \$\{B.*…\} is not expanded") as caught:
        environment_files.read(str(path))
    assert "one" not in caught.value.fact.partition("line 3")[2], "a default may be a secret"


def test_a_file_that_is_not_there_is_an_error_and_none_is_none(tmp_path: Path) -> None:
    assert environment_files.read("") == {} == environment_files.read("")
    with pytest.raises(UsageError, match="cannot be read"):
        environment_files.read(str(tmp_path / "missing"))


def test_options_of_servers_are_known_and_left_out(tmp_path: Path) -> None:
    path = tmp_path / ".env"
    path.write_text(
        "SECRET=1\nGUNICORN_CMD_ARGS='--reload'\nexport UVICORN_RELOAD=1\nGRANIAN_WORKERS=9\n"
        "WEB_CONCURRENCY=9\nHYPERCORN_X=1\nUWSGI_HTTP=:1\nGUNICORN=no option\n"
    )
    assert environment_files.read(str(path)) == {"SECRET": "1", "GUNICORN": "no option"}
    assert environment_files.server_options(str(path)) == (
        "GUNICORN_CMD_ARGS",
        "UVICORN_RELOAD",
        "GRANIAN_WORKERS",
        "WEB_CONCURRENCY",
        "HYPERCORN_X",
        "UWSGI_HTTP",
    )


def test_a_lone_name_is_the_shell_s_and_single_quotes_are_not_expanded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OUTSIDE", "shell")
    lines = [
        "LONE",
        "ROOT=/srv",
        "PLAIN='${ROOT}/a'",
        'BOTH="${ROOT}/b"',
        "BARE=${ROOT}/${OUTSIDE}/${NO:-c}",
        "AGAIN=${PLAIN}",
    ]
    path = tmp_path / ".env"
    path.write_text("\n".join(lines))
    assert environment_files.read(str(path)) == {
        "ROOT": "/srv",
        "PLAIN": "${ROOT}/a",
        "BOTH": "/srv/b",
        "BARE": "/srv/shell/c",
        "AGAIN": "${ROOT}/a",
    }


@pytest.mark.parametrize("text", ["A=\0", 'A="\0"', "'A=B'=1", "'A\0'=1"])
def test_a_variable_that_no_process_can_have_is_refused(text: str, tmp_path: Path) -> None:
    path = tmp_path / ".env"
    path.write_text(f"OTHER=1\n{text}\n")
    with pytest.raises(UsageError, match="no process can have the variable") as caught:
        environment_files.read(str(path))
    assert caught.value.hint

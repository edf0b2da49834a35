"""The audit of the lock files: what is asked, and what its answers mean."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from tests.environments.audit import (
    LEFT_OUT,
    Audit,
    Audited,
    Vulnerability,
    audit,
    locked,
    report,
    sheets,
)

BAD = Audited(name="a", version="1.0", vulns=(Vulnerability(id="CVE-1", fix_versions=("1.1",)),))
GOOD = Audited(name="b", version="2.0")
UNKNOWN = Audited(name="c", skip_reason="not found")


@pytest.mark.parametrize(
    ("found", "code", "said"),
    [
        ([Audit((GOOD,))], 0, "no known vulnerability in 1 packages; 0 unknown to the service"),
        ([Audit((GOOD, UNKNOWN))], 0, "no known vulnerability in 1 packages; 1 unknown"),
        ([Audit((GOOD, BAD))], 1, "a 1.0: CVE-1, fixed in 1.1"),
        (["no network", Audit((BAD,))], 1, "a 1.0: CVE-1, fixed in 1.1"),
        (["no network"], 0, "not audited: the vulnerability service gave no answer (no network)"),
    ],
)
def test_only_a_vulnerability_is_a_failure(found: list[Audit | str], code: int, said: str) -> None:
    ended, lines = report(found)
    assert ended == code
    assert lines[0].startswith(said)
    assert len(lines) == 1 + code


def test_each_sheet_has_a_package_once_and_all_of_them_have_every_pin(tmp_path: Path) -> None:
    (tmp_path / "one").write_text("# versions\na==1 \\\n    --hash=sha256:0\nb==1 ; x < '3'\n")
    (tmp_path / "two").write_text("a==2\nb==1\n")
    found = sheets([tmp_path / "one", tmp_path / "two"])
    assert sorted(pin for sheet in found for pin in sheet) == ["a==1", "a==2", "b==1"]
    assert all(len({pin.partition("==")[0] for pin in sheet}) == len(sheet) for sheet in found)


def test_all_lock_files_are_audited_but_those_of_django_without_support() -> None:
    names = {path.name for path in locked()}
    assert {"gunicorn.lock", "requirements.lock", "requirements-5.2.lock"} <= names
    assert not names & set(LEFT_OUT)


def answering(tmp_path: Path, code: str) -> tuple[str, ...]:
    """A command in the place of pip-audit."""
    (tmp_path / "service.py").write_text(code, encoding="utf-8")
    return (sys.executable, str(tmp_path / "service.py"))


def test_the_vulnerabilities_that_are_printed_are_found(tmp_path: Path) -> None:
    text = '{"dependencies": [{"name": "a", "version": "1.0", "vulns": [{"id": "CVE-1",'
    text += ' "fix_versions": ["1.1"], "aliases": []}]}], "fixes": []}'
    command = answering(tmp_path, f"import sys; print({text!r}); sys.exit(1)")
    assert audit(["a==1.0"], command) == Audit((BAD,))


def test_a_service_that_never_answers_is_no_failure(tmp_path: Path) -> None:
    command = answering(tmp_path, "import time; time.sleep(60)")
    assert audit(["a==1.0"], command, seconds=0.2) == "pip-audit took longer than 0.2 s"


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("import sys; sys.exit('ConnectionError: refused')", "ConnectionError: refused"),
        (
            "import sys; sys.exit('ERROR: Could not connect to it')",
            "ERROR: Could not connect to it",
        ),
        ("raise TimeoutError('no answer')", "TimeoutError: no answer"),
        ('print(\'{"dependencies": [{"name": "a", "skip_reason": "not found"}]}\')', "not found"),
    ],
)
def test_a_service_that_says_nothing_is_no_failure(tmp_path: Path, code: str, said: str) -> None:
    seen = audit(["a==1.0"], answering(tmp_path, code))
    assert seen == said
    assert report([seen]) == (
        0,
        [f"not audited: the vulnerability service gave no answer ({said})"],
    )


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("import sys; sys.exit('No module named pip_audit')", "No module named pip_audit"),
        ("import sys; sys.exit(3)", "it ended with exit status 3"),
        ("print('{}')", "it ended with exit status 0"),
    ],
)
def test_a_fault_of_the_audit_itself_is_a_failure(tmp_path: Path, code: str, said: str) -> None:
    with pytest.raises(SystemExit, match=f"pip-audit failed: {said}"):
        audit(["a==1.0"], answering(tmp_path, code))

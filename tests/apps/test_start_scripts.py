"""The shell scripts that a project starts by."""

from __future__ import annotations

from pathlib import Path

import pytest

from whichworker.apps import start_scripts

SCRIPT = "#!/usr/bin/env bash\nset -e\nexec gunicorn \\\n  shop:app\n"


@pytest.mark.parametrize(
    ("source", "text", "script"),
    [
        ("Dockerfile", 'ENTRYPOINT ["/srv/app/bin/start"]\n', "bin/start"),
        ("Dockerfile", "COPY . .\nCMD ./start.sh --port 80\n", "start.sh"),
        ("Procfile", "web: sh scripts/web.sh\n", "scripts/web.sh"),
        ("compose.yaml", "services:\n  web:\n    command: bash /code/start.sh\n", "start.sh"),
    ],
)
def test_the_lines_of_a_script_that_is_run(
    source: str, text: str, script: str, tmp_path: Path
) -> None:
    (tmp_path / source).write_text(text)
    (tmp_path / script).parent.mkdir(exist_ok=True)
    (tmp_path / script).write_text(SCRIPT)
    lines = dict(start_scripts.lines_of(tmp_path, iter([tmp_path / source])))
    assert "exec gunicorn    shop:app" in lines
    assert set(lines.values()) == {script}


@pytest.mark.parametrize(
    ("text", "script"),
    [
        ("RUN ./start.sh\n", SCRIPT),
        ("worker: ./start.sh\n", SCRIPT),
        ("CMD ./start.sh\n", SCRIPT.replace("bash", "python")),
        ("CMD ../start.sh.bak\n", SCRIPT),
    ],
)
def test_other_files_are_not_read(text: str, script: str, tmp_path: Path) -> None:
    (tmp_path / "Dockerfile").write_text(text)
    (tmp_path / "start.sh").write_text(script)
    assert list(start_scripts.lines_of(tmp_path, iter([tmp_path / "Dockerfile"]))) == []

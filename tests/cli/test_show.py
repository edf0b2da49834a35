"""`show app` and `show requests`, as commands."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

LOG = '203.0.113.9 - - [x] "GET /cart?n=1 HTTP/1.1" 200 5 "-" "-"\n'


def run(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    places = {name: str(folder.parent / name.lower()) for name in ("STATE", "CACHE")}
    variables = {f"WHICHWORKER_{name}": place for name, place in places.items()}
    return subprocess.run(
        [sys.executable, "-m", "whichworker", "show", *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env={**os.environ, **variables},
    )


def test_the_requests_and_the_app_of_a_folder(tmp_path: Path) -> None:
    folder = tmp_path / "shop"
    folder.mkdir()
    (folder / "wsgi.py").write_text("def application(environ, start_response): ...\n")
    (folder / "access.log").write_text(LOG * 2 + LOG.replace("GET", "POST"))
    (folder / "whichworker.toml").write_text('from-log = "access.log"\n')
    shown = run(folder, "requests")
    assert shown.returncode == 0, shown.stderr
    assert "GET     /cart?n=1" in shown.stdout
    assert "left out: 1 of POST" in shown.stdout
    secret = run(folder, "requests", "--header", "Authorization: Bearer t0ps3cret-0", "--json", "-")
    (asked,) = json.loads(secret.stdout)["requests"]
    assert (asked["path"], asked["weight"], asked["origin"]) == ("/cart?n=1", 2, "access.log")
    assert "t0ps3cret" not in secret.stdout + secret.stderr
    found = run(folder, "app", "--host", "shop.test", "--json", "app.json")
    assert found.returncode == 0, found.stderr
    told = json.loads((folder / "app.json").read_text())
    assert told["app"]["wsgi"]["value"] == "wsgi:application"
    assert [one["code"] for one in told["findings"]] == ["app-found"]
    assert "shop.test" in found.stdout


def test_what_cannot_be_read_ends_with_2_and_a_hint(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text('{"swaggerVersion": "1.2"}')
    done = run(tmp_path, "requests", "--from-openapi", "a.json")
    assert done.returncode == 2
    assert "a.json is Swagger 1.2: only OpenAPI 3 and Swagger 2 are read" in done.stderr
    assert "hint: " in done.stderr

"""Build the documentation site of this version: `make site`.

The pages are written to a folder that has the name of the version. `index.html` beside it leads to
the version that was built last. So the folders of several versions lie beside each other.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from pathlib import Path

from sphinx.cmd.build import main

from whichworker import __version__

DOCS = Path(__file__).parents[2] / "docs"
STRICT = ("-W", "--keep-going", "-n", "-q")
"""A warning is an error, all of them are shown, and each reference must lead somewhere."""
REDIRECT = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta http-equiv="refresh" content="0; url={page}">
<title>whichworker</title>
<p><a href="{page}">The documentation of whichworker {version}</a></p>
</html>
"""


def build(site: Path) -> int:
    """Write the pages below `site`, and return the exit code of Sphinx."""
    pages = site / __version__
    shutil.rmtree(pages, ignore_errors=True)  # Sphinx leaves pages and menus that are out of date
    with tempfile.TemporaryDirectory() as cache:
        failed = main([*STRICT, "-j", "auto", "-d", cache, str(DOCS), str(pages)])
    if not failed:
        page = f"{__version__}/index.html"
        text = REDIRECT.format(page=page, version=__version__)
        (site / "index.html").write_text(text, encoding="utf-8")
    return failed


if __name__ == "__main__":
    sys.exit(build(Path(sys.argv[1])))

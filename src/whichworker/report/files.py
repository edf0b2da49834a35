"""Writing results to files: whole or not at all."""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

from whichworker.errors import UsageError
from whichworker.report import hdr_log
from whichworker.report import html as page
from whichworker.result import LoadResult, Result, encode

STANDARD_OUTPUT = "-"


def check_writable(*, json: str = "", html: str = "", hdr: str = "") -> None:
    """Raise UsageError before anything is measured where a result could not be written afterwards."""
    if html == STANDARD_OUTPUT:
        raise UsageError("the HTML report is a file, not standard output", hint="--html report.html")
    if hdr == STANDARD_OUTPUT:
        raise UsageError("the histogram log is a file, not standard output", hint="--hdr load.hlog")
    for name in filter(None, (html, hdr, "" if json == STANDARD_OUTPUT else json)):
        path = Path(name)
        if path.is_dir():
            raise UsageError(f"{name} is a folder", hint="name a file in it")
        if not path.parent.is_dir():
            raise UsageError(f"there is no folder {path.parent}", hint=f"mkdir -p {path.parent}")
        if not os.access(path.parent, os.W_OK):
            raise UsageError(f"the folder {path.parent} cannot be written", hint="name a file in another folder")


def write(result: Result, *, json: str = "", html: str = "") -> list[Path]:
    """Write what was asked for; the paths of the files written."""
    written = _write_json(result, json)
    if html:
        written.append(_replace(Path(html), page.render(result).encode()))
    return written


def write_load(result: LoadResult, *, json: str = "", hdr: str = "") -> list[Path]:
    """Write what was asked for of a load; the paths of the files written."""
    written = _write_json(result, json)
    if hdr:
        written.append(_replace(Path(hdr), hdr_log.render(result).encode(), kept=False))
    return written


def _write_json(result: Result | LoadResult, json: str) -> list[Path]:
    if json == STANDARD_OUTPUT:
        sys.stdout.buffer.write(encode(result))
        sys.stdout.buffer.flush()
        return []
    return [_replace(Path(json), encode(result), kept=isinstance(result, Result))] if json else []


def _replace(path: Path, content: bytes, *, kept: bool = True) -> Path:
    """A new file beside the old one, renamed over it when it is whole; a link is followed, a device is written to as it is."""
    path = path.resolve()
    try:
        if path.exists() and not path.is_file():
            path.write_bytes(content)
            return path
        with tempfile.NamedTemporaryFile(dir=path.parent, prefix=f".{path.name}.", delete=False) as file:
            try:
                file.write(content)
                file.flush()
                Path(file.name).chmod(0o644)
                Path(file.name).replace(path)
            except BaseException:
                Path(file.name).unlink(missing_ok=True)
                raise
    except OSError as error:
        hint = "the run itself is kept; see --resume" if kept else "is the disk full?"
        raise UsageError(f"{path} could not be written: {error.strerror}", hint=hint) from error
    return path

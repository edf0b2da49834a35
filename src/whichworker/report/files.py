"""Writing results to files: whole or not at all."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from pathlib import Path

from whichworker import whole_files
from whichworker.errors import UsageError
from whichworker.report import exports, hdr_log, study_picture
from whichworker.report.exports import Export, race_picture, race_tables
from whichworker.report.pages import explain_page, race_page, study_page
from whichworker.result import ExplainResult, LoadResult, Result, StudyResult, cleaned, encode

STANDARD_OUTPUT = "-"


def check_writable(
    *,
    json: str = "",
    html: str = "",
    hdr: str = "",
    markdown: str = "",
    others: Iterable[str] = (),
    wanted: Iterable[Export] = (),
) -> None:
    """Raise UsageError before the measurement if its result could not be written afterwards."""
    if html == STANDARD_OUTPUT:
        raise UsageError(
            "the HTML report is a file, not standard output", hint="--html report.html"
        )
    others = tuple(others)
    if STANDARD_OUTPUT in (markdown, *others):
        raise UsageError("only --json takes -", hint="name a file")
    if hdr == STANDARD_OUTPUT:
        raise UsageError("the histogram log is a file, not standard output", hint="--hdr load.hlog")
    exported = [path for export in wanted for path in export.paths]
    names = list(
        filter(
            None, (html, hdr, markdown, *others, "" if json == STANDARD_OUTPUT else json, *exported)
        )
    )
    for name in names:
        path = Path(name)
        if exported and [Path(other).resolve() for other in names].count(path.resolve()) > 1:
            raise UsageError(
                f"two results would be written to {name}", hint="give each a file of its own"
            )
        if path.is_dir():
            raise UsageError(f"{name} is a folder", hint="name a file in it")
        if not path.parent.is_dir():
            raise UsageError(f"there is no folder {path.parent}", hint=f"mkdir -p {path.parent}")
        if not os.access(path.parent, os.W_OK):
            raise UsageError(
                f"the folder {path.parent} cannot be written", hint="name a file in another folder"
            )


def write(
    result: Result,
    *,
    json: str = "",
    html: str = "",
    markdown: str = "",
    csv: str = "",
    svg: str = "",
) -> list[Path]:
    """Write the files that the options name; returns their paths.

    A race without a leader has no picture.
    """
    written = write_json(result, json, kept=True)
    result = cleaned(result)
    if html:
        written.append(_replace(Path(html), race_page.render(result).encode()))
    drawn = race_picture.picture(result) if svg else ""
    if drawn:
        written.append(_replace(Path(svg), drawn.encode()))
    if markdown:
        beside = os.path.relpath(svg, Path(markdown).parent) if drawn else ""
        text = race_tables.render_markdown(result, beside)
        written.append(_replace(Path(markdown), text.encode()))
    if csv:
        written.append(_replace(Path(csv), race_tables.render_csv(result).encode()))
    return written


def write_load(
    result: LoadResult, *, json: str = "", hdr: str = "", wanted: Iterable[Export] = ()
) -> list[Path]:
    """Write the files of a load that the options name; returns their paths."""
    written = write_json(result, json)
    result = cleaned(result)
    if hdr:
        written.append(_replace(Path(hdr), hdr_log.render(result).encode(), kept=False))
    for export in wanted:
        written += [
            _replace(Path(path), text.encode(), kept=False)
            for path, text in exports.render(export, result)
        ]
    return written


def write_study(
    result: StudyResult, *, json: str = "", html: str = "", markdown: str = ""
) -> list[Path]:
    """Write the files of a study that the options name; returns their paths."""
    written = write_json(result, json, kept=True)
    result = cleaned(result)
    if html:
        written.append(_replace(Path(html), study_page.render(result).encode()))
    if markdown:
        shown = Path(markdown).with_suffix(".svg")
        drawn = study_picture.picture(result)
        written.append(
            _replace(
                Path(markdown),
                study_page.render_markdown(result, shown.name if drawn else "").encode(),
            )
        )
        if drawn:
            written.append(_replace(shown, drawn.encode()))
    return written


def write_explain(
    result: ExplainResult, *, json: str = "", html: str = "", markdown: str = ""
) -> list[Path]:
    """Write the files of an explanation that the options name; returns their paths."""
    written = write_json(result, json)
    result = cleaned(result)
    if html:
        written.append(_replace(Path(html), explain_page.render(result).encode(), kept=False))
    if markdown:
        written.append(
            _replace(Path(markdown), explain_page.render_markdown(result).encode(), kept=False)
        )
    return written


def write_text(path: Path, text: str, *, executable: bool = False) -> Path:
    """Write a text file whole or not at all; raises UsageError if it cannot be written."""
    written = _replace(path, text.encode(), kept=False)
    if executable:
        written.chmod(0o755)
    return written


def write_json(value: object, json: str, *, kept: bool = False) -> list[Path]:
    """Write anything as JSON to a file or standard output; `kept`: the run can be read again."""
    if json == STANDARD_OUTPUT:
        sys.stdout.buffer.write(encode(value))
        sys.stdout.buffer.flush()
        return []
    return [_replace(Path(json), encode(value), kept=kept)] if json else []


def _replace(path: Path, content: bytes, *, kept: bool = True) -> Path:
    """Write a file whole or not at all; raises UsageError if it cannot be written."""
    try:
        return whole_files.write(path, content)
    except OSError as error:
        hint = "the run itself is kept; see --resume" if kept else "check whether the disk is full"
        raise UsageError(f"{path} could not be written: {error.strerror}", hint=hint) from error

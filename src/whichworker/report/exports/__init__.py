"""The result of a load in the formats of other tools: a module each, with `render(measured)`."""

from __future__ import annotations

from collections.abc import Iterable
from importlib import import_module

from msgspec import Struct

from whichworker.errors import UsageError
from whichworker.result import LoadResult

FORMATS = {
    "prometheus": "prometheus:render",
    "influx": "influx:render",
    "k6": "k6_summary:render",
    "locust": "locust_csv:render",
    "grafana": "influx:dashboard",
}
"""The module of each format: it renders one text for each ending of the path."""
ENDINGS = {"locust": ("_stats.csv", "_stats_history.csv", "_failures.csv")}
"""The file endings of formats with several files."""


class Export(Struct, frozen=True):
    """A format and its path."""

    name: str
    path: str

    @property
    def paths(self) -> tuple[str, ...]:
        """Every file that will be written."""
        return tuple(self.path + ending for ending in ENDINGS.get(self.name, ("",)))


def parse_exports(texts: Iterable[str]) -> tuple[Export, ...]:
    """Read each `FORMAT=PATH`; raises UsageError for an unknown format or a missing file name."""
    return tuple(map(_parse, texts))


def render(export: Export, result: LoadResult) -> tuple[tuple[str, str], ...]:
    """Every file of an export: its path and its text."""
    from whichworker.report.exports.measured import Measured

    module, _, function = FORMATS[export.name].partition(":")
    texts = getattr(import_module(f"{__name__}.{module}"), function)(Measured(result))
    return tuple(zip(export.paths, texts, strict=True))


def _parse(text: str) -> Export:
    name, _, path = text.partition("=")
    if name not in FORMATS:
        raise UsageError(
            f"unknown export format: {name!r}",
            hint=f"one of {', '.join(FORMATS)}, such as --export k6=summary.json",
        )
    if not path:
        raise UsageError(f"the export has no file name: {text!r}", hint=f"--export {name}=PATH")
    if path == "-":
        raise UsageError(
            "an export is a file, not standard output",
            hint=f"--export {name}=PATH; only --json takes -",
        )
    return Export(name, path)

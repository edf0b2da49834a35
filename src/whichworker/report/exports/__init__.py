"""The result of a load in the formats of other tools, one module each."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from msgspec import Struct

from whichworker.errors import UsageError
from whichworker.report.exports import grafana, influx, k6_summary, locust_csv, prometheus
from whichworker.report.exports.measured import Measured
from whichworker.result import LoadResult


class Format(Struct, frozen=True):
    """How a result is written for one kind of reader: a text for each of the `endings` of the path that was asked for."""

    render: Callable[[Measured], tuple[str, ...]]
    endings: tuple[str, ...] = ("",)


FORMATS = {
    "prometheus": Format(prometheus.render),
    "influx": Format(influx.render),
    "k6": Format(k6_summary.render),
    "locust": Format(locust_csv.render, locust_csv.ENDINGS),
    "grafana": Format(grafana.render),
}


class Export(Struct, frozen=True):
    """A format and the path that was asked for."""

    name: str
    path: str

    @property
    def paths(self) -> tuple[str, ...]:
        """Every file that will be written."""
        return tuple(self.path + ending for ending in FORMATS[self.name].endings)


def parse_exports(texts: Iterable[str]) -> tuple[Export, ...]:
    """Read each `FORMAT=PATH`; raises UsageError for what names no format or no file."""
    return tuple(map(_parse, texts))


def render(export: Export, result: LoadResult) -> tuple[tuple[str, str], ...]:
    """Every file of an export: its path and its text."""
    return tuple(zip(export.paths, FORMATS[export.name].render(Measured(result)), strict=True))


def _parse(text: str) -> Export:
    name, equals, path = text.partition("=")
    if name not in FORMATS:
        raise UsageError(
            f"no format to export is called {name!r}",
            hint=f"one of {', '.join(FORMATS)}, such as --export k6=summary.json",
        )
    if not equals or not path:
        raise UsageError(f"no file to export to: {text!r}", hint=f"--export {name}=PATH")
    if path == "-":
        raise UsageError(
            "an export is a file, not standard output",
            hint=f"--export {name}=PATH; only --json takes -",
        )
    return Export(name, path)

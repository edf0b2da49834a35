"""The Grafana dashboard of what `influx` writes; a file of the package, the same for every run."""

from __future__ import annotations

from importlib.resources import files

from whichworker.report.exports.measured import Measured


def dashboard() -> str:
    """The dashboard as JSON, for Grafana's import."""
    return files("whichworker.report.exports").joinpath("grafana.json").read_text(encoding="utf-8")


def render(measured: Measured) -> tuple[str]:
    """The dashboard, whatever was measured."""
    return (dashboard(),)

"""The options of each command. `unit` in the extra data says how text is read; see `layers`."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, Struct


def option(description: str, metavar: str = "", unit: str = "") -> Meta:
    """What there is to say about an option. Numbers with a unit are positive, shares below 1, as text or as numbers of a file."""
    extra = {"metavar": metavar, "unit": unit}
    return Meta(description=description, extra=extra, gt=0 if unit else None, lt=1 if unit == "share" else None)


class RaceOptions(Struct, frozen=True, kw_only=True):
    """What `whichworker race` can be told, beside the app."""

    servers: Annotated[str, option("the arms to race, separated by commas; without it, the twelve usual contenders", "A,B")] = ""
    workload: Annotated[str, option("what to ask: json, json-async, query-json, query-json-async, or a path of the app", "NAME")] = ""
    python: Annotated[tuple[str, ...], option("interpreter of the app, as a version or a path; repeatable", "X")] = ()
    connections: Annotated[int | None, option("connections in closed loop, instead of the automatic choice", "N")] = None
    time: Annotated[float, option("wall time for everything after the plan is printed", "TIME", "duration")] = 180.0
    delta: Annotated[float, option("a difference smaller than this does not matter", "SHARE", "share")] = 0.03
    alpha: Annotated[float, option("family-wise error of the claims, at any time one looks", "SHARE", "share")] = 0.05
    claims: Annotated[Literal["leader", "all"], option("leader: find the best; all: keep every arm until its pairs are settled")] = "leader"
    seed: Annotated[int | None, option("seed of the order of the blocks; drawn and recorded without it", "N")] = None


class OutputOptions(Struct, frozen=True, kw_only=True):
    """Where results go and how a run is begun; not part of the question, never in the configuration file."""

    json: Annotated[str, option("write the result as JSON; - for standard output", "PATH")] = ""
    html: Annotated[str, option("write the report as one HTML file", "PATH")] = ""
    dry_run: Annotated[bool, option("print the plan and how long it will take, then stop")] = False
    resume: Annotated[str, option("continue an interrupted run, by its id or `latest`", "RUN")] = ""
    require_verdict: Annotated[bool, option("exit 3 where pairs are left undetermined, too")] = False

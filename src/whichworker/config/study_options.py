"""The options of `whichworker study` and `whichworker explain`."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Struct

from whichworker.config.option import option
from whichworker.config.shared_options import (
    DryRun,
    ExcludeNewer,
    Html,
    Json,
    Latest,
    Live,
    Markdown,
    Positive,
    Resume,
    Seed,
)


class StudyOptions(Struct, frozen=True, kw_only=True):
    """How `whichworker study` measures; also keys of [study] in the configuration file."""

    database: Annotated[
        Literal["sqlite", "postgres"],
        option("Database; `postgres` uses DATABASE_URL or starts a temporary server", group="App"),
    ] = "sqlite"
    cache: Annotated[
        Literal["memory", "redis"],
        option("Cache; `redis` uses REDIS_URL or starts a temporary server"),
    ] = "memory"
    servers: Annotated[
        str, option("Only these server setups of the study", "A,B", group="Server setups")
    ] = ""
    latest: Latest = False
    exclude_newer: ExcludeNewer = ""
    quick: Annotated[
        bool, option("Measure less: within half an hour on two cores", group="Measurement")
    ] = False
    as_published: Annotated[bool, option("Measure as the authors did: once, in their order")] = (
        False
    )
    time: Annotated[
        Positive | None,
        option(
            "Wall time of the measurement",
            "TIME",
            "duration",
            optional=True,
            default="the limit of the study",
        ),
    ] = None
    seed: Seed = None


class StudyRunOptions(Struct, frozen=True, kw_only=True):
    """Where the tables of a study go and which run continues; never in the configuration file."""

    json: Json = ""
    html: Html = ""
    markdown: Markdown = ""
    dry_run: DryRun = False
    live: Live = False
    resume: Resume = ""


class ExplainOptions(Struct, frozen=True, kw_only=True):
    """How `whichworker explain` measures; also keys of [explain] in the configuration file."""

    latest: Latest = False
    exclude_newer: ExcludeNewer = ""
    quick: Annotated[bool, option("Measure each worker within a minute", group="Measurement")] = (
        False
    )


class ExplainRunOptions(Struct, frozen=True, kw_only=True):
    """Where an explanation goes; never in the configuration file."""

    json: Json = ""
    html: Html = ""
    markdown: Markdown = ""
    dry_run: DryRun = False

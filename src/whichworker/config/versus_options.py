"""The options of `whichworker versus` and `whichworker gate`."""

from __future__ import annotations

from typing import Annotated

from msgspec import Struct

from whichworker.config.option import option
from whichworker.config.shared_options import (
    AllowWrites,
    Alpha,
    Cache,
    Connections,
    Cpus,
    Database,
    DryRun,
    EnvFile,
    ExcludeNewer,
    Expect,
    FromHar,
    FromLog,
    FromOpenapi,
    Headers,
    Host,
    Json,
    Latest,
    Live,
    LoginForm,
    Markdown,
    Memory,
    Outbound,
    Positive,
    Pythons,
    RemoteDatabase,
    RequestFile,
    Seed,
    Urls,
    WorkloadName,
)


class ComparisonOptions(Struct, frozen=True, kw_only=True):
    """The options of a race that a comparison of two sides has, too."""

    python: Pythons = ()
    env_file: EnvFile = ""
    database: Database = None
    cache: Cache = None
    workload: WorkloadName = ""
    url: Urls = ()
    from_log: FromLog = ""
    from_har: FromHar = ""
    from_openapi: FromOpenapi = ""
    request_file: RequestFile = ""
    host: Host = ""
    header: Headers = ()
    login: LoginForm = ""
    expect: Expect = ()
    servers: Annotated[
        str,
        option(
            "Server setups, separated by commas, such as gthread or granian-wsgi@2.8.8; a version"
            " may be a wheel, a folder or git+URL",
            "A,B",
            group="Server setups",
            default="the one that the project's files start, else gthread or uvicorn",
        ),
    ] = ""
    latest: Latest = False
    exclude_newer: ExcludeNewer = ""
    cpus: Cpus = None
    memory: Memory = None
    time: Annotated[
        Positive | None,
        option(
            "Most time of the comparison, after the plan is printed",
            "TIME",
            "duration",
            group="Measurement",
            optional=True,
            default="90s",
        ),
    ] = None
    connections: Connections = None
    alpha: Alpha = 0.05
    seed: Seed = None
    allow_writes: AllowWrites = False
    allow_outbound: Outbound = False
    allow_remote_database: RemoteDatabase = False


class VersusOptions(Struct, frozen=True, kw_only=True):
    """The sides of `whichworker versus` and its output; never in the configuration file."""

    app_at: Annotated[
        tuple[str, ...],
        option(
            "Version of the app in git: a commit, branch or tag. Given once, it is compared with"
            " the folder as it is; given twice, both are compared",
            "REV",
            group="Sides",
        ),
    ] = ()
    releases: Annotated[
        str,
        option(
            "Measure the last N releases of one server, each beside the one before it",
            "N",
            group="Sides",
        ),
    ] = ""
    precision: Annotated[
        str, option("Stop when the ratio is known to this share", "SHARE", group="Measurement")
    ] = "1%"
    json: Json = ""
    markdown: Markdown = ""
    live: Live = False
    dry_run: DryRun = False


class GateOptions(Struct, frozen=True, kw_only=True):
    """The limits of `whichworker gate` and its output; never in the configuration file."""

    against: Annotated[
        str,
        option(
            "Version of the app in git to compare the folder with: a commit, branch or tag",
            "REV",
            group="Sides",
        ),
    ] = "main"
    max_loss: Annotated[
        str,
        option(
            "Fail if requests/s are lower, or CPU per request higher, by more than this",
            "SHARE",
            group="Limits",
        ),
    ] = "5%"
    max_memory: Annotated[
        str, option("Also fail if it needs more memory, by more than this", "SHARE")
    ] = ""
    max_start: Annotated[
        str, option("Also fail if the first response takes longer, by more than this", "SHARE")
    ] = ""
    json: Json = ""
    junit: Annotated[
        str, option("Write the checks as a JUnit file for the CI service", "PATH", group="Output")
    ] = ""
    markdown: Markdown = ""
    live: Live = False
    dry_run: DryRun = False

"""Options that several commands have, each with its one description."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, Struct

from whichworker.config.option import option

EMITTED = "gunicorn, systemd, docker, procfile, supervisor, kubernetes or nginx"

Positive = Annotated[float, Meta(gt=0)]
Json = Annotated[
    str, option("Write the result as JSON; `-` is standard output", "PATH|-", group="Output")
]
Html = Annotated[str, option("Write the report as one HTML file", "PATH", group="Output")]
Markdown = Annotated[str, option("Write the report as Markdown", "PATH", group="Output")]
Csv = Annotated[
    str, option("Write the table as CSV, with a row for each setup", "PATH", group="Output")
]
Svg = Annotated[
    str, option("Write a picture of the ranking as SVG, light or dark", "PATH", group="Output")
]
Summary = Annotated[
    Literal["short", "full"] | None,
    option(
        "What is printed: `short` is one screen",
        group="Output",
        default="short on a terminal, full elsewhere",
    ),
]
Live = Annotated[
    bool, option("Show the run on a page of this machine while it measures", group="Output")
]
DryRun = Annotated[bool, option("Print the plan and how long it takes, then stop", group="Run")]
Resume = Annotated[
    str, option("Continue an interrupted run: its id, or `latest`", "RUN", group="Run")
]
Servers = Annotated[
    str,
    option(
        "Server setups, separated by commas, such as gthread or uvicorn[workers=2]; all-wsgi or"
        " all-asgi: all servers of that kind; today: what the project's files start",
        "A,B",
        group="Server setups",
        default="the twelve usual ones and today",
    ),
]
Latest = Annotated[
    bool,
    option(
        "Install the newest versions of servers and built-in apps, not those of the lock files",
        group="Server setups",
    ),
]
ExcludeNewer = Annotated[
    str,
    option(
        "Install the newest versions of this day, such as 2026-11-29, to repeat an earlier run",
        "DATE",
        group="Server setups",
        default="the versions of the lock files",
    ),
]
Pythons = Annotated[
    tuple[str, ...],
    option("Interpreter of the app: a version or a path; repeatable", "X", group="App"),
]
Seed = Annotated[
    int | None,
    option("Seed of the random order", "N", group="Measurement", default="random, recorded"),
]
Out = Annotated[
    str, option("Folder of the deployment files", "FOLDER", group="Output", default="deploy")
]
Emit = Annotated[
    tuple[str, ...],
    option(f"Write deployment files: {EMITTED}; repeatable", "KIND", group="Output"),
]
Force = Annotated[
    bool, option("Let --emit replace files that whichworker did not write", group="Output")
]
Outbound = Annotated[bool, option("The app may connect to other machines", group="Permissions")]
RemoteDatabase = Annotated[
    bool, option("The app's database may be on another machine", group="Permissions")
]

Host = Annotated[
    str,
    option("Host header of each request", "NAME", default="one that the app's settings allow"),
]
EnvFile = Annotated[
    str,
    option("Environment variables of the app, one NAME=value per line; never stored", "FILE"),
]
WorkloadName = Annotated[
    str,
    option(
        "Requests for a built-in app: json, json-async, query-json or query-json-async",
        "NAME",
        group="Requests",
        default="json",
    ),
]
Urls = Annotated[
    tuple[str, ...],
    option(
        "Path to request; 3:/path is requested three times as often; repeatable",
        "PATH",
        default="the routes of your app",
    ),
]
FromLog = Annotated[
    str,
    option(
        "Requests from an access log: common, combined, JSON lines or a Python server's own",
        "FILE",
    ),
]
FromHar = Annotated[str, option("Requests from a HAR file of a browser", "FILE")]
FromOpenapi = Annotated[str, option("Requests from a schema of OpenAPI 3 or Swagger 2", "FILE")]
RequestFile = Annotated[str, option("Requests from a load file in TOML", "FILE")]
Sessions = Annotated[
    Literal["login", "race"],
    option("Sessions of a load file: `login` runs one once, `race` repeats whole ones as load"),
]
Headers = Annotated[
    tuple[str, ...],
    option("Header of each request, such as 'Cookie: sessionid=…'; repeatable", "H"),
]
AllowWrites = Annotated[bool, option("The app may write to its database", group="Permissions")]
Database = Annotated[
    Literal["sqlite", "postgres"] | None,
    option(
        "Database for built-in apps; `postgres` uses DATABASE_URL or starts a temporary server",
        default="sqlite",
    ),
]
Cache = Annotated[
    Literal["memory", "redis"] | None,
    option(
        "Cache for built-in apps; `redis` uses REDIS_URL or starts a temporary server",
        default="memory",
    ),
]
LoginForm = Annotated[
    str,
    option(
        "Log in first: '/login/ username=ann password=$PASSWORD', or 'POST /token [json]"
        " username=ann password=$PASSWORD -> bearer access_token'; requires --allow-writes",
        "FORM",
    ),
]
Expect = Annotated[
    tuple[str, ...], option("Additional check of each response, as for load; repeatable", "E")
]
Cpus = Annotated[
    int | None,
    option(
        "Number of CPU cores for the servers",
        "N",
        default="all but one, which generates the load",
    ),
]
Memory = Annotated[
    Positive | None,
    option(
        "Memory limit of one server with all its workers, such as 512MB",
        "SIZE",
        "size",
        optional=True,
    ),
]
Connections = Annotated[
    int | None,
    option("Connections to each setup", "N", default="for each setup, enough to saturate it"),
]
Alpha = Annotated[float, option("Chance that any verdict of a race is wrong", "SHARE", "share")]


class ResultOptions(Struct, frozen=True, kw_only=True):
    """The files of a result of a race, and how much of it is printed."""

    json: Json = ""
    html: Html = ""
    markdown: Markdown = ""
    csv: Csv = ""
    svg: Svg = ""
    summary: Summary = None

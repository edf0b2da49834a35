"""The options of each command; those of load, study and explain are in the modules beside this."""

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


class RaceOptions(Struct, frozen=True, kw_only=True):
    """The options of `whichworker race`; also keys of the configuration file."""

    python: Pythons = ()
    env_file: EnvFile = ""
    database: Annotated[
        Literal["sqlite", "postgres"] | None,
        option(
            "Database for built-in apps; `postgres` uses DATABASE_URL or starts a temporary server",
            default="sqlite",
        ),
    ] = None
    cache: Annotated[
        Literal["memory", "redis"] | None,
        option(
            "Cache for built-in apps; `redis` uses REDIS_URL or starts a temporary server",
            default="memory",
        ),
    ] = None
    workload: WorkloadName = ""
    url: Urls = ()
    from_log: FromLog = ""
    from_har: FromHar = ""
    from_openapi: FromOpenapi = ""
    request_file: RequestFile = ""
    sessions: Sessions = "login"
    host: Host = ""
    header: Headers = ()
    login: Annotated[
        str,
        option(
            "Log in first: '/login/ username=ann password=$PASSWORD', or 'POST /token [json]"
            " username=ann password=$PASSWORD -> bearer access_token'; requires --allow-writes",
            "FORM",
        ),
    ] = ""
    expect: Annotated[
        tuple[str, ...], option("Additional check of each response, as for load; repeatable", "E")
    ] = ()
    servers: Servers = ""
    latest: Latest = False
    exclude_newer: ExcludeNewer = ""
    search: Annotated[
        bool | None,
        option(
            "Also tune workers and threads of the best servers",
            default="on for your own app with 90s or more",
        ),
    ] = None
    cpus: Annotated[
        int | None,
        option(
            "Number of CPU cores for the servers",
            "N",
            default="all but one, which generates the load",
        ),
    ] = None
    memory: Annotated[
        Positive | None,
        option(
            "Memory limit of one server with all its workers, such as 512MB",
            "SIZE",
            "size",
            optional=True,
        ),
    ] = None
    time: Annotated[
        Positive | None,
        option(
            "Time of the race, after the plan is printed; with --resume, additional time",
            "TIME",
            "duration",
            group="Measurement",
            optional=True,
            default="2m; 5m with --slo, --rate or --capacity",
        ),
    ] = None
    slo: Annotated[
        str,
        option(
            "Also find the highest rate that meets this objective, such as p99<300ms,errors<0.1%"
            " (one route: p99<100ms on /health)",
            "SLO",
        ),
    ] = ""
    rate: Annotated[
        Positive | None,
        option(
            "Find the setup that meets the objective (--slo) at this rate with the least CPU per"
            " request, such as 50/s",
            "RATE",
            "rate",
            optional=True,
        ),
    ] = None
    capacity: Annotated[
        bool,
        option("Also find the highest rate that meets the objective: the same as --slo alone"),
    ] = False
    connections: Annotated[
        int | None,
        option("Connections to each setup", "N", default="for each setup, enough to saturate it"),
    ] = None
    delta: Annotated[
        float, option("Differences smaller than this do not matter", "SHARE", "share")
    ] = 0.03
    alpha: Annotated[
        float, option("Chance that any verdict of a race is wrong", "SHARE", "share")
    ] = 0.05
    claims: Annotated[
        Literal["leader", "all"],
        option("`leader` finds the best setup; `all` also decides every other pair"),
    ] = "leader"
    profile: Annotated[
        bool,
        option("Sample the Python functions of the best setups with py-spy, after the timed part"),
    ] = False
    seed: Seed = None
    allow_writes: AllowWrites = False
    allow_outbound: Outbound = False
    allow_remote_database: RemoteDatabase = False


class AppOptions(Struct, frozen=True, kw_only=True):
    """The options of a race by which `whichworker show app` finds the app."""

    python: Pythons = ()
    env_file: EnvFile = ""
    host: Host = ""
    allow_outbound: Outbound = False
    allow_remote_database: RemoteDatabase = False


class RequestOptions(Struct, frozen=True, kw_only=True):
    """The options of a race by which `whichworker show requests` finds the requests."""

    python: Pythons = ()
    env_file: EnvFile = ""
    workload: WorkloadName = ""
    url: Urls = ()
    from_log: FromLog = ""
    from_har: FromHar = ""
    from_openapi: FromOpenapi = ""
    request_file: RequestFile = ""
    sessions: Sessions = "login"
    host: Host = ""
    header: Headers = ()
    allow_writes: AllowWrites = False
    allow_outbound: Outbound = False
    allow_remote_database: RemoteDatabase = False


class OutputOptions(Struct, frozen=True, kw_only=True):
    """How one race begins and where its result goes; never in the configuration file."""

    json: Json = ""
    html: Html = ""
    emit: Emit = ()
    out: Out = ""
    force: Force = False
    dry_run: DryRun = False
    resume: Resume = ""
    require_verdict: Annotated[bool, option("Exit with 3 if a comparison is not decided")] = False


class AdviseOptions(Struct, frozen=True, kw_only=True):
    """The options of `whichworker advise`; never in the configuration file."""

    run: Annotated[str, option("Id of the race to use", "RUN", default="latest", group="Run")] = ""
    verify: Annotated[
        bool,
        option(
            "Start the servers from the files, and measure if they are as fast as the raced setup"
        ),
    ] = False
    login: Annotated[
        str,
        option(
            "With --verify, log in as the race did; requires --allow-writes",
            "FORM",
            group="Requests",
        ),
    ] = ""
    header: Annotated[
        tuple[str, ...],
        option("With --verify, a secret header that the race sent; repeatable", "H"),
    ] = ()
    allow_writes: Annotated[
        bool, option("A login may write to the app's database", group="Permissions")
    ] = False
    json: Json = ""
    emit: Emit = ()
    out: Out = ""
    force: Force = False


class InitOptions(Struct, frozen=True, kw_only=True):
    """The options of `whichworker init`; never in the configuration file."""

    python: Annotated[
        str, option("Interpreter of the app: a version or a path", "X", group="App")
    ] = ""
    force: Annotated[bool, option("Overwrite an existing whichworker.toml", group="Run")] = False
    allow_outbound: Outbound = False
    allow_remote_database: RemoteDatabase = False


class ServeOptions(Struct, frozen=True, kw_only=True):
    """The options of `whichworker serve`; never in the configuration file."""

    servers: Annotated[
        str, option("Server setups to run, separated by commas", "A,B", group="Server setups")
    ] = ""
    latest: Latest = False
    exclude_newer: ExcludeNewer = ""
    python: Pythons = ()
    bind: Annotated[
        str,
        option(
            "Loopback address of the first setup; the others use the next ports",
            "HOST:PORT",
            group="Server setups",
            default="127.0.0.1:8000",
        ),
    ] = ""
    cores: Annotated[
        str,
        option(
            "CPU cores of the servers by number, such as 0,2-3", "CORES", default="those of a race"
        ),
    ] = ""
    once: Annotated[
        bool,
        option("Print one status when every setup is up or has failed, then stop all", group="Run"),
    ] = False
    json: Json = ""
    dry_run: Annotated[bool, option("Print the commands and addresses, then stop", group="Run")] = (
        False
    )


class CacheOptions(Struct, frozen=True, kw_only=True):
    """The options of `whichworker cache`; never in the configuration file."""

    older_than: Annotated[
        str, option("Only entries unused for this long, such as 30d or 12h", "TIME", group="Run")
    ] = ""
    dry_run: Annotated[bool, option("Print what `clear` would remove, then stop")] = False
    json: Json = ""


class JsonOptions(Struct, frozen=True, kw_only=True):
    """The options of a command that only lists; never in the configuration file."""

    json: Json = ""


class DoctorOptions(Struct, frozen=True, kw_only=True):
    """How `whichworker doctor` looks at the machine; never in the configuration file."""

    quick: Annotated[bool, option("Check only, measure nothing", group="Measurement")] = False
    time: Annotated[str, option("How long to measure, from 5s to 5m", "TIME")] = "10s"
    json: Json = ""


class PreflightOptions(Struct, frozen=True, kw_only=True):
    """The options of `whichworker preflight`; never in the configuration file."""

    python: Pythons = ()
    workload: Annotated[
        str,
        option(
            "Requests of a workload of race, or a path of the app", "NAME|PATH", group="Requests"
        ),
    ] = ""
    host: Host = ""
    servers: Servers = ""
    latest: Latest = False
    exclude_newer: ExcludeNewer = ""
    json: Json = ""
    dry_run: Annotated[bool, option("Print the setups and the checks, then stop", group="Run")] = (
        False
    )

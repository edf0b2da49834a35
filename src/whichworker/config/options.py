"""The options of each command; those of load, study, explain, versus and gate are beside this."""

from __future__ import annotations

from typing import Annotated, Literal

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
    Emit,
    EnvFile,
    ExcludeNewer,
    Expect,
    Force,
    FromHar,
    FromLog,
    FromOpenapi,
    Headers,
    Host,
    Json,
    Latest,
    Live,
    LoginForm,
    Memory,
    Out,
    Outbound,
    Positive,
    Pythons,
    RemoteDatabase,
    RequestFile,
    ResultOptions,
    Resume,
    Seed,
    Servers,
    Sessions,
    Urls,
    WorkloadName,
)


class RaceOptions(Struct, frozen=True, kw_only=True):
    """The options of `whichworker race`; also keys of the configuration file."""

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
    sessions: Sessions = "login"
    host: Host = ""
    header: Headers = ()
    login: LoginForm = ""
    expect: Expect = ()
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
    cpus: Cpus = None
    memory: Memory = None
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
    connections: Connections = None
    delta: Annotated[
        float, option("Differences smaller than this do not matter", "SHARE", "share")
    ] = 0.03
    alpha: Alpha = 0.05
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


class OutputOptions(ResultOptions, frozen=True, kw_only=True):
    """How one race begins and where its result goes; never in the configuration file."""

    live: Live = False
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

"""The options of each command. `unit` in the extra data says how text is read; see `layers`."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, Struct


def option(description: str, metavar: str = "", unit: str = "", *, optional: bool = False) -> Meta:
    """What there is to say about an option. Numbers with a unit are positive, shares below 1, as text or as numbers of a file.

    The bound of an `optional` one, which may be None, stands in its type.
    """
    extra = {"metavar": metavar, "unit": unit}
    bounded = bool(unit) and not optional
    return Meta(
        description=description,
        extra=extra,
        gt=0 if bounded else None,
        lt=1 if unit == "share" else None,
    )


Positive = Annotated[float, Meta(gt=0)]


class RaceOptions(Struct, frozen=True, kw_only=True):
    """What `whichworker race` can be told, beside the app."""

    servers: Annotated[
        str,
        option(
            "the arms, separated by commas; all-wsgi, all-asgi for all; without it, the twelve usual",
            "A,B",
        ),
    ] = ""
    workload: Annotated[
        str,
        option(
            "what to ask of a built-in app: json, json-async, query-json, query-json-async", "NAME"
        ),
    ] = ""
    database: Annotated[
        Literal["sqlite", "postgres"] | None,
        option(
            "of a built-in app, sqlite without it; postgres is that of DATABASE_URL, or a private one of what is installed"
        ),
    ] = None
    cache: Annotated[
        Literal["memory", "redis"] | None,
        option(
            "of a built-in app, memory without it; redis is that of REDIS_URL, or a private one of what is installed"
        ),
    ] = None
    python: Annotated[
        tuple[str, ...], option("interpreter of the app, as a version or a path; repeatable", "X")
    ] = ()
    connections: Annotated[
        int | None,
        option(
            "connections for every server setup [default: for each the number that saturates it]",
            "N",
        ),
    ] = None
    time: Annotated[
        Positive | None,
        option(
            "wall time for everything after the plan is printed [default: 2m; 5m with --slo, --rate or --capacity]",
            "TIME",
            "duration",
            optional=True,
        ),
    ] = None
    delta: Annotated[
        float, option("a difference smaller than this does not matter", "SHARE", "share")
    ] = 0.03
    alpha: Annotated[
        float, option("family-wise error of the claims, at any time one looks", "SHARE", "share")
    ] = 0.05
    claims: Annotated[
        Literal["leader", "all"],
        option("leader: find the best; all: keep every arm until its pairs are settled"),
    ] = "leader"
    seed: Annotated[
        int | None, option("seed of the order of the rounds [default: drawn, and recorded]", "N")
    ] = None
    slo: Annotated[
        str,
        option(
            "also certify the rate that keeps this objective, such as p99<300ms,errors<0.1%", "SLO"
        ),
    ] = ""
    rate: Annotated[
        Positive | None,
        option(
            "your own rate, such as 50/s: which is the cheapest arm that holds the objective at it?",
            "R",
            "rate",
            optional=True,
        ),
    ] = None
    capacity: Annotated[
        bool,
        option(
            "also certify the rate that the best sustain, under an objective derived from the app"
        ),
    ] = False
    profile: Annotated[
        bool, option("sample the finalists' Python functions with py-spy, outside of what is timed")
    ] = False
    url: Annotated[
        tuple[str, ...],
        option("a path to ask, or 3:/path for one asked three times as often; repeatable", "PATH"),
    ] = ()
    from_log: Annotated[
        str, option("ask what an access log shows: common, combined or JSON lines", "FILE")
    ] = ""
    from_har: Annotated[str, option("ask what a browser recorded, as a HAR file", "FILE")] = ""
    from_openapi: Annotated[
        str, option("ask what an OpenAPI schema has, as JSON or YAML", "FILE")
    ] = ""
    requests: Annotated[str, option("ask what a load file says, in TOML", "FILE")] = ""
    header: Annotated[
        tuple[str, ...],
        option("a header of every request, such as 'Cookie: sessionid=…'; repeatable", "H"),
    ] = ()
    expect: Annotated[
        tuple[str, ...],
        option(
            "what a right answer has, beside what is learnt from the app, as for load; repeatable",
            "E",
        ),
    ] = ()
    login: Annotated[
        str,
        option(
            "fill in a form first: '/login/ username=ann password=$PASSWORD'; needs --allow-writes",
            "FORM",
        ),
    ] = ""
    env_file: Annotated[
        str,
        option("variables of the app, NAME=value a line; read at each start, kept nowhere", "FILE"),
    ] = ""
    cpus: Annotated[
        int | None,
        option(
            "cores of the servers; without it, all usable but one, which generates the load", "N"
        ),
    ] = None
    memory: Annotated[
        Positive | None,
        option(
            "memory of a server with all its workers, such as 512MB", "SIZE", "size", optional=True
        ),
    ] = None
    search: Annotated[
        bool | None,
        option(
            "search the settings of the best servers, too; without either, where there is time and an app of one's own"
        ),
    ] = None
    allow_writes: Annotated[
        bool, option("the app may write to its database while it is measured")
    ] = False
    allow_outbound: Annotated[
        bool,
        option(
            "the app may open connections to other machines, when it is imported and while it is measured"
        ),
    ] = False
    allow_remote_database: Annotated[
        bool, option("the app's database may be on another machine")
    ] = False


class OutputOptions(Struct, frozen=True, kw_only=True):
    """Where results go and how a run is begun; not part of the question, never in the configuration file."""

    json: Annotated[str, option("write the result as JSON; - for standard output", "PATH")] = ""
    html: Annotated[str, option("write the report as one HTML file", "PATH")] = ""
    dry_run: Annotated[bool, option("print the plan and how long it will take, then stop")] = False
    resume: Annotated[str, option("continue an interrupted run, by its id or `latest`", "RUN")] = ""
    require_verdict: Annotated[bool, option("exit 3 where pairs are left undetermined, too")] = (
        False
    )
    emit: Annotated[
        tuple[str, ...],
        option("write files to deploy the best with, as advise --emit does; repeatable", "KIND"),
    ] = ()
    out: Annotated[
        str, option("the folder of these files; without it deploy, in this folder", "FOLDER")
    ] = ""


class LoadOptions(Struct, frozen=True, kw_only=True):
    """What `whichworker load` can be told, beside the URL or file."""

    connections: Annotated[
        int,
        option("connections: all of them busy in closed loop, at most so many in open loop", "N"),
    ] = 64
    rate: Annotated[
        Positive | None,
        option(
            "open loop: requests due, such as 200/s, whatever the server does",
            "R",
            "rate",
            optional=True,
        ),
    ] = None
    arrivals: Annotated[
        Literal["constant", "poisson"] | None,
        option("how the requests of an open loop are spaced; constant without it", "A"),
    ] = None
    stage: Annotated[
        tuple[str, ...],
        option(
            "a stage of an open loop: 10s:200/s goes from the former rate to this one, 10s@200/s stays; repeatable",
            "S",
        ),
    ] = ()
    time: Annotated[
        float,
        option(
            "how long the window is; with --requests alone at most 10 minutes", "TIME", "duration"
        ),
    ] = 10.0
    requests: Annotated[
        int | None, option("send at most so many; with --time, whichever ends first", "N")
    ] = None
    warmup: Annotated[
        Positive | None,
        option(
            "load of the same kind before the window, not counted",
            "TIME",
            "duration",
            optional=True,
        ),
    ] = None
    ramp: Annotated[
        Positive | None,
        option(
            "time over which the connections of a closed loop begin, before the window",
            "TIME",
            "duration",
            optional=True,
        ),
    ] = None
    deadline: Annotated[
        float, option("no complete answer within this is a failure", "TIME", "duration")
    ] = 5.0
    expect: Annotated[
        tuple[str, ...],
        option(
            "what a right answer has: status=200, header:N=V, body=TEXT, contains=TEXT, json:PATH=VALUE, sha256=HEX; repeatable",
            "E",
        ),
    ] = ()
    url: Annotated[str, option("the URL, in place of the one in a file", "URL")] = ""
    method: Annotated[
        str, option("the method; without it GET, or POST where there is a body", "M")
    ] = ""
    header: Annotated[
        tuple[str, ...],
        option("a header of every request, such as 'Accept: text/html'; repeatable", "H"),
    ] = ()
    body: Annotated[str, option("the body of every request, or @FILE that holds it", "TEXT")] = ""
    engine: Annotated[
        Literal["auto", "epoll", "native"], option("native is the quicker, epoll is always there")
    ] = "auto"
    threads: Annotated[int, option("cores that generate load, the last ones usable", "N")] = 1
    spin: Annotated[
        bool | None,
        option(
            "burn the generator's cores between the arrivals of an open loop; without either, above 10,000/s"
        ),
    ] = None
    no_keep_alive: Annotated[
        bool, option("close each connection after its answer, as a client that does not reuse them")
    ] = False
    receive_delay: Annotated[
        bool,
        option("measure how long answers wait in the kernel for the generator; costs a little"),
    ] = False
    backlog: Annotated[
        int,
        option(
            "requests of an open loop that may wait for a connection; more are dropped: invalid",
            "N",
        ),
    ] = 100_000
    ca: Annotated[str, option("file with the certificate authorities to trust", "FILE")] = ""
    insecure: Annotated[bool, option("believe any certificate")] = False
    seed: Annotated[
        int | None,
        option("seed of the arrivals and the mix of requests; drawn and recorded without it", "N"),
    ] = None


class LoadRunOptions(Struct, frozen=True, kw_only=True):
    """Where the result of a load goes and whether it may begin; never in the configuration file."""

    i_own_this_target: Annotated[
        bool,
        option("needed for a target that is not on this machine: you may load it, and it is yours"),
    ] = False
    json: Annotated[str, option("write the result as JSON; - for standard output", "PATH")] = ""
    hdr: Annotated[
        str, option("write the histograms as a log that HdrHistogram's tools read", "PATH")
    ] = ""
    export: Annotated[
        tuple[str, ...],
        option(
            "write the result for another tool: prometheus, influx, k6, locust, or a dashboard for grafana; repeatable",
            "FORMAT=PATH",
        ),
    ] = ()
    dry_run: Annotated[bool, option("print the plan and how long it will take, send nothing")] = (
        False
    )


class AdviseOptions(Struct, frozen=True, kw_only=True):
    """What `whichworker advise` can be told, beside the run; never in the configuration file."""

    emit: Annotated[
        tuple[str, ...],
        option(
            "write files to deploy with: gunicorn, systemd, docker, procfile, supervisor, kubernetes, nginx; repeatable",
            "KIND",
        ),
    ] = ()
    out: Annotated[
        str, option("the folder of the files; without it deploy, in this folder", "FOLDER")
    ] = ""
    verify: Annotated[
        bool, option("start what the files say and measure whether it keeps what was promised")
    ] = False
    login: Annotated[
        str,
        option(
            "with --verify, log in as the race did, which kept nothing of it; needs --allow-writes",
            "FORM",
        ),
    ] = ""
    header: Annotated[
        tuple[str, ...],
        option("with --verify, a header of the race that held a secret; repeatable", "H"),
    ] = ()
    allow_writes: Annotated[bool, option("a login may write to the app's database")] = False
    app: Annotated[str, option("the folder of the app, where that is not this one", "FOLDER")] = ""


class InitOptions(Struct, frozen=True, kw_only=True):
    """What `whichworker init` can be told; never in the configuration file."""

    app: Annotated[
        str, option("the app: a folder or MODULE:ATTRIBUTE; without it, as in a race", "APP")
    ] = ""
    python: Annotated[str, option("interpreter of the app, as a version or a path", "X")] = ""
    force: Annotated[bool, option("write over a whichworker.toml that is there")] = False
    allow_outbound: Annotated[
        bool, option("the app may open connections to other machines while it is imported")
    ] = False


class ServeOptions(Struct, frozen=True, kw_only=True):
    """What `whichworker serve` can be told, beside the arms; never in the configuration file."""

    app: Annotated[
        str,
        option(
            "the app: a folder, MODULE:ATTRIBUTE or builtin:django; without it, as in a race", "APP"
        ),
    ] = ""
    python: Annotated[
        tuple[str, ...], option("interpreter of the app, as a version or a path; repeatable", "X")
    ] = ()
    bind: Annotated[
        str,
        option(
            "where to listen, on loopback; several arms take the ports from there on; without it from 127.0.0.1:8000",
            "HOST:PORT",
        ),
    ] = ""
    cpus: Annotated[
        str,
        option(
            "cores of the servers, such as 0,2-3; without it, those that servers have in a race",
            "CORES",
        ),
    ] = ""
    once: Annotated[
        bool, option("show one status when everything is up or has failed, then stop everything")
    ] = False
    json: Annotated[
        str, option("with --once, write the status as JSON; - for standard output", "PATH")
    ] = ""
    dry_run: Annotated[bool, option("print what would be started, start nothing")] = False


class CacheOptions(Struct, frozen=True, kw_only=True):
    """What `whichworker cache` can be told; never in the configuration file."""

    older_than: Annotated[
        str, option("only what was last used so long ago, such as 30d or 12h", "TIME")
    ] = ""
    dry_run: Annotated[bool, option("show what clear would remove, remove nothing")] = False
    json: Annotated[bool, option("print the list as JSON")] = False


class DoctorOptions(Struct, frozen=True, kw_only=True):
    """What `whichworker doctor` can be told; never in the configuration file."""

    quick: Annotated[bool, option("look only, measure nothing")] = False
    time: Annotated[str, option("how long to measure, 5s at least", "TIME")] = "10s"


class PreflightOptions(Struct, frozen=True, kw_only=True):
    """What `whichworker preflight` can be told, beside the app; never in the configuration file."""

    servers: Annotated[
        str,
        option("the arms to examine, as in a race; without it, the twelve usual contenders", "A,B"),
    ] = ""
    workload: Annotated[
        str,
        option(
            "whose own answers are asked: a workload as in a race, or a path of the app", "NAME"
        ),
    ] = ""
    python: Annotated[
        tuple[str, ...], option("interpreter of the app, as a version or a path; repeatable", "X")
    ] = ()
    json: Annotated[str, option("write the outcomes as JSON; - for standard output", "PATH")] = ""
    dry_run: Annotated[bool, option("print the arms and the cases, start nothing")] = False


class StudyOptions(Struct, frozen=True, kw_only=True):
    """What `whichworker study` can be told, beside the name."""

    quick: Annotated[
        bool, option("fewer and shorter launches: within half an hour on two cores")
    ] = False
    as_published: Annotated[
        bool, option("the original parameters, once, in their order: to see what they made of it")
    ] = False
    servers: Annotated[str, option("only these arms of the study", "A,B")] = ""
    time: Annotated[
        Positive | None,
        option(
            "wall time for the measuring, instead of the study's own bound",
            "TIME",
            "duration",
            optional=True,
        ),
    ] = None
    database: Annotated[
        Literal["sqlite", "postgres"], option("postgres is that of DATABASE_URL, or a private one")
    ] = "sqlite"
    cache: Annotated[
        Literal["memory", "redis"], option("redis is that of REDIS_URL, or a private one")
    ] = "memory"
    seed: Annotated[int | None, option("seed of the order; drawn and recorded without it", "N")] = (
        None
    )


class StudyRunOptions(Struct, frozen=True, kw_only=True):
    """Where the tables of a study go and which run goes on; never in the configuration file."""

    json: Annotated[str, option("write the result as JSON; - for standard output", "PATH")] = ""
    html: Annotated[str, option("write the tables as one HTML file", "PATH")] = ""
    markdown: Annotated[str, option("write the tables as a page of Markdown", "PATH")] = ""
    dry_run: Annotated[
        bool,
        option("print what would be measured and how long that takes at most, measure nothing"),
    ] = False
    resume: Annotated[str, option("continue an interrupted run, by its id or `latest`", "RUN")] = ""


class ExplainOptions(Struct, frozen=True, kw_only=True):
    """What `whichworker explain` can be told, beside the workers."""

    quick: Annotated[bool, option("shorter windows: within a minute for each worker")] = False


class ExplainRunOptions(Struct, frozen=True, kw_only=True):
    """Where an explanation goes; never in the configuration file."""

    json: Annotated[str, option("write the result as JSON; - for standard output", "PATH")] = ""
    html: Annotated[str, option("write the explanation as one HTML file", "PATH")] = ""
    markdown: Annotated[str, option("write the explanation as a page of Markdown", "PATH")] = ""
    dry_run: Annotated[bool, option("print the plan and how long it will take, then stop")] = False

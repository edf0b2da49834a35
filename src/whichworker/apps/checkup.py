"""What an app's settings mean for a race: what to send it, what to report, what to refuse."""

from __future__ import annotations

import ipaddress
import os
import socket
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit

import msgspec

from whichworker import redaction
from whichworker.apps import django_project, environment_files, modules
from whichworker.apps.examine import Database, Django, Examiner, Look
from whichworker.errors import UsageError
from whichworker.model import App, Finding, codes

LOCAL_NAMES = ("", "localhost", "localhost.localdomain", "ip6-localhost")
SCHEMES = (
    "postgres",
    "postgresql",
    "mysql",
    "mariadb",
    "mssql",
    "oracle",
    "mongodb",
    "redis",
    "rediss",
    "amqp",
    "cockroachdb",
    "clickhouse",
)
SQL_SCHEMES = ("postgres", "postgresql", "mysql", "mariadb", "mssql", "oracle", "cockroachdb")
KINDS = {
    "postgres": "postgresql",
    "postgis": "postgresql",
    "psycopg": "postgresql",
    "asyncpg": "postgresql",
    "mysql": "mysql",
    "mariadb": "mysql",
}
"""The kind of a database, by a word in the name of its engine."""
PORTS = {"postgresql": 5432, "mysql": 3306, "redis": 6379, "memcached": 11211}
HOOKS = (
    "on_starting",
    "on_reload",
    "when_ready",
    "pre_fork",
    "post_fork",
    "post_worker_init",
    "worker_int",
    "worker_abort",
    "pre_exec",
    "pre_request",
    "post_request",
    "child_exit",
    "worker_exit",
    "nworkers_changed",
    "on_exit",
    "ssl_context",
)
"""Functions that gunicorn calls if its configuration defines them (gunicorn.org, settings)."""
TOOLBARS = ("debug_toolbar", "silk", "django_extensions.debug", "nplusone.ext.django")


def examine(
    app: App, examiner: Examiner, *, host: str = "", allow_remote_database: bool = False
) -> tuple[App, Look | None, list[Finding]]:
    """The app with its Host (`host` if it is given) and headers, facts from inside, and findings.

    Built-in apps are known. Raises UsageError if the app cannot be imported, or if its database is
    not on this machine, unless that is allowed.
    """
    if app.is_builtin:
        return app, None, []
    redaction.spare(filter(None, (app.name, app.wsgi, app.asgi, app.directory, app.python)))
    seen = examiner.look([target for target in (app.wsgi, app.asgi) if target], app)
    told = environment_files.read(app.environment_file)
    variables = {**os.environ, **told, **app.environment}
    if not allow_remote_database:
        refuse_remote(seen, variables)
    named = databases_in(variables) if seen.django is None and not seen.databases else ()
    if named:  # a driver keeps no list of its databases, as Django and SQLAlchemy do
        seen = msgspec.structs.replace(seen, databases=named)
    app, lacking = _with_http(app, seen)
    host, by = (host, "--host") if host else host_of(seen.django)
    header = seen.django.proxy_ssl_header if seen.django and seen.django.ssl_redirect else None
    found = msgspec.structs.replace(
        app,
        framework=seen.framework,
        host=host,
        headers=((header[0].removeprefix("HTTP_").replace("_", "-").title(), header[1]),)
        if header
        else (),
        static_url=(seen.django.static.url or "") if seen.django else "",
        static_root=(seen.django.static.root or "") if seen.django else "",
        settings=seen.django.module if seen.django else "",
        databases=tuple(dict.fromkeys(f"{one.alias}: {described(one)}" for one in seen.databases)),
        database_files=tuple(
            str(_file(app, one))
            for one in seen.databases
            if "sqlite" in one.engine and _on_disk(one)
        ),
        pools=seen.pools,
        caches=tuple(f"{one.alias}: {one.backend.rpartition('.')[2]}" for one in seen.django.caches)
        if seen.django
        else (),
        services=tuple(dict.fromkeys(_services(seen))),
        origin={
            **app.origin,
            "host": by,
            **({"headers": "SECURE_PROXY_SSL_HEADER"} if header else {}),
            **({"databases": "variables"} if named else {}),
        },
    )
    said = [*lacking, *_findings(found, seen), *_configured(found), *_optioned(found)]
    return found, seen, said


def _with_http(app: App, seen: Look) -> tuple[App, list[Finding]]:
    """The app without an ASGI callable that serves no http, such as a router of websockets.

    Raises UsageError if there is no other callable.
    """
    protocols = seen.targets[app.asgi].protocols if app.asgi in seen.targets else ()
    if not protocols or "http" in protocols:
        return app, []
    only = ", ".join(protocols)
    text = f"{app.asgi} is a router with {only} and without http"
    cure = 'add "http": get_asgi_application() to its ProtocolTypeRouter'
    if app.wsgi is None:
        raise UsageError(text, hint=cure)
    finding = codes.HTTP_LACKING.finding(f"{text}, so only the WSGI app is raced", hint=cure)
    return msgspec.structs.replace(app, asgi=None), [finding]


def _optioned(app: App) -> Iterator[Finding]:
    """The variables of the environment file from which servers would take options."""
    if app.environment_file and (names := environment_files.server_options(app.environment_file)):
        text = f"{Path(app.environment_file).name} sets {', '.join(names)}: left out of the race"
        yield codes.SERVER_OPTIONS.finding(text)


def examine_again(app: App, cache: Path, allowed: Collection[str]) -> None:
    """Examine an app of an earlier run again, with the permissions of that run.

    This remembers its secrets, so that no output shows them.

    Raises UsageError as `examine` does.
    """
    examine(
        app,
        Examiner(cache, "outbound" in allowed),
        host=app.host,
        allow_remote_database="remote_database" in allowed,
    )


def described(database: Database) -> str:
    """A database in a few words, without its password."""
    kind = database.engine.rpartition(".")[2].partition("+")[0]
    return f"{kind} on {database.host}" if not is_local(database.host) else kind


def refuse_remote(seen: Look, environment: Mapping[str, str]) -> None:
    """Raise UsageError for a database on another machine, by the settings or a variable's URL."""
    for database in seen.databases:
        if not is_local(database.host):
            _refuse(f"the database {database.alias!r} is on {database.host}")
    if not seen.databases:  # else the app's own reading of its variables is known
        refuse_variables(environment)


def refuse_variables(environment: Mapping[str, str]) -> None:
    """Raise UsageError if a variable names a remote database, which an import may use."""
    for name, value in environment.items():
        scheme, separator, _ = value.partition("://")
        if (
            separator
            and scheme.partition("+")[0].lower() in SCHEMES
            and not is_local(host := _host(value))
        ):
            _refuse(f"{name} names {host}")


def databases_in(environment: Mapping[str, str]) -> tuple[Database, ...]:
    """The SQL databases that variables name by a URL, each with the variable as its alias."""
    return tuple(
        found
        for name, value in environment.items()
        if (found := _database(name, value)) is not None
    )


def _database(name: str, value: str) -> Database | None:
    scheme, separator, _ = value.partition("://")
    if not separator or scheme.partition("+")[0].lower() not in SQL_SCHEMES:
        return None
    try:
        parts = urlsplit(value)
        return Database(
            alias=name,
            engine=scheme,
            host=_host(value),
            port=str(parts.port or ""),
            name=unquote(parts.path.removeprefix("/")),
            user=unquote(parts.username or ""),
            password=unquote(parts.password or ""),
        )
    except ValueError:  # no URL that a driver could use
        return None


def _services(seen: Look) -> Iterator[tuple[str, int]]:
    """The kind and the TCP port of each database and cache on this machine."""
    for database in seen.databases:
        engine = database.engine.lower()
        kind = next((known for word, known in KINDS.items() if word in engine), "")
        if kind and is_local(database.host):
            yield kind, int(database.port) if database.port.isdigit() else PORTS[kind]
    for cache in seen.django.caches if seen.django else ():
        backend = cache.backend.lower()
        kind = "redis" if "redis" in backend else "memcached" if "memcache" in backend else ""
        parts = urlsplit(cache.location if "://" in cache.location else f"//{cache.location}")
        try:
            port = parts.port or PORTS.get(kind, 0)
        except ValueError:
            continue
        if kind and is_local(parts.hostname or ""):
            yield kind, port


def _refuse(fact: str) -> None:
    hint = "use a database on this machine, or --allow-remote-database if a flood is harmless there"
    raise UsageError(f"{fact}, not on this machine: nothing was started", hint=hint)


def is_local(host: str) -> bool:
    """Whether a host is this machine: loopback, a socket, or the machine's own name."""
    if host.lower() in LOCAL_NAMES or host.startswith(("/", "@")) or host == socket.gethostname():
        return True
    try:
        address = ipaddress.ip_address(host.strip("[]"))
    except ValueError:
        return False
    return address.is_loopback or address.is_unspecified  # Linux connects 0.0.0.0 to loopback


def _host(url: str) -> str:
    """The host of a URL; a host in the query wins, as in libpq."""
    try:
        parts = urlsplit(url)
        return next(iter(parse_qs(parts.query).get("host", ())), "") or parts.hostname or ""
    except ValueError:
        return ""


def host_of(django: Django | None) -> tuple[str, str]:
    """The Host header that the app accepts, and the reason."""
    hosts = tuple(filter(None, django.hosts)) if django else ()
    if django is None or "*" in hosts or (not hosts and django.debug) or "localhost" in hosts:
        return (
            "localhost",
            "any host is accepted" if django is None or "*" in hosts else "ALLOWED_HOSTS",
        )
    if not hosts:
        hint = "set ALLOWED_HOSTS as in your deployment: now every response has status 400"
        raise UsageError(
            "ALLOWED_HOSTS is empty and DEBUG is off: Django accepts no host", hint=hint
        )
    return hosts[0].lstrip("."), "ALLOWED_HOSTS"


def _findings(app: App, seen: Look) -> Iterator[Finding]:
    if seen.unlisted:
        yield codes.ROUTES_UNKNOWN.finding(f"The app does not list its routes: {seen.unlisted}")
    if seen.debug:
        yield codes.DEBUG_ON.finding(hint=_deploying(app))
    if seen.ports:
        ports = ", ".join(map(str, seen.ports))
        yield codes.PORT_OF_APP.finding(f"The app listens on port {ports} when it is imported")
    if seen.django is not None:
        yield from _of_django(app, seen.django)
    if any(
        database.engine.rpartition(".")[2].startswith("sqlite") and _on_disk(database)
        for database in seen.databases
    ):
        yield codes.SQLITE.finding()


def _deploying(app: App) -> str:
    """What to do about settings for development, by their module or variable if there is one."""
    if not app.settings:
        return codes.DEBUG_ON.cure
    folder = Path(app.directory)
    if other := django_project.deployed_settings(folder, app.settings):
        return f"{codes.DEBUG_ON.cure}: {django_project.VARIABLE}={other} whichworker race"
    if variable := django_project.debug_variable(folder, app.settings):
        return f"{codes.DEBUG_ON.cure}: the variable {variable} turns DEBUG off"
    return codes.DEBUG_ON.cure


def _file(app: App, database: Database) -> Path:
    """The file of an SQLite database, relative to the app's folder."""
    return Path(
        app.directory, (database.name or "").removeprefix("file:").partition("?")[0]
    ).resolve()


def _on_disk(database: Database) -> bool:
    return bool(database.name) and database.name != ":memory:"


def _of_django(app: App, django: Django) -> Iterator[Finding]:
    tools = [one for one in (*django.installed, *django.middleware) if one.startswith(TOOLBARS)]
    if tools:
        yield codes.DEBUG_TOOLBAR.finding(
            f"{tools[0]} inspects every request, and its cost is measured with the server",
            hint=_deploying(app),
        )
    if not django.caches or any(
        cache.backend.endswith(("LocMemCache", "DummyCache"))
        for cache in django.caches
        if cache.alias == "default"
    ):
        yield codes.CACHE_IN_PROCESS.finding()
    if app.asgi and django.sync_middleware:
        few = ", ".join(name.rpartition(".")[2] for name in django.sync_middleware[:3])
        yield codes.SYNC_MIDDLEWARE.finding(
            f"Under ASGI each request goes through a thread because of sync middleware: {few}",
            evidence="\n".join(django.sync_middleware),
        )
    collected = any("whitenoise" in name.lower() for name in django.middleware)
    if "django.contrib.staticfiles" in django.installed and not collected:
        yield codes.STATIC_UNSERVED.finding()
    if django.ssl_redirect and not django.proxy_ssl_header:
        yield codes.SSL_REDIRECT.finding()


def _configured(app: App) -> Iterator[Finding]:
    """Whether there is a configuration of gunicorn, which is neither raced nor written again."""
    path = Path(app.directory) / "gunicorn.conf.py"
    if not path.is_file():
        return
    tree = modules.parsed(path)
    hooks = [name for name in modules.bound(tree) if name in HOOKS] if tree else []
    if not hooks:
        yield codes.GUNICORN_CONF.finding()
        return
    yield codes.GUNICORN_CONF.finding(
        f"Neither the race nor an emitted file has its hooks: {', '.join(hooks)}",
        hint=f"copy the hooks into the emitted file, and {codes.GUNICORN_CONF.cure}",
    )

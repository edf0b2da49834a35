"""Import the app once, in its own interpreter of any version, and write its facts as JSON.

`python whichworker_look.py OUT TARGET...`. This queries no database and calls no view.
"""

import gc
import importlib
import json
import os
import sys
from typing import Any

callables = importlib.import_module("whichworker_callables")
FRAMEWORKS = (
    "django",
    "fastapi",
    "starlette",
    "flask",
    "quart",
    "litestar",
    "falcon",
    "bottle",
    "pyramid",
)


def load(target: Any) -> Any:
    module, _, path = target.partition(":")
    found = importlib.import_module(module)
    for part in path.split("."):
        found = getattr(found, part)
    return found


def framework_of(found: Any) -> Any:
    for kind in type(found).__mro__:
        top = kind.__module__.partition(".")[0]
        if top in FRAMEWORKS:
            return top
    return "django" if "django.conf" in sys.modules and settings() is not None else ""


def settings() -> Any:
    module = sys.modules.get("django.conf")
    return module.settings if module and module.settings.configured else None


def plain(value: Any) -> Any:
    return value if isinstance(value, (str, int, float, bool)) or value is None else str(value)


def django() -> Any:
    conf = settings()
    if conf is None:
        return None

    def get(name: str, default: Any = None) -> Any:
        try:
            return getattr(conf, name, default)
        except Exception:  # such as an empty SECRET_KEY
            return default

    databases = []
    for alias, given in (get("DATABASES") or {}).items():
        databases.append(
            {
                "alias": alias,
                "engine": str(given.get("ENGINE", "")),
                "host": str(given.get("HOST") or host_in_options(given)),
                "port": str(given.get("PORT") or ""),
                "user": str(given.get("USER") or ""),
                "name": str(given.get("NAME") or ""),
                "password": str(given.get("PASSWORD") or ""),
                "lasting": plain(given.get("CONN_MAX_AGE", 0)),
            }
        )
    caches = [
        {
            "alias": alias,
            "backend": str(given.get("BACKEND", "")),
            "location": str(given.get("LOCATION", "")),
        }
        for alias, given in (get("CACHES") or {}).items()
    ]
    static = {"url": plain(get("STATIC_URL")), "root": plain(get("STATIC_ROOT"))}
    header = get("SECURE_PROXY_SSL_HEADER")
    return {
        "module": plain(getattr(conf, "SETTINGS_MODULE", "")) or "",
        "debug": bool(get("DEBUG")),
        "wsgi": plain(get("WSGI_APPLICATION")),
        "asgi": plain(get("ASGI_APPLICATION")),
        "hosts": [str(host) for host in get("ALLOWED_HOSTS") or ()],
        "databases": databases,
        "caches": caches,
        "static": static,
        "installed": [str(name) for name in get("INSTALLED_APPS") or ()],
        "middleware": [str(name) for name in get("MIDDLEWARE") or ()],
        "sync_middleware": sync_middleware(get("MIDDLEWARE") or ()),
        "ssl_redirect": bool(get("SECURE_SSL_REDIRECT")),
        "proxy_ssl_header": [str(part) for part in header] if header else None,
        "secret_key": plain(get("SECRET_KEY", "")),
    }


def host_in_options(given: Any) -> Any:
    """A database's host elsewhere: in its options, in Oracle's name, or in libpq's variable."""
    options, engine, name = (
        given.get("OPTIONS") or {},
        str(given.get("ENGINE", "")),
        str(given.get("NAME") or ""),
    )
    if "oracle" in engine and ":" in name:
        return name.partition(":")[0]
    return options.get("host") or (os.environ.get("PGHOST", "") if "postg" in engine else "")


def sync_middleware(names: Any) -> Any:
    """Middleware that cannot run in an async stack: each moves requests to a thread and back."""
    found = []
    for name in names:
        module, _, attribute = str(name).rpartition(".")
        try:
            kind = getattr(importlib.import_module(module), attribute)
        except Exception:
            continue
        if not getattr(kind, "async_capable", False):
            found.append(str(name))
    return found


def django_routes() -> Any:
    urls = importlib.import_module("django.urls")

    found = []

    def walk(patterns: Any, prefix: Any, depth: Any) -> Any:
        for one in patterns:
            text = literal(one.pattern)
            if text is None or depth > 6:
                continue
            if isinstance(one, urls.URLResolver):
                if getattr(one, "app_name", None) == "admin":
                    continue
                walk(one.url_patterns, prefix + text, depth + 1)
            elif isinstance(one, urls.URLPattern) and answers_get(one.callback):
                found.append("/" + (prefix + text))

    walk(urls.get_resolver().url_patterns, "", 0)
    return found


def literal(pattern: Any) -> Any:
    """The text of a route without parameters, or None."""
    text = getattr(pattern, "_route", None)
    if text is not None:
        return None if "<" in text else str(text)
    regex = getattr(pattern, "_regex", None)
    if regex is None:
        return str(pattern) if not getattr(pattern, "converters", True) else None
    text = (
        str(regex)
        .lstrip("^")
        .replace("\\Z", "")
        .rstrip("$")
        .replace("\\/", "/")
        .replace("\\.", ".")
        .replace("\\-", "-")
    )
    return None if any(sign in text for sign in "()[]{}*+?|\\^$") else text


def answers_get(view: Any) -> Any:
    kind = getattr(view, "view_class", None) or getattr(view, "cls", None)
    if kind is not None:
        allowed = [name.lower() for name in getattr(kind, "http_method_names", ["get"])]
        return "get" in allowed and (hasattr(kind, "get") or hasattr(kind, "dispatch"))
    actions = getattr(view, "actions", None)
    return "get" in actions if isinstance(actions, dict) else True


def flask_routes(app: Any) -> Any:
    return [
        str(rule.rule)
        for rule in app.url_map.iter_rules()
        if "GET" in (rule.methods or ()) and not rule.arguments and rule.endpoint != "static"
    ]


def starlette_routes(routes: Any, prefix: Any = "") -> Any:
    found = []
    for route in routes:
        path = getattr(route, "path", None)
        if path is None:
            continue
        inner = getattr(route, "routes", None)
        if inner and not getattr(route, "methods", None):
            found += starlette_routes(inner, prefix + path)
        elif (
            "GET" in (getattr(route, "methods", None) or ())
            and "{" not in path
            and not wanted_parameters(route)
        ):
            found.append(prefix + path)
    return found


def wanted_parameters(route: Any) -> Any:
    """Whether a FastAPI route requires a query parameter, a header, a cookie or a login."""
    dependant = getattr(route, "dependant", None)
    waiting = [dependant] if dependant is not None else []
    while waiting:
        one = waiting.pop()
        for kind in ("query_params", "header_params", "cookie_params"):
            for field in getattr(one, kind, ()):
                info = getattr(field, "field_info", None)
                needed = getattr(field, "required", None)
                if needed is None and info is not None and hasattr(info, "is_required"):
                    needed = info.is_required()
                if needed:
                    return True
        waiting.extend(getattr(one, "dependencies", ()))
    return False


def litestar_routes(app: Any) -> Any:
    found = []
    for route in getattr(app, "routes", ()):
        if (
            "GET" in (getattr(route, "methods", None) or ())
            and "{" not in route.path
            and not getattr(route, "path_parameters", None)
        ):
            found += [str(route.path)]
    return found


def routes_of(found: Any, framework: Any) -> Any:
    if framework == "django":
        return django_routes()
    if framework in ("flask", "quart"):
        return flask_routes(found)
    if framework in ("fastapi", "starlette"):
        return starlette_routes(found.routes)
    if framework == "litestar":
        return litestar_routes(found)
    return []


def engines() -> Any:
    """The databases of SQLAlchemy's engines, if it was imported."""
    if "sqlalchemy" not in sys.modules:
        return []
    engine = importlib.import_module("sqlalchemy.engine").Engine

    seen = {}
    for one in gc.get_objects():
        try:
            if isinstance(one, engine):
                url = one.url
                seen[str(url)] = {
                    "alias": "sqlalchemy",
                    "engine": str(url.drivername),
                    "host": url.host or str(url.query.get("host") or ""),
                    "port": str(url.port or ""),
                    "user": str(url.username or ""),
                    "name": str(url.database or ""),
                    "password": str(url.password or ""),
                    "lasting": 1,
                }
        except Exception:
            continue
    return list(seen.values())


def every(targets: Any) -> Any:
    """Each target with its object; after a factory comes the app that it makes, as `target()`."""
    for target in targets:
        found = load(target)
        yield target, found
        if callables.is_factory(found):
            yield f"{target}()", found()


def main(out: Any, targets: Any) -> Any:
    told: Any = {
        "targets": {},
        "framework": "",
        "debug": False,
        "django": None,
        "databases": [],
        "routes": [],
    }
    if not targets and os.environ.get("DJANGO_SETTINGS_MODULE"):
        conf = importlib.import_module("django.conf").settings
        named = [getattr(conf, name, None) for name in ("WSGI_APPLICATION", "ASGI_APPLICATION")]
        targets = [":".join(text.rpartition(".")[::2]) for text in named if text]
    for target, found in every(targets):
        told["targets"][target] = callables.facts_of(found)
        if told["targets"][target]["factory"]:
            continue
        framework = framework_of(found)
        told["framework"] = told["framework"] or framework
        if not told["routes"]:
            try:
                told["routes"] = routes_of(found, framework)
                told.pop("unlisted", None)
            except Exception as error:
                told["unlisted"] = repr(error)
        if framework in ("flask", "quart", "starlette", "fastapi", "litestar"):
            told["debug"] = told["debug"] or bool(getattr(found, "debug", False))
        if framework in ("flask", "quart"):
            told["secret_key"] = plain(getattr(found, "secret_key", "")) or ""
    told["django"] = django()
    told["debug"] = told["debug"] or bool(told["django"] and told["django"]["debug"])
    resources = importlib.import_module("whichworker_resources")
    given = ((settings() and settings().DATABASES) or {}).values()
    told["pools"] = resources.pools() + list(filter(None, map(resources.django_pool, given)))
    told["ports"] = resources.ports()
    told["databases"] = (told["django"] or {}).get("databases", []) + engines()
    with open(out, "w", encoding="utf-8") as file:
        json.dump(told, file)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)  # without waiting for threads that the app started

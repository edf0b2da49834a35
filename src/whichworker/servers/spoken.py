"""A server's command line, as someone else wrote it, in the names and settings of this tool."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence

from msgspec import Struct, field

from whichworker.servers import table

SHORT = {
    "gunicorn": {
        "-w": "workers",
        "-k": "worker-class",
        "-b": "bind",
        "-c": "config",
        "-t": "timeout",
    },
    "hypercorn": {"-w": "workers", "-k": "worker-class", "-b": "bind", "-c": "config"},
    "uwsgi": {"-p": "processes", "-s": "socket", "-w": "module", "-i": "ini"},
}
"""Options by their letters; another letter stands for itself."""
ALONE = re.compile(
    r"no-.*|preload|reload|daemon|factory|access-log|proxy-headers|capture-output|master|enable-threads"
    r"|need-app|die-on-term|vacuum|ws|log|use-colors|date-header|server-header|reuse-port|http2"
)
"""Options without a value."""
FELT = re.compile(
    r"(limit-)?max-requests(-jitter)?|(timeout-)?keep-?alive|backlog|listen|http-parser|no-sendfile"
    r"|sendfile|cheaper.*|task-impl|runtime-mode|http|http1-.*|static-.*|lazy-apps|thunder-lock"
    r"|offload-threads|buffer-size|connection-limit|asyncore-.*|channel-timeout|logger-class"
)
"""Options that may change how fast requests are served, beside the settings of an adapter."""
ALIASES = {
    "preload-app": "preload",
    "accesslog": "access-logfile",
    "keepalive": "keep-alive",
}
TARGET = re.compile(r"[A-Za-z_][\w.]*:[A-Za-z_][\w.]*(\(.*\))?")
CLASS = re.compile(r"(?:egg:gunicorn#)?([\w.]+)")
OF_GUNICORN = ("sync", "gthread", "gevent", "eventlet", "tornado", "asgi")
UVICORN_CLASS = re.compile(r"uvicorn(?:\.workers|_worker)(?:\.\w+)*\.Uvicorn(?P<plain>H11)?Worker")
ACCESS_LOG = "its access log"
ENVIRONMENT = {"uvicorn": "UVICORN_", "granian": "GRANIAN_"}
"""Prefixes of variables that stand for options of a command line."""


class Spoken(Struct, frozen=True, kw_only=True):
    """A server by the name of its adapter, and its settings as text.

    `unread` has the options that a race does not use though they may change the speed. `strange`
    is why no adapter fits, and `server` is then empty.
    """

    server: str = ""
    settings: dict[str, str] = field(default_factory=dict)
    unread: tuple[str, ...] = ()
    strange: str = ""


def spoken(
    program: str,
    words: Sequence[str],
    variables: Mapping[str, str],
    installed: Collection[str],
    *,
    file: Mapping[str, str] | None = None,
) -> Spoken:
    """The setup that a command line starts; `file` are the settings of the server's own file.

    `installed` are the packages of the app's environment, as servers choose a loop by them.
    """
    said = {**options_of(program, _of_variables(program, variables))}
    said = {**said, **{_renamed(name): text for name, text in (file or {}).items()}}
    said |= options_of(program, words)
    if program in ("gunicorn", "uvicorn", "fastapi") and "workers" not in said:
        said |= {"workers": variables["WEB_CONCURRENCY"]} if "WEB_CONCURRENCY" in variables else {}
    server, strange = NAMED[program](said, installed)
    if strange:
        return Spoken(strange=strange)
    settings = dict(_settings(program, server, said))
    unsure = [f"--{name} {said[name]}" for name in _unsure(server, settings, said)]
    known = {name: text for name, text in settings.items() if text.isdigit() or name == "preload"}
    return Spoken(server=server, settings=known, unread=(*unsure, *_unread(program, server, said)))


def options_of(program: str, words: Sequence[str]) -> dict[str, str]:
    """The options of a command line by their long names; a flag's value is empty."""
    found: dict[str, str] = {}
    short = SHORT.get(program, {})
    at = 0
    while at < len(words):
        word, at = words[at], at + 1
        if not word.startswith("-") or word in ("-", "--"):
            continue
        name, equals, value = word.partition("=")
        if not word.startswith("--"):
            name, value = word[:2], word[2:].removeprefix("=")
            equals = "=" if value else ""
        name = short.get(name, name.removeprefix("--"))
        following = words[at] if at < len(words) else "-"
        is_value = not following.startswith("-") or (following == "-" and at < len(words))
        is_value = is_value and (not TARGET.fullmatch(following) or name in ("bind", "module"))
        if not equals and is_value and not ALONE.fullmatch(name):
            value, at = following, at + 1
        found[_renamed(name)] = value
    return found


def _renamed(name: str) -> str:
    plain = name.replace("_", "-")
    return ALIASES.get(plain, plain)


def _of_variables(program: str, variables: Mapping[str, str]) -> list[str]:
    """The words that environment variables add in front of a command line."""
    if program == "gunicorn":
        return variables.get("GUNICORN_CMD_ARGS", "").split()
    prefix = ENVIRONMENT.get("uvicorn" if program == "fastapi" else program)
    own = {name: text for name, text in variables.items() if prefix and name.startswith(prefix)}
    return [f"--{_renamed(name.removeprefix(prefix or '').lower())}={own[name]}" for name in own]


Named = tuple[str, str]
"""The name of an adapter, or the reason why there is none."""


def _gunicorn(said: Mapping[str, str], installed: Collection[str]) -> Named:
    text = said.get("worker-class") or "sync"
    if (own := UVICORN_CLASS.fullmatch(text)) is not None:
        fast = {"uvloop", "httptools"} <= set(installed) and not own["plain"]
        return ("gunicorn-uvicorn-uvloop" if fast else "gunicorn-uvicorn"), ""
    match = CLASS.fullmatch(text)
    kind = match[1] if match else text
    if kind == "sync" and said.get("threads", "1") not in ("", "1"):
        kind = "gthread"  # as gunicorn itself decides
    if kind == "asgi":
        loop = said.get("asgi-loop", "auto")
        fast = loop == "uvloop" or (loop == "auto" and "uvloop" in installed)
        return ("gunicorn-asgi-uvloop" if fast else "gunicorn-asgi"), ""
    if kind not in OF_GUNICORN:
        return "", f"its worker class {text} is not one of gunicorn's own"
    return f"gunicorn-{kind}", ""


def _uvicorn(said: Mapping[str, str], installed: Collection[str]) -> Named:
    loop, parser = said.get("loop", "auto"), said.get("http", "auto")
    if not {loop, parser} <= {"auto", "asyncio", "uvloop", "h11", "httptools"}:
        return "", f"no setup has --loop {loop} and --http {parser}"
    fast = loop == "uvloop" or (loop == "auto" and "uvloop" in installed)
    native = parser == "httptools" or (parser == "auto" and "httptools" in installed)
    if said.get("interface") == "wsgi":
        return ("uvicorn-wsgi-httptools" if native else "uvicorn-wsgi"), ""
    if fast:
        return ("uvicorn-uvloop" if native else "uvicorn-h11-uvloop"), ""
    return ("uvicorn-httptools" if native else "uvicorn"), ""


def _hypercorn(said: Mapping[str, str], installed: Collection[str]) -> Named:
    kind = said.get("worker-class") or "asyncio"
    if kind not in ("asyncio", "uvloop", "trio"):
        return "", f"its worker class {kind} is not one of hypercorn's own"
    return ("hypercorn" if kind == "asyncio" else f"hypercorn-{kind}"), ""


def _granian(said: Mapping[str, str], installed: Collection[str]) -> Named:
    interface, loop = said.get("interface", "rsgi"), said.get("loop", "auto")
    if interface not in ("wsgi", "asgi", "asginl"):
        return "", f"its interface {interface} is not raced"
    auto = next((name for name in ("uvloop", "rloop") if name in installed), "asyncio")
    chosen = auto if loop == "auto" else loop
    bare = interface == "wsgi" or chosen == "asyncio"
    return (f"granian-{interface}" if bare else f"granian-{interface}-{chosen}"), ""


def _uwsgi(said: Mapping[str, str], installed: Collection[str]) -> Named:
    return ("uwsgi-gevent" if said.get("gevent") else "uwsgi"), ""


NAMED: dict[str, Callable[[Mapping[str, str], Collection[str]], Named]] = {
    "gunicorn": _gunicorn,
    "uvicorn": _uvicorn,
    "fastapi": _uvicorn,
    "hypercorn": _hypercorn,
    "granian": _granian,
    "uwsgi": _uwsgi,
    "daphne": lambda said, installed: ("daphne", ""),
    "waitress-serve": lambda said, installed: ("waitress", ""),
}
KNOBS = {
    "workers": ("workers", "processes"),
    "threads": ("blocking-threads", "threads"),
    "connections": ("worker-connections", "gevent", "async"),
    "limit": ("limit-concurrency",),
    "runtime_threads": ("runtime-threads",),
    "backpressure": ("backpressure",),
}
"""The options of servers for each setting of an adapter."""
UNSAID = {
    "workers": "1",
    "gunicorn threads": "1",
    "uwsgi threads": "1",
}
"""The defaults of servers that are not the adapter's own choice."""


def _settings(program: str, server: str, said: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """The settings of an adapter that the options give, or that the server has without them."""
    for knob in table.load(server).knobs:
        if knob.name == "preload":
            if _preloads(said):
                yield knob.name, "yes"
            continue
        option = next((name for name in KNOBS.get(knob.name, ()) if said.get(name)), "")
        unsaid = UNSAID.get(f"{program} {knob.name}") or UNSAID.get(knob.name)
        if option:
            yield knob.name, said[option]
        elif unsaid:
            yield knob.name, unsaid


def _preloads(said: Mapping[str, str]) -> bool:
    return said.get("preload", "no").lower() not in ("no", "false")


def _unsure(server: str, settings: Mapping[str, str], said: Mapping[str, str]) -> Iterator[str]:
    """The options for a setting whose value is not known before the server runs."""
    for name, text in settings.items():
        if not text.isdigit() and name != "preload":
            yield next(option for option in KNOBS[name] if said.get(option))


def _unread(program: str, server: str, said: Mapping[str, str]) -> Iterator[str]:
    """Options that may change the speed and are not raced; no setup is raced with an access log."""
    chosen = {"uvicorn": ("http",), "fastapi": ("http",), "uwsgi": ("http",)}.get(program, ())
    for name, text in said.items():
        if FELT.fullmatch(name) and name not in chosen:
            yield f"--{name} {text}".rstrip()
    if _preloads(said) and all(knob.name != "preload" for knob in table.load(server).knobs):
        yield "--preload"
    if server == "granian-wsgi" and "blocking-threads" not in said:
        yield "as many threads as granian starts by itself"
    quiet = "no-access-log" in said or "disable-logging" in said
    always = program in ("uvicorn", "fastapi", "daphne", "uwsgi")
    named = said.get("access-logfile", "") not in ("", "None", "/dev/null")
    if named or "access-log" in said or (always and not quiet):
        yield ACCESS_LOG

"""Ask the app itself, by WSGI or ASGI, without any server: its response is the app's own.

Needs the variables of whichworker_reference and WHICHWORKER_ASKS, a file of JSON: `interface`,
`host`, and `requests` (method, path, headers, body in base64). WHICHWORKER_ANSWERS is the file for
the responses: for each request status, headers and body in base64, or the error.
"""

import asyncio
import base64
import io
import json
import os
import sys
from importlib import import_module
from typing import Any
from urllib.parse import unquote_to_bytes

HERE, PORT = "127.0.0.1", 8000
LIFESPAN_SECONDS = 20.0
"""For the start of an ASGI app; it may fill caches."""


def headers_of(asked: "dict[str, Any]", host: str) -> "list[tuple[str, str]]":
    """The headers as a server reads them: with a Host, and a Content-Length if there is a body."""
    found = [(name, value) for name, value in asked["headers"]]
    names = {name.lower() for name, _ in found}
    if "host" not in names:
        found.insert(0, ("Host", host))
    body = base64.b64decode(asked["body"])
    if body or asked["method"] in ("POST", "PUT", "PATCH"):
        found.append(("Content-Length", str(len(body))))
    return found


def scheme_of(headers: "list[tuple[str, str]]") -> str:
    """http, or what a proxy says: the race trusts what it sends itself."""
    told = {name.lower(): value for name, value in headers}
    return "https" if told.get("x-forwarded-proto", "").strip().lower() == "https" else "http"


def environ_of(asked: "dict[str, Any]", host: str) -> "dict[str, Any]":
    """The WSGI environment of PEP 3333."""
    path, _, query = asked["path"].partition("?")
    headers = headers_of(asked, host)
    body = base64.b64decode(asked["body"])
    environ = {
        "REQUEST_METHOD": asked["method"],
        "SCRIPT_NAME": "",
        "PATH_INFO": unquote_to_bytes(path).decode("latin-1"),
        "QUERY_STRING": query,
        "SERVER_NAME": HERE,
        "SERVER_PORT": str(PORT),
        "SERVER_PROTOCOL": "HTTP/1.1",
        "REMOTE_ADDR": HERE,
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": scheme_of(headers),
        "wsgi.input": io.BytesIO(body),
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
    }  # type: dict[str, Any]
    for name, value in headers:
        key = name.upper().replace("-", "_")
        key = key if key in ("CONTENT_TYPE", "CONTENT_LENGTH") else "HTTP_" + key
        environ[key] = environ[key] + "," + value if key in environ else value
    return environ


def ask_wsgi(app: Any, asked: "dict[str, Any]", host: str) -> "dict[str, Any]":
    """One response by WSGI."""
    began = []  # type: list[tuple[str, list[tuple[str, str]]]]
    pieces = []  # type: list[bytes]

    def start(status: str, headers: "list[tuple[str, str]]", error: Any = None) -> Any:
        began.append((status, list(headers)))
        return pieces.append

    result = app(environ_of(asked, host), start)
    try:
        pieces.extend(result)
    finally:
        if hasattr(result, "close"):
            result.close()
    status, headers = began[-1]
    body = b"" if asked["method"] == "HEAD" else b"".join(pieces)
    return answer_of(int(status.split()[0]), headers, body)


def answer_of(status: int, headers: "list[tuple[str, str]]", body: bytes) -> "dict[str, Any]":
    """A response as JSON."""
    told = [[name.lower(), value.strip()] for name, value in headers]
    return {"status": status, "headers": told, "body": base64.b64encode(body).decode()}


async def ask_asgi(app: Any, asked: "dict[str, Any]", host: str, state: Any) -> "dict[str, Any]":
    """One response by ASGI 3."""
    path, _, query = asked["path"].partition("?")
    headers = headers_of(asked, host)
    raw = [(name.lower().encode(), value.encode("latin-1")) for name, value in headers]
    scope = {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": asked["method"],
        "scheme": scheme_of(headers),
        "path": unquote_to_bytes(path).decode("utf-8", "replace"),
        "raw_path": path.encode(),
        "query_string": query.encode(),
        "root_path": "",
        "headers": raw,
        "client": (HERE, PORT + 1),
        "server": (HERE, PORT),
        "state": dict(state),
    }
    sent, done = [], asyncio.Event()  # type: list[dict[str, Any]], asyncio.Event
    bodies = [{"type": "http.request", "body": base64.b64decode(asked["body"])}]

    async def receive() -> "dict[str, Any]":
        if bodies:
            return bodies.pop()
        await done.wait()
        return {"type": "http.disconnect"}

    async def send(message: "dict[str, Any]") -> None:
        sent.append(message)
        if message["type"] == "http.response.body" and not message.get("more_body"):
            done.set()

    await app(scope, receive, send)
    start = next(one for one in sent if one["type"] == "http.response.start")
    pairs = [
        (bytes(name).decode("latin-1"), bytes(value).decode("latin-1"))
        for name, value in start.get("headers", ())
    ]
    body = b"".join(one.get("body", b"") for one in sent if one["type"] == "http.response.body")
    return answer_of(start["status"], pairs, b"" if asked["method"] == "HEAD" else body)


async def all_by_asgi(app: Any, asks: "dict[str, Any]") -> "list[Any]":
    """All responses, between the start and the end of the app's lifespan if it has one."""
    state = {}  # type: dict[str, Any]
    inbox, outbox = asyncio.Queue(), asyncio.Queue()  # type: Any, Any
    scope = {"type": "lifespan", "asgi": {"version": "3.0", "spec_version": "2.0"}, "state": state}
    await inbox.put({"type": "lifespan.startup"})
    life = asyncio.ensure_future(app(scope, inbox.get, outbox.put))
    told = asyncio.ensure_future(outbox.get())
    await asyncio.wait((life, told), timeout=LIFESPAN_SECONDS, return_when="FIRST_COMPLETED")
    begun = told.done()
    if begun and told.result()["type"] != "lifespan.startup.complete":
        raise RuntimeError("the app does not start: {}".format(told.result().get("message", "")))
    found = []  # type: list[Any]
    for asked in asks["requests"]:
        try:
            found.append(await ask_asgi(app, asked, asks["host"], state))
        except Exception as error:
            found.append(repr(error))
    if begun and not life.done():
        await inbox.put({"type": "lifespan.shutdown"})
        await asyncio.wait((life,), timeout=LIFESPAN_SECONDS)
    for task in (told, life):
        task.cancel()
    await asyncio.gather(told, life, return_exceptions=True)
    return found


def all_by_wsgi(app: Any, asks: "dict[str, Any]") -> "list[Any]":
    """All responses."""
    found = []  # type: list[Any]
    for asked in asks["requests"]:
        try:
            found.append(ask_wsgi(app, asked, asks["host"]))
        except Exception as error:
            found.append(repr(error))
    return found


def main() -> None:
    """Read the requests, ask the app, write the responses."""
    with open(os.environ["WHICHWORKER_ASKS"], encoding="utf-8") as file:
        asks = json.load(file)
    application = import_module("whichworker_reference").application
    if asks["interface"] == "asgi":
        found = asyncio.run(all_by_asgi(application, asks))
    else:
        found = all_by_wsgi(application, asks)
    with open(os.environ["WHICHWORKER_ANSWERS"], "w", encoding="utf-8") as file:
        json.dump(found, file)


if __name__ == "__main__":
    main()

"""A page that lives, or that refuses many requests:
LIVES=ago|clock|nonce|set|padding|zipped|cookie|started|throttled|robots|expired|secure|slashes|
starved, or nothing. `asgi` is the same page by ASGI, with a lifespan."""

import base64
import gzip
import itertools
import os
import secrets
import time

LIVES = os.environ.get("LIVES", "")
MOST = int(os.environ.get("MOST", "60"))
STARTED = time.time()
COUNT = itertools.count(1)
REFUSALS = {
    "throttled": ("429 Too Many Requests", [("Retry-After", "7")]),
    "robots": ("403 Forbidden", []),
    "expired": ("302 Found", [("Location", "/accounts/login/?next=/")]),
}
TAGS = {"second-hand bicycles", "kettles with a dent", "lamps in green", "chairs for two"}


def line():
    """The line of the page that is not the same for ever."""
    if LIVES == "ago":
        return f"<p>offered by Ann {int(time.time() // 86_400) % 500} days ago</p>"
    if LIVES == "clock":
        return time.strftime("<p>served at %H:%M</p>")
    if LIVES == "nonce":
        return f"<script nonce={secrets.token_hex(8)!r}></script><p>id {secrets.token_hex(6)}</p>"
    if LIVES == "set":
        return "".join(f"<li>{tag}</li>" for tag in TAGS)
    if LIVES == "padding":
        return f"<!-- {'x' * secrets.randbelow(60)} -->"
    if LIVES == "started":
        return f"<p>up since {STARTED:.6f}</p>"
    return "<p>nothing new</p>"


def page():
    """The whole page."""
    title = "<title>The newest articles of the shop</title>"
    return f"<html><head>{title}</head><body>{line()}<p>Ask for a lower price</p></body></html>"


def application(environ, start_response):
    """The WSGI callable."""
    status, body, more = "200 OK", page().encode(), []
    if LIVES in REFUSALS and next(COUNT) > MOST:
        (status, more), body = REFUSALS[LIVES], b"not so fast"
    elif LIVES == "zipped":
        more = [("Content-Encoding", "gzip")]
        salt = base64.b64encode(secrets.token_bytes(secrets.randbelow(90)))
        body = gzip.compress(body, compresslevel=1 + secrets.randbelow(9), mtime=len(salt))
    elif LIVES == "cookie":
        more = [("Set-Cookie", f"csrftoken={secrets.token_hex(16)}"), ("ETag", f'"{next(COUNT)}"')]
    elif LIVES == "secure" and environ.get("HTTP_X_FORWARDED_PROTO") != "https":
        status, body, more = "301 Moved Permanently", b"", [("Location", "https://shop.test/")]
    elif LIVES == "slashes" and not environ["PATH_INFO"].startswith("//"):
        status, body = "404 Not Found", b"no such page"
    start_response(
        status,
        [("Content-Type", "text/html"), ("Content-Length", str(len(body))), *more],
    )
    return [body]


async def asgi(scope, receive, send):
    """The ASGI callable; without its lifespan it has no page."""
    if scope["type"] == "lifespan":
        assert (await receive())["type"] == "lifespan.startup"
        scope["state"]["page"] = page()
        await send({"type": "lifespan.startup.complete"})
        assert (await receive())["type"] == "lifespan.shutdown"
        await send({"type": "lifespan.shutdown.complete"})
        return
    body = (scope["state"]["page"] + f"<i>{scope['scheme']} {scope['path']}</i>").encode()
    if scope["method"] == "POST":
        body += (await receive())["body"]
    await send({"type": "http.response.start", "status": 200, "headers": [(b"x-b", b"1")]})
    await send({"type": "http.response.body", "body": body[:9], "more_body": True})
    await send({"type": "http.response.body", "body": body[9:]})

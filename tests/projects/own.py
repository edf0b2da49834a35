"""An app of one's own with something wrong in it:
WRONG=global|limit|leak|volatile|outbound|writes|visits|reads|missing|private|moved|token,
or nothing."""

import itertools
import json
import os
import socket
import sqlite3
import threading
import time
from contextlib import closing
from pathlib import Path

WRONG = os.environ.get("WRONG", "")
STATE = {"name": ""}
POOL = threading.Semaphore(5)
KEPT = []
COUNTER = itertools.count()


def application(environ, start_response):
    """The WSGI callable: echoes the path, slowly enough for two requests to meet."""
    path = environ["PATH_INFO"]
    status, body = "200 OK", f"<p>{path}</p>".encode()
    if WRONG == "global":
        STATE["name"] = path
        time.sleep(0.002)
        body = f"<p>{STATE['name']}</p>".encode()
    elif WRONG == "limit":
        if not POOL.acquire(blocking=False):
            print("psycopg.OperationalError: FATAL: sorry, too many clients already", flush=True)
            status, body = "500 Internal Server Error", b"error"
        else:
            time.sleep(0.005)
            POOL.release()
    elif WRONG == "leak":
        KEPT.append(bytes(200_000))
        time.sleep(0.002)
    elif WRONG == "volatile":
        title = "<title>A page that is long enough</title>"
        body = f"<html><head>{title}</head><body><p>{next(COUNTER)}</p></body></html>".encode()
    elif WRONG == "outbound":
        with socket.socket() as out:
            out.settimeout(0.2)
            try:
                out.connect(("192.0.2.1", 9))
            except OSError:
                body = b"<p>nobody there</p>"
    elif WRONG == "writes":
        with Path(os.environ["FILE"]).open("ab") as file:
            file.write(b"x")
    elif WRONG in ("visits", "reads"):
        with closing(sqlite3.connect(os.environ["FILE"], uri=True)) as database, database:
            if WRONG == "visits":
                database.execute("CREATE TABLE IF NOT EXISTS seen (path TEXT)")
                database.execute("INSERT INTO seen VALUES (?)", [path])
            else:
                database.execute("SELECT 1").fetchone()
    elif WRONG == "private":
        return private(environ, start_response)
    elif WRONG == "token":
        return tokened(environ, start_response)
    elif WRONG == "moved" and path == "/a":
        start_response(
            "302 Found", [("Location", "http://localhost/b?c=d"), ("Content-Length", "0")]
        )
        return [b""]
    elif WRONG == "missing" and path != "/":
        status = "404 Not Found"
    start_response(
        status, [("Content-Type", "text/html; charset=utf-8"), ("Content-Length", str(len(body)))]
    )
    return [body]


def private(environ, start_response):
    """Nothing but the login is for everybody; it wants the token of its page, and gives a
    cookie."""
    path, status, headers = environ["PATH_INFO"], "200 OK", [("Content-Type", "text/plain")]
    body = f"private {path}".encode()
    if path == "/login" and environ["REQUEST_METHOD"] == "GET":
        body = b"token=t0ken-of-the-page"
    elif path == "/login":
        sent = environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"]))
        ok = sent == b"token=t0ken-of-the-page&name=ann"
        status, body = ("302 Found", b"") if ok else ("400 Bad Request", b"who?")
        headers += (
            [("Location", "/"), ("Set-Cookie", "who=ann-s-own-s3cret; HttpOnly; Path=/")]
            if ok
            else []
        )
    elif environ.get("HTTP_COOKIE") != "who=ann-s-own-s3cret":
        status, body = "403 Forbidden", b"log in first"
    start_response(status, [*headers, ("Content-Length", str(len(body)))])
    return [body]


def tokened(environ, start_response):
    """An API: /token wants a form, /json wants JSON; all else wants the token of either."""
    path, status = environ["PATH_INFO"], "200 OK"
    sent = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
    told = {"user": {"name": "ann", "jwt": "j.w.t-s3cret"}, "access_token": "bearer-s3cret"}
    if path == "/token":
        ok = sent == b"grant_type=password&username=ann&password=l0ng+word"
    elif path == "/json":
        ok = json.loads(sent) == {"username": "ann", "password": "l0ng word"}
    else:
        given = environ.get("HTTP_AUTHORIZATION"), environ.get("HTTP_X_JWT")
        ok = given in [("Bearer bearer-s3cret", None), (None, "j.w.t-s3cret")]
        told = {"path": path}
    if not ok:
        status, told = "401 Unauthorized", {"detail": "no such user"}
    body = json.dumps(told).encode()
    challenge = [] if ok else [("WWW-Authenticate", "Bearer")]
    length = ("Content-Length", str(len(body)))
    start_response(status, [("Content-Type", "application/json"), length, *challenge])
    return [body]

"""An app whose bottleneck is planted: the environment says which, and how long one request takes.

BOTTLENECK=cpu|sleep|exponential|blocking|pool|leak|drift   SECONDS=0.01
"""

import asyncio
import os
import random
import threading
import time

KIND = os.environ.get("BOTTLENECK", "cpu")
SECONDS = float(os.environ.get("SECONDS", "0.01"))
POOL = int(os.environ.get("POOL", "2"))
POOL_OF_THREADS = threading.Semaphore(POOL)
POOL_OF_TASKS = asyncio.Semaphore(POOL)
HEADERS = [(b"content-type", b"text/plain"), (b"content-length", b"2")]
KEPT = []
BEGAN = time.monotonic()


def burn(seconds):
    """Python code for so much CPU time of this thread."""
    ends = time.thread_time() + seconds
    while time.thread_time() < ends:
        pass


def application(environ, start_response):
    """The WSGI callable."""
    if KIND == "cpu":
        burn(SECONDS)
    elif KIND == "pool":
        with POOL_OF_THREADS:
            time.sleep(SECONDS)
    elif KIND == "exponential":
        time.sleep(random.expovariate(1 / SECONDS))
    elif KIND == "leak":
        KEPT.append(bytes(200_000))
        burn(SECONDS)
    elif KIND == "drift":
        burn(SECONDS * (1 + (time.monotonic() - BEGAN) / 2))
    else:
        time.sleep(SECONDS)
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", "2")])
    return [b"ok"]


async def asgi(scope, receive, send):
    """The ASGI callable."""
    if scope["type"] != "http":
        return
    if KIND == "cpu":
        burn(SECONDS)
    elif KIND == "blocking":
        time.sleep(SECONDS)
    elif KIND == "pool":
        async with POOL_OF_TASKS:
            await asyncio.sleep(SECONDS)
    else:
        await asyncio.sleep(SECONDS)
    await send({"type": "http.response.start", "status": 200, "headers": HEADERS})
    await send({"type": "http.response.body", "body": b"ok"})

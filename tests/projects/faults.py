"""A WSGI app whose behaviour is chosen by the environment variable FAULT; the arms of one race can
differ in it."""

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

FAULT = os.environ.get("FAULT", "")
MARK = os.environ.get("FAULT_MARK", "")  # the faults named …-when begin when this file is there
BODY = b'{"answer": 42}'
seen = 0

if FAULT == "import":
    raise RuntimeError("the app refuses to be imported")
if FAULT == "ignore-term":
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)


def spin():
    """Keep a core busy, whether anybody asks or not."""
    while True:
        pass


if FAULT == "spins":
    threading.Thread(target=spin, daemon=True).start()


STALL_SECONDS, STALL_EVERY = (float(os.environ.get(f"FAULT_{name}", 1.0)) for name in "SE")
stalled = time.monotonic()


def stall():
    """Nobody is served for a while, again and again, as with a job in the server's process."""
    global stalled
    if time.monotonic() - stalled > STALL_EVERY:
        time.sleep(STALL_SECONDS)
        stalled = time.monotonic()


def endpoint(environ, start_response):
    """A report of 2 s, an upload read for 0.1 s, 200 kB within 0.1 s, and a health check."""
    path, headers = environ["PATH_INFO"], [("Content-Type", "text/plain")]
    if path == "/stream":
        start_response("200 OK", headers)  # without a length, so in chunks
        return (time.sleep(0.025) or b"x" * 50_000 for _ in range(4))
    if path == "/report":
        time.sleep(2.0)
    body = b"well"
    if path == "/upload":
        parts = [time.sleep(0.01) or environ["wsgi.input"].read(100_000) for _ in range(10)]
        body = str(sum(map(len, parts))).encode()
    start_response("200 OK", [*headers, ("Content-Length", str(len(body)))])
    return [body]


def application(environ, start_response):
    if FAULT == "endpoints":
        return endpoint(environ, start_response)
    return answer(environ, start_response)


def answer(environ, start_response):
    global seen
    seen += 1
    status, body = "200 OK", BODY
    if FAULT == "status":
        status = "500 Internal Server Error"
    elif FAULT == "body" or (FAULT == "late-body" and seen > 50):
        body = b'{"answer": 41}'
    elif FAULT == "late-status" and seen > 50:
        status = "503 Service Unavailable"
    elif FAULT == "late-limit" and seen > 50:
        status = "429 Too Many Requests"
    elif FAULT == "ages" and (seen > 50 or Path(MARK).exists()):
        Path(MARK).touch()  # from now on for every process
        body = b'{"answer": 43}'
    elif FAULT == "hang" or (FAULT == "late-hang" and seen > 50):
        time.sleep(3600)
    elif FAULT == "stalls":
        stall()
    elif FAULT == "dies" and seen > 50:
        os.kill(os.getppid() if "gunicorn" in sys.argv[0] else os.getpid(), signal.SIGKILL)
    elif FAULT.startswith("worker-SIG") and seen > 50:
        os.kill(os.getpid(), getattr(signal, FAULT.removeprefix("worker-")))
    elif FAULT == "worker-exits" and seen > 50:
        os._exit(7)
    elif FAULT == "pool":
        status = pooled()
    elif FAULT.endswith("-when") and Path(MARK).exists():
        status, body = when_told(status, body)
    elif FAULT in ("slow", "spins") or FAULT.endswith("-when"):
        burn(0.002)  # and so it is never the fastest, which has a twin
    elif FAULT == "double-fork" and seen == 1:
        fork_away()
    elif FAULT in ("flood", "memory") and seen == 1:
        threading.Thread(target=flood if FAULT == "flood" else eat, daemon=True).start()
    elif FAULT == "memory":
        time.sleep(60)  # all the while it eats
    elif FAULT == "frozen" and environ["PATH_INFO"] == "/freeze":
        os.kill(os.getpid(), signal.SIGSTOP)
    start_response(
        status, [("Content-Type", "application/json"), ("Content-Length", str(len(body)))]
    )
    return [body]


def when_told(status, body):
    """Go wrong now: `dies-once-when` takes the mark away, so that the next launch is well."""
    if FAULT == "wrong-when":
        return status, b'{"answer": 41}'
    if FAULT == "dies-once-when":
        Path(MARK).unlink()
    os.kill(os.getppid() if "gunicorn" in sys.argv[0] else os.getpid(), signal.SIGKILL)
    return status, body


POOL = threading.Semaphore(8)


def pooled():
    """Work with one of eight connections; without one it is an error, as SQLAlchemy has it."""
    if not POOL.acquire(timeout=0.001):
        print(
            "sqlalchemy.exc.TimeoutError: QueuePool limit of size 3 overflow 5 reached", flush=True
        )
        return "500 Internal Server Error"
    time.sleep(0.02)
    POOL.release()
    return "200 OK"


def burn(seconds):
    """Use so much CPU time in this thread."""
    ends = time.thread_time() + seconds
    while time.thread_time() < ends:
        pass


def fork_away():
    """Leave a grandchild in a session of its own, as daemons do."""
    code = (
        "import os, time\nif os.fork() == 0:\n    os.setsid()\n"
        "    if os.fork() == 0:\n        time.sleep(3600)\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def flood():
    """Log 30 MB a second."""
    line = b"x" * 65535 + b"\n"
    while True:
        os.write(2, line)
        time.sleep(0.002)


def eat():
    """Use 800 MB more memory every second, 1.6 GB at most: it is a test of others."""
    eaten = []
    while len(eaten) < 200:
        eaten.append(b"x" * 8_000_000)
        time.sleep(0.01)

"""Views for `whichworker explain` that wait, block or wait three times, and report how they ran."""

import asyncio
import hashlib
import importlib
import os
import threading
import time

from django.http import Http404, JsonResponse

from aviary.views import bounded

WAITS = 3  # in one request
LOOKED_AT = (
    ("socket", "socket"),
    ("socket", "getaddrinfo"),
    ("ssl", "SSLSocket"),
    ("select", "select"),
    ("time", "sleep"),
    ("threading", "Lock"),
    ("threading", "get_ident"),
    ("queue", "SimpleQueue"),
    ("subprocess", "Popen"),
    ("os", "fork"),
    ("hashlib", "pbkdf2_hmac"),
)
FIRST_TERMS, FIRST_ROUNDS = 2000000, 30000  # tens of milliseconds each
_speeds = {}


def wanted(request, default):
    """The seconds a query asks for."""
    return bounded(request.GET.get("seconds", default))


def seen(began):
    """One stay in a view; all processes read the same clock, so their stays can be compared."""
    stay = {"process": os.getpid(), "thread": threading.get_ident()}
    return JsonResponse({**stay, "began": began, "ended": time.monotonic()})


def wait(request):
    began = time.monotonic()
    time.sleep(wanted(request, "0.2"))
    return seen(began)


async def wait_async(request):
    began = time.monotonic()
    await asyncio.sleep(wanted(request, "0.2"))
    return seen(began)


def sleeping(seconds):
    """Waits; where it is patched, others go on."""
    time.sleep(seconds)


def holding(seconds):
    """One call into C that keeps the interpreter's lock to its end: no other thread can run."""
    sum(range(_count("holding", seconds, FIRST_TERMS, lambda count: sum(range(count)))))


def releasing(seconds):
    """One call into C that works as hard and has given the lock away."""
    _derive(_count("releasing", seconds, FIRST_ROUNDS, _derive))


def _derive(rounds):
    hashlib.pbkdf2_hmac("sha256", b"password", b"salt", rounds)


def _count(name, seconds, first, work):
    """The repetitions that take this long, estimated from the time of the first one."""
    if name not in _speeds:
        began = time.perf_counter()
        work(first)
        _speeds[name] = first / (time.perf_counter() - began)
    return max(1, int(_speeds[name] * seconds))


BLOCKS = {"sleeping": sleeping, "holding": holding, "releasing": releasing}


def blocked(request, how):
    if how not in BLOCKS:
        raise Http404(how)
    began = time.monotonic()
    BLOCKS[how](wanted(request, "0.3"))
    return seen(began)


def block(request, how):
    """Blocks in a sync view."""
    return blocked(request, how)


async def block_async(request, how):
    """Does the same, wrongly, in a coroutine."""
    return blocked(request, how)


def parallel(request):
    """Waits in threads of its own."""
    seconds = wanted(request, "0.1")
    began = time.monotonic()
    threads = [threading.Thread(target=time.sleep, args=(seconds,)) for _ in range(WAITS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return seen(began)


async def parallel_async(request):
    """Gathered waits."""
    seconds = wanted(request, "0.1")
    began = time.monotonic()
    await asyncio.gather(*[asyncio.sleep(seconds) for _ in range(WAITS)])
    return seen(began)


def patched(request):
    """The module each of these names really comes from, in this worker, now."""
    found = []
    for module, attribute in LOOKED_AT:
        thing = getattr(importlib.import_module(module), attribute, None)
        origin = getattr(thing, "__module__", None) or ""
        found.append({"module": module, "attribute": attribute, "origin": origin})
    return JsonResponse({"found": found})

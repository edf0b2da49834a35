"""A list in Redis by redis-py, sync and async [default: pickled in memory, as Django does]."""

import os
import pickle
import threading
import time

from calls.reuse import PerLoop, PerProcess
from fastapi import APIRouter

from roost.plain import constant

KEY, KEPT_SECONDS = "roost:constant", 3600  # no expiry during a run
router = APIRouter()


class Memory:
    """The few words of redis-py that are needed here."""

    def __init__(self):
        self._lock, self._kept = threading.Lock(), {}

    def get(self, key):
        with self._lock:
            value, until = self._kept.get(key, (None, 0.0))
        return value if time.time() < until else None

    def set(self, key, value, ex):
        with self._lock:
            self._kept[key] = value, time.time() + ex


class AsyncMemory(Memory):
    """The same to be awaited."""

    async def get(self, key):
        return super().get(key)

    async def set(self, key, value, ex):
        super().set(key, value, ex)


def make():
    """One pool of connections for the process."""
    if not os.environ.get("REDIS_URL"):
        return Memory()
    import redis

    return redis.Redis.from_url(os.environ["REDIS_URL"])


def make_async():
    """One pool of connections for the loop."""
    if not os.environ.get("REDIS_URL"):
        return AsyncMemory()
    import redis.asyncio

    return redis.asyncio.Redis.from_url(os.environ["REDIS_URL"])


cache = PerProcess(make)
async_cache = PerLoop(make_async)


@router.get("/real-cache-hit")
def hit():
    found = cache().get(KEY)
    if found is None:
        cache().set(KEY, found := pickle.dumps(constant()), ex=KEPT_SECONDS)
    return pickle.loads(found)


@router.get("/real-cache-hit-async")
async def hit_async():
    found = await async_cache().get(KEY)
    if found is None:
        await async_cache().set(KEY, found := pickle.dumps(constant()), ex=KEPT_SECONDS)
    return pickle.loads(found)


@router.get("/real-cache-set")
def put():
    cache().set(KEY, pickle.dumps(constant()), ex=KEPT_SECONDS)
    return {"cache": "set"}


@router.get("/real-cache-set-async")
async def put_async():
    await async_cache().set(KEY, pickle.dumps(constant()), ex=KEPT_SECONDS)
    return {"cache": "set"}

"""Three calls at once, in a pool of threads or gathered in a loop; as published and as advised."""

import asyncio
from concurrent.futures import ThreadPoolExecutor

import httpx

from calls.blocking import by_requests, by_requests_reused, read
from calls.coroutines import by_httpx_reused
from calls.reuse import PerProcess

MOST_THREADS = 3000  # a pool makes a thread only where none is idle; it must never be the limit


def by_threads(urls):
    """A pool and three clients made for this request."""
    with ThreadPoolExecutor(max_workers=len(urls)) as pool:
        return list(pool.map(by_requests, urls))


def by_threads_reused(urls):
    """One pool and one client of the process.

    Under gevent's patches both pools use greenlets instead of threads, and the queue yields.
    """
    return list(threads().map(by_requests_reused, urls))


async def by_gather(urls):
    """A client made for this request."""
    async with httpx.AsyncClient() as client:
        gathered = await asyncio.gather(*(client.get(url) for url in urls))
        return [read(response) for response in gathered]


async def by_gather_reused(urls):
    """One client of the loop."""
    return list(await asyncio.gather(*map(by_httpx_reused, urls)))


threads = PerProcess(lambda: ThreadPoolExecutor(max_workers=MOST_THREADS))

"""One call that a loop waits for: by httpx and aiohttp, with a new client or a kept one."""

import aiohttp
import httpx

from calls.blocking import KEPT_CONNECTIONS, PATIENCE_SECONDS, read
from calls.reuse import PerLoop
from calls.upstream import country


async def by_httpx(url):
    """A client with HTTP/2, built for this call, as published; building it blocks the loop."""
    async with httpx.AsyncClient(http2=True) as client:
        return read(await client.get(url))


async def by_httpx_reused(url):
    """One client of the loop."""
    return read(await httpx_client().get(url))


async def by_aiohttp(url):
    """A session built for this call, as published."""
    async with aiohttp.ClientSession() as session:
        return await fetch(session, url)


async def by_aiohttp_reused(url):
    """One session of the loop."""
    return await fetch(aiohttp_session(), url)


async def fetch(session, url):
    async with session.get(url) as response:
        response.raise_for_status()
        return country(await response.json())


def make_client():
    limits = httpx.Limits(max_connections=None, max_keepalive_connections=KEPT_CONNECTIONS)
    return httpx.AsyncClient(limits=limits, timeout=PATIENCE_SECONDS)


def make_session():
    return aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0))


httpx_client = PerLoop(make_client)
aiohttp_session = PerLoop(make_session)

"""Fetch pages with one HTTP client and print how long it took.

    python fetch.py CLIENT reused|each TARGETS

CLIENT is requests, httpx, httpx-async or aiohttp; TARGETS is a JSON file with a list of URLs. Sync
clients fetch one page after the other. Async clients fetch all at once, at most 100 at a time, the
default limit of aiohttp and httpx. Every body is read and counted: a line of JSON on standard
output. Imports and the building of the list come before the clock starts.
"""

import asyncio
import hashlib
import json
import sys
import time
from pathlib import Path

AT_ONCE = 100  # the default limit of aiohttp and httpx


def fetch_requests(urls, reused):
    """One after the other, by one session or by a new one each time."""
    import requests

    began = time.monotonic()
    if reused:
        with requests.Session() as session:
            bodies = [session.get(url).content for url in urls]
    else:
        bodies = [requests.get(url).content for url in urls]
    return time.monotonic() - began, bodies


def fetch_httpx(urls, reused):
    """One after the other, by one client or by a new one each time."""
    import httpx

    began = time.monotonic()
    if reused:
        with httpx.Client() as client:
            bodies = [client.get(url).content for url in urls]
    else:
        bodies = [httpx.get(url).content for url in urls]
    return time.monotonic() - began, bodies


async def fetch_httpx_async(urls, reused):
    """All at once, by one client or by a new one each time."""
    import httpx

    gate = asyncio.Semaphore(AT_ONCE)

    async def by(client, url):
        async with gate:
            return (await client.get(url)).content

    async def alone(url):
        async with gate, httpx.AsyncClient() as client:
            return (await client.get(url)).content

    began = time.monotonic()
    if reused:
        async with httpx.AsyncClient(timeout=60) as client:
            bodies = await asyncio.gather(*(by(client, url) for url in urls))
    else:
        bodies = await asyncio.gather(*(alone(url) for url in urls))
    return time.monotonic() - began, bodies


async def fetch_aiohttp(urls, reused):
    """All at once, by one session or by a new one each time."""
    import aiohttp

    gate = asyncio.Semaphore(AT_ONCE)

    async def by(session, url):
        async with gate, session.get(url) as response:
            return await response.read()

    async def alone(url):
        async with gate, aiohttp.ClientSession() as session, session.get(url) as response:
            return await response.read()

    began = time.monotonic()
    if reused:
        async with aiohttp.ClientSession() as session:
            bodies = await asyncio.gather(*(by(session, url) for url in urls))
    else:
        bodies = await asyncio.gather(*(alone(url) for url in urls))
    return time.monotonic() - began, bodies


def main():
    """Fetch and tell."""
    client, manner, targets = sys.argv[1:]
    urls = json.loads(Path(targets).read_text())
    reused = manner == "reused"
    sync = {"requests": fetch_requests, "httpx": fetch_httpx}
    if client in sync:
        seconds, bodies = sync[client](urls, reused)
    else:
        chosen = {"httpx-async": fetch_httpx_async, "aiohttp": fetch_aiohttp}[client]
        seconds, bodies = asyncio.run(chosen(urls, reused))
    digest = hashlib.sha256(b"".join(bodies)).hexdigest()
    found = {"seconds": seconds, "answers": len(bodies), "sha256": digest}
    sys.stdout.write(json.dumps(found) + "\n")


if __name__ == "__main__":
    main()

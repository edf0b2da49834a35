"""Routes that call an upstream or compress: they need the packages of requirements-studies.lock."""

from calls import blocking, coroutines, page, parallel
from calls.upstream import one, three
from fastapi import APIRouter, HTTPException, Response

from roost.pages import render

router = APIRouter()

BLOCKING = {
    "http-requests": blocking.by_requests,
    "http-requests-reused": blocking.by_requests_reused,
    "http-httpx": blocking.by_httpx,
    "http-httpx-reused": blocking.by_httpx_reused,
}
BLOCKING_IN_A_LOOP = {
    "http-requests-async": blocking.by_requests,
    "http-requests-async-reused": blocking.by_requests_reused,
}
AWAITED = {
    "http-httpx-async": coroutines.by_httpx,
    "http-httpx-async-reused": coroutines.by_httpx_reused,
    "http-aiohttp-async": coroutines.by_aiohttp,
    "http-aiohttp-async-reused": coroutines.by_aiohttp_reused,
}
FANOUT = {"fanout": parallel.by_threads, "fanout-reused": parallel.by_threads_reused}
FANOUT_AWAITED = {
    "fanout-async": parallel.by_gather,
    "fanout-async-reused": parallel.by_gather_reused,
}


def urls(read, *texts):
    """What a query wants called; another than the upstream has does not exist here either."""
    try:
        return read(*texts)
    except ValueError as error:
        raise HTTPException(404, str(error)) from error


def calling(call):
    """A `def` route that passes on what one call brings."""

    def route(country: str, delay: str | None = None):
        return call(urls(one, country, delay))

    return route


def blocked(call):
    """An `async def` route that stops its whole loop for the time of a call, as published."""

    async def route(country: str, delay: str | None = None):
        return call(urls(one, country, delay))

    return route


def awaiting(call):
    """An `async def` route that passes on what one call brings."""

    async def route(country: str, delay: str | None = None):
        return await call(urls(one, country, delay))

    return route


def fanning(call):
    """A `def` route that makes three calls and a page of their answers."""

    def route(countries: str):
        return render("countries.html", countries=call(urls(three, countries)))

    return route


def fanning_awaited(call):
    """The same as an `async def` route."""

    async def route(countries: str):
        return render("countries.html", countries=await call(urls(three, countries)))

    return route


KINDS = (
    (BLOCKING, calling),
    (BLOCKING_IN_A_LOOP, blocked),
    (AWAITED, awaiting),
    (FANOUT, fanning),
    (FANOUT_AWAITED, fanning_awaited),
)
for table, make in KINDS:
    for name, call in table.items():
        router.get(f"/{name}")(make(call))


@router.get("/brotli")
def brotli():
    return Response(page.compressed(), media_type=page.CONTENT_TYPE, headers=page.HEADERS)


@router.get("/brotli-async")
async def brotli_async():
    return Response(page.compressed(), media_type=page.CONTENT_TYPE, headers=page.HEADERS)

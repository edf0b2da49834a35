"""The async views. Under WSGI each call has a new loop, so clients end with their call."""

from django.core.handlers.asgi import ASGIRequest
from django.http import JsonResponse

from calls import blocking, coroutines, parallel
from outbound.views import one_of, respond_compressed, respond_page, three_of


def chosen(request, call, in_own_loop):
    """The call for a loop that lasts, or the one for a loop that ends with this request."""
    return call if in_own_loop is None or isinstance(request, ASGIRequest) else in_own_loop


def calling(call, in_own_loop=None):
    """A view that passes on what one call brings."""

    async def view(request):
        return JsonResponse(await chosen(request, call, in_own_loop)(one_of(request)))

    return view


def fanning(call, in_own_loop=None):
    """A view that makes three calls and a page of their answers."""

    async def view(request):
        return respond_page(request, await chosen(request, call, in_own_loop)(three_of(request)))

    return view


def blocked(call):
    """A view that stops its whole loop for the time of a call, as published."""

    async def view(request):
        return JsonResponse(call(one_of(request)))

    return view


async def brotli(request):
    return respond_compressed()


requests = blocked(blocking.by_requests)
requests_reused = blocked(blocking.by_requests_reused)
httpx = calling(coroutines.by_httpx)
httpx_reused = calling(coroutines.by_httpx_reused, coroutines.by_httpx)
aiohttp = calling(coroutines.by_aiohttp)
aiohttp_reused = calling(coroutines.by_aiohttp_reused, coroutines.by_aiohttp)
fanout = fanning(parallel.by_gather)
fanout_reused = fanning(parallel.by_gather_reused, parallel.by_gather)

"""The hard cases for a server: bodies both ways, streams, slow views, errors; sync and async."""

import asyncio
import hashlib
import time

from django.http import JsonResponse, StreamingHttpResponse
from django.views.decorators.csrf import csrf_exempt

CHUNKS = 5  # few, but more than one write
CHUNK_LINES = 200  # 1.6 kB a chunk
LONGEST_SECONDS = 5.0  # so that no request can block a worker for long


def digest(body):
    return JsonResponse({"bytes": len(body), "sha256": hashlib.sha256(body).hexdigest()})


@csrf_exempt
def echo_sync(request):
    return digest(request.body)


@csrf_exempt
async def echo_async(request):
    return digest(request.body)


def chunk(number):
    return f"chunk {number}\n".encode() * CHUNK_LINES


def stream_sync(request):
    parts = (chunk(number) for number in range(CHUNKS))
    return StreamingHttpResponse(parts, content_type="text/plain")


async def stream_async(request):
    async def chunks():
        for number in range(CHUNKS):
            await asyncio.sleep(0)
            yield chunk(number)

    return StreamingHttpResponse(chunks(), content_type="text/plain")


def pause(request):
    return min(LONGEST_SECONDS, float(request.GET.get("seconds", "0.2")))


def numbered(request):
    """Each response has the number of its request, so that mixed-up responses are noticed."""
    return JsonResponse({"number": request.GET.get("number", "")})


def slow_sync(request):
    time.sleep(pause(request))
    return numbered(request)


async def slow_async(request):
    await asyncio.sleep(pause(request))
    return numbered(request)


def error_sync(request):
    raise RuntimeError("this view always fails")


async def error_async(request):
    raise RuntimeError("this view always fails")


def headers(request, word):
    """What of the request line and the headers reached the app."""
    return JsonResponse(
        {
            "method": request.method,
            "path": request.path,
            "word": word,
            "query": request.META["QUERY_STRING"],
            "host": request.get_host(),
            "header": request.headers.get("X-Conformance", ""),
        }
    )

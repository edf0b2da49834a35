"""Each workload as an async view, for Django 3.1 and later, with stand-ins for later features."""

import asyncio

from asgiref.sync import sync_to_async
from django.core.cache import cache
from django.http import JsonResponse
from django.shortcuts import render

from aviary.views import HIT_SECONDS, KEPT_SECONDS, KEY, SET_SECONDS, bounded, constant, matching


async def rows_of(queryset):
    """The rows of a queryset; before Django 4.1 they can only be had in a thread."""
    if hasattr(queryset, "__aiter__"):
        return [row async for row in queryset]
    return await sync_to_async(list, thread_sensitive=True)(queryset)


def in_cache(name):
    """The cache's own async method, or before Django 4.0 its sync one in a thread."""
    found = getattr(cache, "a" + name, None)
    return found or sync_to_async(getattr(cache, name), thread_sensitive=True)


async def json_list(request):
    return JsonResponse(constant(), safe=False)


async def query_json(request):
    return JsonResponse(await rows_of(matching(request)), safe=False)


async def query_html(request):
    return render(request, "aviary/birds.html", {"birds": await rows_of(matching(request))})


async def gateway(request, seconds):
    wanted = bounded(seconds)
    await asyncio.sleep(wanted)
    return JsonResponse({"slept": wanted})


async def cache_hit(request):
    await asyncio.sleep(HIT_SECONDS)
    return JsonResponse({"cache": "hit"})


async def cache_set(request):
    await asyncio.sleep(SET_SECONDS)
    return JsonResponse({"cache": "set"})


async def real_cache_hit(request):
    return JsonResponse(await in_cache("get_or_set")(KEY, constant, KEPT_SECONDS), safe=False)


async def real_cache_set(request):
    await in_cache("set")(KEY, constant(), KEPT_SECONDS)
    return JsonResponse({"cache": "set"})

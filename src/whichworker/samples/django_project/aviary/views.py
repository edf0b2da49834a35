"""Each workload as a sync view; `async_views` has the same answers from async ones."""

import time

from django.core.cache import cache
from django.http import Http404, JsonResponse
from django.shortcuts import render

from aviary.models import Bird

COUNT = 20  # items of the list
FIELDS = ("id", "name", "family", "wingspan_cm")
LONGEST_SECONDS = 30.0  # no request may block a worker for longer
HIT_SECONDS, SET_SECONDS = 0.02, 0.2  # of a call to a cache, and of its miss
KEY, KEPT_SECONDS = "constant", 3600  # no expiry during a run


def constant():
    """A list that costs nothing but its serialisation."""
    return [
        {"id": number, "name": "item %d" % number, "even": number % 2 == 0}
        for number in range(COUNT)
    ]


def matching(request):
    """The birds a query asks for."""
    return Bird.objects.filter(**request.GET.dict()).values(*FIELDS)


def bounded(text):
    """The seconds in a path; another path than those up to 30 s does not exist."""
    try:
        seconds = float(text)
    except ValueError:
        raise Http404(text)
    if not 0 <= seconds <= LONGEST_SECONDS:
        raise Http404(text)
    return seconds


def json_list(request):
    return JsonResponse(constant(), safe=False)


def query_json(request):
    return JsonResponse(list(matching(request)), safe=False)


def query_html(request):
    return render(request, "aviary/birds.html", {"birds": list(matching(request))})


def gateway(request, seconds):
    """Sleeps, standing in for a slow upstream."""
    wanted = bounded(seconds)
    time.sleep(wanted)
    return JsonResponse({"slept": wanted})


def cache_hit(request):
    """No cache: 20 ms, as the study that is reproduced had it."""
    time.sleep(HIT_SECONDS)
    return JsonResponse({"cache": "hit"})


def cache_set(request):
    """No cache: 200 ms."""
    time.sleep(SET_SECONDS)
    return JsonResponse({"cache": "set"})


def real_cache_hit(request):
    """A list from the cache; only the first request has to put it there."""
    return JsonResponse(cache.get_or_set(KEY, constant, KEPT_SECONDS), safe=False)


def real_cache_set(request):
    """The same list into the cache."""
    cache.set(KEY, constant(), KEPT_SECONDS)
    return JsonResponse({"cache": "set"})

"""One path for each variant of each workload, and what preflight asks."""

import os

from django.urls import include, path

from aviary import conformance, views
from aviary.twins import HAS_ASYNC, twins

if HAS_ASYNC:
    from aviary import async_views


def both(route, name):
    """The view of this name from each of the two modules."""
    return twins(route, getattr(views, name), getattr(async_views, name) if HAS_ASYNC else None)


cases = [
    path("echo", conformance.echo_sync),
    path("echo-async", conformance.echo_async),
    path("stream", conformance.stream_sync),
    path("stream-async", conformance.stream_async),
    path("slow", conformance.slow_sync),
    path("slow-async", conformance.slow_async),
    path("error", conformance.error_sync),
    path("error-async", conformance.error_async),
    path("headers/<str:word>", conformance.headers),
]

urlpatterns = [
    *both("json", "json_list"),
    *both("query-json", "query_json"),
    *both("query-html", "query_html"),
    *both("gateway/<seconds>", "gateway"),
    *both("cache-hit", "cache_hit"),
    *both("cache-set", "cache_set"),
    *both("real-cache-hit", "real_cache_hit"),
    *both("real-cache-set", "real_cache_set"),
    path("conformance/", include(cases)),
    path("", include("circus.urls")),
    path("explain/", include("aviary.explain_urls")),
]
if os.environ.get("WHICHWORKER_EXTRAS"):  # what needs packages that a plain race does without
    urlpatterns.append(path("", include("outbound.urls")))

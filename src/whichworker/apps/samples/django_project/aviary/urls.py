"""One path for each variant of each workload, and what preflight asks."""

from django.urls import include, path

from aviary import conformance, views

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
    path("json", views.json_sync),
    path("json-async", views.json_async),
    path("query-json", views.query_json_sync),
    path("query-json-async", views.query_json_async),
    path("conformance/", include(cases)),
    path("", include("circus.urls")),
]

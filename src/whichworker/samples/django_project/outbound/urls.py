"""One path for each client, in each way of using it."""

from django.urls import path

from outbound import async_views, views

urlpatterns = [
    path("brotli", views.brotli),
    path("brotli-async", async_views.brotli),
    path("http-requests", views.requests),
    path("http-requests-async", async_views.requests),
    path("http-requests-reused", views.requests_reused),
    path("http-requests-async-reused", async_views.requests_reused),
    path("http-httpx", views.httpx),
    path("http-httpx-async", async_views.httpx),
    path("http-httpx-reused", views.httpx_reused),
    path("http-httpx-async-reused", async_views.httpx_reused),
    path("http-aiohttp-async", async_views.aiohttp),
    path("http-aiohttp-async-reused", async_views.aiohttp_reused),
    path("fanout", views.fanout),
    path("fanout-async", async_views.fanout),
    path("fanout-reused", views.fanout_reused),
    path("fanout-async-reused", async_views.fanout_reused),
]

"""One path for each variant of each workload."""

from django.urls import include, path

from aviary import views

urlpatterns = [
    path("json", views.json_sync),
    path("json-async", views.json_async),
    path("query-json", views.query_json_sync),
    path("query-json-async", views.query_json_async),
    path("", include("circus.urls")),
]

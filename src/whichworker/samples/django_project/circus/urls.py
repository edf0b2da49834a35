"""The lists, behind a login and open, and the way in: Django's own admin."""

from django.contrib import admin
from django.urls import path

from aviary.twins import HAS_ASYNC, twins
from circus import views

if HAS_ASYNC:
    from circus import async_views


def both(route, name):
    """The view of this name from each of the two modules."""
    return twins(route, getattr(views, name), getattr(async_views, name) if HAS_ASYNC else None)


urlpatterns = [
    path("admin/", admin.site.urls),
    *both("clowncollege", "clowncollege"),
    *both("troupe", "troupe"),
    *both("open/clowncollege", "open_clowncollege"),
    *both("open/troupe", "open_troupe"),
]

"""The paths of `whichworker explain`, below explain/."""

from django.urls import path

from aviary import explain_views
from aviary.twins import HAS_ASYNC, twins


def both(route, name):
    """The sync view of this name and its async twin."""
    awaited = getattr(explain_views, name + "_async") if HAS_ASYNC else None
    return twins(route, getattr(explain_views, name), awaited)


urlpatterns = [
    *both("wait", "wait"),
    *both("block/<how>", "block"),
    *both("parallel", "parallel"),
    path("patched", explain_views.patched),
]

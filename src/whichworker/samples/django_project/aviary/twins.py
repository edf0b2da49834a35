"""A route for a sync view and one for its async twin."""

import django
from django.urls import path

HAS_ASYNC = django.VERSION >= (3, 1)  # before it nothing would await a view


def twins(route, sync, asynchronous):
    """`name/<x>`, then `name-async/<x>`: Django finds both equally fast."""
    head, slash, rest = route.partition("/")
    found = [path(route, sync)]
    if asynchronous is not None:
        found.append(path(head + "-async" + slash + rest, asynchronous))
    return found

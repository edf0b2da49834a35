"""The ASGI callable: `/json` is FastAPI's, everything else is Django's.

WHICHWORKER_MOUNT says how Django is mounted: `asgi`, its own ASGI callable, or `wsgi`, its WSGI
callable in a2wsgi's pool of ten threads.
"""

import os
import sys
from pathlib import Path

from fastapi import FastAPI

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "django_project"))
COUNT = 20  # items, as in the Django project

application = FastAPI(title="mixed", docs_url=None, redoc_url=None, openapi_url=None)


def constant():
    """A list that costs nothing but its serialisation."""
    return [
        {"id": number, "name": f"item {number}", "even": number % 2 == 0}
        for number in range(COUNT)
    ]


@application.get("/json")
def json_list():
    return constant()


@application.get("/json-async")
async def json_list_async():
    return constant()


def project():
    """Django's callable, of the interface that is asked for."""
    kind = os.environ.get("WHICHWORKER_MOUNT", "asgi")
    if kind == "asgi":
        from aviary.asgi import application as mounted

        return mounted
    if kind == "wsgi":
        from a2wsgi import WSGIMiddleware
        from aviary.wsgi import application as mounted

        return WSGIMiddleware(mounted)
    raise ValueError(f"WHICHWORKER_MOUNT must be asgi or wsgi, not {kind!r}")


application.mount("/", project())

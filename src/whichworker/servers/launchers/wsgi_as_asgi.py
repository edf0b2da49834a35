"""A WSGI app as an ASGI one, on a2wsgi's pool of threads; Django's static files are optional."""

import os
from importlib import import_module
from operator import attrgetter
from typing import Any

from a2wsgi import WSGIMiddleware  # type: ignore[import-not-found]  # only in the server's environment

_module, _, _attribute = os.environ["WHICHWORKER_TARGET"].partition(":")
_app: Any = attrgetter(_attribute)(import_module(_module))
if os.environ.get("WHICHWORKER_STATIC"):
    _app = import_module("django.contrib.staticfiles.handlers").StaticFilesHandler(_app)
application = WSGIMiddleware(_app, workers=int(os.environ["WHICHWORKER_THREADS"]))
